"""The buffers of a function; what is needed no more is used again, in the same function and in the backward pass.

A workspace keeps buffers by name, so two quantities of one size share one where the second asks for the
buffer of the first. Less memory is written for the first time in a call, and more of it is still in the cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .lines import Lines

Spare = dict[tuple[str, ...], list[str]]  # extents, in order of their text -> buffers nobody reads any more


def extents(shape: str) -> tuple[str, ...]:
    """By which buffers of one size are known: the extents in whatever order, and the dtype."""
    return tuple(sorted(shape.split(", ")))


def taken(spare: Spare, shape: str) -> str | None:
    """A spare buffer of this size, which is none any more."""
    places = spare.get(extents(shape))
    return places.pop(0) if places else None


def make_buffers(buffers: Mapping[str, Sequence[tuple[str, str]]], out: Lines) -> None:
    """The statements that make the buffers (names with their places), those of one shape together."""
    for shape, pairs in buffers.items():
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
