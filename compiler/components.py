"""Strongly connected components: sets whose members need one another, directly or not."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def strongly_connected(needs: Mapping[Item, Iterable[Item]]) -> list[list[Item]]:
    """The components, each after all it needs (Tarjan 1972, without recursion). Every item is a key."""
    index: dict[Item, int] = {}
    low: dict[Item, int] = {}
    stack: list[Item] = []
    on_stack: set[Item] = set()
    found: list[list[Item]] = []
    work: list[tuple[Item, Iterator[Item]]] = []

    def enter(item: Item) -> None:
        index[item] = low[item] = len(index)
        stack.append(item)
        on_stack.add(item)
        work.append((item, iter(needs[item])))

    for start in needs:
        if start not in index:
            enter(start)
        while work:
            item, others = work[-1]
            for other in others:
                if other not in index:
                    enter(other)
                    break
                if other in on_stack:
                    low[item] = min(low[item], index[other])
            else:
                work.pop()
                if low[item] == index[item]:
                    found.append(_taken(stack, item))
                    on_stack.difference_update(found[-1])
                for parent, _ in work[-1:]:
                    low[parent] = min(low[parent], low[item])
    return found


def _taken(stack: list[Item], first: Item) -> list[Item]:
    """The end of the stack from ``first`` on, which is not there any more."""
    group = [stack.pop()]
    while group[-1] != first:
        group.append(stack.pop())
    return group[::-1]
