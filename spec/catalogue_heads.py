"""Codes 5xx: heads, losses and stopping."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
