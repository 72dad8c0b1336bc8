"""The DAW side: OSC, MIDI, Link and the exchange folder. No Qt and no torch."""
