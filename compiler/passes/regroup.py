"""Regroup: what a recurrence adds (or multiplies) at every step is gathered outside the recurrence.

    a[t,@] : real[n] = add(b, u[t,@])
    c[t,@] : real[n] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
    d[t,@] : real[n] = add(c[t,@], a[t,@])

A chain of sums and differences, or of products, is taken apart into its terms; those on the cycle of
dependences come last, the others are combined first, and so can be computed for all steps at once. Of these,
what is there only when the caller gives a cotangent comes after the rest, one term at a time: each is then
a sum that can be left out (`compiler/given.py`). Needs to know which equations lie on a cycle, and nothing
else of the schedule. Of quotients by one number only the first goes with the free factors, the others stay in
the recurrence: the square of an inverse may be too large, or too small, where what it is multiplied with is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import field

from ...spec.records import dataclass, replace
from ..given import only_if_given
from ..ir import BATCH, Equation, Read, System, plain
from ..operators import TABLE
from ..schedule import cycles_of
from .rewriting import Temporaries, uses

SUMS = ("add", "sub")


def regroup(system: System) -> System:
    """The system with every such chain regrouped; the same object when nothing changed."""
    known = _Known(system)
    table = {e.name: e for e in system.equations}
    if not known.cycles and not known.given:
        return system
    inner = {r.name for e in table.values() for r in e.reads if known.continues(e, r)}
    rebuilt: dict[str, list[Equation]] = {}
    for equation in table.values():
        if equation.name not in inner and known.chains(equation):
            rebuilt.update(_Chain(equation, known).rebuild())
    if not rebuilt:
        return system
    return system.with_equations(e for old in system.equations for e in rebuilt.get(old.name, [old]))


@dataclass(slots=True)
class _Known:
    """What the pass asks of a system. ``made`` are equations by name, new ones too."""

    system: System
    made: dict[str, Equation] = field(init=False)
    names: Temporaries = field(init=False)
    defined: Container[str] = field(init=False)
    cycles: Mapping[str, int] = field(init=False)
    given: Container[str] = field(init=False)
    uses: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        system = self.system
        self.made, self.cycles, self.given = system.table(), cycles_of(system), only_if_given(system)
        self.names = Temporaries(self.made)
        self.defined = {e.name for e in system.equations}
        self.uses = uses(system)

    def chains(self, equation: Equation) -> bool:
        """Whether an equation can be the last link of a chain that is worth a look."""
        if equation.name in self.cycles:
            return equation.op in SUMS or "associative" in TABLE[equation.op].traits
        return equation.op in SUMS and equation.type == "real" and bool(equation.axes)

    def continues(self, reader: Equation, read: Read) -> bool:
        """Whether an operand is a link of its reader's chain: the same operator (or + and -), for this reader
        alone; on the same cycle, or a sum on none."""
        source = self.made[read.name]
        sums = reader.op in SUMS and source.op in SUMS
        return (
            read.name in self.defined
            and (sums or source.op == reader.op and "associative" in TABLE[source.op].traits)
            and self.uses[source.name] == 1
            and not source.boundaries
            and source.axes == reader.axes
            and read == plain(source)
            and self.cycles.get(source.name) in (self.cycles.get(reader.name), None if sums else -1)
        )


@dataclass(frozen=True, slots=True)
class _Term:
    """An operand of a chain; ``sign`` is -1 where it is subtracted."""

    read: Read
    sign: int = 1


class _Chain:
    """One chain, from its last link."""

    def __init__(self, root: Equation, known: _Known) -> None:
        self.root, self.known = root, known
        self.links: list[str] = []
        self.made: list[Equation] = []
        self.terms: list[_Term] = []
        self.straight = True  # every link is the first operand of the next
        self._take(root)

    def _take(self, root: Equation) -> None:
        """The terms below the last link, from left to right."""
        waiting = _operands(root, 1)
        while waiting:
            link, place, read, sign = waiting.pop()
            if self.known.continues(link, read):
                self.links.append(read.name)
                self.straight = self.straight and not place
                waiting += _operands(self.known.made[read.name], sign)
            else:
                self.terms.append(_Term(read, sign))

    def rebuild(self) -> dict[str, list[Equation]]:
        """Free terms first, combined; then one link for each carried term. What stands in the place of each
        old equation; nothing when nothing moves."""
        cycles, given = self.known.cycles, self.known.given
        own = cycles.get(self.root.name)
        carried = [term for term in self.terms if own is not None and cycles.get(term.read.name) == own]
        moving = frozenset(carried)
        free = [term for term in self.terms if term not in moving]
        maybe = [term for term in free if term.read.name in given]
        if not (carried and len(free) > 1 or maybe and len(self.terms) > 2):
            return {}
        free.sort(key=lambda term: (term.read.name in given, term.sign < 0, len(self._made(term).axes)))
        if self.root.op == "mul":
            free, late = self._by_divisor(free)
            carried, moving = carried + late, moving | {*late}
            if len(free) < 2:
                return {}
        first = carried[:2] if len(maybe) == len(free) else []  # else these would begin with a copy of one
        ordered = [*first, *free, *carried[len(first) :]]
        if self.straight and ordered == self.terms:
            return {}
        total = ordered[0] if ordered[0].sign > 0 else _Term(self._link("neg", [ordered[0].read], False))
        for term in ordered[1:-1]:
            total = _Term(self._link(self._op(term), [total.read, term.read], term in moving))
        last = ordered[-1]
        root = replace(self.root, op=self._op(last), reads=(total.read, last.read))
        return {**{name: [] for name in self.links}, root.name: [*self.made, root]}

    def _by_divisor(self, terms: list[_Term]) -> tuple[list[_Term], list[_Term]]:
        """Factors, without and of those that are quotients by what another is divided by already."""
        first: list[_Term] = []
        second: list[_Term] = []
        divisors: set[Read] = set()
        for term in terms:
            divisor = self._divisor(term.read)
            (second if divisor in divisors else first).append(term)
            divisors |= {divisor} if divisor else set()
        return first, second

    def _divisor(self, read: Read) -> Read | None:
        """What a factor is divided by, as far as this system has it: a given quantity's operands may be none of it."""
        made = self.known.made.get(read.name)
        if made is None:
            return None
        return (
            made.reads[1] if made.op == "div" else self._divisor(made.reads[0]) if made.op == "neg" else None
        )

    def _made(self, term: _Term) -> Equation:
        return self.known.made[term.read.name]

    def _op(self, term: _Term) -> str:
        return self.root.op if self.root.op not in SUMS else "add" if term.sign > 0 else "sub"

    def _link(self, op: str, reads: list[Read], carried: bool) -> Read:
        known = self.known.made
        over = {axis for read in reads for axis in self._axes(read)}
        axes = tuple(axis for axis in self.root.axes if axis in over)
        if not carried:  # on no cycle any order will do: that of an operand lets it be made in its place
            orders = [known[read.name].axes for read in reads]
            axes = next((order for order in orders if set(order) == set(axes)), axes)
        name = self.known.names.fresh(self.root.name)
        link = replace(self.root, name=name, axes=axes, op=op, reads=tuple(reads), boundaries=())
        known[link.name] = link
        self.made.append(link)
        return plain(link)

    def _axes(self, read: Read) -> tuple[str, ...]:
        """The axes of the reader that an operand runs along."""
        over = tuple(p.over for p in read.at if p.over is not None)
        return (*over, BATCH) if any(p.ends for p in read.at) else over


def _operands(link: Equation, sign: int) -> list[tuple[Equation, int, Read, int]]:
    """The operands of a link, the last first: each with its place and its sign."""
    signs = (sign, -sign) if link.op == "sub" else (sign,) * len(link.reads)
    return [
        (link, place, read, own) for place, (read, own) in enumerate(zip(link.reads, signs, strict=True))
    ][::-1]
