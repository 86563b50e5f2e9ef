"""How long each array of a function is needed: once nobody reads it any more, another of its size may lie there.

A quantity that is given as a new value may be a view of what it is made of, or be written where it is read
(`folding`), so what it is made of is needed as long as it is itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

from ..schedule import Loop, Node, Stage
from ..weave import nodes_of
from .diagonal import Diagonal
from .inline import in_place
from .storage import FastPlan, writes_out

ALWAYS = 1 << 60  # needed after the function's end


def last_needed(plan: FastPlan, stages: Sequence[Stage], kept: Iterable[str]) -> dict[str, int]:
    """The number of the last stage that needs an array, by the quantity that owns it. ``kept`` are quantities that
    are needed after all stages."""
    kinds, holder = plan.storage.kinds, plan.storage.holder
    needed = dict.fromkeys(kept, ALWAYS)
    places = _numbers(plan, stages)
    order = [(places[node.name], node) for stage in stages for node in nodes_of(stage)]
    for number, node in sorted(order, key=lambda pair: pair[0], reverse=True):
        own = needed[node.name] = max(needed.get(node.name, 0), number)
        until = own if kinds.get(holder(node.name), "fresh") == "fresh" else number
        for name in (name for e in node.equations for name in e.sources()):
            needed[name] = max(needed.get(name, 0), until)
    found: dict[str, int] = {}
    for name, number in needed.items():
        found[holder(name)] = max(found.get(holder(name), 0), number)
    return found


def _numbers(plan: FastPlan, stages: Sequence[Stage]) -> dict[str, int]:
    """The stage in which each node is printed; what is made in strips comes with its loop."""
    places = {node.name: number for number, stage in enumerate(stages) for node in nodes_of(stage)}
    return {name: places[plan.strips.get(name, name)] for name in places}


def heirs(
    plan: FastPlan,
    loop: Loop,
    strips: Sequence[Node],
    ending: Collection[str],
    shape: Callable[[str], str],
    begun: Container[str] = (),
) -> dict[str, str]:
    """Which new arrays of a loop may lie where old ones of their ``shape`` do that nobody reads after it
    (``ending``): at each step the old value is read before the new one is written, but for those that are
    ``begun`` before it. New array -> old one."""
    if not loop.flat:
        return {}
    nodes, holder = nodes_of(loop), plan.storage.holder
    written: dict[str, int] = {}
    for place, node in enumerate(nodes, start=1):
        written.setdefault(holder(node.name), place)
    read = _last_reads(plan, [*strips, *nodes], len(strips), {*ending} - written.keys())
    found: dict[str, str] = {}
    for new, first in written.items():
        if plan.storage.kinds[new] == "array" and new not in begun:
            old = (name for name, last in read.items() if last < first and _alike(plan, name, new, shape))
            free = next((name for name in old if name not in found.values()), None)
            if free is not None:
                found[new] = free
    return found


def _last_reads(
    plan: FastPlan, nodes: Sequence[Node], strips: int, ending: Collection[str]
) -> Mapping[str, int]:
    """Where in a loop's body arrays are read last, of those that are read at the loop's own step alone, by
    operators that leave no view of them; 0 where strips alone read them."""
    places: dict[str, int] = defaultdict(int)
    barred: set[str] = set()
    table, storage = plan.frame.table, plan.storage
    for number, node in enumerate(nodes, start=1 - strips):
        new = storage.kinds[storage.holder(node.name)] == "array" or writes_out(node.root)
        for e in node.equations:
            for read in (read for read in e.reads if storage.holder(read.name) in ending):
                old = storage.holder(read.name)
                places[old] = max(places[old], number)
                if not (new and in_place(table[read.name], read)):
                    barred.add(old)
            barred |= {storage.holder(boundary.name) for boundary in e.boundaries}
    return {name: place for name, place in places.items() if name not in barred}


def heir_of_terms(
    plan: FastPlan, found: Diagonal, ending: Collection[str], shape: Callable[[str], str]
) -> dict[str, str]:
    """The result of a scan lies where its terms do, if nobody reads those after it: a term is read before the result
    of its step is written, but a factor may be read after."""
    storage, table = plan.storage, plan.frame.table
    old, new = found.term.name, found.sum.name
    others = [found.factor.name, *(boundary.name for boundary in found.sum.boundaries)]
    alone = storage.holder(old) == old and old not in {storage.holder(name) for name in others}
    here = old in ending and in_place(table[old], found.term)
    return {new: old} if alone and here and _alike(plan, old, new, shape) else {}


def _alike(plan: FastPlan, one: str, other: str, shape: Callable[[str], str]) -> bool:
    """Whether two arrays have the same shape, and each step of one is where that of the other is: as many slots
    stand before them."""
    stored = plan.frame.stored
    slots = [(stored[name].before, stored[name].after) for name in (one, other)]
    return shape(one) == shape(other) and slots[0] == slots[1]
