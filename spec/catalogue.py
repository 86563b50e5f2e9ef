"""Every error code in one place: title, severity, explanation, a wrong and a right example.

To add an error, add an `Entry` to the file of its subject and report its code; `rnnc explain`, the
documentation and the tests (the wrong example must give the code, the right one must compile) read
this table.

Codes: 0xx text and limits, 1xx syntax, 2xx names and cells, 3xx shapes and types, 4xx time,
5xx heads, losses and stopping, 9xx warnings."""

from __future__ import annotations

from . import (
    catalogue_heads,
    catalogue_names,
    catalogue_shapes,
    catalogue_syntax,
    catalogue_text,
    catalogue_time,
    catalogue_warnings,
)
from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    *catalogue_text.ENTRIES,
    *catalogue_syntax.ENTRIES,
    *catalogue_names.ENTRIES,
    *catalogue_shapes.ENTRIES,
    *catalogue_time.ENTRIES,
    *catalogue_heads.ENTRIES,
    *catalogue_warnings.ENTRIES,
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in ENTRIES}

__all__ = ["CATALOGUE", "ENTRIES", "Entry"]
