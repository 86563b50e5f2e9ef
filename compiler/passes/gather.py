"""Gather: at a single step, what is done alike to several quantities is done once, to all of them.

    axis @
    a[@] : real[n] = input() {name: "a"}
    b[@] : real[n] = input() {name: "b"}
    f[@] : real[n] = sigmoid(a[@])
    g[@] : real[n] = sigmoid(b[@])
    output output:f = f
    output output:g = g

becomes

    axis g2 = 1..2
    axis @
    a[@] : real[n] = input() {name: "a"}
    b[@] : real[n] = input() {name: "b"}
    f[@] : real[n] = copy(fg.1[1,@])
    g[@] : real[n] = copy(fg.1[2,@])
    ab.1[g2,@] : real[n] = stack(a[@], b[@]) {axis: "g2"}
    fg.1[g2,@] : real[n] = sigmoid(ab.1[g2,@])
    output output:f = f
    output output:g = g

A step of a small network takes as long as its calls of NumPy are many, whatever they work on. A group starts at the
operands of a function that takes several calls, goes on through all that is done alike to them, and
is gathered where that saves more calls than it takes. No parameter is put beside another, as `join` does for
all steps together: it would be copied at every step. Members of a group are computed from equally far back,
so that none can depend on another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass, replace
from ..ir import BATCH, Attr, Axis, Equation, Position, Read, System, attrs, plain
from ..operators import TABLE
from ..schedule import cycles_of
from .join import name_of_all
from .rewriting import axis_of, with_axes

CALLS = {"copy": 0.3, "expand": 0.3, "mean": 1.2, "sum": 1.2}
"""What equations take, in calls of an elementwise function: views are cheap, sums are products with a vector."""
HELPER = 5.0  # a function of the prelude
STACK, MEMBER = 0.9, 0.4  # an array put together, and each member


def gather(system: System) -> System:
    """The system with fewer calls; the same object where nothing is saved."""
    work = _Work(system)
    for members in work.starts():
        work.gather(members)
    if not work.axes:
        return system
    return with_axes(system, work.axes.values(), work.table.values())


@dataclass(slots=True)
class _Work:
    """``depth`` of `_depths`; ``done`` are members of groups."""

    system: System
    table: dict[str, Equation] = field(init=False)
    readers: Mapping[str, Sequence[str]] = field(init=False)
    depth: Mapping[str, int] = field(init=False)
    axes: dict[int, Axis] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.table, readers = {e.name: e for e in self.system.equations}, defaultdict(list)
        for e in self.table.values():
            for name in {read.name for read in e.reads}:
                readers[name].append(e.name)
        for _, name in self.system.outputs:
            readers[name].append("")  # the world
        self.readers = readers
        self.depth = _depths(self.table, cycles_of(self.system))

    def starts(self) -> list[list[str]]:
        """Quantities to which one function of several calls is applied."""
        found: dict[object, dict[str, None]] = defaultdict(dict)
        for e in self.table.values():
            if _calls(e) > 1 and self._can_be_wide(e) and e.reads and e.reads[0].name in self.table:
                source = self.table[e.reads[0].name]
                if e.reads[0] == plain(source) and BATCH in source.axes and source.type == "real":
                    key = (e.op, e.attrs, e.axes, e.shape, source.axes, source.shape, self.depth[source.name])
                    found[key][source.name] = None
        groups = ([name for name in group if self.depth[name]] for group in found.values())
        return [group for group in groups if len(group) > 1]

    def gather(self, members: Sequence[str]) -> None:
        """The members side by side, and what is done alike to all; nothing where that saves no calls."""
        groups, parts = list[list[Equation]](), {name: (0, step) for step, name in enumerate(members, 1)}
        work = [members]
        while work:
            for group in self._alike(work.pop(0), parts):
                groups.append(group)
                names = [e.name for e in group]
                parts |= {name: (len(groups), step) for step, name in enumerate(names, 1)}
                work.append(names)
        inside = {e.name for group in groups for e in group}
        saved = sum(_calls(group[0]) * (len(group) - 1) for group in groups)
        taken = CALLS["copy"] * sum(any(r not in inside for r in self.readers[name]) for name in inside)
        if saved > STACK + MEMBER * len(members) + taken:
            self._write(members, groups, parts)

    def _alike(self, members: Sequence[str], parts: Mapping[str, tuple[int, int]]) -> list[list[Equation]]:
        """Equations, one for each member, that do the same to it."""
        found: dict[object, dict[int, Equation]] = defaultdict(dict)
        for member in members:
            for e in (self.table[name] for name in self.readers[member] if name):
                places = {parts[r.name] for r in e.reads if r.name in parts}
                whole = all(r == plain(self.table[r.name]) for r in e.reads if r.name in parts)
                if len({step for _, step in places}) == 1 and whole and self._can_be_wide(e):
                    if e.name not in self.done and e.name not in parts:
                        operands = tuple(parts[r.name][0] if r.name in parts else r for r in e.reads)
                        key = (e.op, e.attrs, e.axes, e.shape, e.type, operands)
                        found[key].setdefault(next(iter(places))[1], e)
        complete = (group for group in found.values() if len(group) == len(members))
        return [[group[step] for step in sorted(group)] for group in complete]

    def _write(
        self,
        members: Sequence[str],
        groups: Sequence[Sequence[Equation]],
        parts: Mapping[str, tuple[int, int]],
    ) -> None:
        axis = axis_of(len(members), self.axes, self.system)
        first = [self.table[name] for name in members]
        reads = tuple(map(plain, first))
        wide = [self._wide(first, first[0], axis, "stack", reads, attrs(axis=axis))]
        for group in groups:
            like = group[0]
            reads = tuple(plain(wide[parts[r.name][0]]) if r.name in parts else r for r in like.reads)
            wide.append(self._wide(group, like, axis, like.op, reads, like.attrs))
        for whole, group in zip(wide[1:], groups):
            for step, member in enumerate(group, 1):
                read = Read(whole.name, (Position(None, offset=step), *map(Position, member.axes)))
                self.table[member.name] = replace(member, op="copy", reads=(read,), attrs=())
                self.done.add(member.name)

    def _wide(
        self,
        group: Sequence[Equation],
        like: Equation,
        axis: str,
        op: str,
        reads: tuple[Read, ...],
        statics: tuple[tuple[str, Attr], ...],
    ) -> Equation:
        """The equation of all members, along an axis of their own before the others."""
        made = replace(
            like,
            name=name_of_all(group, self.table),
            axes=(axis, *like.axes),
            op=op,
            reads=reads,
            attrs=statics,
        )
        self.table[made.name] = made
        return made

    def _can_be_wide(self, e: Equation) -> bool:
        """Whether the operator does to each member of a group what it does to one."""
        operator = TABLE[e.op]
        plain_operator = bool(operator.code) and not operator.traits & {"structure", "identity"}
        free = self.depth[e.name] > 0 and not e.boundaries and BATCH in e.axes
        return plain_operator and free and not operator.variadic and e.type == "real"


def _calls(e: Equation) -> float:
    """What an equation takes, in calls of an elementwise function."""
    code = TABLE[e.op].code
    helper = isinstance(code, str) and "(" in code and not code.startswith("np.")
    return CALLS.get(e.op, HELPER if helper else 1.0)


def _depths(table: Mapping[str, Equation], cycles: Mapping[str, int]) -> dict[str, int]:
    """How many equations are before each; 0 on a cycle along another axis, which no group reaches into."""
    before: dict[str | int, set[str | int]] = defaultdict(set)  # an equation, or the number of a cycle
    for e in table.values():
        key = cycles.get(e.name, e.name)
        before[key] |= {cycles.get(read.name, read.name) for read in e.reads if read.name in table} - {key}
    found: dict[str | int, int] = {}
    for start in list(before):
        work = [start]
        while work:
            missing = [other for other in before[work[-1]] if other not in found]
            if not missing:
                found[work[-1]] = 1 + max((found[other] for other in before[work[-1]]), default=0)
                work.pop()
            work += missing
    return {name: 0 if name in cycles else found[name] for name in table}
