"""The call that does a coupled recurrence, before the loop that does the same (`coupled`)."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import partial, reduce

from ..ir import Equation
from .computing import align, operand
from .coupled import Coupled, Term
from .frame import Frame
from .lines import Lines
from .padding import Padding
from .python import expression, text
from .reading import here_of


def reduction(frame: Frame, found: Coupled, padding: Padding, out: Lines) -> None:
    """The loop comes below, for when the call did nothing, or some sequences end before others."""
    turn, names = "{0}[::-1]" if found.loop.step < 0 else "{0}", [*found.sums]
    roots = [found.roots[name] for name in names]
    h = [expression(turn, here_of(frame, root, frame.stored[root.name])) for root in roots]
    rows = [
        _row(_added(frame, root, found.sums[root.name].get(past, []), turn) for past in (*names, ""))
        for root in roots
    ]
    past = [expression(turn, operand(frame, found.pasts[name]).expr) for name in names if not found.left]
    left = [
        f"[{frame.stored[name].identifier}, {_added(frame, roots[0], [(1, (factor,))], turn)}, {names.index(whose)}]"
        for name, (factor, whose) in found.left.items()
    ]
    flag, _ = padding.of_all_steps(found.loop.axis)
    arguments = ", ".join((_row(map(text, h)), _row(rows), _row(map(text, past)), _row(left)))
    out.add(f"if {flag} or not scan_coupled({arguments}):")
    out.indent += 1


def _added(frame: Frame, reader: Equation, terms: Sequence[Term], turn: str) -> str:
    """A sum of products, of all steps in the order of the loop."""
    total: ast.expr | None = None
    for sign, factors in terms:
        values = [operand(frame, read) for read in factors]
        turns = [turn if reader.axes[0] in value.dims else "{0}" for value in values]
        aligned = [expression(t, align(value, reader.axes)) for t, value in zip(turns, values)]
        product = reduce(partial(expression, "{0} * {1}"), aligned or [expression("1")])
        if total is None:
            total = product if sign > 0 else expression("-{0}", product)
        else:
            total = expression("{0} + {1}" if sign > 0 else "{0} - {1}", total, product)
    return text(total or "0")


def _row(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"
