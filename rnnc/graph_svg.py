"""A graph as a picture: inputs at the bottom, what is predicted at the top, steps side by side.

A quantity stands above all that it reads at the same step. Folded, an edge across steps goes round the side and bears
the black square that the book draws for a delay of one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from .graph import Edge, Graph, Node

HIGH, MARGIN, HALF, RADIUS = 78, 40, 15, 30  # from rank to rank; round the picture; of a node
LETTER, LINE = 6.5, 12  # how wide and how high a label's letters are
FILLS = {"input": "#e3ecf7", "noise": "#f5efdc", "quantity": "#ffffff", "head": "#f7e0dc", "loss": "#eee6f5"}
Place = tuple[float, float]
Stretch = tuple[float, float, float]  # of a line: its middle, and half of how wide it is


def svg(graph: Graph) -> str:
    """The picture as the text of an SVG file."""
    wide = _spacing(graph)
    places = _places(graph, wide)
    width = max((x for x, _ in places.values()), default=0.0) + wide
    height = max((y for _, y in places.values()), default=0.0) + HIGH
    curves = {edge: _curve(edge, places, wide) for edge in graph.edges}
    parts = [part for edge, curve in curves.items() for part in _path(edge, curve)]
    parts += _labels(curves, [*_occupied(graph, places)])
    parts += [part for node in graph.nodes for part in _node(node, *places[node.name])]
    return _PAGE.format(width=f"{width:.0f}", height=f"{height:.0f}", body="\n".join(parts))


_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>text {{ font: 12px sans-serif; fill: #222; text-anchor: middle }}
.label {{ font-size: 11px; fill: #555 }} .halo {{ fill: #fff }}
.edge {{ fill: none; stroke: #555 }} .delayed {{ stroke: #2f6fb0 }} .node {{ stroke: #333 }}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
{body}
</svg>
"""


def _spacing(graph: Graph) -> float:
    """From node to node: what is written beside the widest has room."""
    nodes = max((len(node.label) for node in graph.nodes), default=0)
    loops = max((len(edge.label) for edge in graph.edges if edge.folded), default=0)
    return max(96, 36 + LETTER * nodes, 2 * RADIUS + 30 + LETTER * loops)


def _base(name: str) -> str:
    """What a copy of an unfolded quantity is a copy of."""
    return name.partition("@")[0]


def _ranks(graph: Graph) -> dict[str, int]:
    """For each quantity, one more than the highest of those it reads at the same step."""
    below: dict[str, set[str]] = {_base(node.name): set() for node in graph.nodes}
    for edge in graph.edges:
        if not edge.delayed and _base(edge.source) != _base(edge.target):
            below[_base(edge.target)].add(_base(edge.source))
    ranks = dict.fromkeys(below, 0)
    for _ in below:  # each round settles at least one rank; a cycle through whole axes stops here
        new = {name: max((ranks[other] + 1 for other in others), default=0) for name, others in below.items()}
        if new == ranks:
            break
        ranks = new
    return {name: min(rank, len(below)) for name, rank in ranks.items()}


def _places(graph: Graph, wide: float) -> dict[str, Place]:
    """Blocks side by side: first what has no step, then a block for each; in a block, rank above rank."""
    ranks = _ranks(graph)
    rows: dict[tuple[int, int], list[str]] = {}
    for node in graph.nodes:
        rows.setdefault((node.step or 0, ranks[_base(node.name)]), []).append(node.name)
    top = max(ranks.values(), default=0)
    blocks = sorted({block for block, _ in rows})
    found: dict[str, Place] = {}
    left = float(MARGIN)
    for block in blocks:
        span = max(len(names) for (where, _), names in rows.items() if where == block) * wide
        for rank in sorted(rank for where, rank in rows if where == block):
            names = _ordered(rows[block, rank], graph, found)
            for number, name in enumerate(names):
                x = left + span / 2 + (number - (len(names) - 1) / 2) * wide
                found[name] = (x, MARGIN + (top - rank) * HIGH)
        left += span + wide / 2
    return found


def _ordered(names: list[str], graph: Graph, places: Mapping[str, Place]) -> list[str]:
    """From left to right as what they read stands below."""

    def middle(name: str) -> float:
        below = [places[e.source][0] for e in graph.edges if e.target == name and e.source in places]
        return sum(below) / len(below) if below else 0.0

    return sorted(names, key=middle)


def _half(node: Node) -> float:
    return max(RADIUS, 4 + 3.6 * len(node.label))


def _node(node: Node, x: float, y: float) -> Iterator[str]:
    half = _half(node)
    box = f'x="{x - half:.0f}" y="{y - HALF:.0f}" width="{2 * half:.0f}" height="{2 * HALF}"'
    round = HALF if node.kind in ("input", "noise") else 4
    yield f'<rect class="node" {box} rx="{round}" fill="{FILLS[node.kind]}"/>'
    if node.kind == "head":
        inner = f'x="{x - half + 3:.0f}" y="{y - HALF + 3:.0f}" width="{2 * half - 6:.0f}" height="{2 * HALF - 6}"'
        yield f'<rect class="node" {inner} rx="2" fill="none"/>'
    yield f'<text x="{x:.0f}" y="{y + 4:.0f}">{escape(node.label)}</text>'


Curve = tuple[Place, Place, Place, Place]


def _curve(edge: Edge, places: Mapping[str, Place], wide: float) -> Curve:
    """From the source's upper side to the target's lower one; across steps from side to side."""
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    if edge.folded:
        reach = max(x1, x2) + wide * 0.66
        return (x1 + RADIUS, y1 - 5), (reach, y1 - 5), (reach, y2 + 5), (x2 + RADIUS, y2 + 5)
    if edge.delayed:
        side = 1 if x2 > x1 else -1
        bend = side * abs(x2 - x1) / 3
        start, end = (x1 + side * RADIUS, y1), (x2 - side * RADIUS, y2)
        return start, (start[0] + bend, y1), (end[0] - bend, y2), end
    start, end = (x1, y1 - HALF), (x2, y2 + HALF)
    bend = max((start[1] - end[1]) / 2, 20)
    aside = wide * 0.6 if _in_the_way(places, (x1, y1), (x2, y2)) else 0
    return start, (x1 - aside, start[1] - bend), (x2 - aside, end[1] + bend), end


def _in_the_way(places: Mapping[str, Place], low: Place, high: Place) -> bool:
    """Whether a straight line up would go behind a third node."""
    (x1, y1), (x2, y2) = low, high
    column = [y for x, y in places.values() if abs(x - x1) < RADIUS]
    return abs(x1 - x2) < RADIUS and any(y2 < y < y1 for y in column)


def _along(curve: Curve, part: float) -> Place:
    """A point of a cubic Bezier curve."""
    weights = [(1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3]
    x, y = (sum(w * point[i] for w, point in zip(weights, curve)) for i in (0, 1))
    return x, y


def _path(edge: Edge, curve: Curve) -> Iterator[str]:
    kind = "edge delayed" if edge.delayed else "edge"
    start, *rest = (f"{x:.0f} {y:.0f}" for x, y in curve)
    yield f'<path class="{kind}" marker-end="url(#tip)" d="M{start}C{" ".join(rest)}"/>'
    if edge.folded:
        x, y = curve[-1][0] + 16, curve[-1][1]
        yield f'<rect x="{x - 4:.0f}" y="{y - 4:.0f}" width="8" height="8" fill="#222"/>'


def _labels(curves: Mapping[Edge, Curve], taken: list[Stretch]) -> Iterator[str]:
    """Under the square, or on the line, which is white there; further down where something stands already."""
    for edge, curve in curves.items():
        half = LETTER * len(edge.label) / 2
        x, y = _along(curve, 0.5)
        if edge.folded:
            x, y = curve[-1][0] + 10 + half, curve[-1][1] + 15
        while any(abs(x - middle) < half + other and abs(y - line) < LINE for middle, line, other in taken):
            y += LINE
        taken += [(x, y, half)] if edge.label else []
        if edge.label:
            yield f'<rect class="halo" x="{x - half:.0f}" y="{y - 6:.0f}" width="{2 * half:.0f}" height="{LINE}"/>'
            yield f'<text class="label" x="{x:.0f}" y="{y + 3:.0f}">{escape(edge.label)}</text>'


def _occupied(graph: Graph, places: Mapping[str, Place]) -> Iterator[Stretch]:
    """The lines of a node, and the square before one."""
    for node in graph.nodes:
        x, y = places[node.name]
        yield from ((x, line, _half(node)) for line in (y - 8, y, y + 8))
    for edge in (edge for edge in graph.edges if edge.folded):
        x, y = places[edge.target]
        yield x + RADIUS + 16, y + 5, 4
