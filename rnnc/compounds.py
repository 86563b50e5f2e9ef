"""Functions that the checker spells out in operators, found again: a page says `layer_norm(z)`, not what it is."""

from __future__ import annotations

from collections.abc import Mapping

from .compiler.checking.functions import SPELLED_OUT
from .compiler.checking.terms import Term, read
from .compiler.checking.types import Type
from .compiler.ir import Equation, Read, here
from .spec.sizes import Size
from .spec.source import Source, Span

ARGUMENT = read("", (), Type("real", (Size.of(1),)), Span(Source("", ""), 0, 0))
PATTERNS = {name: build(ARGUMENT) for name, build in SPELLED_OUT.items()}


def compound(equation: Equation, table: Mapping[str, Equation]) -> tuple[str, Read] | None:
    """The function that an equation and its temporaries compute, and of what."""
    for name, pattern in PATTERNS.items():
        found: list[Read] = []
        if _fits(pattern, equation, table, found) and len({*found}) == 1:
            return name, found[0]
    return None


def _fits(pattern: Term, equation: Equation, table: Mapping[str, Equation], found: list[Read]) -> bool:
    """Whether the equation is the pattern's operator, of what fits too; ``found`` is what stands for its argument."""
    if equation.op != pattern.op or len(equation.reads) != len(pattern.args):
        return False
    if pattern.op == "number" and equation.attrs != pattern.attrs:
        return False
    return all(_is_part(*pair, table, found) for pair in zip(pattern.args, equation.reads, strict=True))


def _is_part(part: Term, read: Read, table: Mapping[str, Equation], found: list[Read]) -> bool:
    """Whether an operand fits. What is repeated, and how often, goes by the argument's sizes, which may be any."""
    if part is ARGUMENT:
        found.append(read)
        return True
    if part.op == "expand":
        return _is_part(part.args[0], read, table, found)
    source = table[read.name]
    if read.at != here(source.axes) or source.name == source.origin:
        return False
    if source.op == "expand":
        return _is_part(part, source.reads[0], table, found)
    return _fits(part, source, table, found)
