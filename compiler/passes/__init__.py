"""Passes: functions from a system to one of the same meaning, in one ordered list."""
