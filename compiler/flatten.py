"""Terms become equations: each operator application gets a name and axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from ..spec.records import dataclass
from .checking.graph import outside_at
from .checking.infer import Typed
from .checking.model import Quantity, Sides
from .checking.terms import Term, zero
from .checking.types import Type
from .ir import BATCH, BEFORE, Boundary, Equation, Position, Read, attrs, here
from .reach import Reach, subterms

LEAVES = frozenset({"number", "dim", "index", "position", "length", "last"})

Axes = tuple[str, ...]


@dataclass(slots=True)
class Flattener:
    """Collects equations. ``aliases`` are arguments of cells that are read only as they stand: their readers
    read the caller's quantity itself."""

    typed: Typed
    reach: Reach
    equations: list[Equation] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    batched: set[str] = field(default_factory=set)  # equations without an index that depend on the batch
    made: dict[str, Axes] = field(default_factory=dict)  # the compiler's own indexed quantities

    def __post_init__(self) -> None:
        self._find_batched()
        for quantity in self.typed.model.quantities.values():
            source = self._aliased(quantity)
            if source is not None:
                self.aliases[quantity.name] = source

    def _aliased(self, quantity: Quantity) -> str | None:
        term = self.typed.terms.get(quantity.name)
        if quantity.role != "argument" or term is None or term.op != "read" or quantity.starts:
            return None
        if quantity.name in self.reach.elsewhere or quantity.name in self.typed.model.outputs:
            return None
        return (
            term.name if term.at == here(quantity.axes) and self.axes_of(term.name) == quantity.axes else None
        )

    def name(self, name: str) -> str:
        """The quantity that is read under a name."""
        while name in self.aliases:
            name = self.aliases[name]
        return name

    def fresh(self, name: str) -> str:
        """A name for the compiler's own quantity; a cell may have used it."""
        while name in self.typed.model.quantities or name in self.typed.params:
            name += "_"
        return name

    def add(self, equation: Equation) -> None:
        self.equations.append(equation)

    # axes

    def axes_of(self, name: str) -> Axes:
        """The time axes of a quantity; none of a parameter."""
        quantity = self.typed.model.quantities.get(name)
        return quantity.axes if quantity is not None else self.made.get(name, ())

    def has_batch(self, name: str) -> bool:
        """Whether a quantity differs from sequence to sequence."""
        quantity = self.typed.model.quantities.get(name)
        if quantity is None:
            return name in self.made
        if quantity.axes or quantity.role not in ("equation", "argument", "loss"):
            return True
        return name in self.batched

    def _find_batched(self) -> None:
        """Equations without an index that read something of the batch, straight or through others."""
        readers: dict[str, list[str]] = {}
        pending = []
        for name, term in self.typed.terms.items():
            for part in subterms([term]):
                if part.op == "read":
                    readers.setdefault(part.name, []).append(name)
            if BATCH in self._axes(term):
                pending.append(name)
        while pending:
            name = pending.pop()
            if name not in self.batched:
                self.batched.add(name)
                pending.extend(readers.get(name, ()))

    def _axes(self, term: Term) -> frozenset[str]:
        """The axes along which a term varies."""
        match term.op:
            case "read":
                return self._read_axes(term)
            case "index" | "position":
                return frozenset({str(dict(term.attrs)["axis"]), BATCH})
            case "length" | "last":
                return frozenset({BATCH})
            case "softmax_over":
                return self._axes(term.args[0]) | {str(dict(term.attrs)["axis"]), BATCH}
            case op if op.endswith("_over"):
                return (self._axes(term.args[0]) - {str(dict(term.attrs)["axis"])}) | {BATCH}
        return frozenset().union(*(self._axes(arg) for arg in term.args))

    def _read_axes(self, term: Term) -> frozenset[str]:
        over = frozenset(p.over for p in term.at if p.over is not None)
        sides = self._sides(term)
        if sides and not over:
            return frozenset({BATCH}) if (term.name, sides) in self.typed.starts else frozenset()
        return over | {BATCH} if self.has_batch(term.name) else over

    def ordered(self, left: Axes, found: Iterable[str]) -> Axes:
        """Axes in the order of the left side, then as declared, the batch last."""
        found = set(found)
        order = dict.fromkeys((*(axis for axis in left if axis != BATCH), *self.typed.model.axes))
        return tuple(axis for axis in order if axis in found) + ((BATCH,) if BATCH in found else ())

    # equations

    def define(
        self, name: str, axes: Axes, term: Term, origin: str, boundaries: tuple[Boundary, ...] = ()
    ) -> None:
        """The equation of a named quantity, after those of its temporaries."""
        _Flattening(self, name, axes, origin).root(term, boundaries)

    def _sides(self, term: Term) -> Sides:
        return outside_at(self.axes_of(term.name), term.at)

    def end_name(self, quantity: Quantity, sides: Sides) -> str:
        """The name of ``h[0] = …``: ``h.start``; with several axes ``h.start_t``."""
        words = []
        for axis, side in sides:
            word = "start" if side == BEFORE else "end"
            words.append(word if len(quantity.axes) == 1 else f"{word}_{axis}")
        return self.fresh(".".join((quantity.name, *words)))

    def end_axes(self, quantity: Quantity, sides: Sides) -> Axes:
        """The axes of an end: those left free, and the batch."""
        return (*(axis for axis in quantity.axes if axis not in dict(sides)), BATCH)


@dataclass(slots=True)
class _Flattening:
    """The equations of one quantity."""

    owner: Flattener
    name: str
    axes: Axes
    origin: str
    made: dict[Term, Read] = field(default_factory=dict)  # by identity

    def root(self, term: Term, boundaries: tuple[Boundary, ...]) -> None:
        natural = self.owner.ordered(self.axes, self.owner._axes(term))
        reduced = _reduced(term) in self.axes  # the sum over an axis, the same at all its steps
        if term.op == "read" or reduced or (term.op in LEAVES and natural != self.axes):
            self._equation(self.name, self.axes, term.type, "copy", (self._read(term),), (), term, boundaries)
        else:
            self._equation(
                self.name, self.axes, term.type, term.op, self._operands(term), term.attrs, term, boundaries
            )

    def _equation(
        self,
        name: str,
        axes: Axes,
        type: Type,
        op: str,
        reads: tuple[Read, ...],
        static: tuple[tuple[str, object], ...],
        term: Term,
        boundaries: tuple[Boundary, ...] = (),
    ) -> None:
        values = attrs(**_static(op, type, dict(static)))  # type: ignore[arg-type]
        found = Equation(
            name, axes, type.shape, type.stored, op, reads, values, boundaries, term.span, self.origin
        )
        self.owner.add(found)

    def _operands(self, term: Term) -> tuple[Read, ...]:
        if term.op.endswith("_over"):
            return (self._spread(term.args[0], str(dict(term.attrs)["axis"])),)
        return tuple(self._read(arg) for arg in term.args)

    def _spread(self, arg: Term, axis: str) -> Read:
        """An operand of a reduction, which must run along the axis reduced."""
        read = self._read(arg)
        if axis in {position.over for position in read.at}:  # what is outside, and 0, has none
            return read
        axes = self.owner.ordered(self.axes, self.owner._axes(arg) | {axis, BATCH})
        name = self._temporary()
        self._equation(name, axes, arg.type, "copy", (read,), (), arg)
        return Read(name, here(axes))

    def _temporary(self) -> str:
        counts = self.owner.counts
        counts[self.name] = counts.get(self.name, 0) + 1
        return f"{self.name}.{counts[self.name]}"

    def _read(self, term: Term) -> Read:
        if term not in self.made:
            self.made[term] = self._quantity(term) if term.op == "read" else self._operation(term)
        return self.made[term]

    def _operation(self, term: Term) -> Read:
        operands = self._operands(term)
        axes = self.owner.ordered(self.axes, self.owner._axes(term))
        name = self._temporary()
        self._equation(name, axes, term.type, term.op, operands, term.attrs, term)
        return Read(name, here(axes))

    def _quantity(self, term: Term) -> Read:
        owner = self.owner
        sides = owner._sides(term)
        if sides:
            return self._end(term, sides)
        batch = (Position(BATCH),) if owner.has_batch(term.name) else ()
        return Read(owner.name(term.name), (*term.at, *batch))

    def _end(self, term: Term, sides: Sides) -> Read:
        """A read of a place outside: the boundary quantity itself, or 0."""
        owner, quantity = self.owner, self.owner.typed.model.quantities[term.name]
        if sides not in quantity.starts:
            return self._read(zero(term.type, term.span))
        axes = owner.end_axes(quantity, sides)
        inside = [p for axis, p in zip(quantity.axes, term.at, strict=True) if axis not in dict(sides)]
        return Read(owner.end_name(quantity, sides), (*inside, *here(axes[len(inside) :])))


def _reduced(term: Term) -> str | None:
    """The axis that a term takes away."""
    reduces = term.op.endswith("_over") and term.op != "softmax_over"
    return str(dict(term.attrs)["axis"]) if reduces else None


def _static(op: str, type: Type, values: dict[str, object]) -> dict[str, object]:
    """Static arguments as equations have them: numbers are typed, a reduction's axis shows in the axes."""
    if op == "number":
        value = values["value"]
        assert isinstance(value, float)
        return {"value": value if type.kind == "real" else value != 0 if type.kind == "bool" else int(value)}
    if op.endswith("_over") and op != "softmax_over":
        return {}
    return values
