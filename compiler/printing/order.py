"""The order of statements: those of one equation stand together where what they need allows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from heapq import heappop, heappush

from ..ir import Equation
from ..schedule import Stage, Straight
from ..weave import nodes_of


def together(stages: Sequence[Stage], key: Callable[[Equation], Hashable]) -> tuple[Stage, ...]:
    """Stages in an order in which each comes after what it needs, equations of one key one after the other
    where that can be; else they keep their order."""
    owner = {node.name: place for place, stage in enumerate(stages) for node in nodes_of(stage)}
    needs: list[set[int]] = []
    for place, stage in enumerate(stages):
        equations = [e for node in nodes_of(stage) for e in node.equations]
        names = {read.name for e in equations for read in e.reads}
        names |= {boundary.name for e in equations for boundary in e.boundaries}
        needs.append({owner[name] for name in names if name in owner} - {place})
    keys = [
        key(stage.node.root) if isinstance(stage, Straight) else place for place, stage in enumerate(stages)
    ]
    return tuple(stages[place] for place in in_groups(needs, keys))


def in_groups(needs: Sequence[Collection[int]], keys: Sequence[Hashable]) -> list[int]:
    """The numbers from 0, each after those it ``needs``: next comes the first that is ready of the last one's key,
    or the first that is ready of all. What needs nothing comes before the run of the first that needs it. They are
    in a possible order already."""
    readers: dict[int, list[int]] = defaultdict(list)
    for reader, found in enumerate(needs):
        for source in found:
            readers[source].append(reader)
    late = {place for place, found in enumerate(needs) if not found and readers[place]}
    left = [len({*found} - late) for found in needs]
    ready = [place for place, count in enumerate(left) if not count and place not in late]
    of_key: dict[Hashable, list[int]] = defaultdict(list)
    for place in ready:
        of_key[keys[place]].append(place)
    order, done = list[int](), set[int]()
    last: Hashable = None
    start = 0  # of the run of one key
    while ready:
        place = heappop(of_key[last]) if of_key.get(last) else heappop(ready)
        if place in done:
            continue
        start, last = start if keys[place] == last else len(order), keys[place]
        before = sorted(
            late.intersection(needs[place]) - done, key=lambda other: (keys[other] == last, other)
        )
        order[start:start] = before
        start += sum(keys[other] != last for other in before)
        order.append(place)
        done.update(before, [place])
        for reader in readers[place]:
            left[reader] -= 1
            if not left[reader]:
                heappush(ready, reader)
                heappush(of_key[keys[reader]], reader)
    return order
