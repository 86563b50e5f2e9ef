"""The standard library of cells: one file a cell, each with its equations and their source."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..source import Source

FOLDER = Path(__file__).parent


@cache
def library() -> tuple[str, ...]:
    """The names of the cells that ship with the compiler."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.rnn")))


def cell_source(name: str) -> Source:
    """The text of a cell of the library."""
    return Source(f"rnnc/cells/{name}.rnn", (FOLDER / f"{name}.rnn").read_text("utf-8"))
