"""Figures under one another, as text."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines: what a row is called to the left, figures to the right of their columns."""
    first, *widths = (max(map(len, column)) for column in zip(*rows))
    lines = ("  ".join([row[0].ljust(first), *map(str.rjust, row[1:], widths)]).rstrip() for row in rows)
    return "\n".join(lines)
