"""Codes 0xx: what a text must be before it is read as a spec, and the limits of its size."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
