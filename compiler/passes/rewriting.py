"""What passes that work equation by equation share: a view of the system, rules to a fixed point."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass, replace
from ..ir import BATCH, Attr, Axis, Equation, Position, Read, System, along, here, remembered
from ..ir import attrs as attributes
from ..operators import Shape

ROUNDS = 50  # a system needs a few; tests hold that it comes to an end


@dataclass(slots=True)
class View:
    """The system as a rule sees it: definitions by name, and how often each is used."""

    system: System
    table: dict[str, Equation] = field(init=False)
    names: Temporaries = field(init=False)
    added: list[Equation] = field(default_factory=list)
    counts: Counter[str] | None = None  # made when first asked for: most rules never do

    def __post_init__(self) -> None:
        self.table = self.system.table()
        self.names = Temporaries(self.table)

    def once(self, name: str) -> bool:
        """Whether a quantity is used in one place of the system as it was."""
        if self.counts is None:
            self.counts = uses(self.system)
        return self.counts[name] == 1

    def source(self, read: Read) -> Equation:
        """The definition of what is read."""
        return self.table[read.name]

    def through(self, read: Read, op: str, once: bool = False) -> Equation | None:
        """The definition, when it is ``op`` and is read where the reader stands (``once``: only here)."""
        found = self.table[read.name]
        if found.op != op or not is_plain(read, found) or (once and not self.once(read.name)):
            return None
        return found if self.knows(found) else None

    def constant(self, read: Read) -> float | None:
        """The number that is read, wherever it is read."""
        found = self.table[read.name]
        if found.op not in ("number", "copy", "expand", "real"):
            return None
        value = found.attr("value") if found.op == "number" else None
        if found.op != "number" and self.knows(found):
            inner = found.reads[0]  # one that is read elsewhere may lead round a cycle
            value = self.constant(inner) if is_plain(inner, self.table[inner.name]) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return None
        everywhere = is_plain(read, found) or (value == 0 and not found.boundaries)
        return value if everywhere else None

    def knows(self, equation: Equation) -> bool:
        """Whether all it reads is here: of the forward system, an adjoint keeps only what it reads itself."""
        return all(read.name in self.table for read in equation.reads)

    def new(
        self,
        like: Equation,
        op: str,
        *reads: Read,
        axes: Sequence[str] = (),
        shape: Shape = (),
        **statics: Attr,
    ) -> Read:
        """A further equation, for the use of ``like``."""
        name = self.names.fresh(like.name)
        told = attributes(**statics)
        made = Equation(name, tuple(axes), shape, like.type, op, reads, told, (), like.span, like.origin)
        self.table[name] = made
        self.added.append(made)
        return Read(name, here(made.axes))

    def number(self, like: Equation, value: float) -> Read:
        """A literal with the shape of ``like``."""
        read = self.new(like, "number", value=value)
        return self.new(like, "expand", read, shape=like.shape, sizes=like.shape) if like.shape else read


@dataclass(slots=True)
class Temporaries:
    """Hands out q.1, q.2, … for the temporaries of q and of its temporaries, but those that ``taken`` has; an
    adjoint's `~q.1` is the adjoint of `q.1`."""

    taken: Container[str]
    counts: dict[str, int] = field(default_factory=dict)

    def fresh(self, base: str) -> str:
        base = re.sub(r"(\.\d+)+$", "", base)
        number = self.counts.get(base, 0) + 1
        while f"{base}.{number}" in self.taken or f"~{base}.{number}" in self.taken:
            number += 1
        self.counts[base] = number
        return f"{base}.{number}"


Rule = Callable[[Equation, View], "Equation | None"]


def rewrite(system: System, rules: Mapping[str, Sequence[Rule]]) -> System:
    """Every equation by the rules for its operator (and those under ""), until none applies."""
    everywhere = rules.get("", ())
    table = {op: (*own, *everywhere) for op, own in rules.items()}
    for _ in range(ROUNDS):
        if not everywhere and not any(equation.op in rules for equation in system.equations):
            return system
        view = View(system)
        result: list[Equation] = []
        for equation in system.equations:
            own = table.get(equation.op, everywhere)
            changed = _apply(equation, view, own) if own else equation
            if view.added:
                result += view.added
                view.added.clear()
            result.append(changed)
            if changed is not equation:
                view.table[equation.name] = changed
        if tuple(result) == system.equations:
            return system
        system = system.with_equations(result)
    return system


def _apply(equation: Equation, view: View, rules: Sequence[Rule]) -> Equation:
    for rule in rules:
        changed = rule(equation, view)
        if changed is not None:
            return changed
    return equation


def turned(equation: Equation, op: str, *reads: Read, **statics: Attr) -> Equation:
    """The same quantity by another operator."""
    return replace(equation, op=op, reads=reads, attrs=attributes(**statics))


def is_plain(read: Read, source: Equation) -> bool:
    """Whether it is read where the reader stands, along every axis."""
    return read.at == here(source.axes)


def dropped(equation: Equation) -> set[str]:
    """The axes that an equation reduces."""
    return {axis for read in equation.reads for axis in along(read)} - set(equation.axes)


@remembered
def uses(system: System) -> Counter[str]:
    """How often each quantity is read, serves as a boundary, or is an output."""
    names = [name for _, name in system.outputs]
    for equation in system.equations:
        names += [read.name for read in equation.reads]
        names += [boundary.name for boundary in equation.boundaries]
    return Counter(names)


def is_fixed(position: Position) -> bool:
    """A position that does not move with the reader, or counts from the end."""
    return position.over is None or position.ends != 0


def axis_of(size: int, made: dict[int, Axis], system: System) -> str:
    """The axis of so many members, the same for all groups of that size; ``made`` are those there are."""
    if size not in made:
        name, taken = f"g{size}", {axis.index for axis in system.axes}
        while name in taken:
            name += "_"
        made[size] = Axis(name, size=size)
    return made[size].index


def with_axes(system: System, made: Iterable[Axis], equations: Iterable[Equation]) -> System:
    """The system of these equations, with the axes of groups before the batch."""
    batch = system.axes.index(Axis(BATCH))
    axes = (*system.axes[:batch], *made, *system.axes[batch:])
    return replace(system, axes=axes, equations=tuple(equations))
