"""Codes 2xx: names, calls and cells."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
