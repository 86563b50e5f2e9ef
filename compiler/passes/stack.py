"""Stack: values placed along an axis of fixed length and added are one quantity put together from its steps.

    axis t = 1..3
    axis @
    a[@] : real = input() {name: "a"}
    b[@] : real = input() {name: "b"}
    c[t,@] : real = place(b[@]) {axis: "t", ends: 0, of: "", offset: 3}
    d[t,@] : real = place(a[@]) {axis: "t", ends: 0, of: "", offset: 1}
    e[t,@] : real = add(c[t,@], d[t,@])
    output dinput:x = e

becomes, when what nothing reads any more has been dropped,

    axis t = 1..3
    axis @
    a[@] : real = input() {name: "a"}
    b[@] : real = input() {name: "b"}
    e.1 : real = number() {value: 0.0}
    e[t,@] : real = stack(a[@], e.1, b[@]) {axis: "t"}
    output dinput:x = e

This is what the gradient of an input looks like when each of its steps is read by itself, and that of
equations that were joined. A term may also be a stretch: a quantity with a shorter axis of its own. One
step of a stack is what stands there; a stack whose steps are a stretch of another's is that stretch."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence

from ...spec.records import replace
from ..ir import Equation, Position, Read, System, plain
from ..schedule import cycles_of
from .rewriting import View, is_plain, turned


def stack(system: System) -> System:
    """The system with every such sum put together; the same object if there is none."""
    sizes = {axis.index: axis.size for axis in system.axes if axis.size is not None}
    if not sizes:
        return system
    view = View(system)
    stacks: dict[Read, list[Equation]] = {}
    for whole in (e for e in system.equations if e.op == "stack"):
        for read in dict.fromkeys(whole.reads):
            stacks.setdefault(read, []).append(whole)
    sums = dict(_sums(system, view, sizes))
    result: list[Equation] = []
    # With the stretches made so far: two of which neither closes a cycle may close one together.
    table = ChainMap(dict[str, Equation](), view.table)
    names = {name for name, e in view.table.items() if e.op == "stack"}
    for equation in system.equations:
        changed = None if names.isdisjoint([read.name for read in equation.reads]) else _step(equation, view)
        changed = changed or _stretch(equation, stacks, system, table) or equation
        result += sums.get(equation.name, (changed,))
    return system if tuple(result) == system.equations else system.with_equations(result)


def _sums(system: System, view: View, sizes: Mapping[str, int]) -> Iterator[tuple[str, tuple[Equation, ...]]]:
    """The sums put together, with what was made for them. A sum that is part of one that is put together is read
    by nothing more."""
    sums = {e.name: e for e in system.equations if e.op == "add" and not sizes.keys().isdisjoint(e.axes)}
    read_by_sums = {
        read.name for e in sums.values() for read in e.reads if view.through(read, "add", once=True)
    }
    inner = {name for name in read_by_sums if name in sums and not sums[name].boundaries}
    work = [e for e in reversed(sums.values()) if e.name not in inner]
    while work:
        e = work.pop()
        changed = _stacked(e, view, sizes)
        if changed is not None:
            yield e.name, (*view.added, changed)
        else:
            work += [sums[read.name] for read in reversed(e.reads) if read.name in inner]
        view.added.clear()


def _stacked(e: Equation, view: View, sizes: Mapping[str, int]) -> Equation | None:
    """The sum as a stack; None when it has terms that are not placed along one axis."""
    pieces: list[tuple[str, dict[int, Read]]] = []
    for term in _terms(e, view):
        piece = _pieces(e, term, view, sizes)
        if piece is None:
            return None
        pieces.append(piece)
    axes = {axis for axis, _ in pieces}
    if len(axes) != 1:
        return None
    (axis,) = axes
    every = set(range(1, sizes[axis] + 1))
    if all(every <= set(there) for _, there in pieces):
        return None  # terms of all steps each: one sum for all does as well
    steps: list[Read] = []
    for step in range(1, sizes[axis] + 1):
        found = [there[step] for _, there in pieces if step in there]
        steps.append(_sum(e, axis, found, view))
    return turned(e, "stack", *steps, axis=axis)


def _sum(e: Equation, axis: str, terms: Sequence[Read], view: View) -> Read:
    """The terms of one step, added; 0 when there is none."""
    if not terms:
        return view.number(e, 0.0)
    axes = tuple(a for a in e.axes if a != axis)
    total = terms[0]
    for term in terms[1:]:
        total = view.new(e, "add", total, term, axes=axes, shape=e.shape)
    return total


def _terms(e: Equation, view: View) -> Iterator[Read]:
    """The terms of a sum, one by one: most sums are refused at their first."""
    work = list(e.reads)
    while work:
        read = work.pop()
        source = view.source(read)
        there = all(
            term.name in view.table for term in source.reads
        )  # what a given sum is made of may be gone
        if source.op == "add" and there and is_plain(read, source) and not source.boundaries:
            work += source.reads
        else:
            yield read


def _pieces(
    e: Equation, read: Read, view: View, sizes: Mapping[str, int]
) -> tuple[str, dict[int, Read]] | None:
    """The axis along which a term is placed, and what it has there, by step; None for any other term."""
    source = view.source(read)
    if source.op == "place" and is_plain(read, source) and not source.attr("ends") and not source.boundaries:
        axis, step = str(source.attr("axis")), source.attr("offset")
        placed = isinstance(step, int) and axis in sizes and 1 <= step <= sizes[axis]
        return (axis, {step: source.reads[0]}) if placed and isinstance(step, int) else None
    if source.op == "stack" and is_plain(read, source) and view.knows(source) and not source.boundaries:
        return str(source.attr("axis")), dict(enumerate(source.reads, start=1))
    moved = [(own, p) for own, p in zip(source.axes, read.at) if p != Position(own)]
    if len(moved) != 1 or source.boundaries:
        return None
    ((own, position),) = moved
    if own not in sizes or position.over not in sizes or position.ends or position.over not in e.axes:
        return None
    steps = range(1, sizes[own] + 1)
    return position.over, {n - position.offset: _at(source, own, n, view) for n in steps}


def _at(source: Equation, axis: str, step: int, view: View) -> Read:
    """A quantity at one step of an axis: of a stack, what stands there."""
    if source.op == "stack" and source.attr("axis") == axis and view.knows(source):
        return source.reads[step - 1]
    at = tuple(Position(None, offset=step) if a == axis else Position(a) for a in source.axes)
    return Read(source.name, at)


def _step(e: Equation, view: View) -> Equation | None:
    """Operands that are one step of a stack, read as what stands there."""
    reads = tuple(_known(read, view) for read in e.reads)
    return None if reads == e.reads else replace(e, reads=reads)


def _known(read: Read, view: View) -> Read:
    source = view.source(read)
    if source.op != "stack" or source.boundaries or not view.knows(source):
        return read
    at = dict(zip(source.axes, read.at))
    place = at.pop(str(source.attr("axis")))
    if place.over is not None or place.ends or any(p != Position(a) for a, p in at.items()):
        return read
    inner = 1 <= place.offset <= len(source.reads)
    return source.reads[place.offset - 1] if inner else read


def _closes(reads: Sequence[Read], e: Equation, system: System, table: Mapping[str, Equation]) -> bool:
    """Whether the quantity ``e`` cannot be a stretch of what ``reads`` make, because one of them needs it: at the same
    step, or at another, but for what is on e's own cycle already. A cycle that is not yet there might run the other
    way."""
    others = [read.name for read in reads if read not in e.reads]
    if _leads(others, e.name, table, still=True):
        return True
    needing = [name for name in others if _leads([name], e.name, table, still=False)]
    cycles = cycles_of(system) if needing else {}
    return any(name not in cycles or cycles[name] != cycles.get(e.name) for name in needing)


def _leads(names: Sequence[str], goal: str, table: Mapping[str, Equation], still: bool) -> bool:
    """Whether one of the quantities needs another; ``still``: at the same step."""
    work, seen = [*names], set[str]()
    while work:
        name = work.pop()
        if name == goal:
            return True
        source = table.get(name)
        if source is not None and name not in seen:
            seen.add(name)
            here = (r for r in source.reads if not still or all(p.over is None or not p.offset for p in r.at))
            work += [read.name for read in here]
    return False


def _stretch(
    e: Equation,
    stacks: Mapping[Read, Sequence[Equation]],
    system: System,
    table: MutableMapping[str, Equation],
) -> Equation | None:
    """A stack whose steps another stack has, side by side, is a stretch of it: so it stands in the ``table`` then."""
    if e.op != "stack":
        return None
    axis, count = str(e.attr("axis")), len(e.reads)
    for whole in stacks.get(e.reads[0], ()):
        own = str(whole.attr("axis"))
        if len(whole.reads) <= count or set(whole.axes) - {own} != set(e.axes) - {axis}:
            continue
        for start in range(len(whole.reads) - count + 1):
            same = whole.reads[start : start + count] == e.reads
            if same and not _closes(whole.reads, e, system, table):
                at = tuple(Position(axis, offset=start) if a == own else Position(a) for a in whole.axes)
                table[e.name] = turned(e, "copy", replace(plain(whole), at=at))
                return table[e.name]
    return None
