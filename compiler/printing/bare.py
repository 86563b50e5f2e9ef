"""Functions of NumPy that loops call at every step: the module imports them, and they are called by their own names.

Looking a name up in `np` at each call takes a tenth of the time of a call on few numbers."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

FUNCTIONS = frozenset(
    "add subtract multiply divide negative square sqrt exp log tanh sin cos maximum minimum matmul copyto".split()
)
CALL = re.compile(r"\bnp\.(\w+)\(")
WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
INSIDE = " " * 8  # how lines of a block within a function begin


def called_bare(
    bodies: Mapping[str, str], taken: Container[str], written: bool
) -> tuple[str, dict[str, str]]:
    """The statement that imports what the loops of some functions call, or nothing, and these functions with such
    calls. What is ``taken``, or is a name in the functions, keeps its `np`. Where steps are ``written`` out,
    statements are of a loop wherever they stand."""
    lines = [line for body in bodies.values() for line in body.split("\n") if line.lstrip()[:1] != "#"]
    called = {name for line in lines if written or line.startswith(INSIDE) for name in CALL.findall(line)}
    called = {name for name in called & FUNCTIONS if name not in taken}
    found = sorted(called - {word for line in lines for word in WORD.findall(line)}) if called else []
    if not found:
        return "", dict(bodies)
    call = re.compile(rf"\bnp\.(?=(?:{'|'.join(found)})\()")
    return f"\nfrom numpy import {', '.join(found)}", {
        name: "\n".join(_bare(call, line) for line in body.split("\n")) for name, body in bodies.items()
    }


def _bare(call: re.Pattern[str], line: str) -> str:
    """A line that ends where its brackets do; others go on below what they begin with."""
    bare = call.sub("", line)
    whole = bare is line or line.count("(") == line.count(")") and not line.lstrip().startswith("#")
    return bare if whole else line
