"""Functions that the checker spells out in operators, found again: a page says `layer_norm(z)`, not what it is."""

from __future__ import annotations

from collections.abc import Mapping

from .compiler.checking.functions import SPELLED_OUT
from .compiler.checking.terms import Term, read
from .compiler.checking.types import Type
from .compiler.ir import Equation, Read, here
from .spec.sizes import Size
from .spec.source import Source, Span

VECTOR, MATRIX = (
    read("", (), Type("real", (Size.of(1),) * rank), Span(Source("", ""), 0, 0)) for rank in (1, 2)
)
PATTERNS = [(name, build(any)) for any in (VECTOR, MATRIX) for name, build in SPELLED_OUT.items()]


def compound(equation: Equation, table: Mapping[str, Equation]) -> tuple[str, Read] | None:
    """The function that an equation and its temporaries compute, and of what."""
    for name, pattern in PATTERNS:
        found: list[Read] = []
        if _fits(pattern, equation, table, found) and len({*found}) == 1:
            return name, found[0]
    return None


def _fits(pattern: Term, equation: Equation, table: Mapping[str, Equation], found: list[Read]) -> bool:
    """Whether the equation is the pattern's operator, of what fits too; ``found`` is what stands for its argument. What
    sizes something is repeated for follows from the rest."""
    if equation.op != pattern.op or len(equation.reads) != len(pattern.args):
        return False
    if pattern.op == "number" and equation.attrs != pattern.attrs:
        return False
    for part, one in zip(pattern.args, equation.reads, strict=True):
        source = table[one.name]
        if part in (VECTOR, MATRIX):
            found.append(one)
        elif one.at != here(source.axes) or source.name == source.origin:
            return False
        elif not _fits(part, source, table, found):
            return False
    return True
