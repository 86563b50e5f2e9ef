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
Needs = Mapping[str, Sequence[Edge]]  # what each node needs


@dataclass(slots=True)
class Group:
    """A loop in the making (``axis``), or statements outside every loop (None). ``step`` 0: either way. ``place`` is
    its number among the groups."""

    axis: str | None
    step: int
    place: int
    stages: list[Stage] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def weave(stages: Iterable[Stage], links: Iterable[Edge], loop_axes: LoopAxes) -> tuple[Stage, ...]:
    """The same computation with statements moved into loops."""
    return _woven(stages, by_reader(links), loop_axes, frozenset())


def _woven(
    stages: Iterable[Stage], needs: Needs, loop_axes: LoopAxes, inside: frozenset[str]
) -> tuple[Stage, ...]:
    """``inside`` are the axes of loops around."""
    groups, home = list[Group](), dict[str, Group]()
    for stage in stages:
        group = _group_for(stage, groups, home, needs, loop_axes, inside)
        names = dict.fromkeys(node.name for node in nodes_of(stage))
        group.stages.append(stage)
        group.names |= names.keys()
        home |= dict.fromkeys(names, group)
    return tuple(part for group in groups for part in _finish(group, needs, loop_axes, inside))


def nodes_of(stage: Stage) -> list[Node]:
    """The nodes of a stage in order."""
    if isinstance(stage, Straight):
        return [stage.node]
    return [node for part in stage.body for node in nodes_of(part)]


def _group_for(
    stage: Stage,
    groups: list[Group],
    home: Mapping[str, Group],
    needs: Needs,
    loop_axes: LoopAxes,
    inside: frozenset[str],
) -> Group:
    """The first group that a stage can join after all it needs, whose groups are in ``home``; else a new one."""
    axis, step = _wish(stage, loop_axes, inside)
    names = dict.fromkeys(node.name for node in nodes_of(stage))
    needed = [link for name in names for link in needs.get(name, ()) if link.source not in names]
    earliest = max((home[link.source].place for link in needed if link.source in home), default=-1)
    if axis is None:
        return _outside(groups, earliest)
    for group in groups[max(earliest, 0) :]:
        joined = _joined_step(group, axis, step, [e for e in needed if e.source in group.names])
        if joined is not None:
            group.step = joined
            return group
    groups.append(Group(axis, step, len(groups)))
    return groups[-1]


def _outside(groups: list[Group], earliest: int) -> Group:
    """The statements outside loops to which another is added: after all it needs and what stands there already,
    before the next loop. So what a loop needs does not tear it apart."""
    for group in groups[max(earliest, 0) : earliest + 2]:
        if group.axis is None:
            return group
    for group in groups[earliest + 1 :]:
        group.place += 1
    groups.insert(earliest + 1, Group(None, 0, earliest + 1))
    return groups[earliest + 1]


def _wish(stage: Stage, loop_axes: LoopAxes, inside: frozenset[str]) -> tuple[str | None, int]:
    """The loop a stage asks for: a loop its own, a statement one along its first free axis."""
    if isinstance(stage, Loop):
        return stage.axis, stage.step
    free = [axis for axis in loop_axes(stage.node) if axis not in inside and axis != BATCH]
    return (free[0] if free else None), 0


def _joined_step(group: Group, axis: str | None, step: int, needed: Iterable[Edge]) -> int | None:
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


def _finish(group: Group, needs: Needs, loop_axes: LoopAxes, inside: frozenset[str]) -> tuple[Stage, ...]:
    """The group as stages: its loop around what its members do at one step."""
    if group.axis is None:
        return tuple(group.stages)
    within = inside | {group.axis}
    body = [part for stage in group.stages for part in _opened(stage, group.axis)]
    return (Loop(group.axis, group.step or 1, _woven(body, needs, loop_axes, within)),)


def _opened(stage: Stage, axis: str) -> tuple[Stage, ...]:
    return stage.body if isinstance(stage, Loop) and stage.axis == axis else (stage,)
