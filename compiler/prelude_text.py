"""Functions that printed modules share, as text: the printer copies those that a module needs.

A file of them is cut where ruff leaves two blank lines, and the names a function uses are found in its text: parsing
all of them took as long as compiling a network. Tests compare both with Python's own parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

DEFINED = re.compile(r"(?:@.*\n)*(?:def|class) (\w+)")
# Each alternative begins with one certain letter, by which the search goes: it is three times as fast.
STRING = r'''"""[\s\S]*?"""|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*\''''
OPAQUE = re.compile(rf"f({STRING})|{STRING}|#[^\n]*")
FILLED = re.compile(r"\{([^{}]*)\}")
SIGNS = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.=")}


def definitions(text: str) -> dict[str, str]:
    """The functions and classes of a file, by name."""
    blocks = (block.strip() for block in text.split("\n\n\n"))
    return {match[1]: block for block in blocks if (match := DEFINED.match(block))}


def names(text: str) -> set[str]:
    """The names in a Python text; attributes, keywords of calls, comments and strings are none."""
    words = set(OPAQUE.sub(_code, text).translate(SIGNS).split())  # `np.add`, `1.5`, and `axis=x` of a call
    found = {word.rpartition("=")[2].partition(".")[0] for word in words}
    return {name for name in found if name.isidentifier()}


@cache
def names_of(function: str) -> frozenset[str]:
    """The names in a shared function: of these there are few, and each is looked through once."""
    return frozenset(names(function))


def needed(table: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    """Those of ``wanted`` that are in the table and all they use, in the table's order."""
    work, found = list(wanted), set[str]()
    while work:
        name = work.pop()
        if name in table and name not in found:
            found.add(name)
            work += names_of(table[name])
    return [name for name in table if name in found]


def prelude_names() -> frozenset[str]:
    """All functions of the prelude: names that a printed module may not use otherwise."""
    return frozenset(prelude())


def prelude_source(wanted: Iterable[str]) -> str:
    """The functions named and those they call, in the order of the prelude, as Python text."""
    return "\n\n\n".join(prelude()[name] for name in needed(prelude(), wanted))


@cache
def prelude() -> dict[str, str]:
    """The source of every function of the prelude, by name."""
    return definitions(Path(__file__).with_name("prelude.py").read_text(encoding="utf-8"))


def _code(opaque: re.Match[str]) -> str:
    """What of a string or comment is code: the slots of an f-string."""
    return " ".join(FILLED.findall(opaque[1])) if opaque[1] else " "
