"""Warnings: what is declared and serves nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec.source import Span
from ..ir import AFTER, BEFORE, Position
from .infer import Typed, expressions
from .model import Model
from .report import Report
from .tree import Read, reads


def warn_unused(typed: Typed, report: Report) -> None:
    """Warns of parameters, inputs, equations and dims that nothing reads."""
    model = typed.model
    if report.count:
        return  # what nothing reads may have been meant by what is wrong
    used = set(_read(model)) | model.outputs.keys()
    for name, param in model.params.items():
        if name not in used:
            report("RNN901", param.span, f"the parameter `{name}` is never read", via=param.via)
    idle = _warn_idle(model, report)
    for quantity in model.quantities.values():
        if quantity.name in used or quantity.via:
            continue
        if quantity.role == "input":
            report("RNN902", quantity.span, f"the input `{quantity.name}` is never read")
        elif quantity.role == "equation" and not idle:
            help = f"`output {quantity.name}` returns it from `forward`"
            report("RNN904", quantity.span, f"nothing reads `{quantity.name}`", help=help)
    for name, span in model.dim_spans.items():
        if name not in model.uses:
            report("RNN903", span, f"the dim `{name}` is never used")


def warn_unread_starts(model: Model, report: Report) -> None:
    """Warns of values outside an axis that no delay reaches, as `h[0]` of what runs from the end."""
    read: dict[str, list[Read]] = {}
    for quantity in model.quantities.values():
        for node in (node for expr in expressions(quantity) for node in reads(expr)):
            read.setdefault(node.name, []).append(node)
    for quantity in model.quantities.values():
        own = read.get(quantity.name, [])
        for sides, start in quantity.starts.items():
            (axis, side), *others = sides
            if others or start.via:
                continue
            reached = {side for node in own for side in _sides(node.at[quantity.axes.index(axis)])}
            if side not in reached:
                _warn_unread(model, report, start.span, quantity.name, axis, side, -side in reached)


def _sides(position: Position) -> tuple[int, ...]:
    """Which sides of an axis a read reaches; of no steps the last is before the first, and the first past the last."""
    if position.over is not None:
        return (BEFORE,) * (position.offset < 0) + (AFTER,) * (position.offset > 0)
    return (AFTER,) if position.offset else (BEFORE,)


def _warn_unread(
    model: Model, report: Report, span: Span, name: str, axis: str, side: int, turned: bool
) -> None:
    first = side == BEFORE
    if turned:
        there = f"{model.axes[axis].length}+1" if first else "0"
        help = f"what is read of `{name}` lies on the other side: its start is `{name}[{there}] = …`"
    else:
        help = f"a delay reads it: `{name}[{axis}{'-' if first else '+'}1]`"
    place = "before the first step" if first else "past the last step"
    report("RNN908", span, f"nothing reads `{name}` {place}", help=help)


def _read(model: Model) -> Iterator[str]:
    for quantity in model.quantities.values():
        for expr in expressions(quantity):
            yield from (read.name for read in reads(expr) if read.name != quantity.name)


def _warn_idle(model: Model, report: Report) -> bool:
    """Whether the spec asks for nothing at all."""
    asked = any(quantity.role in ("head", "loss") for quantity in model.quantities.values())
    if asked or model.outputs:
        return False
    last = list(model.quantities.values())[-1].span if model.quantities else Span(model.source, 0, 0)
    help = "add a `head`, a `loss`, or `output NAME`"
    report("RNN905", last, "nothing is asked of this spec: it has no head, loss or output", help=help)
    return True
