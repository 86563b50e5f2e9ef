"""Join: equations of one form become one wide equation; each of the old ones is a slice of it.

    axis t = 1..T
    axis @
    x[t,@] : real[m] = input() {name: "x"}
    U : real[n,m] = param() {name: "U"}
    V : real[n,m] = param() {name: "V"}
    a[t,@] : real[n] = einsum(U, x[t,@]) {spec: "ij,j->i"}
    b[t,@] : real[n] = einsum(V, x[t,@]) {spec: "ij,j->i"}

becomes one product with `concat(transpose(U), transpose(V))`, a and b its slices. It starts at products
that share an operand and goes on through whatever is done alike to the parts: biases added, gates
squashed. The parts of a group stand in the order of what happens to them later, so that gates with one
squashing function lie side by side. Nothing here can close a cycle: all members of a group need the
same wide quantities and, besides them, only parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field, replace

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..ir import Equation, Read, System, attrs, plain
from ..operators import TABLE

PRODUCT = "ij,j->i"  # matrix by vector; the joined one reads its matrix transposed
JOINED = "ji,j->i"
LONGEST = 12  # letters of a joined name
DEPTH = 8  # how far ahead the order of a group looks


def join(system: System) -> System:
    """The system with like equations joined; the same object when there are none."""
    work = _Work({e.name: e for e in system.equations}, _readers(system))
    for group in _products(work):
        work.join_products(group)
    groups = list(_alike(work)) if work.wide else []
    while groups:
        for members, starts in groups:
            work.join_alike(members, starts)
        groups = list(_alike(work))
    return system.with_equations(work.table.values()) if work.wide else system


@dataclass(frozen=True, slots=True)
class Part:
    """An operand of a member: a slice of a wide quantity, or (``wide`` None) a parameter's vector."""

    wide: str | None
    start: Size
    read: Read


@dataclass(slots=True)
class _Work:
    table: dict[str, Equation]
    readers: dict[str, list[str]]
    wide: dict[str, Size] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    def part(self, read: Read) -> Part | None:
        """The operand as a part, when it can be joined with its like."""
        source = self.table[read.name]
        if len(source.shape) != 1:
            return None
        if source.op == "slice" and source.reads[0].name in self.wide and read == plain(source):
            start = source.attr("start")
            assert isinstance(start, Size)
            return Part(source.reads[0].name, start, source.reads[0])
        if read.name in self.wide and read == plain(source):
            return Part(read.name, Size.of(0), read)
        return (
            Part(None, Size.of(0), read) if not source.axes and _is_parameter(self.table, read.name) else None
        )

    def name(self, group: Sequence[Equation]) -> str:
        """A new name that tells whose parts are joined: `h.ifog.1` for h.i, h.f, h.o and h.g."""
        owners = list(dict.fromkeys(e.origin or e.name for e in group))
        prefix, _, _ = owners[0].rpartition(".")
        ends = [owner.rpartition(".")[2] for owner in owners]
        short = "".join(ends) if sum(map(len, ends)) <= LONGEST else ends[0] + "_" + ends[-1]
        base, number = f"{prefix}.{short}" if prefix else short, 1
        while f"{base}.{number}" in self.table or f"{base}.{number}" in self.named:
            number += 1
        self.named.add(f"{base}.{number}")
        return f"{base}.{number}"

    def add(self, equation: Equation) -> Read:
        self.table[equation.name] = equation
        return plain(equation)

    def join_products(self, group: Sequence[Equation]) -> None:
        """One product with the matrices side by side, transposed: its rows are the members' rows."""
        first = group[0]
        name = self.name(group)
        columns = self.table[first.reads[0].name].shape[1]
        total = _sum(e.shape[0] for e in group)
        turned: list[Read] = []
        for member in group:
            shape = (columns, member.shape[0])
            turned.append(
                self.add(_made(first, self.name(group), shape, "transpose", (member.reads[0],), ()))
            )
        weights = self.add(_made(first, self.name(group), (columns, total), "concat", tuple(turned), ()))
        product = replace(
            _made(first, name, (total,), "einsum", (weights, first.reads[1]), first.axes),
            attrs=attrs(spec=JOINED),
        )
        self._split(product, group)

    def join_alike(self, group: Sequence[Equation], starts: Sequence[Size]) -> None:
        """The same operator on wide operands."""
        first = group[0]
        name = self.name(group)
        total = _sum(e.shape[0] for e in group)
        reads: list[Read] = []
        for place in range(len(first.reads)):
            parts = [self.part(e.reads[place]) for e in group]
            if parts[0] is None:
                reads.append(first.reads[place])
            elif parts[0].wide is None:
                vectors = tuple(e.reads[place] for e in group)
                reads.append(self.add(_made(first, self.name(group), (total,), "concat", vectors, ())))
            else:
                reads.append(self._range(self.name(group), first, parts[0], total))
        wide = replace(_made(first, name, (total,), first.op, tuple(reads), first.axes), attrs=first.attrs)
        self._split(wide, group)

    def _range(self, name: str, first: Equation, part: Part, total: Size) -> Read:
        """The joined members' stretch of a wide quantity."""
        assert part.wide is not None
        source = self.table[part.wide]
        if total == self.wide[part.wide]:
            return plain(source)
        cut = _made(first, name, (total,), "slice", (plain(source),), source.axes)
        return self.add(replace(cut, attrs=attrs(start=part.start, size=total)))

    def _split(self, wide: Equation, group: Sequence[Equation]) -> None:
        """Members become slices of the wide quantity."""
        read = self.add(wide)
        self.wide[wide.name] = wide.shape[0]
        start = Size.of(0)
        for member in group:
            size = member.shape[0]
            self.table[member.name] = replace(
                member, op="slice", reads=(read,), attrs=attrs(start=start, size=size)
            )
            start = start + size


def _made(
    like: Equation,
    name: str,
    shape: tuple[Size, ...],
    op: str,
    reads: tuple[Read, ...],
    axes: tuple[str, ...],
) -> Equation:
    return Equation(name, axes, shape, "real", op, reads, span=like.span, origin=like.origin)


def _products(work: _Work) -> list[list[Equation]]:
    """Products of a parameter's matrix with one and the same vector, two or more."""
    groups: dict[tuple[Read, tuple[str, ...]], list[Equation]] = defaultdict(list)
    for equation in work.table.values():
        if dict(equation.attrs).get("spec") == PRODUCT:
            matrix, vector = equation.reads
            if _is_parameter(work.table, matrix.name) and work.table[vector.name].axes:
                groups[vector, equation.axes].append(equation)
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


def _alike(work: _Work) -> Iterable[tuple[list[Equation], list[Size]]]:
    """Groups of equations with one operator whose operands lie side by side in wide quantities."""
    buckets: dict[tuple[object, ...], list[tuple[Size, Equation]]] = defaultdict(list)
    for equation in work.table.values():
        key = _key(work, equation)
        if key is not None:
            part = next(p for p in map(work.part, equation.reads) if p is not None and p.wide is not None)
            buckets[key].append((part.start, equation))
    for members in buckets.values():
        yield from _runs(work, members)


def _key(work: _Work, equation: Equation) -> tuple[object, ...] | None:
    """What members of a group have in common; None for an equation that cannot be joined."""
    if "elementwise" not in TABLE[equation.op].traits or len(equation.shape) != 1 or equation.type != "real":
        return None
    parts = [work.part(read) for read in equation.reads]
    if any(part is None for part in parts) or not any(part and part.wide for part in parts):
        return None
    return (equation.op, equation.attrs, equation.axes, tuple(part.wide if part else None for part in parts))


def _runs(work: _Work, members: list[tuple[Size, Equation]]) -> Iterable[tuple[list[Equation], list[Size]]]:
    """Stretches of at least two members without a gap, in every wide operand."""
    after: dict[Size, tuple[Size, Equation]] = {start: (start, equation) for start, equation in members}
    begun = {start + e.shape[0] for start, e in members}
    for start, equation in members:
        if start in begun or after.get(start) != (start, equation):
            continue
        run, starts = [equation], [start]
        place = start + equation.shape[0]
        while place in after and _follows(work, run[-1], after[place][1]):
            run.append(after[place][1])
            starts.append(place)
            place = place + run[-1].shape[0]
        if len(run) > 1:
            yield run, starts


def _follows(work: _Work, one: Equation, other: Equation) -> bool:
    """Whether each wide operand of ``other`` begins where that of ``one`` ends."""
    for a, b in zip(one.reads, other.reads, strict=True):
        left, right = work.part(a), work.part(b)
        if left and right and left.wide and left.start + one.shape[0] != right.start:
            return False
    return True


def _is_parameter(table: dict[str, Equation], name: str) -> bool:
    return not table[name].axes and table[name].type == "real"


def _readers(system: System) -> dict[str, list[str]]:
    readers: dict[str, list[str]] = defaultdict(list)
    for equation in system.equations:
        for read in equation.reads:
            readers[read.name].append(equation.name)
        for boundary in equation.boundaries:
            readers[boundary.name].append(equation.name)
    for _, name in system.outputs:
        readers[name].append("")
    return readers


def _sum(sizes: Iterable[Size]) -> Size:
    total = Size.of(0)
    for size in sizes:
        total = total + size
    return total
