"""The axis along which a network can be stepped, or why it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from ..spec.diagnostics import Label
from .checking.infer import Typed
from .checking.model import Model, Quantity
from .checking.report import Report
from .checking.stopping import common_axis
from .checking.terms import Term
from .ir import BEFORE, Position
from .reach import subterms


def stream_axis(typed: Typed) -> tuple[str | None, str]:
    """The heads' common axis, else the last declared; and why there is no stepping along it, or ""."""
    axis = _common(typed.model)
    if axis is None:
        return None, "the spec has no axis to step along"
    if not any(axis in quantity.axes for quantity in typed.model.quantities.values()):
        return axis, f"nothing runs along {axis}"
    return axis, next((why for why, _ in _hindrances(typed, axis)), "")


def check_stream(typed: Typed, report: Report) -> None:
    """Reports a stopping rule where steps after the present one are read, so that nothing can be drawn step by
    step: how many there are is not known before the rule has spoken."""
    rule = typed.model.stop
    found = list(_hindrances(typed, rule.axis)) if rule is not None else []
    ahead = [(why, term) for why, term in found if any(p.over and p.offset > 0 for p in term.at)]
    if rule is None or not ahead:
        return
    why, term = ahead[0]
    report(
        "RNN511",
        rule.span,
        "no sequence can be drawn until this holds: the network does not run step by step",
        labels=[Label(term.span, why)],
        help="leave the rule out (a sequence is then as long as its inputs), or read nothing of later steps",
    )


def _hindrances(typed: Typed, axis: str) -> Iterator[tuple[str, Term]]:
    """Why there is no stepping along an axis, and the terms that are to blame."""
    for reader, term in _terms(typed):
        why = _hindrance(typed.model, term, axis)
        if why:
            yield f"{reader} {why}", term


def _common(model: Model) -> str | None:
    return common_axis(model) or next(reversed(model.axes), None)


def _terms(typed: Typed) -> list[tuple[str, Term]]:
    found = [(name, typed.terms[name]) for name in typed.terms]
    found += [(name, term) for (name, _), term in typed.starts.items()]
    found += [(name, arg) for name, shown in typed.heads.items() for arg in shown.args]
    return [(name, term) for name, root in found for term in subterms([root])]


def _hindrance(model: Model, term: Term, axis: str) -> str:
    if term.op == "length" and dict(term.attrs)["axis"] == axis and model.length_head(axis) is None:
        return f"reads {model.axes[axis].length}: how long a sequence will be is not known while it runs"
    if term.op.endswith("_over") and dict(term.attrs)["axis"] == axis:
        return f"reduces over {axis}: it needs the whole sequence"
    if term.op != "read" or term.name not in model.quantities:
        return ""
    quantity = model.quantities[term.name]
    for name, position in zip(quantity.axes, term.at, strict=True):
        if name == axis:
            return _position(model, quantity, term, position)
    return ""


def _position(model: Model, quantity: Quantity, term: Term, position: Position) -> str:
    shown = f"reads {quantity.name}[{written(model, quantity, term.at)}]"
    if position.over is not None and position.offset > 0:
        return f"{shown}: steps after the present one are not known while a sequence runs"
    if position.over is not None and position.offset < 0 and _diagonal(term.at):
        return f"{shown}: a delay along two axes at once is not carried from step to step"
    if position.over is not None and position.offset < 0 and _is_outside(quantity, term):
        return f"{shown}: what stands outside another axis is not carried from step to step"
    if position.over is None and position.ends == 0 and position.offset == 1:
        return f"{shown}: the first step is not kept while a sequence runs"
    if position.over is None and position.ends == 1 and position.offset == 0:
        return f"{shown}: the last step is not known while a sequence runs"
    return ""


def _is_outside(quantity: Quantity, term: Term) -> bool:
    """Whether the read is at place 0 of an axis, of which the spec gives the value, or at its last place: where
    the axis is empty, that is place 0."""
    given = {axis for sides in quantity.starts for axis, side in sides if side == BEFORE}
    places = zip(quantity.axes, term.at, strict=True)
    return any(axis in given and p.over is None and p.offset == 0 for axis, p in places)


def _diagonal(at: tuple[Position, ...]) -> bool:
    return sum(1 for position in at if position.offset) > 1


def written(model: Model, quantity: Quantity, at: tuple[Position, ...]) -> str:
    """Indices as a spec writes them."""
    texts = []
    for axis, position in zip(quantity.axes, at, strict=True):
        if position.over is not None:
            texts.append(position.over + (f"{position.offset:+d}" if position.offset else ""))
        elif position.ends:
            texts.append(model.axes[axis].length + (f"+{position.offset}" if position.offset else ""))
        else:
            texts.append(str(position.offset))
    return ", ".join(texts)
