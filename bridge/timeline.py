"""What any source of musical time says: the words between sources and `transport`. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """A source's own idea of the time at one moment."""

    tempo_bpm: float
    beat: float
    """In quarter notes from the start of the source's timeline."""
    playing: bool
    moving: bool
    """Whether the beat goes on: that of Ableton Link does while nothing plays."""
    jumps: int
    """Counts the times the source itself said that the place is another."""
