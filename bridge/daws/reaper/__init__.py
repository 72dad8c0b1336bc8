"""REAPER: ReaScripts that send items and insert results, and their installation."""
