"""Ardour: Lua scripts that send regions and insert results, and their installation."""
