"""From equations without order to stages: straight blocks and loops.

What lies on a cycle of dependences must be computed step by step along an axis; all the rest can be
computed for every index at once. Strongly connected components tell the two apart (Allen & Kennedy
1987, after Karp, Miller & Winograd 1967): a component without an edge to itself is a straight
statement; any other opens a loop along an axis on which all its delays have one sign, the delayed
edges are satisfied by the loop's order, and what remains is scheduled again inside. Hoisting of
loop-invariant work, weight gradients as one product over all steps and backward loops for
anticausal recurrences are consequences, not cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..spec.records import dataclass
from .components import strongly_connected
from .ir import BATCH, Equation, Read, System, remembered, worked_along


class ScheduleError(Exception):
    """A cycle that no axis can order: the checker should have refused the spec."""


@dataclass(frozen=True, slots=True)
class Node:
    """What is scheduled as one: an equation together with the equations printed inside it.

    ``name`` is the equation that gives the node its value; ``equations`` lists all of them, ``name``'s
    last."""

    name: str
    equations: tuple[Equation, ...]

    @property
    def root(self) -> Equation:
        return self.equations[-1]


@dataclass(frozen=True, slots=True)
class Straight:
    """A node computed for all indices of its axes (but those of the loops around it) at once."""

    node: Node


@dataclass(frozen=True, slots=True)
class Loop:
    """``axis`` from 1 to its length (``step`` 1) or back (-1)."""

    axis: str
    step: int
    body: tuple[Stage, ...]

    @property
    def flat(self) -> bool:
        """Whether no loop is inside it."""
        return all(isinstance(part, Straight) for part in self.body)


Stage = Straight | Loop


@dataclass(frozen=True, slots=True)
class Edge:
    """``reader`` needs ``source``; ``delays`` has the distance along each axis both share at their own
    index (0 the same step, -1 the step before); along every other axis the source must be complete."""

    source: str
    reader: str
    delays: tuple[tuple[str, int], ...]

    def delay(self, axis: str) -> int | None:
        """The distance along an axis, None when the reader needs the whole of it."""
        return next((delay for name, delay in self.delays if name == axis), None)


def schedule(nodes: Sequence[Node]) -> tuple[Stage, ...]:
    """Stages that compute every node, each after what it needs; ties keep the order of ``nodes``."""
    return _order(tuple(nodes), edges(nodes))


def edges(nodes: Iterable[Node], running: bool = False) -> tuple[Edge, ...]:
    """Who needs whom among the nodes. A quantity needs its boundaries complete.

    ``running``: a sum over an axis counts as taken step by step, so it needs one step at a time."""
    nodes = tuple(nodes)
    owned = {node.name for node in nodes}
    found: dict[tuple[str, str, tuple[tuple[str, int], ...]], None] = {}
    for node in nodes:
        for equation in node.equations:
            reader = equation if running else node.root
            for read in equation.reads:
                if read.name in owned:
                    found[read.name, node.name, _delays(reader, read, running)] = None
        for boundary in (boundary for equation in node.equations for boundary in equation.boundaries):
            if boundary.name in owned:
                found[boundary.name, node.name, ()] = None
    return tuple(Edge(*edge) for edge in found)


def _delays(reader: Equation, read: Read, running: bool) -> tuple[tuple[str, int], ...]:
    """The axes along which a read stays beside its reader, with the distance."""
    whole = (None, BATCH, worked_along(reader))
    return tuple(
        (p.over, p.offset)
        for p in read.at
        if p.over not in whole and not p.ends and (running or p.over in reader.axes)
    )


def _order(nodes: tuple[Node, ...], links: tuple[Edge, ...]) -> tuple[Stage, ...]:
    needs = by_reader(links)
    return tuple(_stage(component, needs) for component in components(nodes, links))


def by_reader(links: Iterable[Edge]) -> Mapping[str, Sequence[Edge]]:
    """What each node needs."""
    needs: dict[str, list[Edge]] = defaultdict(list)
    for link in links:
        needs[link.reader].append(link)
    return needs


def _stage(component: tuple[Node, ...], needs: Mapping[str, Sequence[Edge]]) -> Stage:
    members = {node.name: needs.get(node.name, ()) for node in component}
    inside = tuple(link for links in members.values() for link in links if link.source in members)
    if not inside:
        return Straight(component[0])
    axis, step = _loop_axis(component, inside)
    return Loop(axis, step, _order(component, tuple(link for link in inside if not link.delay(axis))))


def _loop_axis(component: tuple[Node, ...], inside: tuple[Edge, ...]) -> tuple[str, int]:
    """The axis to loop along: all delays of one sign; of several, the one that leaves least to do."""
    choices: list[tuple[int, int, str, int]] = []
    for rank, axis in enumerate(a for a in component[0].root.axes if a != BATCH):
        step = _direction(link.delay(axis) for link in inside)
        if step:
            left = tuple(link for link in inside if link.delay(axis) == 0)
            selves = {link.source for link in left if link.source == link.reader}
            parts = components(component, left)
            cyclic = sum(len(part) for part in parts if len(part) > 1 or part[0].name in selves)
            choices.append((cyclic, rank, axis, step))
    if not choices:
        raise ScheduleError("no axis orders the cycle of " + ", ".join(node.name for node in component))
    _, _, axis, step = min(choices)
    return axis, step


def _direction(delays: Iterable[int | None]) -> int:
    """1 when every delay looks back or stays, -1 when every one looks ahead or stays, else 0."""
    known = list(delays)
    if any(delay is None for delay in known):
        return 0
    signs = {(delay > 0) - (delay < 0) for delay in known if delay is not None} - {0}
    return -signs.pop() if len(signs) == 1 else 0


def components(nodes: Sequence[Node], links: Iterable[Edge]) -> list[tuple[Node, ...]]:
    """Nodes that need one another, sources first; each component in the order of ``nodes``."""
    position = {node.name: index for index, node in enumerate(nodes)}
    needs: dict[str, list[str]] = {node.name: [] for node in nodes}
    for link in links:
        if link.source in position and link.reader in position:
            needs[link.reader].append(link.source)
    table = {node.name: node for node in nodes}
    return [
        tuple(table[name] for name in sorted(group, key=position.__getitem__))
        for group in strongly_connected(needs)
    ]


@remembered
def cycles_of(system: System) -> Mapping[str, int]:
    """The number of the cycle each equation lies on: of those that have an axis some read moves along."""
    moving = {p.over for e in system.equations for read in e.reads for p in read.at if p.over and p.offset}
    own = {e.name: e for e in system.equations if not moving.isdisjoint(e.axes)}
    needs = {name: [source for source in e.sources() if source in own] for name, e in own.items()}
    found: dict[str, int] = {}
    for number, cycle in enumerate(strongly_connected(needs)):
        if len(cycle) > 1 or cycle[0] in needs[cycle[0]]:
            found.update(dict.fromkeys(cycle, number))
    return found
