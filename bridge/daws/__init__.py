"""What goes into DAWs: scripts, and the commands that put them there."""
