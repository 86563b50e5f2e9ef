"""Textbook order (-O0): everything that has a time axis stands inside a loop along it.

`schedule` computes as much as it can for all steps at once; a textbook does the opposite. `weave` takes
the stages of the scheduler, in their order, and puts each statement into a loop along its axis, joining
loops where that is legal: inside one loop a statement may read what the loop has already computed,
the same step or steps behind it in the loop's direction. Sums over an axis become running sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from ..spec.records import dataclass
from .ir import BATCH
from .schedule import Edge, Loop, Node, Stage, Straight, by_reader

LoopAxes = Callable[[Node], Sequence[str]]  # the axes along which a node may be looped


@dataclass(slots=True)
class Group:
    """A loop in the making (``axis``), or a statement outside every loop (None). ``step`` 0: either way."""

    axis: str | None
    step: int
    stages: list[Stage] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def weave(
    stages: Iterable[Stage], links: Sequence[Edge], loop_axes: LoopAxes, inside: frozenset[str] = frozenset()
) -> tuple[Stage, ...]:
    """The same computation with statements moved into loops; ``inside`` are the axes of loops around."""
    groups: list[Group] = []
    needs = by_reader(links)
    for stage in stages:
        _place(stage, groups, needs, loop_axes, inside)
    return tuple(part for group in groups for part in _finish(group, links, loop_axes, inside))


def nodes_of(stage: Stage) -> list[Node]:
    """The nodes of a stage in order."""
    if isinstance(stage, Straight):
        return [stage.node]
    return [node for part in stage.body for node in nodes_of(part)]


def _place(
    stage: Stage,
    groups: list[Group],
    needs: Mapping[str, Sequence[Edge]],
    loop_axes: LoopAxes,
    inside: frozenset[str],
) -> None:
    axis, step = _wish(stage, loop_axes, inside)
    names = dict.fromkeys(node.name for node in nodes_of(stage))
    needed = [link for name in names for link in needs.get(name, ()) if link.source not in names]
    earliest = _last(groups, {link.source for link in needed})
    for index in range(max(earliest, 0), len(groups)) if axis else ():
        group = groups[index]
        joined = _joined_step(group, axis, step, [e for e in needed if e.source in group.names], loop_axes)
        if joined is not None:
            group.step = joined
            break
    else:
        group = Group(axis, step)
        groups.insert(_early(groups, earliest) if axis is None else len(groups), group)
    group.stages.append(stage)
    group.names |= names.keys()


def _last(groups: list[Group], names: set[str]) -> int:
    """The last group with one of these names; -1 when there is none."""
    return next((i for i in reversed(range(len(groups))) if not names.isdisjoint(groups[i].names)), -1)


def _early(groups: list[Group], earliest: int) -> int:
    """Where a statement outside loops goes: after all it needs and what stands there already, before the
    next loop. So what a loop needs does not tear it apart."""
    place = earliest + 1
    while place < len(groups) and groups[place].axis is None:
        place += 1
    return place


def _wish(stage: Stage, loop_axes: LoopAxes, inside: frozenset[str]) -> tuple[str | None, int]:
    """The loop a stage asks for: a loop its own, a statement one along its first free axis."""
    if isinstance(stage, Loop):
        return stage.axis, stage.step
    free = [axis for axis in loop_axes(stage.node) if axis not in inside and axis != BATCH]
    return (free[0] if free else None), 0


def _joined_step(
    group: Group, axis: str | None, step: int, needed: Iterable[Edge], loop_axes: LoopAxes
) -> int | None:
    """The direction of the loop after joining; None when the stage cannot join."""
    if group.axis != axis or (step and group.step and step != group.step):
        return None
    result = step or group.step
    for link in needed:
        delay = link.delay(axis) if axis else None
        if delay is None:
            return None
        if delay:
            wanted = 1 if delay < 0 else -1
            if result and result != wanted:
                return None
            result = wanted
    return result


def _finish(
    group: Group, links: Sequence[Edge], loop_axes: LoopAxes, inside: frozenset[str]
) -> tuple[Stage, ...]:
    """The group as stages: its loop around what its members do at one step."""
    if group.axis is None:
        return tuple(group.stages)
    within = inside | {group.axis}
    body = [part for stage in group.stages for part in _opened(stage, group.axis)]
    return (Loop(group.axis, group.step or 1, weave(body, links, loop_axes, within)),)


def _opened(stage: Stage, axis: str) -> tuple[Stage, ...]:
    return stage.body if isinstance(stage, Loop) and stage.axis == axis else (stage,)
