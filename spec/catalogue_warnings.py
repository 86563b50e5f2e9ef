"""Codes 9xx: what is legal and almost surely not meant."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
