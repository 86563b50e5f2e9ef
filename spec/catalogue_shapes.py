"""Codes 3xx: sizes, shapes and types."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
