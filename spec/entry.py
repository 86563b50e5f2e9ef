"""One entry of the catalogue of errors."""

from __future__ import annotations

from .records import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """``wrong`` and ``right`` are whole specs (or texts): the first gives the code, the second compiles."""

    code: str
    title: str
    explanation: str
    wrong: str
    right: str
