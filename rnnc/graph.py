"""A spec as a graph: quantities, and who reads whom at what delay; folded, or unfolded over some steps.

As in chapter 10 of *Deep Learning*: parameters are no nodes, they stand at the edges of the products they are
in. Folded, a delayed edge bears its delay; unfolded, every step has its own copy of what has an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .compiler.ir import BATCH, BEFORE, Equation, Position, Read, here
from .compiler.program import Program

KINDS = ("input", "noise", "quantity", "head", "loss")


@dataclass(frozen=True, slots=True)
class Node:
    """``kind`` is one of `KINDS`; ``group`` is the copy of a cell it belongs to, ``step`` the step it is at."""

    name: str
    label: str
    kind: str
    group: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """``label`` names parameters and, folded, the delay; ``delayed``: it crosses steps; ``folded``: of an axis that
    is not drawn step by step, so that it may lead back to where it begins."""

    source: str
    target: str
    label: str = ""
    delayed: bool = False
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """``steps`` is 0 when folded."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    steps: int = 0


def graph(program: Program, steps: int | None = None) -> Graph:
    """The graph of a spec; with ``steps`` unfolded along the axis of `step` or, without one, the last declared."""
    folded = _Folded(program)
    if steps is None:
        return Graph(tuple(folded.nodes()), _merged(folded.edges()))
    axis = program.stream or next((a.index for a in reversed(program.forward.axes) if a.length), None)
    if axis is None:
        return Graph(tuple(folded.nodes()), _merged(folded.edges()))
    return _unfolded(folded, axis, steps)


@dataclass(frozen=True, slots=True)
class _Arrow:
    """``reader`` needs ``source`` at these places; ``params`` are multiplied with it on the way. ``outside``: it is
    needed for the reader's value before the first step (BEFORE) or past the last (AFTER) of an axis."""

    source: str
    reader: str
    at: tuple[Position, ...]
    params: tuple[str, ...]
    outside: tuple[str, int] | None = None


class _Folded:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.table = program.forward.table()
        self.lengths = {axis.index: axis.length for axis in program.forward.axes}
        self.heads = {head.name: head for head in program.heads}
        self.losses = {name for name, _ in program.losses}
        found = (e for e in program.forward.equations if e.name == e.origin and e.op != "param")
        self.shown = {e.name: e for e in found}
        self.outside = {n: side for e in self.shown.values() for n, side in self._outside(e)}

    def _outside(self, equation: Equation) -> Iterator[tuple[str, tuple[str, int]]]:
        """The equations that give a quantity its values outside, with the side."""
        for boundary in equation.boundaries:
            work = [boundary.name]
            while work:
                found = self.table[work.pop()]
                if found.name not in self.shown and found.origin == equation.name:
                    yield found.name, boundary.sides[0]
                    work += [read.name for read in found.reads]

    def nodes(self) -> Iterator[Node]:
        for name, equation in self.shown.items():
            yield Node(
                name,
                self.label(name, [a for a in equation.axes if a != BATCH]),
                self.kind(name),
                _group(name),
            )

    def label(self, name: str, places: Sequence[str]) -> str:
        return f"{name}[{','.join(places)}]" if places else name

    def kind(self, name: str) -> str:
        if name in self.heads:
            return "head"
        if name in self.losses:
            return "loss"
        return self.shown[name].op if self.shown[name].op in ("input", "noise") else "quantity"

    def edges(self) -> Iterator[Edge]:
        for arrow in self.arrows():
            label = [_named(arrow)] if arrow.params else []
            if arrow.outside is not None:
                label.append("start" if arrow.outside[1] == BEFORE else "end")
            if arrow.at != here(self.table[arrow.source].axes):
                label.append(",".join(self.place(p) for p in arrow.at if p.over != BATCH))
            moved = bool(self.delays(arrow))
            yield Edge(arrow.source, arrow.reader, " · ".join(label), moved, moved)

    def delays(self, arrow: _Arrow, unfolded: str = "") -> list[Position]:
        """Where it is read at other steps, along axes that are folded."""
        pairs = zip(arrow.at, here(self.table[arrow.source].axes))
        return [p for p, plain in pairs if p != plain and p.over not in (None, unfolded)]

    def place(self, position: Position) -> str:
        text = position.over or ""
        if position.ends:
            text += self.lengths[position.of]
        if position.offset or not text:
            text += f"{position.offset:+d}" if text else str(position.offset)
        return text

    def arrows(self) -> Iterator[_Arrow]:
        """Every read of a shown quantity by another one, found through temporaries."""
        for equation in self.program.forward.equations:
            reader = equation.origin
            if reader not in self.shown or self._is_bookkeeping(equation, reader):
                continue
            params, outside = self._params(equation), self.outside.get(equation.name)
            for read in equation.reads:
                if read.name in self.shown and not self._is_own_target(equation, read):
                    yield _Arrow(read.name, reader, read.at, params, outside)

    def _is_bookkeeping(self, equation: Equation, reader: str) -> bool:
        """The loss of a head, the state handed on: no part of what the spec draws."""
        head = self.heads.get(reader)
        if head is not None:
            return equation.name.startswith(head.nll)
        return equation.name.startswith(f"{reader}.state") and equation.op == "copy"

    def _is_own_target(self, equation: Equation, read: Read) -> bool:
        return read.name == equation.origin and read.name in self.heads

    def _params(self, equation: Equation) -> tuple[str, ...]:
        """The parameters in a product or look-up."""
        if equation.op not in ("einsum", "take"):
            return ()
        return tuple(read.name for read in equation.reads if self.table[read.name].op == "param")


def _named(arrow: _Arrow) -> str:
    """The parameters, those of the reader's own copy of a cell without its name."""
    own = f"{_group(arrow.reader) or arrow.reader}."
    return ", ".join(param.removeprefix(own) for param in arrow.params)


def _group(name: str) -> str:
    return name.rpartition(".")[0]


def _merged(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Of several edges between the same nodes at the same delay, one, with all their labels."""
    return tuple(dict.fromkeys(edges))


def _unfolded(folded: _Folded, axis: str, steps: int) -> Graph:
    """Every quantity along the axis once a step; what is read outside the steps is left out."""
    nodes: list[Node] = []
    for node in folded.nodes():
        axes = [a for a in folded.shown[node.name].axes if a != BATCH]
        if axis not in axes:
            nodes.append(node)
            continue
        for step in range(1, steps + 1):
            label = folded.label(node.name, [str(step) if a == axis else a for a in axes])
            nodes.append(Node(f"{node.name}@{step}", label, node.kind, node.group, step))
    edges = [edge for arrow in folded.arrows() for edge in _copies(folded, arrow, axis, steps)]
    return Graph(tuple(nodes), _merged(edges), steps)


def _copies(folded: _Folded, arrow: _Arrow, axis: str, steps: int) -> Iterator[Edge]:
    source, reader = folded.table[arrow.source], folded.table[arrow.reader]
    delays = folded.delays(arrow, axis)
    label = " · ".join(filter(None, [_named(arrow), ",".join(map(folded.place, delays))]))
    for step in _readers(arrow, axis, steps) if axis in reader.axes else (None,):
        target = arrow.reader if step is None else f"{arrow.reader}@{step}"
        if axis not in source.axes:
            yield Edge(arrow.source, target, label, bool(delays), bool(delays))
            continue
        position = arrow.at[source.axes.index(axis)]
        for place in _places(position, axis, step, steps):
            if 1 <= place <= steps:
                crosses = step is not None and place != step
                yield Edge(f"{arrow.source}@{place}", target, label, crosses or bool(delays), bool(delays))


def _readers(arrow: _Arrow, axis: str, steps: int) -> Iterable[int]:
    """The steps at which the reader needs it."""
    if arrow.outside is None or arrow.outside[0] != axis:
        return range(1, steps + 1)
    return (1,) if arrow.outside[1] == BEFORE else (steps,)


def _places(position: Position, axis: str, step: int | None, steps: int) -> Iterable[int]:
    """Which steps a read touches: one, or all where it reduces over the axis."""
    if position.over is None:
        return (steps * position.ends + position.offset,)
    if position.over == axis and step is not None:
        return (step + position.offset,)
    return range(1, steps + 1)
