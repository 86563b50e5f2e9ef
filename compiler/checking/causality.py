"""Legal recurrences: along some axis all delays of a set of mutually dependent equations have one sign or
are zero, at least one is not zero; and with the delayed edges taken away the same holds for what remains."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ..components import strongly_connected
from .graph import Edge, Node, dependences
from .model import Model
from .report import Report


def check_causality(model: Model, report: Report) -> None:
    """Reports every set of equations that cannot be put in order, by one of its cycles."""
    graph = dependences(model)
    _Checker(model, report).check(list(graph), [edge for edges in graph.values() for edge in edges])


@dataclass(slots=True)
class _Checker:
    model: Model
    report: Report

    def check(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        needs: dict[Node, list[Node]] = {node: [] for node in nodes}
        for edge in edges:
            needs[edge.reader].append(edge.read)
        found = strongly_connected(needs)
        member = {node: i for i, component in enumerate(found) for node in component}
        inner: dict[int, list[Edge]] = {}
        for edge in edges:
            if member[edge.reader] == member[edge.read]:
                inner.setdefault(member[edge.reader], []).append(edge)
        for i, held in inner.items():
            self._component(found[i], held)

    def _component(self, nodes: Sequence[Node], edges: list[Edge]) -> None:
        axis = self._carrier(nodes, edges)
        if axis is None:
            self._refuse(nodes, edges)
            return
        ahead = [edge for edge in edges if (edge.offset(axis) or 0) > 0]
        if ahead and self._head(nodes):
            self._future(nodes, edges, axis)
            return
        self.check(nodes, [edge for edge in edges if edge.offset(axis) == 0])

    def _axes(self, node: Node) -> frozenset[str]:
        return frozenset(self.model.quantities[node.name].axes) - set(dict(node.sides))

    def _carrier(self, nodes: Sequence[Node], edges: list[Edge]) -> str | None:
        """An axis along which every delay has one sign or is zero, at least one not zero."""
        for axis in self.model.axes:
            if all(axis in self._axes(node) for node in nodes):
                offsets = [edge.offset(axis) for edge in edges]
                signs = {offset > 0 for offset in offsets if offset}
                if None not in offsets and len(signs) == 1:
                    return axis
        return None

    def _head(self, nodes: Sequence[Node]) -> Node | None:
        return next((n for n in nodes if self.model.quantities[n.name].role == "head"), None)

    # what is wrong

    def _refuse(self, nodes: Sequence[Node], edges: list[Edge]) -> None:
        """Reports the plainest thing wrong with a set: no delay, a whole axis needed, mixed directions."""
        at_once = cycle(edges, lambda edge: edge.immediate)
        whole = next((e for e in edges if any(offset is None for _, offset in e.offsets)), None)
        if at_once:
            self._at_once(at_once)
        elif whole is not None:
            self._whole(through(whole, edges))
        else:
            self._mixed(nodes, edges)

    def _at_once(self, path: list[Edge]) -> None:
        head = self._head([edge.reader for edge in path])
        if head is not None:
            self._own_target(path, head)
            return
        self._draw(
            "RNN404",
            path,
            f"`{path[0].reader.name}` needs itself at the same step",
            self._needs_a_delay(path[0].reader.name),
        )

    def _needs_a_delay(self, name: str) -> str:
        axes = self.model.quantities[name].axes
        if axes:
            return f"a recurrence needs a delay: read one of these at `{axes[-1]}-1`"
        axis = next(iter(self.model.axes), "t")
        return f"a recurrence runs along an axis: give it an index, `{name}[{axis}] = … {name}[{axis}-1] …`"

    def _own_target(self, path: list[Edge], head: Node) -> None:
        turn = next(i for i, edge in enumerate(path) if edge.reader == head)
        self._draw(
            "RNN506",
            path[turn:] + path[:turn],
            f"the distribution of `{head.name}` depends on the value it predicts",
            f"its arguments may read `{head.name}` at earlier steps only, as `{head.name}[t-1]`",
        )

    def _future(self, nodes: Sequence[Node], edges: list[Edge], axis: str) -> None:
        head = self._head(nodes)
        ahead = next(edge for edge in edges if (edge.offset(axis) or 0) > 0)
        assert head is not None
        self._draw(
            "RNN507",
            through(ahead, edges),
            f"the distribution of `{head.name}` depends on what comes after the step it predicts",
            f"a sequence is drawn from first to last: read `{axis}-1` in place of `{axis}+1`",
        )

    def _whole(self, path: list[Edge]) -> None:
        self._draw(
            "RNN406",
            path,
            f"`{path[0].reader.name}` needs the whole of a sequence that it is itself part of",
            "an end such as `h[T]`, or a reduction, can be read only by what the sequence does not depend on",
        )

    def _mixed(self, nodes: Sequence[Node], edges: list[Edge]) -> None:
        axis = next((a for a in self.model.axes if any(edge.offset(a) for edge in edges)), "t")
        back = next((edge for edge in edges if (edge.offset(axis) or 0) < 0), edges[0])
        ahead = next((edge for edge in edges if (edge.offset(axis) or 0) > 0), edges[0])
        path = through(back, edges)
        path += [edge for edge in through(ahead, edges) if edge not in path]
        code = "RNN507" if self._head(nodes) else "RNN405"
        self._draw(
            code,
            path,
            f"`{back.reader.name}` needs steps before it and steps after it of what depends on it",
            "no order of the steps serves both: split the two directions into sequences of their own",
        )

    def _draw(self, code: str, path: list[Edge], message: str, help: str) -> None:
        """A diagnostic that shows the cycle edge by edge, each at its place."""
        first = path[0]
        labels = [Label(edge.span, self._step(edge)) for edge in path[1:]]
        self.report(
            code, first.span, message, via=first.via, note=self._step(first), labels=labels, help=help
        )

    def _step(self, edge: Edge) -> str:
        return f"`{self._shown(edge.reader)}` needs `{self._shown(edge.read, edge)}`"

    def _shown(self, node: Node, edge: Edge | None = None) -> str:
        """A quantity with its index, as an equation would write it."""
        texts = []
        for axis in self.model.quantities[node.name].axes:
            length = self.model.axes[axis].length
            if axis in dict(node.sides):
                texts.append("0" if dict(node.sides)[axis] < 0 else f"{length}+1")
            else:
                offset = edge.offset(axis) if edge else 0
                texts.append(f"1..{length}" if offset is None else f"{axis}{offset:+d}" if offset else axis)
        return node.name + (f"[{', '.join(texts)}]" if texts else "")


def cycle(edges: Sequence[Edge], allowed: Callable[[Edge], bool]) -> list[Edge]:
    """A shortest cycle of allowed edges, from the first that lies on one; empty when there is none."""
    inner = [edge for edge in edges if allowed(edge)]
    for edge in inner:
        path = _path(edge.read, edge.reader, inner)
        if path is not None:
            return [edge, *path]
    return []


def through(edge: Edge, edges: Sequence[Edge]) -> list[Edge]:
    """A shortest cycle through an edge of a strongly connected set."""
    return [edge, *(_path(edge.read, edge.reader, edges) or [])]


def _path(start: Node, goal: Node, edges: Sequence[Edge]) -> list[Edge] | None:
    """A shortest way from one node to another along the edges."""
    by_reader: dict[Node, list[Edge]] = {}
    for edge in edges:
        by_reader.setdefault(edge.reader, []).append(edge)
    came: dict[Node, Edge | None] = {start: None}
    waiting = deque([start])
    while waiting and goal not in came:
        node = waiting.popleft()
        for edge in by_reader.get(node, ()):
            if edge.read not in came:
                came[edge.read] = edge
                waiting.append(edge.read)
    if goal not in came:
        return None
    path: list[Edge] = []
    last = came[goal]
    while last is not None:
        path.append(last)
        last = came[last.reader]
    return path[::-1]
