"""Which quantity needs which, at what delay along each axis."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec.records import dataclass
from ...spec.source import Span
from ..ir import Position
from . import tree
from .model import Model, Quantity, Sides
from .report import Via


@dataclass(frozen=True, slots=True)
class Node:
    """A quantity, or one of its ends (``sides`` not empty)."""

    name: str
    sides: Sides = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """``reader`` needs ``read``. ``offsets`` gives for each axis of the quantity read how far along it, and
    None where all of the axis, or a fixed place of it, is needed."""

    reader: Node
    read: Node
    offsets: tuple[tuple[str, int | None], ...]
    span: Span
    via: Via

    def offset(self, axis: str) -> int | None:
        """How far along an axis; 0 along an axis that the quantity read does not have."""
        return dict(self.offsets).get(axis, 0)

    @property
    def immediate(self) -> bool:
        return all(offset == 0 for _, offset in self.offsets)


def dependences(model: Model) -> dict[Node, list[Edge]]:
    """Every edge, by reader. A quantity needs its own ends, an end its corners."""
    graph: dict[Node, list[Edge]] = {}
    for quantity in model.quantities.values():
        node = Node(quantity.name)
        edges = graph.setdefault(node, [])
        for expr in _defining(quantity):
            edges += _edges(model, node, expr, quantity.via)
        for sides, start in quantity.starts.items():
            end = Node(quantity.name, sides)
            edges.append(Edge(node, end, (), start.span, start.via))
            graph[end] = [*_edges(model, end, start.value, start.via), *_corners(quantity, end, end)]
    return graph


def _corners(quantity: Quantity, end: Node, reader: Node) -> Iterator[Edge]:
    """Past the axes that it leaves free an end is its corners; who reads an end that is not given may read those."""
    for sides, start in quantity.starts.items():
        if set(end.sides) < set(sides):
            yield Edge(reader, Node(quantity.name, sides), (), start.span, start.via)


def _defining(quantity: Quantity) -> Iterator[tree.Expr]:
    if quantity.role == "noise":
        return
    if quantity.value is not None:
        yield quantity.value
    if quantity.distribution is not None:
        yield from quantity.distribution.args


def _edges(model: Model, reader: Node, expr: tree.Expr, via: Via) -> Iterator[Edge]:
    for read, reduced in _reads(expr, frozenset()):
        quantity = model.quantities.get(read.name)
        if quantity is None:
            continue
        sides = outside_at(quantity.axes, read.at)
        if sides and sides not in quantity.starts:
            if beyond(read.at):
                yield from _corners(quantity, Node(read.name, sides), reader)
            continue
        offsets = tuple(
            (axis, _offset(p, reduced))
            for axis, p in zip(quantity.axes, read.at, strict=True)
            if axis not in dict(sides)
        )
        yield Edge(reader, Node(read.name, sides), offsets, read.span, via)


def _offset(position: Position, reduced: frozenset[str]) -> int | None:
    return None if position.over is None or position.over in reduced else position.offset


def outside_at(axes: tuple[str, ...], at: tuple[Position, ...]) -> Sides:
    """The ends that a read at fixed places points to."""
    return tuple((axis, side) for axis, p in zip(axes, at, strict=True) if (side := outside(p)))


def outside(position: Position) -> int:
    """BEFORE for the place 0, AFTER for T+1, 0 for places inside."""
    if position.over is not None or position.offset != position.ends:
        return 0
    return 1 if position.ends else -1


def beyond(at: tuple[Position, ...]) -> bool:
    """Whether a read at an end may be past a further axis, as `h[T+1, s-1]` and, of no steps, `h[T+1, S]`."""
    return any(not outside(p) and (p.over is None or p.offset != 0) for p in at)


def _reads(expr: tree.Expr, reduced: frozenset[str]) -> Iterator[tuple[tree.Read, frozenset[str]]]:
    """Every read, with the axes that reductions around it run over."""
    stack = [(expr, reduced)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, tree.Read):
            yield node, inside
        if isinstance(node, tree.Apply) and node.over:
            inside = inside | set(node.over)
        stack.extend((child, inside) for child in reversed(tree.children(node)))
