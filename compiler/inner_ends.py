"""Ends that lie on a cycle with the quantity they serve.

Layers as an axis, where the first reads what the last made a step before:

    z[t] = tanh(c[t-1,S]);  c[t,0] = z[t];  c[t,s] = f(c[t,s-1])

What stands at place 0 of s is computed while t goes on, so it cannot be laid down before the loops. A read that
may fall there becomes a choice between two quantities:

    c[t,s-1]   becomes   where(s < 2, c[t,0], c[t,s-1])"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import field

from ..spec.records import dataclass, replace
from ..spec.source import Span
from .checking.graph import Node, dependences, outside
from .checking.infer import Typed
from .checking.model import Model, Sides
from .checking.terms import INT, Term, elementwise, number
from .components import strongly_connected
from .ir import AFTER, BEFORE, Position, attrs

Inner = frozenset[tuple[str, Sides]]


def inner_ends(model: Model) -> Inner:
    """The ends that need the quantity they belong to."""
    if not any(len(quantity.axes) > 1 and quantity.starts for quantity in model.quantities.values()):
        return frozenset()
    needs = {node: [edge.read for edge in edges] for node, edges in dependences(model).items()}
    member = {node: i for i, found in enumerate(strongly_connected(needs)) for node in found}
    ends = (node for node in member if node.sides)
    return frozenset((end.name, end.sides) for end in ends if member[end] == member[Node(end.name)])


def chosen_reads(typed: Typed, inner: Inner) -> Typed:
    """The terms with every read that may fall on such an end made a choice."""
    if not inner:
        return typed
    change = _Choosing(typed.model, inner).term
    return replace(
        typed,
        terms={name: change(term) for name, term in typed.terms.items()},
        starts={key: change(term) for key, term in typed.starts.items()},
        heads={n: replace(shown, args=tuple(map(change, shown.args))) for n, shown in typed.heads.items()},
    )


@dataclass(slots=True)
class _Choosing:
    """``made`` keeps shared subterms one object."""

    model: Model
    inner: Set[tuple[str, Sides]]
    made: dict[Term, Term] = field(default_factory=dict)  # by identity

    def term(self, term: Term) -> Term:
        if term not in self.made:
            args = tuple(map(self.term, term.args))
            same = all(one is other for one, other in zip(args, term.args, strict=True))
            made = term if same else replace(term, args=args)
            self.made[term] = self._choice(made) if term.op == "read" else made
        return self.made[term]

    def _choice(self, found: Term) -> Term:
        """The read, or where it is outside on a side whose end waits for it, that end."""
        quantity = self.model.quantities.get(found.name)
        if quantity is None or any(map(outside, found.at)):
            return found
        result = found
        for place, (axis, position) in enumerate(zip(quantity.axes, found.at, strict=True)):
            for side in (BEFORE, AFTER):
                if (found.name, ((axis, side),)) in self.inner and _may_leave(position, side):
                    at = (*found.at[:place], _end(axis, side), *found.at[place + 1 :])
                    result = _where(
                        _is_outside(position, axis, side, found.span), replace(found, at=at), result
                    )
        return result


def _end(axis: str, side: int) -> Position:
    """The place 0, or the one past the end."""
    return Position(None) if side == BEFORE else Position(None, 1, axis, 1)


def _may_leave(position: Position, side: int) -> bool:
    """Whether some index or length puts the position outside."""
    if position.over is None:
        return bool(position.ends) == (side == BEFORE)  # h[T] is h[0] without steps, g[1] is g[T+1]
    return position.offset * side > 0


def _is_outside(position: Position, axis: str, side: int, span: Span) -> Term:
    place: Term = number(float(position.offset), span, INT)
    if position.over is not None:
        place = _plus(Term("position", (), INT, span, attrs(axis=position.over)), place)
    if position.ends:
        place = _plus(Term("length", (), INT, span, attrs(axis=position.of)), place)
    if side == BEFORE:
        return elementwise("lt", place, number(1.0, span, INT), kind="bool")
    return elementwise("gt", place, Term("length", (), INT, span, attrs(axis=axis)), kind="bool")


def _plus(a: Term, b: Term) -> Term:
    return elementwise("add", a, b, kind="int")


def _where(condition: Term, there: Term, here: Term) -> Term:
    made = elementwise("where", condition, there, here, kind=here.type.kind)
    return Term("where", made.args, here.type, here.span)
