"""Quantities that are stretches of others: of the last size, or steps of an axis of fixed length."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..ir import AFTER, Equation, Position, Read
from .layout import Demands


@dataclass(frozen=True, slots=True)
class Alias:
    """`start : start + size` of the last size of another quantity's array."""

    base: str
    start: Size
    size: Size


@dataclass(frozen=True, slots=True)
class Steps:
    """Of another quantity's array along an axis of fixed length: ``count`` steps from ``start`` on (0-based),
    or the one (None)."""

    base: str
    axis: str
    start: int
    count: int | None = None

    @property
    def taken(self) -> set[int]:
        return set(range(self.start, self.start + (self.count or 1)))


def cut(equation: Equation, table: Mapping[str, Equation], lags: Mapping[str, int]) -> Alias | Steps | None:
    """What stretch of another quantity an equation is: a slice, or steps of an axis of fixed length."""
    if equation.op not in ("slice", "copy"):
        return None
    read = equation.reads[0]
    base = table[read.name]
    moved = [(axis, p) for axis, p in zip(base.axes, read.at) if p != Position(axis)]
    if equation.op == "slice":
        start, size = equation.attr("start"), equation.attr("size")
        assert isinstance(start, Size) and isinstance(size, Size)
        return Alias(base.name, start, size) if not moved and equation.axes == base.axes else None
    if len(moved) != 1 or moved[0][1].ends or moved[0][0] not in lags:
        return None
    ((axis, place),) = moved
    left = tuple(place.over if a == axis else a for a in base.axes)
    first = place.offset - (place.over is None)
    size = None if place.over is None else lags.get(place.over, 0)
    inside = 0 <= first and first + (size or 1) <= lags[axis]
    if not inside or size == 0 or equation.axes != tuple(a for a in left if a is not None):
        return None
    return Steps(base.name, axis, first, size)


def spoils(
    part: Equation,
    base: str,
    aliases: Mapping[str, Alias | Steps],
    table: Mapping[str, Equation],
    needed: Demands,
) -> bool:
    """Whether a stretch is to be 0 past a sequence's end, where what it is of has values that the spec gives."""
    boundaries = table[base].boundaries if base in table else None
    given = {axis for boundary in boundaries or () for axis, side in boundary.sides if side == AFTER}
    if boundaries is None:  # an adjoint knows nothing of what the quantities it is given are made of
        given = {*part.axes}
    if given and (part.name in needed.pooled or any((part.name, axis) in needed.ahead for axis in given)):
        return True
    return base in aliases and spoils(part, aliases[base].base, aliases, table, needed)


def pieces(whole: Equation, table: Mapping[str, Equation]) -> Iterator[tuple[Read, Alias | Steps]]:
    """What `concat` or `stack` puts together, with the stretch where each piece goes."""
    start = Size.of(0)
    for step, read in enumerate(whole.reads):
        if whole.op == "stack":
            yield read, Steps(whole.name, str(whole.attr("axis")), step)
        else:
            size = table[read.name].shape[-1]
            yield read, Alias(whole.name, start, size)
            start = start + size


def stands_before(
    name: str, inside: Container[str], kinds: Mapping[str, str], table: Mapping[str, Equation]
) -> bool:
    """Whether a quantity has its value before a loop that computes what is ``inside``: of what has no place of its own
    (no one of the ``kinds``), all that it reads."""
    if name in inside or name in kinds:
        return name not in inside
    return all(stands_before(read.name, inside, kinds, table) for read in table[name].reads)
