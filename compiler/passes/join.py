"""Join: equations of one form become one, along an axis of their own; each of the old ones is a step of it.

    axis t = 1..T
    axis @
    x[t,@] : real[m] = input() {name: "x"}
    U : real[n,m] = param() {name: "U"}
    V : real[n,m] = param() {name: "V"}
    a[t,@] : real[n] = einsum(U, x[t,@]) {spec: "ij,j->i"}
    b[t,@] : real[n] = einsum(V, x[t,@]) {spec: "ij,j->i"}

becomes one product with `stack(U, V)`, of which a and b are steps 1 and 2. It starts at products that share
an operand and goes on through whatever is done alike to the members: biases added, gates squashed, each
normalised by itself. Members stand in the order of what happens to them later, so that gates with one
squashing function lie side by side, each a block of memory. Nothing here can close a cycle: all members
of a group read the same quantities and, besides them, only what follows from parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass, replace
from ..ir import BATCH, Axis, Equation, Position, Read, System, attrs, fixed, plain
from ..operators import TABLE
from ..schedule import cycles_of
from .rewriting import axis_of, with_axes

PRODUCT = "ij,j->i"  # matrix by vector
LONGEST = 12  # letters of a joined name
DEPTH = 8  # how far ahead the order of a group looks


def join(system: System) -> System:
    """The system with like equations joined; the same object when there are none."""
    return _joined(_Work(system, system.table()))


def join_rows(system: System) -> System:
    """The same at a single step: members stand after the batch, so that a product with all of them is one."""
    return _joined(_Work(system, system.table(), rows=True))


def _joined(work: _Work) -> System:
    system = work.system
    groups = _products(work)
    while groups:
        for members in groups:
            work.join(members)
        groups = list(_alike(work))
    if not work.wide:
        return system
    given = {e.name for e in system.given}
    return with_axes(system, work.axes.values(), (e for n, e in work.table.items() if n not in given))


@dataclass(frozen=True, slots=True)
class Part:
    """An operand that is one step of a wide quantity."""

    wide: str
    step: int


@dataclass(slots=True)
class _Work:
    """``wide`` maps a joined quantity to its axis; ``axes`` has one axis for every number of members; members are
    beside each other in the ``rows`` of the batch, or each a block."""

    system: System
    table: dict[str, Equation]
    rows: bool = False
    wide: dict[str, str] = field(default_factory=dict)
    axes: dict[int, Axis] = field(default_factory=dict)
    readers: Mapping[str, Sequence[str]] = field(init=False)
    cycles: Mapping[str, int] = field(init=False)
    fixed: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.readers, self.cycles = _readers(self.system), cycles_of(self.system)
        self.fixed = frozenset(name for name in fixed(self.table) if not self.table[name].axes)

    def part(self, read: Read) -> Part | None:
        """The operand as a step of a wide quantity."""
        source = self.table[read.name]
        if source.op != "copy" or source.reads[0].name not in self.wide or read != plain(source):
            return None
        inner = source.reads[0]
        whole = self.table[inner.name]
        place = dict(zip(whole.axes, inner.at))[self.wide[inner.name]]
        return Part(inner.name, place.offset) if place.over is None else None

    def join(self, group: Sequence[Equation]) -> None:
        """One wide equation for the members, and each member a step of it."""
        first, axis = group[0], axis_of(len(group), self.axes, self.system)
        reads = [self._operand(place, group, axis) for place in range(len(first.reads))]
        wide = self._made(group, self._with(first, axis), first.op, reads)
        wide = replace(wide, attrs=first.attrs)
        self.table[wide.name], self.wide[wide.name] = wide, axis
        for step, member in enumerate(group, start=1):
            read = Read(wide.name, _at(wide, axis, Position(None, offset=step)))
            self.table[member.name] = replace(member, op="copy", reads=(read,), attrs=())

    def _with(self, member: Equation, axis: str) -> tuple[str, ...]:
        """A member's axes and that of all: before the batch where there are steps, so that a step is one block
        of memory; first where all steps are taken at once, so that a member is."""
        axes = member.axes
        if self.rows:
            return (*axes, axis)
        place = len(axes) - (BATCH in axes) if member.name in self.cycles else 0
        return (*axes[:place], axis, *axes[place:])

    def _operand(self, place: int, group: Sequence[Equation], axis: str) -> Read:
        """The members' operands as one: what all read, steps of a wide quantity (if need be joined for it), or a
        stack of parameters."""
        reads = [member.reads[place] for member in group]
        if all(read == reads[0] for read in reads):
            return reads[0]
        part = self.part(reads[0])
        if part is not None:
            whole = self.table[part.wide]
            return Read(whole.name, _at(whole, self.wide[whole.name], Position(axis, offset=part.step - 1)))
        sources = [self.table[read.name] for read in reads]
        if BATCH in sources[0].axes:
            self.join(sources)
            return self._operand(place, group, axis)
        whole = replace(
            self._made(group, (axis,), "stack", reads), shape=sources[0].shape, attrs=attrs(axis=axis)
        )
        self.table[whole.name] = whole
        return plain(whole)

    def _made(
        self, group: Sequence[Equation], axes: tuple[str, ...], op: str, reads: Sequence[Read]
    ) -> Equation:
        like = group[0]
        made = Equation(name_of_all(group, self.table), axes, like.shape, like.type, op, tuple(reads))
        return replace(made, span=like.span, origin=like.origin)


def name_of_all(group: Sequence[Equation], taken: Container[str]) -> str:
    """A new name that tells whose members are joined: `h.ifog.1` for h.i, h.f, h.o and h.g."""
    owners = list(dict.fromkeys(e.origin or e.name for e in group))
    prefix, _, _ = owners[0].rpartition(".")
    ends = [owner.rpartition(".")[2] for owner in owners]
    short = "".join(ends) if sum(map(len, ends)) <= LONGEST else ends[0] + "_" + ends[-1]
    base, number = f"{prefix}.{short}" if prefix else short, 1
    while f"{base}.{number}" in taken:
        number += 1
    return f"{base}.{number}"


def _at(whole: Equation, axis: str, position: Position) -> tuple[Position, ...]:
    """A read of a wide quantity at the reader's indices and, along its own axis, at ``position``."""
    return tuple(position if a == axis else Position(a) for a in whole.axes)


def _products(work: _Work) -> list[list[Equation]]:
    """Products of a parameter's matrix with one and the same vector, two or more of one shape."""
    groups: dict[object, list[Equation]] = defaultdict(list)
    for equation in work.table.values():
        if dict(equation.attrs).get("spec") == PRODUCT:
            matrix, vector = equation.reads
            if matrix.name in work.fixed and work.table[vector.name].axes:
                groups[vector, equation.axes, equation.shape].append(equation)
    found = [group for group in groups.values() if len(group) > 1]
    return [sorted(group, key=lambda e: _future(work, e)) for group in found]


def _future(work: _Work, equation: Equation) -> tuple[str, ...]:
    """What is done to a quantity later, as far as it has one elementwise reader."""
    ops: list[str] = []
    name = equation.name
    while len(ops) < DEPTH:
        readers = work.readers.get(name, [])  # "" is the world: the quantity is an output
        if len(readers) != 1 or not readers[0]:
            break
        if "elementwise" not in TABLE[work.table[readers[0]].op].traits:
            break
        name = readers[0]
        ops.append(work.table[name].op)
        if "associative" not in TABLE[ops[-1]].traits:
            break
    return tuple(reversed(ops[-1:])) + tuple(ops)


def _alike(work: _Work) -> Iterable[list[Equation]]:
    """Groups of equations with one operator whose operands lie side by side in wide quantities."""
    buckets: dict[object, dict[int, Equation]] = defaultdict(dict)
    for equation in work.table.values():
        key = _key(work, equation)
        if key is not None:
            first = next(part for part in map(work.part, equation.reads) if part is not None)
            buckets[key].setdefault(first.step, equation)
    for members in buckets.values():
        yield from _runs(work, members)


def _key(work: _Work, equation: Equation) -> object | None:
    """What members of a group have in common; None for an equation that cannot be joined."""
    operator = TABLE[equation.op]
    if not operator.code or operator.traits & {"structure", "identity"} or operator.variadic:
        return None
    if equation.type != "real" or all(work.part(read) is None for read in equation.reads):
        return None
    operands: list[object] = []
    for read in equation.reads:
        part, source = work.part(read), work.table[read.name]
        if part is not None:
            operands.append(part.wide)
        else:
            same = read.name in work.fixed and source.op != "expand"
            operands.append(("parameter", source.shape, source.type) if same else _scaled(work, read) or read)
    return equation.op, equation.attrs, equation.axes, equation.shape, tuple(operands)


def _scaled(work: _Work, read: Read) -> object | None:
    """What is the same in products of parameters with one quantity, element by element: at a single step they are
    joined where what reads them is."""
    source = work.table[read.name]
    if not work.rows or source.op != "mul" or source.boundaries or read != plain(source):
        return None
    for place, other in enumerate(source.reads):
        factor = source.reads[1 - place].name
        if (
            factor in work.fixed
            and work.table[factor].op != "expand"
            and BATCH in work.table[other.name].axes
        ):
            return "scaled", place, other, source.axes, source.shape
    return None


def _runs(work: _Work, members: Mapping[int, Equation]) -> Iterable[list[Equation]]:
    """Stretches of at least two members without a gap, in every wide operand."""
    run: list[Equation] = []
    for step in sorted(members):
        if run and (step - 1 not in members or not _follows(work, run[-1], members[step])):
            yield from [run] if len(run) > 1 else []
            run = []
        run.append(members[step])
    yield from [run] if len(run) > 1 else []


def _follows(work: _Work, one: Equation, other: Equation) -> bool:
    """Whether each operand that is a step of ``one``'s wide quantity is followed by ``other``'s."""
    for a, b in zip(one.reads, other.reads, strict=True):
        left, right = work.part(a), work.part(b)
        if left and right and left.step + 1 != right.step:
            return False
    return True


def _readers(system: System) -> Mapping[str, Sequence[str]]:
    readers: dict[str, list[str]] = defaultdict(list)
    for equation in system.equations:
        for read in equation.reads:
            readers[read.name].append(equation.name)
        for boundary in equation.boundaries:
            readers[boundary.name].append(equation.name)
    for _, name in system.outputs:
        readers[name].append("")
    return readers
