"""Walking a syntax tree, without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .syntax import Node


def walk(nodes: Iterable[Node]) -> Iterator[tuple[Node, int]]:
    """Every node at or below the given ones, parents first, in the order written; with its depth, from 1."""
    pending = [(node, 1) for node in nodes][::-1]
    while pending:
        node, depth = pending.pop()
        yield node, depth
        pending.extend((child, depth + 1) for child in reversed(children(node)))


def children(node: Node) -> list[Node]:
    """The nodes directly below a node, in the order of its fields."""
    found: list[Node] = []
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            found.extend(item for item in value if isinstance(item, Node))
    return found
