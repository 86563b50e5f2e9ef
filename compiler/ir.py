"""The equations: flat, immutable, identified by name; no order, no loops, no storage.

An equation defines one quantity at every point of its axes:

    a[t,@] : real[hidden] = add(b, u[t-1,@])

Terms.

*Axis*: a direction in which a quantity has one value per index, counted 1..length. A time axis has
a length for each sequence of the batch. The *batch* axis ``@`` is an axis like the others, but
nothing is ever read along it at an offset. Nor along ``^``, which tangents in every direction have:
one for each number of the trained parameters. A *lag* axis has a fixed length: it holds the last K
values before the first step (or the first K past the end) of a quantity.

*Read*: an operand; the quantity's name and, for each of *its* axes, the position read.

*Boundary*: what a quantity is outside 1..length. Without one it is 0 (false, token 0). Along an
axis, position p < 1 is *before* and p > length is *after*. A boundary quantity has the axes of the
quantity it serves less those it is a boundary of; where a lag axis ``u`` of length K stands in an
axis's place, position p before the start is read at u = p + K, position p past the end at
u = p - length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import TypeVar, Union

from ..spec.records import dataclass, replace
from ..spec.sizes import Size
from ..spec.source import Span

Found = TypeVar("Found")
BATCH = "@"
EACH = "^"

Attr = Union[int, float, str, bool, Size, tuple["Attr", ...], None]


@dataclass(frozen=True, slots=True)
class Axis:
    """``index`` is its name (``t``). ``length`` names a time axis's length (``T``); ``size`` is the
    fixed length of a lag axis, or of a time axis that is unrolled. The batch axis has neither."""

    index: str
    length: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A position along an axis of the quantity read: ``over + ends * length(of) + offset``.

    ``over`` is an axis of the reading equation (or one it reduces), None for a fixed place; ``of`` is
    the time axis whose length is counted where ``ends`` is not 0. So t-1 is ("t", offset=-1), T is
    (None, 1, "t"), 1 is (None, offset=1), and the last K steps along a lag axis u are ("u", 1, "t", -K).
    """

    over: str | None
    ends: int = 0
    of: str = ""
    offset: int = 0

    def inverse(self, axis: str) -> Position:
        """Where along ``over`` the reader stood, told from position ``axis`` of the quantity read."""
        return Position(axis, -self.ends, self.of, -self.offset)


@dataclass(frozen=True, slots=True)
class Read:
    """``name`` at one position for each of its axes, in the order of its axes."""

    name: str
    at: tuple[Position, ...] = ()


BEFORE, AFTER = -1, 1


@dataclass(frozen=True, slots=True)
class Boundary:
    """The quantity ``name`` gives the values outside on all ``sides`` (and inside on other axes)."""

    sides: tuple[tuple[str, int], ...]  # (axis, BEFORE or AFTER), in the order of the equation's axes
    name: str


@dataclass(frozen=True, slots=True)
class Equation:
    """``name[axes] : type[shape] = op(reads) {attrs}``.

    axes   in the order written on the left side, the batch axis last if present (but see `validate.after_batch`)
    shape  feature sizes, after the axes
    type   "real", "int" or "bool"; a token is an int
    attrs  the operator's static arguments, sorted by name
    span   the text it comes from; None for what has none
    origin the spec's quantity it belongs to: itself for `h`, `h` for a temporary of h's equation
           and for its adjoint
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[Size, ...]
    type: str
    op: str
    reads: tuple[Read, ...] = ()
    attrs: tuple[tuple[str, Attr], ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    span: Span | None = field(default=None, compare=False)
    origin: str = field(default="", compare=False)

    def attr(self, name: str) -> Attr:
        """A static argument; KeyError when the operator was not given it."""
        return dict(self.attrs)[name]

    def sources(self) -> list[str]:
        """The names of all it needs: what it reads, and its boundaries."""
        named = self.reads + self.boundaries if self.boundaries else self.reads
        return [item.name for item in named]

    def boundary(self, sides: tuple[tuple[str, int], ...]) -> str | None:
        """The quantity that gives the values outside on exactly these sides."""
        return next((b.name for b in self.boundaries if b.sides == sides), None)


@dataclass(frozen=True, slots=True)
class System:
    """A set of equations and what is asked of it.

    ``outputs`` maps what the world asks for (``loss``, ``output:y``, ``nll:y``, ``state:h``,
    ``grad:W``, ``dstate:h``, ``dinput:x``) to names. Leaves (parameters, inputs, …) are equations
    without reads. An adjoint system reads names of the forward system without defining them: its
    ``given`` equations, the tape's candidates. ``dims`` is what the spec says of each size unless it is
    told otherwise: only costs may depend on it.
    """

    axes: tuple[Axis, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[tuple[str, str], ...] = ()
    given: tuple[Equation, ...] = ()
    dims: tuple[tuple[str, int], ...] = ()

    def table(self) -> dict[str, Equation]:
        """Every equation by name, the given ones too."""
        return _table(self).copy()

    def axis(self, index: str) -> Axis:
        return next(axis for axis in self.axes if axis.index == index)

    def output(self, key: str) -> str:
        return dict(self.outputs)[key]

    def with_equations(self, equations: Iterable[Equation]) -> System:
        return replace(self, equations=tuple(equations))


def remembered(analysis: Callable[[System], Found]) -> Callable[[System], Found]:
    """An analysis that still has what it found last: passes that change nothing hand the same system on. Nobody may
    change what it returns."""
    last: tuple[System, Found] | None = None

    def look(system: System) -> Found:
        nonlocal last
        known = last
        if known is None or known[0] is not system:
            last = known = system, analysis(system)
        return known[1]

    return look


@remembered
def _table(system: System) -> dict[str, Equation]:
    return {equation.name: equation for equation in (*system.given, *system.equations)}


@cache
def here(axes: tuple[str, ...]) -> tuple[Position, ...]:
    """The positions of a plain read: every axis at its own index. One object for each list of axes: most positions
    are such, and comparing an object with itself is quick."""
    return tuple(_own(axis) for axis in axes)


@cache
def _own(axis: str) -> Position:
    return Position(axis)


def plain(equation: Equation) -> Read:
    """A read of the quantity at the reader's own indices."""
    return Read(equation.name, here(equation.axes))


def along(read: Read) -> tuple[str, ...]:
    """The axes of the reader that a read runs along."""
    return tuple(dict.fromkeys(p.over for p in read.at if p.over is not None))


def attrs(**values: Attr) -> tuple[tuple[str, Attr], ...]:
    """Static arguments in their normal form."""
    return tuple(sorted(values.items()))


def rename(read: Read, names: Mapping[str, str]) -> Read:
    """The same read of another quantity."""
    return Read(names[read.name], read.at) if read.name in names else read


def fixed(
    table: Mapping[str, Equation], leaves: Collection[str] = ("param", "number", "dim")
) -> frozenset[str]:
    """What follows from ``leaves`` alone: by default what is the same as long as parameters are."""
    found = {e.name for e in table.values() if e.op in leaves}
    left = [e for e in table.values() if e.reads and not e.boundaries and BATCH not in e.axes]
    before = -1
    while len(found) != before:  # mostly twice: what is read tends to stand before its readers
        before = len(found)
        for e in left:
            if all(read.name in found for read in e.reads):
                found.add(e.name)
    return frozenset(found)


def worked_along(equation: Equation) -> str | None:
    """The axis that an equation keeps and yet needs the whole of (a softmax over time); None for most."""
    axis = dict(equation.attrs).get("axis")
    if axis is None or all(position.over != axis for read in equation.reads for position in read.at):
        return None
    return str(axis)


def lag_axes(equation: Equation, boundary: Equation, sides: tuple[str, ...]) -> dict[str, str]:
    """Which lag axis of a boundary quantity stands for which of the axes it is a boundary of."""
    found: dict[str, str] = {}
    axes = list(boundary.axes)
    for axis in equation.axes:
        if axis in sides and axes and axes[0] not in equation.axes:
            found[axis] = axes.pop(0)
        elif axis not in sides and axes[:1] == [axis]:
            axes.pop(0)
    return found
