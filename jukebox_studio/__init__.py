"""Jukebox Studio: continues, restyles and re-sings clips of music with a Jukebox model."""
