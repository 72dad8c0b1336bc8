"""Ableton Live: our remote script, its installation, and a client of AbletonOSC."""
