"""Pack: what one product reads of several quantities is made side by side, a step at a time, and copied in one go.

    ~z[t,g2,@] : real[n] = stack(~i[t,@], ~f[t,@]) {axis: "g2"}
    ~h.1[t,@] : real[m] = einsum(~z[t,g2,@], U[g2]) {spec: "i,ij->j"}

becomes

    ~z.1[t,g2,@] : real[n] = stack(~i[t,@], ~f[t,@]) {axis: "g2"}
    ~z[t,g2,@] : real[n] = copy(~z.1[t,g2,@])

and who reads `~i` outside the recurrence reads `~z[t,1,@]`; likewise what is computed for all members at once. The
product wants the members of a sequence in one row, so each would be written into short stretches of many rows; in
the buffer of one step it is a block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...spec.records import replace
from ..ir import BATCH, Equation, Position, Read, System, plain
from ..operators import TABLE
from ..schedule import cycles_of
from .rewriting import Temporaries, is_plain, turned


def pack(system: System) -> System:
    """The system with such stacks packed; the same object when there are none."""
    if all(axis.size is None for axis in system.axes):
        return system
    search = _Search(system)
    wide = [e for e in system.equations if search.fits(e)]
    if not wide:
        return system
    names = Temporaries(search.table)
    stacks = [whole for whole in wide if whole.op == "stack"]
    member_of = {read.name: (whole, n) for whole in stacks for n, read in enumerate(whole.reads, start=1)}
    packed = {whole.name for whole in wide}
    result: list[Equation] = []
    for e in system.equations:
        if e.name in packed:
            inner = replace(e, name=names.fresh(e.name))
            result += [inner, turned(e, "copy", plain(inner))]
        else:
            result.append(
                replace(e, reads=tuple(_moved(e, read, member_of, search.cycles) for read in e.reads))
            )
    return system.with_equations(result)


class _Search:
    def __init__(self, system: System) -> None:
        self.table, self.cycles = system.table(), cycles_of(system)
        self.short = {axis.index for axis in system.axes if axis.size is not None}
        self.fixed = {name for _, name in system.outputs}
        self.fixed |= {b.name for e in system.equations for b in e.boundaries}
        self.readers: Mapping[str, list[tuple[Equation, Read]]] = defaultdict(list)
        for e in system.equations:
            for read in e.reads:
                self.readers[read.name].append((e, read))

    def fits(self, e: Equation) -> bool:
        """A stack, or an elementwise result, at every step of a recurrence, over whose members a product there sums."""
        if BATCH not in e.axes or e.boundaries or e.name not in self.cycles or e.type != "real":
            return False
        if not any(
            reader.op == "einsum" and any(p.over in self.short and p.over not in reader.axes for p in read.at)
            for reader, read in self._inside(e)
        ):
            return False
        if e.op != "stack":
            return "elementwise" in TABLE[e.op].traits and e.op != "copy" and bool(TABLE[e.op].out)
        return len(set(e.reads)) == len(e.reads) and all(self._is_member(read, e) for read in e.reads)

    def _is_member(self, read: Read, whole: Equation) -> bool:
        """Whether an operand is made in the same loop, for what is there at the same step, and for this stack alone."""
        part = self.table[read.name]
        axis = whole.attr("axis")
        return (
            self.cycles.get(part.name) == self.cycles[whole.name]
            and part.name not in self.fixed
            and part.axes == tuple(a for a in whole.axes if a != axis)
            and is_plain(read, part)
            and all(is_plain(r, part) and (e is whole or e.op != "stack") for e, r in self._inside(part))
        )

    def _inside(self, e: Equation) -> Sequence[tuple[Equation, Read]]:
        """Who reads a quantity in the loop where it is made."""
        number = self.cycles.get(e.name)
        return [
            (reader, read) for reader, read in self.readers[e.name] if self.cycles.get(reader.name) == number
        ]


def _moved(
    e: Equation, read: Read, member_of: Mapping[str, tuple[Equation, int]], cycles: Mapping[str, int]
) -> Read:
    """A read of a member from outside its loop, as one of the stack it is in."""
    if read.name not in member_of:
        return read
    whole, step = member_of[read.name]
    if cycles.get(e.name) == cycles[whole.name]:
        return read
    place = whole.axes.index(str(whole.attr("axis")))
    return Read(whole.name, (*read.at[:place], Position(None, offset=step), *read.at[place:]))
