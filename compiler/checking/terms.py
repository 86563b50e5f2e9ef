"""Terms: expressions as trees of the equations' operators, each node with its type.

A term of type `UNKNOWN` has no meaning; it only stands where one is missing. The builders below keep the
rule that operators never stretch a feature shape: a scalar beside a vector goes through `expand`."""

from __future__ import annotations

from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import Attr, Position, attrs
from .types import BOOL, INT, REAL, UNKNOWN, Type

Shape = tuple[Size, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """``op`` of `args`; a ``read`` has a name and positions instead. Shared subterms are one object."""

    op: str
    args: tuple[Term, ...]
    type: Type
    span: Span
    attrs: tuple[tuple[str, Attr], ...] = ()
    name: str = ""
    at: tuple[Position, ...] = ()

    @property
    def shape(self) -> Shape:
        return self.type.shape


def unknown(span: Span, type: Type = UNKNOWN) -> Term:
    """A term that cannot be built, of a type that may be known all the same."""
    return Term("unknown", (), type, span)


def number(value: float, span: Span, type: Type = REAL) -> Term:
    return Term("number", (), type, span, attrs(value=value))


def read(name: str, at: tuple[Position, ...], type: Type, span: Span) -> Term:
    return Term("read", (), type, span, (), name, at)


def real(term: Term) -> Term:
    """The term as a real: int and bool are converted, a number is just written as one."""
    if term.type.kind == "real":
        return term
    type = Type("real", term.shape, None, term.type.origin)
    if term.op == "number":
        return Term("number", (), type, term.span, term.attrs)
    return Term("real", (term,), type, term.span)


def expand(term: Term, shape: Shape) -> Term:
    """A scalar at every place of a shape."""
    if term.shape == shape:
        return term
    sizes = shape[len(term.shape) :]
    return Term(
        "expand", (term,), term.type.with_shape(shape, term.type.origin), term.span, attrs(sizes=sizes)
    )


def zero(type: Type, span: Span) -> Term:
    """0, or what stands for it, at every place of a type's shape."""
    return expand(number(0.0, span, Type(type.kind, (), type.count)), type.shape)


def common(terms: tuple[Term, ...]) -> Type:
    """The type whose shape an elementwise operation on these has: the first that is not a scalar's."""
    return next((term.type for term in terms if term.shape), terms[0].type)


def elementwise(op: str, *terms: Term, kind: str = "real") -> Term:
    """An elementwise operator; scalars are repeated to the others' shape."""
    shaped = common(terms)
    type = Type(kind, shaped.shape, None, shaped.origin)
    return Term(op, tuple(expand(term, shaped.shape) for term in terms), type, terms[0].span)


def over_last(op: str, term: Term) -> Term:
    """A reduction of the last feature size."""
    return Term(op, (term,), REAL.with_shape(term.shape[:-1], term.type.origin), term.span)


def along_last(op: str, term: Term, **values: Attr) -> Term:
    """An operator on the last feature size that keeps the shape."""
    return Term(op, (term,), term.type, term.span, attrs(**values))


def repeat_last(term: Term, like: Term) -> Term:
    """A reduction's result beside what was reduced."""
    return expand(term, like.shape)


def einsum(spec: str, terms: tuple[Term, ...], shape: Shape, span: Span) -> Term:
    type = REAL.with_shape(shape, common(terms).origin)
    return Term("einsum", tuple(map(real, terms)), type, span, attrs(spec=spec))


def plus(a: Term, b: Term) -> Term:
    return elementwise("add", a, b)


def minus(a: Term, b: Term) -> Term:
    return elementwise("sub", a, b)


def times(a: Term | float, b: Term) -> Term:
    left = a if isinstance(a, Term) else number(a, b.span)
    return elementwise("mul", left, b)


def over(a: Term, b: Term) -> Term:
    return elementwise("div", a, b)


__all__ = ["BOOL", "INT", "REAL", "UNKNOWN", "Shape", "Term", "Type"]
