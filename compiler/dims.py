"""Which dims the shapes of the parameters tell, and how.

A dim that they do not tell must keep the value it was compiled with: of a parameter of size n + m alone,
no one can say what n is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from heapq import heapify, heappop, heappush

from ..spec.records import dataclass
from ..spec.sizes import Size
from .program import Param


@dataclass(frozen=True, slots=True)
class Told:
    """``dim`` is (the parameter's size number ``place`` less ``rest``) over ``factor``."""

    dim: str
    param: str
    place: int
    factor: int
    rest: Size


def told(params: Sequence[Param], dims: Sequence[str], known: Collection[str]) -> list[Told]:
    """What the shapes tell besides what is known, each by what was told before; the plainest way first."""
    found, known = list[Told](), set(known)
    ways = list(_ways(params, dims))
    missing = [way.rest.dims - known for way in ways]
    waiting: dict[str, list[int]] = defaultdict(list)
    for number, names in enumerate(missing):
        for name in names:
            waiting[name].append(number)
    ready = [_plainness(way, n) for n, way in enumerate(ways) if not missing[n]]
    heapify(ready)
    while ready:
        way = ways[heappop(ready)[-1]]
        if way.dim not in known:
            found.append(way)
            known.add(way.dim)
            for number in waiting[way.dim]:
                missing[number] -= {way.dim}
                if not missing[number]:
                    heappush(ready, _plainness(ways[number], number))
    return found


def _plainness(way: Told, number: int) -> tuple[bool, int, int]:
    """The plainer, the less; of ways alike, the first."""
    return bool(way.rest.terms), way.factor, number


def untold(params: Sequence[Param], dims: Sequence[str], known: Collection[str]) -> list[str]:
    """Dims that must be known before all others are told."""
    found: list[str] = []
    while True:
        reached = {*known, *found, *(way.dim for way in told(params, dims, {*known, *found}))}
        left = next((dim for dim in dims if dim not in reached), None)
        if left is None:
            return found
        found.append(left)


def _ways(params: Sequence[Param], dims: Sequence[str]) -> Iterator[Told]:
    """Every size that is a multiple of a dim, and something without it."""
    order = {dim: number for number, dim in enumerate(dims)}
    for param in params:
        for place, size in enumerate(param.shape):
            for dim in sorted(size.dims & order.keys(), key=order.__getitem__):
                factor = dict(size.terms).get((dim,), 0)
                rest = Size(tuple(term for term in size.terms if term[0] != (dim,)))
                if factor > 0 and dim not in rest.dims:
                    yield Told(dim, param.name, place, factor, rest)
