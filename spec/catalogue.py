"""Every error code in one place: title, severity, explanation, a wrong and a right example.

To add an error, add an `Entry` here and report its code; `rnnc explain`, the documentation and the
tests (the wrong example must give the code, the right one must compile) read this table.

Codes: 0xx text and limits, 1xx syntax, 2xx names and cells, 3xx shapes and types, 4xx time,
5xx heads, losses and stopping, 9xx warnings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    title: str
    explanation: str
    wrong: str
    right: str
    severity: str = "error"


ENTRIES: tuple[Entry, ...] = ()

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in ENTRIES}
