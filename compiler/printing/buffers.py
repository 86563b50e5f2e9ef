"""The buffers of a function; what only the forward pass needs is used again by the backward pass.

A workspace keeps buffers by name, so two quantities of one size share one where the second asks for the
buffer of the first. Less memory is written for the first time in a call, and more of it is still in the cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from .lines import Lines
from .storage import FastPlan

Spare = dict[tuple[str, ...], list[str]]  # extents, in order of their text -> buffers nobody reads any more


def spare(plan: FastPlan, buffers: Mapping[str, Sequence[str]], wanted: Iterable[str]) -> Spare:
    """Of a function's ``buffers`` (by shape) those of all steps in which nothing lies of what outlives it."""
    kept = {plan.frame.stored[name].identifier for name in _holders(plan, wanted)}
    steps = {axis.longest for axis in plan.frame.axes.values()}
    found: Spare = defaultdict(list)
    for shape, names in buffers.items():
        if steps & {*extents(shape)}:
            found[extents(shape)] += [name for name in names if name not in kept]
    return found


def _holders(plan: FastPlan, wanted: Iterable[str]) -> set[str]:
    """The arrays in which quantities lie; a new value may be a view of what it is made of."""
    storage, work, seen, found = plan.storage, [*wanted], set[str](), set[str]()
    while work:
        name = work.pop()
        if name in seen:
            continue
        seen.add(name)
        holder = storage.holder(name)
        if storage.kinds.get(holder, "fresh") != "fresh":
            found.add(holder)
        elif name in plan.frame.table:
            work += plan.frame.table[name].sources()
    return found


def extents(shape: str) -> tuple[str, ...]:
    """By which buffers of one size are known: the extents in whatever order, and the dtype."""
    return tuple(sorted(shape.split(", ")))


def make_buffers(buffers: Mapping[str, Sequence[str]], spare: Spare, out: Lines) -> None:
    """The statements that make the buffers, those of one shape together, in spare places first."""
    for shape, names in buffers.items():
        places = spare.get(extents(shape), [])
        pairs = [(name, places.pop(0) if places else name) for name in names]
        for group in _together(pairs, out.room - 16 - len(shape)):
            several = "s" if len(group) > 1 else ""
            made, asked = (separator.join(part) for separator, part in zip((", ", " "), zip(*group)))
            out.add(f"{made} = buffer{several}('{asked}', {shape})")


def _together(pairs: Iterable[tuple[str, str]], room: int) -> list[list[tuple[str, str]]]:
    """Names, and those of their places, as they stand in one line in the room there is; at least one in a line."""
    groups: list[list[tuple[str, str]]] = []
    for pair in pairs:
        if groups and sum(len(name) + len(place) + 3 for name, place in [*groups[-1], pair]) < room + 4:
            groups[-1].append(pair)
        else:
            groups.append([pair])
    return groups
