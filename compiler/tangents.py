"""Forward mode on equations: how a system moves when its parameters, inputs and state do.

The tangent of an equation q = op(a, b) is the operator's tangent rule on the tangents of what it reads,
read where the equation reads them:

    h[t,@] = tanh(a[t,@])            ^h[t,@] = (h[t,@] + 1) * (1 - h[t,@]) * ^a[t,@]
    a[t,@] = einsum(W, h[t-1,@])     ^a[t,@] = einsum(^W, h[t-1,@]) + einsum(W, ^h[t-1,@])

A tangent has the axes of its quantity, and for boundaries the tangents of its boundaries. So nothing turns
round, nothing is kept for later, and a network that reads the past alone has tangents that do.
Nothing here, nor any tangent rule, is shared with reverse mode (`differentiate`): each is a witness of the
other. What the two have in common is the operators' own code."""

from __future__ import annotations

from collections.abc import Iterable

from ..spec.records import replace
from .ir import Equation, System, here
from .operators import TABLE, Builder, Operator, Tangent, Term

LEAVES = {"param": ("param", "name"), "input": ("input", "name"), "carry": ("state", "key")}


def tangent_name(name: str) -> str:
    return "^" + name


def tangents(system: System, moving: Iterable[str]) -> System:
    """The system with the tangents of its real outputs instead of these, under the same keys.

    ``moving`` are the leaves that have a direction: ``param:W``, ``input:x``, ``state:h``."""
    return Forward(system, frozenset(moving)).system()


class Forward:
    """``axes`` are further axes that all tangents have: many directions at once."""

    def __init__(self, system: System, moving: frozenset[str], axes: tuple[str, ...] = ()) -> None:
        self.given, self.axes = system, axes
        self.table = system.table()
        self.leaves = {e.name for e in self.table.values() if self.key(e) in moving}
        self.moves = self._reached()
        self.builder = Builder(reserved=frozenset(map(tangent_name, self.table)))

    def system(self) -> System:
        for equation in self.table.values():
            if equation.name in self.moves:
                self._tangent(equation)
        outputs = [(key, self._output(self.table[name])) for key, name in self.given.outputs
                   if self.table[name].type == "real"]  # fmt: skip
        equations = (*self.given.equations, *self.builder.equations.values())
        return replace(self.given, equations=equations, outputs=tuple(outputs))

    def _reached(self) -> set[str]:
        """The real quantities that the leaves move."""
        readers: dict[str, list[str]] = {}
        for e in self.table.values():
            if e.type == "real":
                flat = "flat" in TABLE[e.op].traits
                for name in [b.name for b in e.boundaries] + [r.name for r in e.reads if not flat]:
                    readers.setdefault(name, []).append(e.name)
        found, left = set[str](), list(self.leaves)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += readers.get(name, [])
        return found

    def _tangent(self, q: Equation) -> None:
        """The equation of one tangent."""
        self._owner(q)
        value = self._value(q)
        self.builder.apply("copy", value, over=self.over(q), name=self.builder.prefix)
        boundaries = tuple(
            replace(b, name=tangent_name(b.name)) for b in q.boundaries if b.name in self.moves
        )
        made = self.builder.equations[self.builder.prefix]
        self.builder.equations[made.name] = replace(made, boundaries=boundaries)

    def _owner(self, q: Equation) -> None:
        """What is built next belongs to the tangent of ``q``."""
        self.builder.prefix = tangent_name(q.name)
        self.builder.span, self.builder.origin = q.span, q.origin

    def _value(self, q: Equation) -> Term:
        """What moves it: its own direction, and what it reads."""
        operator = TABLE[q.op]
        own = self.direction(q) if q.name in self.leaves else None
        if "leaf" in operator.traits or q in self.given.given:
            return own or self.builder.number(0.0, q.shape)  # 0: it moves by a boundary alone
        args = tuple(self.builder.term(self.table[read.name], read.at) for read in q.reads)
        moved = tuple(self._moved(term) for term in args)
        value = self._rule(operator, q, args, moved)
        return own + value if own else value

    def key(self, equation: Equation) -> str:
        """The key of a leaf, "" of what is none."""
        kind, static = LEAVES.get(equation.op, ("", ""))
        return f"{kind}:{equation.attr(static)}" if kind else ""

    def over(self, q: Equation) -> tuple[str, ...]:
        """The axes of a quantity's tangent."""
        return (*self.axes, *q.axes)

    def direction(self, leaf: Equation) -> Term:
        """What the caller gives."""
        return self.builder.direction(self.key(leaf), replace(leaf, axes=self.over(leaf)))

    def _moved(self, term: Term) -> Term:
        """The tangent of what is read; what is not real stays as it is."""
        source = self.table[term.read.name]
        if source.name in self.moves:
            made = replace(source, name=tangent_name(source.name), axes=self.over(source))
            return self.builder.term(made, (*here(self.axes), *term.read.at))
        return self.builder.number(0.0, source.shape) if source.type == "real" else term

    def _rule(self, operator: Operator, q: Equation, args: tuple[Term, ...], moved: tuple[Term, ...]) -> Term:
        def again(*operands: Term) -> Term:
            return self.builder.apply(q.op, *operands, over=self.over(q), statics=dict(q.attrs))

        if operator.tangent is not None:
            return operator.tangent(Tangent(self.builder.term(q), args, dict(q.attrs), moved))
        if "linear" in operator.traits:
            return self.replaced(q, args, 0) or again(*moved)
        if "bilinear" in operator.traits:
            places = [k for k, read in enumerate(q.reads) if read.name in self.moves]
            terms = [self.replaced(q, args, k) or again(*args[:k], moved[k], *args[k + 1 :]) for k in places]
            total = terms[0] if terms else self.builder.number(0.0, q.shape)
            for term in terms[1:]:
                total = total + term
            return total
        if "flat" in operator.traits:
            return self.builder.number(0.0, q.shape)
        raise NotImplementedError(f"{q.op} has no tangent rule")

    def replaced(self, q: Equation, args: tuple[Term, ...], operand: int) -> Term | None:
        """A cheaper way to a product with an operand's tangent in its place; None where there is none."""
        return None

    def _output(self, q: Equation) -> str:
        name = tangent_name(q.name)
        if name not in self.builder.equations:
            self._owner(q)
            self.builder.apply("copy", self.builder.number(0.0, q.shape), over=self.over(q), name=name)
        return name
