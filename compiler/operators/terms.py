"""Expressions that write themselves down as flat equations, so that rules read like the maths.

    d * (1 - q * q)

on terms becomes four equations of a `Builder`; axes are the union of the operands' axes, shapes and
types follow from the operators' own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Union

from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import BATCH, Attr, Equation, Position, Read, here
from ..ir import attrs as attributes
from .record import TABLE, Call, Shape, Statics


@dataclass(slots=True)
class Builder:
    """Collects equations. New ones are named ``prefix.1``, ``prefix.2``, … but for the ``reserved`` names,
    and carry ``span`` and ``origin``; ``owners`` remembers the prefix under which each was made."""

    equations: dict[str, Equation] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()
    prefix: str = "_"
    span: Span | None = None
    origin: str = ""

    def name(self) -> str:
        """The next free name."""
        while True:
            self.counts[self.prefix] = self.counts.get(self.prefix, 0) + 1
            name = f"{self.prefix}.{self.counts[self.prefix]}"
            if name not in self.reserved:
                return name

    def term(self, equation: Equation, at: Iterable[Position] | None = None) -> Term:
        """A read of a quantity: where it stands, or at the positions given."""
        positions, axes = here(equation.axes), equation.axes
        if at is not None:
            positions = tuple(at)
            axes = tuple(dict.fromkeys(p.over for p in positions if p.over is not None))
        return Term(self, Read(equation.name, positions), axes, equation.shape, equation.type)

    def leaf(self, op: str, over: tuple[str, ...], **statics: Attr) -> Term:
        """A real scalar without operands."""
        return self._add(self.name(), over, (), "real", op, (), attributes(**statics))

    def cotangent(self, key: str, output: Equation) -> Term:
        """The caller's cotangent of an output."""
        name, statics = self.name(), attributes(key=key)
        return self._add(name, output.axes, output.shape, output.type, "cotangent", (), statics)

    def direction(self, key: str, like: Equation, op: str = "direction") -> Term:
        """The caller's tangent of a parameter, an input or a state, which is like a quantity."""
        name, statics = self.name(), attributes(key=key)
        return self._add(name, like.axes, like.shape, like.type, op, (), statics)

    def number(self, value: float, like: Shape = ()) -> Term:
        """A real literal, repeated to a feature shape."""
        term = self.leaf("number", (), value=float(value))
        return expand(term, like) if like else term

    def apply(
        self,
        op: str,
        *terms: Term,
        over: Iterable[str] | None = None,
        name: str = "",
        statics: Mapping[str, Attr] | None = None,
    ) -> Term:
        """``op`` of the terms; ``over`` are the axes of the result when not all axes of the terms."""
        axes = union(term.axes for term in terms) if over is None else tuple(over)
        given = dict(statics or {})
        shapes, types = tuple(t.shape for t in terms), tuple(t.type for t in terms)
        call = Call(shapes, types, tuple(t.axes for t in terms), given)
        shape, type = TABLE[op].shape(call), TABLE[op].type(call)
        reads = tuple(term.read for term in terms)
        return self._add(name or self.name(), axes, shape, type, op, reads, attributes(**given))

    def _add(
        self,
        name: str,
        axes: tuple[str, ...],
        shape: Shape,
        type: str,
        op: str,
        reads: tuple[Read, ...],
        statics: tuple[tuple[str, Attr], ...],
    ) -> Term:
        equation = Equation(name, axes, shape, type, op, reads, statics, (), self.span, self.origin)
        self.equations[equation.name] = equation
        self.owners[equation.name] = self.prefix
        return self.term(equation)


def union(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All axes, in the order of the longest list that has them, the batch axis last."""
    longest_first = sorted(several, key=len, reverse=True)
    found = dict.fromkeys(axis for axes in longest_first for axis in axes)
    return tuple(axis for axis in found if axis != BATCH) + ((BATCH,) if BATCH in found else ())


Operand = Union["Term", float]


@dataclass(frozen=True, slots=True)
class Term:
    """A read, with the axes of the reader it runs along, and the feature shape and type of what is read."""

    builder: Builder
    read: Read
    axes: tuple[str, ...]
    shape: Shape
    type: str

    def __add__(self, other: Operand) -> Term:
        return self._with("add", other)

    def __sub__(self, other: Operand) -> Term:
        return self._with("sub", other)

    def __rsub__(self, other: float) -> Term:
        return self._lift(other)._with("sub", self)

    def __mul__(self, other: Operand) -> Term:
        return self._with("mul", other)

    def __truediv__(self, other: Operand) -> Term:
        return self._with("div", other)

    def __rtruediv__(self, other: float) -> Term:
        return self._lift(other)._with("div", self)

    def __pow__(self, other: Operand) -> Term:
        return self._with("pow", other)

    def __neg__(self) -> Term:
        return self.builder.apply("neg", self)

    def __gt__(self, other: Operand) -> Term:
        return self._with("gt", other)

    def __ge__(self, other: Operand) -> Term:
        return self._with("ge", other)

    def __lt__(self, other: Operand) -> Term:
        return self._with("lt", other)

    def __le__(self, other: Operand) -> Term:
        return self._with("le", other)

    def __and__(self, other: Term) -> Term:
        return self._with("and", other)

    def _with(self, op: str, other: Operand) -> Term:
        return self.builder.apply(op, self, self._lift(other))

    def _lift(self, value: Operand) -> Term:
        return value if isinstance(value, Term) else self.builder.number(value, self.shape)


def apply(op: str, *terms: Term, **statics: Attr) -> Term:
    """Any operator by name."""
    return terms[0].builder.apply(op, *terms, statics=statics)


def expand(term: Term, sizes: Shape) -> Term:
    """Feature sizes appended by repetition."""
    return apply("expand", term, sizes=sizes) if sizes else term


def like(term: Term, other: Term) -> Term:
    """A term that lacks the last sizes of another, repeated along them."""
    return expand(term, other.shape[len(term.shape) :])


def where(condition: Term, yes: Operand, no: Operand) -> Term:
    """One branch may be a number; a scalar condition is repeated."""
    shape = yes.shape if isinstance(yes, Term) else no.shape if isinstance(no, Term) else ()
    number = condition.builder.number
    branches = (b if isinstance(b, Term) else number(b, shape) for b in (yes, no))
    if len(condition.shape) < len(shape):
        condition = expand(condition, shape[len(condition.shape) :])
    return apply("where", condition, *branches)


def holds(condition: Term) -> Term:
    """1 where the condition holds, else 0."""
    return apply("real", condition)


def dim(builder: Builder, size: Size) -> Term:
    """A size as a real number."""
    return builder.leaf("dim", (), size=size)


@dataclass(frozen=True, slots=True)
class Seen(Statics):
    """What a rule sees of an equation: the result ``q``; the operands ``args`` (``a``, ``b``, ``c`` for short)
    as the equation reads them; the static arguments."""

    q: Term
    args: tuple[Term, ...]
    attrs: Mapping[str, Attr]

    @property
    def a(self) -> Term:
        return self.args[0]

    @property
    def b(self) -> Term:
        return self.args[1]

    @property
    def c(self) -> Term:
        return self.args[2]

    @property
    def builder(self) -> Builder:
        return self.q.builder


@dataclass(frozen=True, slots=True)
class Cotangent(Seen):
    """What a derivative rule sees: besides the equation ``d``, the cotangent of its result.

    A rule is linear in ``d`` and pays no heed to axes: the differentiator sums over those along which
    the operand was repeated, and repeats along those that were reduced. To keep local derivatives off
    the cycle of the backward recurrence, a rule writes ``d * (…)`` with everything else inside."""

    d: Term


@dataclass(frozen=True, slots=True)
class Tangent(Seen):
    """What a tangent rule sees: besides the equation the tangents of its operands (``da``, ``db``, ``dc``),
    0 for those that do not move. What is not real has none: the operand itself stands in its place."""

    tangents: tuple[Term, ...]

    @property
    def da(self) -> Term:
        return self.tangents[0]

    @property
    def db(self) -> Term:
        return self.tangents[1]

    @property
    def dc(self) -> Term:
        return self.tangents[2]
