"""Codes 4xx: indices, delays and cycles."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
