"""Where the values of a quantity are: in an array of all steps, among single steps, or outside, in a boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..compiler.ir import AFTER, BEFORE, Position, Read, lag_axes
from ..spec.records import dataclass
from .libraries import Tensor

if TYPE_CHECKING:
    from .translate import Network


@dataclass(frozen=True, slots=True)
class Stretch:
    """Places ``first`` up to ``last`` along an axis of what is read; ``over`` is the reader's axis."""

    first: int
    last: int
    over: str


Place = int | Stretch
Places = dict[str, Place]


def place(position: Position, extents: Mapping[str, int], env: Mapping[str, int]) -> Place:
    """Where along its axis something is read, from the places `env` of the reader."""
    base = position.offset + (position.ends * extents[position.of] if position.ends else 0)
    if position.over is None:
        return base
    if position.over in env:
        return env[position.over] + base
    return Stretch(1 + base, extents[position.over] + base, position.over)


def inside(found: Place, extent: int) -> bool:
    """Whether no boundary is met."""
    if isinstance(found, int):
        return 1 <= found <= extent
    return found.first > found.last or 1 <= found.first <= found.last <= extent


def index_of(places: Sequence[Place]) -> tuple[int | slice, ...]:
    """Of an array whose leading dimensions the places are along."""
    return tuple(p - 1 if isinstance(p, int) else slice(p.first - 1, p.last) for p in places)


class Reading:
    """The values found so far: ``arrays`` of all steps, and of loops that are unrolled ``single`` steps, by
    their places along the axes ``around``."""

    def __init__(self, network: Network) -> None:
        self.network, self.library, self.table = network, network.library, network.table
        self.arrays: dict[str, Tensor] = {}
        self.single: dict[str, dict[tuple[int, ...], Tensor]] = {}
        self.around: dict[str, list[str]] = {}

    def all_of(self, name: str) -> Tensor:
        """The whole array of a quantity."""
        return self.value(name, self.everywhere(name))

    def everywhere(self, name: str) -> Places:
        extents = self.network.extents
        return {axis: Stretch(1, extents[axis], axis) for axis in self.table[name].axes}

    def read(self, read: Read, env: Mapping[str, int]) -> tuple[Tensor, list[str]]:
        """What is read, and the reader's axes that its leading dimensions are."""
        source = self.table[read.name]
        extents = self.network.extents
        places = {axis: place(position, extents, env) for axis, position in zip(source.axes, read.at)}
        array = self.value(read.name, places)
        return self.turned(array, [p.over for p in self._in_order(places) if isinstance(p, Stretch)])

    def _in_order(self, places: Places) -> list[Place]:
        return [places[axis] for axis in self.network.sorted(set(places))]

    def turned(self, array: Tensor, over: list[str]) -> tuple[Tensor, list[str]]:
        """The leading dimensions in the order of the reader's axes, where those bear other names."""
        known = self.network.sorted(set(over))
        if known != over:
            order = [over.index(axis) for axis in known]
            array = self.library.transposed(array, [*order, *range(len(over), len(array.shape))])
        return array, known

    def value(self, name: str, places: Places) -> Tensor:
        """A quantity at places, some of which may lie outside."""
        for axis, one in places.items():
            if isinstance(one, Stretch) and not inside(one, self.network.extents[axis]):
                return self._pieces(name, places, axis, one)
        sides = tuple(
            (axis, side) for axis in self.table[name].axes if (side := self._side(axis, places[axis]))
        )
        if not sides:
            return self._inside(name, places)
        boundary = self.table[name].boundary(sides)
        found = self._boundary_places(name, boundary, dict(sides), places) if boundary else None
        if boundary is None or found is None:
            return self._zeros(name, places)
        return self.value(boundary, found)

    def _side(self, axis: str, place: Place) -> int:
        if isinstance(place, Stretch):
            return 0
        return BEFORE if place < 1 else AFTER if place > self.network.extents[axis] else 0

    def _pieces(self, name: str, places: Places, axis: str, place: Stretch) -> Tensor:
        """A stretch that reaches outside: what is inside, and single steps before and after."""
        extent, ordered = self.network.extents[axis], self.network.sorted(set(places))
        before = ordered[: ordered.index(axis)]
        dimension = sum(isinstance(places[other], Stretch) for other in before)
        parts = []
        index = place.first
        while index <= place.last:
            if 1 <= index <= extent:
                last = min(place.last, extent)
                parts.append(self.value(name, {**places, axis: Stretch(index, last, place.over)}))
                index = last + 1
            else:
                one = self.value(name, {**places, axis: index})
                shape = tuple(one.shape)
                parts.append(one.reshape((*shape[:dimension], 1, *shape[dimension:])))
                index += 1
        return parts[0] if len(parts) == 1 else self.library.np.concatenate(parts, dimension)

    def _boundary_places(
        self, name: str, boundary: str, sides: Mapping[str, int], places: Places
    ) -> Places | None:
        """Where along its axes the boundary is read; None where it has no value, which is then 0."""
        lags = lag_axes(self.table[name], self.table[boundary], tuple(sides))
        found: Places = {}
        for axis in self.table[name].axes:
            if axis not in sides:
                found[axis] = places[axis]
            elif axis in lags:
                size, place = self.network.extents[lags[axis]], places[axis]
                assert isinstance(place, int)
                place += size if sides[axis] == BEFORE else -self.network.extents[axis]
                if not 1 <= place <= size:
                    return None
                found[lags[axis]] = place
        return {axis: found[axis] for axis in self.table[boundary].axes}

    def _zeros(self, name: str, places: Places) -> Tensor:
        lead = [p.last - p.first + 1 for p in self._in_order(places) if isinstance(p, Stretch)]
        shape = (*lead, *self.network.shape(self.table[name]))
        zero = self.library.number(0, self.table[name].type)
        return self.library.np.broadcast_to(zero, shape)

    def _inside(self, name: str, places: Places) -> Tensor:
        if name not in self.arrays:
            return self._gathered(name, places)
        index = index_of(self._in_order(places))
        return self.arrays[name][index] if index else self.arrays[name]

    def _gathered(self, name: str, places: Places) -> Tensor:
        """Of what an unrolled loop has computed: one step, or some put together."""
        axes = self.network.sorted(set(places))
        for axis in self.around[name]:
            place = places[axis]
            if isinstance(place, Stretch):
                dimension = sum(isinstance(places[a], Stretch) for a in axes[: axes.index(axis)])
                steps = [
                    self._gathered(name, {**places, axis: index})
                    for index in range(place.first, place.last + 1)
                ]
                return self.library.np.stack(steps, dimension)
        one = self.single[name][tuple(places[axis] for axis in self.around[name])]  # type: ignore[misc]
        rest = [places[axis] for axis in axes if axis not in self.around[name]]
        index = index_of(rest)
        return one[index] if index else one
