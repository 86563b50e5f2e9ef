"""Quantities at fixed steps of an axis: their names, and what reads of them become.

`h` at step 2 is `h_2`, its temporary `h.3` is `h_2.3`; outside the steps it is what its boundary says (in
the slot of a lag axis, where it has one), or 0. Equations are written down as they are needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from ..spec.records import dataclass, replace
from .ir import AFTER, BEFORE, Attr, Axis, Boundary, Equation, Position, Read, System, here, lag_axes, plain
from .ir import attrs as attributes
from .operators import Shape


@dataclass(slots=True)
class Names:
    """``h`` at step 2 is ``h_2``, its temporary ``h.3`` is ``h_2.3``; longer where that is taken."""

    taken: set[str]
    given: dict[tuple[str, int], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def at(self, name: str, step: int) -> str:
        digits = re.search(r"(\.\d+)*$", name)
        base = name[: digits.start()] if digits else name
        if (base, step) not in self.given:
            wish = f"{base}_{step}" if step >= 0 else f"{base}_m{-step}"
            while wish in self.taken:
                wish += "_"
            self.given[base, step] = wish
        found = self.given[base, step] + name[len(base) :]
        self.taken.add(found)
        return found

    def fresh(self, base: str) -> str:
        """The first of ``base.1``, ``base.2``, … that is free."""
        number = self.counts.get(base, 0) + 1
        while f"{base}.{number}" in self.taken:
            number += 1
        self.counts[base] = number
        self.taken.add(f"{base}.{number}")
        return f"{base}.{number}"


def _beginnings(name: str) -> list[str]:
    """``a``, ``a.b`` and ``a.b.1`` of ``a.b.1``: what begins with a copy's name is the copy's own."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


@dataclass(slots=True)
class FixedSteps:
    """The system seen at steps 1..``steps`` of an axis; ``made`` are the equations written down so far."""

    system: System
    axis: str
    steps: int
    table: dict[str, Equation] = field(init=False)
    axes: dict[str, Axis] = field(init=False)
    names: Names = field(init=False)
    made: list[Equation] = field(default_factory=list)
    known: dict[object, Read] = field(default_factory=dict)  # what several steps read: zeros, totals

    def __post_init__(self) -> None:
        self.table = self.system.table()
        self.axes = {axis.index: axis for axis in self.system.axes}
        self.names = Names({part for name in self.table for part in _beginnings(name)})

    def less(self, axes: Iterable[str]) -> tuple[str, ...]:
        """The axes but for the one that is fixed."""
        return tuple(axis for axis in axes if axis != self.axis)

    # ------------------------------------------------------------------------------------ writing down

    def add(self, e: Equation, op: str, reads: Sequence[Read], **statics: Attr) -> Read:
        """The equation by another operator."""
        self.made.append(replace(e, op=op, reads=tuple(reads), attrs=attributes(**statics)))
        return plain(e)

    def temporary(
        self,
        like: Equation,
        op: str,
        reads: Sequence[Read],
        shape: Shape,
        over: tuple[str, ...],
        **statics: Attr,
    ) -> Read:
        """A further equation for the use of ``like``."""
        name = self.names.fresh(like.name)
        return self.add(replace(like, name=name, axes=over, shape=shape, boundaries=()), op, reads, **statics)

    def number(self, like: Equation, value: float, shape: Shape = ()) -> Read:
        """A literal of the type of ``like``."""
        typed = {"real": float, "int": int, "bool": bool}[like.type](value)
        read = self.temporary(like, "number", (), (), (), value=typed)
        return self.temporary(like, "expand", (read,), shape, (), sizes=shape) if shape else read

    # ------------------------------------------------------------------------------------------- reads

    def reads(self, e: Equation, at: Mapping[str, int]) -> tuple[Read, ...]:
        """The operands at fixed places along some axes of the reader."""
        return tuple(self.read(read, at) for read in e.reads)

    def read(self, read: Read, at: Mapping[str, int]) -> Read:
        source = self.table[read.name]
        fixed = tuple(self.fixed(position, at) for position in read.at)
        place = source.axes.index(self.axis) if self.axis in source.axes else None
        if place is None or fixed[place].over is not None or fixed[place].ends:
            return Read(read.name, fixed)
        return self._value(source, fixed[place].offset, (*fixed[:place], *fixed[place + 1 :]))

    def fixed(self, position: Position, at: Mapping[str, int]) -> Position:
        """The position with the axis's length as a number, and the reader at fixed places."""
        if position.of == self.axis:
            offset = position.offset + position.ends * self.steps
            position = replace(position, ends=0, of="", offset=offset)
        if position.over is not None and position.over in at:
            position = replace(position, over=None, offset=position.offset + at[position.over])
        return position

    def statics(self, e: Equation) -> tuple[tuple[str, Attr], ...]:
        """Static arguments, with the axis's length as a number."""
        if e.op != "place" or e.attr("of") != self.axis:
            return e.attrs
        given: dict[str, Attr] = dict(e.attrs)
        offset, ends = given["offset"], given["ends"]
        assert isinstance(offset, int) and isinstance(ends, int)
        return attributes(**{**given, "ends": 0, "of": "", "offset": offset + ends * self.steps})

    def _value(self, source: Equation, place: int, rest: tuple[Position, ...]) -> Read:
        """What a quantity is at a place along the axis, inside or outside."""
        if 1 <= place <= self.steps:
            return Read(self.names.at(source.name, place), rest)
        if corners(source, self.axis):
            return replace(self.shared((source.name, place), lambda: self._outer(source, place)), at=rest)
        return self._end(source, place, rest)

    def _end(self, source: Equation, place: int, rest: tuple[Position, ...]) -> Read:
        """What a quantity is outside: its boundary there, or 0."""
        side = BEFORE if place < 1 else AFTER
        boundary = next((b for b in source.boundaries if b.sides == ((self.axis, side),)), None)
        slot = self._slot(source, boundary, place, rest) if boundary is not None else None
        zero = ("zero", source.name)
        return slot or replace(self.shared(zero, lambda: self._zero(source)), at=rest)

    def _slot(self, source: Equation, b: Boundary, place: int, rest: tuple[Position, ...]) -> Read | None:
        """A boundary quantity at a place outside; None where it has no slot for it."""
        end = self.table[b.name]
        lag = self._lag_of(source, b)
        if lag is None:
            return Read(b.name, rest)
        size = self.axes[lag].size or 0
        slot = place + size if place < 1 else place - self.steps
        where = end.axes.index(lag)
        inside = 1 <= slot <= size
        return Read(b.name, (*rest[:where], Position(None, offset=slot), *rest[where:])) if inside else None

    def _zero(self, source: Equation) -> Read:
        """0 in the place of a quantity at one step."""
        like = replace(source, name=f"{source.name}.zero")
        return self.temporary(
            like, "copy", [self.number(like, 0, source.shape)], source.shape, self.less(source.axes)
        )

    def _outer(self, source: Equation, place: int) -> Read:
        """A quantity of several axes outside along this one: along the others it has ends of its own."""
        axes = self.less(source.axes)
        value = self._end(source, place, here(axes))
        like = replace(source, name=self.names.at(source.name, place), axes=axes, boundaries=())
        side = BEFORE if place < 1 else AFTER
        ends = [self._corner(like, source, b, place) for b in corners(source, self.axis, side)]
        return self.add(replace(like, boundaries=tuple(b for b in ends if b is not None)), "copy", [value])

    def _corner(self, like: Equation, source: Equation, b: Boundary, place: int) -> Boundary | None:
        """A boundary on several sides, for what is outside on the axis's side already."""
        sides = tuple((axis, side) for axis, side in b.sides if axis != self.axis)
        end, lag = self.table[b.name], self._lag_of(source, b)
        axes = tuple(axis for axis in end.axes if axis != lag)
        read = self._slot(source, b, place, here(axes))
        if read is not None and lag is not None:
            slot = read.at[end.axes.index(lag)]
            edges = tuple(replace(b, name=self._slice(like, b.name, lag, slot).name) for b in end.boundaries)
            read = self._slice(like, b.name, lag, slot, edges)
        return None if read is None else Boundary(sides, read.name)

    def _slice(
        self, like: Equation, name: str, lag: str, slot: Position, boundaries: tuple[Boundary, ...] = ()
    ) -> Read:
        """An end at one place of a lag axis."""
        axes = self.table[name].axes
        read = Read(name, tuple(slot if axis == lag else Position(axis) for axis in axes))
        made = replace(
            like, name=self.names.fresh(like.name), axes=tuple(axis for axis in axes if axis != lag)
        )
        return self.add(replace(made, boundaries=boundaries), "copy", [read])

    def _lag_of(self, source: Equation, b: Boundary) -> str | None:
        """The lag axis of a boundary quantity that stands for the axis."""
        return lag_axes(source, self.table[b.name], tuple(axis for axis, _ in b.sides)).get(self.axis)

    def shared(self, key: object, make: Callable[[], Read]) -> Read:
        """What is made once."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]


def corners(e: Equation, axis: str, side: int | None = None) -> list[Boundary]:
    """The boundaries on this and further sides."""
    several = [b for b in e.boundaries if len(b.sides) > 1]
    return [b for b in several if any(a == axis and side in (None, s) for a, s in b.sides)]
