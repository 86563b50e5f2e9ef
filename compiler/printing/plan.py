"""The textbook plan: which variables there are, with one slot layout for all arrays of an axis."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from ...spec.records import dataclass, replace
from ..ir import AFTER, BATCH, Equation, System, worked_along
from ..operators import TABLE
from ..program import Program
from ..schedule import Node, Stage, edges, schedule
from ..weave import weave
from . import page
from .body import cleaned_axes, place_of
from .computing import completed
from .frame import AxisNames, Frame
from .inline import final_copies, is_leaf, is_temporary, nodes, textbook_inlined
from .layout import Demands, Stored, demands, end_value, lag_sizes, pooled_axes
from .naming import Names
from .python import text


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided before the first line is printed; ``stages`` of each system in turn."""

    frame: Frame
    demands: Demands
    stages: tuple[tuple[Stage, ...], ...]
    names: Names


def textbook_plan(program: Program, systems: Sequence[System], looped: bool = True) -> Plan:
    """One statement per equation of the spec, every step in a loop, arrays indexed as the textbook does.

    ``looped`` False leaves loops to what lies on a cycle: the plan of a single step."""
    needed = with_outputs(demands(systems), systems)
    given = {e.name for system in systems for e in system.given}
    inlined = textbook_inlined(systems, given)
    if looped:
        inlined = inlined.union(*(final_copies(system, given) for system in systems))
    frame, names = base_frame(program, systems)
    groups = [nodes(system, inlined) for system in systems]
    slots = {axis: _slots(needed, axis) for axis in frame.axes}
    stored = {
        root.name: Stored(
            names.of(root.name),
            root.axes,
            {axis: slots[axis][0] for axis in root.axes if axis in slots},
            {axis: slots[axis][1] for axis in root.axes if axis in slots},
        )
        for root in (*(node.root for group in groups for node in group), *_params(systems))
    }
    frame = replace(frame, stored=stored, textbook=True, flat=not looped)
    frame = replace(frame, zeroed=zeroed(frame, needed))
    return Plan(frame, needed, tuple(_woven(g, frame) if looped else schedule(g) for g in groups), names)


def base_frame(program: Program, systems: Sequence[System]) -> tuple[Frame, Names]:
    """The frame without variables: axes and dims get their names first, so that they keep them."""
    names = Names({*page.shared_names(), *page.TABLES, *page.FUNCTIONS})
    axes: dict[str, AxisNames] = {}
    for axis in systems[0].axes:
        if axis.length:
            longest = f"{axis.length}_max"
            axes[axis.index] = AxisNames(
                names.fresh(axis.index), names.fresh(axis.length), names.fresh(longest)
            )
    dims = {name: names.fresh(name) for name, _ in program.dims}
    past = names.fresh(f"{program.stream or 't'}_past")
    total = (
        names.fresh(f"{program.forward.axis(program.stream or '').length}_total") if program.counted else ""
    )
    table = {name: equation for system in systems for name, equation in system.table().items()}
    for name in table:
        if not is_temporary(name):
            names.of(name)
    lags = {axis: size for system in systems for axis, size in lag_sizes(system).items()}
    frame = Frame(table, {}, axes, lags, frozenset(), dims, program.stream, past, total)
    return replace(frame, beside=_beside(table, lags)), names


def _beside(table: Mapping[str, Equation], lags: Container[str]) -> Mapping[str, Sequence[str]]:
    """Whose equations were joined to those of a quantity, by their last names: their values are steps of what has
    its origin."""
    found: dict[str, dict[str, None]] = {}
    for e in (e for e in table.values() if e.op == "copy" and BATCH in e.axes and e.name[0] not in "~^"):
        base = table.get(e.reads[0].name, e)
        if e.origin and base.origin != e.origin and base.name != base.origin:
            if any(axis in lags and p.over is None for axis, p in zip(base.axes, e.reads[0].at)):
                found.setdefault(base.origin, {})[e.origin.rpartition(".")[2]] = None
    return {origin: [*names] for origin, names in found.items()}


def with_outputs(needed: Demands, systems: Iterable[System], later: tuple[str, ...] = ()) -> Demands:
    """Outputs are 0 past a sequence's end; those whose keys begin with ``later`` only for the caller."""
    asked = {name for s in systems for key, name in s.outputs if not key.startswith(later)}
    return replace(needed, pooled=needed.pooled | asked)


def _slots(needed: Demands, axis: str) -> tuple[int, int]:
    """Slots before and after the steps: at least one before, so that h[t] is the value at step t."""
    found = [pair for (_, a), pair in needed.slots.items() if a == axis]
    return max([1, *(before for before, _ in found)]), max([0, *(after for _, after in found)])


def _params(systems: Sequence[System]) -> list[Equation]:
    return [e for system in systems for e in system.equations if e.op == "param"]


def zeroed(frame: Frame, needed: Demands) -> frozenset[tuple[str, str]]:
    """What is 0 past a sequence's end: leaves as they come, and what is made so where it is defined."""
    found: set[tuple[str, str]] = set()
    for name in frame.stored:
        equation = frame.table[name]
        axes = frame.times(equation.axes) if is_leaf(equation) else cleaned_axes(frame, needed, equation)
        ends = {
            axis for b in equation.boundaries for axis, side in b.sides if side == AFTER
        }  # of a corner too
        found |= {(name, axis) for axis in axes if axis not in ends}
    return frozenset(found)


def _woven(group: tuple[Node, ...], frame: Frame) -> tuple[Stage, ...]:
    def loop_axes(node: Node) -> tuple[str, ...]:
        return _loop_axes(node.root, frame)

    return weave(schedule(group), edges(group, running=True), loop_axes)


def _loop_axes(root: Equation, frame: Frame) -> tuple[str, ...]:
    """The axes along which a textbook would write a loop for this equation."""
    if is_leaf(root) or root.op in ("carry", "fresh"):
        return ()
    own = frame.times(root.axes)
    whole = worked_along(root)
    summed = {a for read in root.reads for a in pooled_axes(root, read, frame.axes)}
    given = any(end_value(root, axis) for axis in own)  # which would be added at every step
    sums = "sums" in TABLE[root.op].traits and not given
    return tuple(axis for axis in own if axis != whole) + tuple(sorted(summed) if sums else ())


def output(frame: Frame, name: str) -> str:
    """The steps of a quantity, without the slots around them, 0 past each sequence's own end."""
    equation = frame.table[name]
    if name not in frame.stored:
        return text(completed(frame, equation))  # one of `final_copies`
    stored = frame.stored[name]
    steps = text(place_of(frame, equation, stored))
    clean = all((name, axis) in frame.zeroed for axis in frame.ragged(stored.axes))
    return steps if clean else f"own_steps({steps}, {page.literal(stored.axes)}, call)"


def output_entries(system: System, kind: str) -> Mapping[str, str]:
    """The outputs ``kind:key`` of a system as key -> quantity."""
    prefix = kind + ":"
    return {key.removeprefix(prefix): name for key, name in system.outputs if key.startswith(prefix)}


def sources(frame: Frame, name: str) -> list[str]:
    """The variables in which an output is: of a final copy what it is made of."""
    return [name] if name in frame.stored else [read.name for read in frame.table[name].reads]
