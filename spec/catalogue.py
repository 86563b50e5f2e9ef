"""Every error code in one place: title, explanation, a wrong and a right example.

To add an error, add an `Entry` to the file of its subject and report its code; `rnnc explain`, the
documentation and the tests (the wrong example must give the code, the right one must compile) read
this table.

Codes: 0xx text and limits, 1xx syntax, 2xx names and cells, 3xx shapes and types, 4xx time,
5xx heads, losses and stopping, 9xx warnings."""

from __future__ import annotations

import textwrap

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
from .render import WIDTH, printable

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

__all__ = ["CATALOGUE", "ENTRIES", "Entry", "explain"]

EXAMPLE = 12  # lines of an example shown


def explain(code: str) -> str:
    """The catalogue's entry of a code."""
    entry = CATALOGUE[code]
    paragraphs = (textwrap.fill(text, WIDTH) for text in entry.explanation.split("\n\n"))
    parts = (f"{entry.code}: {entry.title}", *paragraphs, "Wrong:", _example(entry.wrong), "Right:")
    return "\n\n".join([*parts, _example(entry.right)]) + "\n"


def _example(text: str) -> str:
    """An example, shortened if it is one of something too large."""
    lines = text.rstrip("\n").split("\n")
    shown = lines[:EXAMPLE] + ["..."] * (len(lines) > EXAMPLE)
    return "\n".join("    " + printable(line if len(line) <= WIDTH else line[:60] + " ...") for line in shown)
