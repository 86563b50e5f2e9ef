"""Collect: what a recurrence adds of one quantity, times what is on no cycle, is one product.

    axis t = 1..T
    axis @
    a[t,@] : real[n] = input() {name: "a"}
    b[t,@] : real[n] = input() {name: "b"}
    c[t,@] : real[n] = input() {name: "c"}
    u[t,@] : real[n] = mul(d[t,@], a[t,@])
    v[t,@] : real[n] = mul(d[t,@], b[t,@])
    w[t,@] : real[n] = mul(c[t,@], v[t,@])
    s[t,@] : real[n] = sub(u[t,@], w[t,@])
    d[t,@] : real[n] = sin(s[t+1,@])
    output output:u = u
    output output:v = v

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    a[t,@] : real[n] = input() {name: "a"}
    b[t,@] : real[n] = input() {name: "b"}
    c[t,@] : real[n] = input() {name: "c"}
    u[t,@] : real[n] = mul(d[t,@], a[t,@])
    v[t,@] : real[n] = mul(d[t,@], b[t,@])
    s.1[t,@] : real[n] = mul(b[t,@], c[t,@])
    s.2[t,@] : real[n] = sub(a[t,@], s.1[t,@])
    s[t,@] : real[n] = mul(d[t,@], s.2[t,@])
    d[t,@] : real[n] = sin(s[t+1,@])
    output output:u = u
    output output:v = v

A gradient is linear in what comes back: where a cell's parameters are no factors of products, as those of FastGRNN or
of a liquid time-constant cell, many terms of one quantity come together, and some of them serve gradients outside of
the recurrence as well. Those are computed there, for all steps at once, and the recurrence is left with one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass
from ..given import only_if_given
from ..ir import Equation, Read, System, along
from ..schedule import cycles_of
from .rewriting import View, is_plain, rewrite, turned

LINKS = ("add", "sub", "neg", "mul")


@dataclass(frozen=True, slots=True)
class _Term:
    """``sign`` times the product of ``factors``, which are on no cycle, times ``base``."""

    sign: int
    base: Read
    factors: tuple[Read, ...]


def collect(system: System) -> System:
    """The system with such sums as products; the same object when there is none."""
    if not cycles_of(system):
        return system
    work = _Work(system)
    return rewrite(system, dict.fromkeys(LINKS, (work.collected,)))


@dataclass(slots=True)
class _Work:
    """``readers`` counts the reads on a quantity's own cycle, ``inner`` are links that one other link reads there."""

    system: System
    cycles: Mapping[str, int] = field(init=False)
    maybe: Container[str] = field(init=False)
    readers: Counter[str] = field(init=False)
    inner: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.cycles, self.maybe = cycles_of(self.system), only_if_given(self.system)
        table = self.system.table()
        on_cycles = [e for e in self.system.equations if e.name in self.cycles]
        self.readers = Counter(r.name for e in on_cycles for r in e.reads if self._together(r.name, e.name))
        self.inner = set()
        for e in (e for e in on_cycles if self._is_link(e)):
            self.inner |= {r.name for r in e.reads if self._is_inner(r, table[r.name], e)}

    def _together(self, one: str, other: str) -> bool:
        return one in self.cycles and self.cycles[one] == self.cycles.get(other)

    def _is_link(self, e: Equation) -> bool:
        """A sum, or a product one of whose factors is on no cycle."""
        on = sum(self._together(read.name, e.name) for read in e.reads)
        return e.op in LINKS and e.type == "real" and (on == 1 or (on == 2 and e.op in ("add", "sub")))

    def _is_inner(self, read: Read, source: Equation, e: Equation) -> bool:
        alike = source.axes == e.axes and is_plain(read, source) and not source.boundaries
        once = self.readers[source.name] == 1 and self._together(source.name, e.name)
        return alike and once and self._is_link(source)

    def collected(self, e: Equation, v: View) -> Equation | None:
        """The last link of a chain, if that takes fewer calls at each step."""
        if e.name not in self.cycles or e.name in self.inner or not self._is_link(e):
            return None
        terms, links = self._terms(e, v)
        groups: dict[Read | None, list[_Term]] = {}
        for term in terms:
            on = self._together(term.base.name, e.name)
            groups.setdefault(term.base if on else None, []).append(term)
        if not _pays(groups, links) or any(term.base.name in self.maybe for term in terms):
            return None
        parts = [self._part(e, base, group, v) for base, group in groups.items()]
        if len(parts) == 1:
            return parts[0]
        *others, last = sorted(parts, key=lambda part: part.op == "neg")
        total = self._made(e, others[0], v)
        for part in others[1:]:
            total = self._made(e, self._added(e, total, part, v), v)
        return self._added(e, total, last, v)

    def _added(self, e: Equation, total: Read, part: Equation, v: View) -> Equation:
        """A sum with one more part; of what is to be subtracted the quantity itself is taken."""
        if part.op == "neg":
            return turned(e, "sub", total, part.reads[0])
        return turned(e, "add", total, self._made(e, part, v))

    def _made(self, e: Equation, like: Equation, v: View) -> Read:
        """A part of ``e`` as a quantity of its own; one that is there already as it is."""
        if like.op == "copy":
            return like.reads[0]
        return v.new(e, like.op, *like.reads, axes=_axes(e, like.reads), shape=e.shape)

    def _terms(self, e: Equation, v: View) -> tuple[list[_Term], int]:
        """What a chain adds, and of how many links it is made."""
        terms, links = list[_Term](), 0
        work: list[tuple[int, Equation, tuple[Read, ...]]] = [(1, e, ())]
        while work:
            sign, link, factors = work.pop()
            links += 1
            reads = link.reads
            if link.op == "mul":
                on = [r for r in reads if self._together(r.name, link.name)]
                factors = (*factors, *(r for r in reads if r not in on))
                reads = tuple(on)
            signs = (-sign,) if link.op == "neg" else (sign, -sign if link.op == "sub" else sign)
            for own, read in zip(signs, reads):
                if read.name in self.inner:
                    work.append((own, v.source(read), factors))
                else:
                    terms.append(_Term(own, read, factors))
        return terms, links

    def _part(self, e: Equation, base: Read | None, group: Sequence[_Term], v: View) -> Equation:
        """The terms of one quantity, or those on no cycle, as one: like ``e``, but for what it is made of."""
        if base is not None and _is_one(group):
            return turned(e, "copy" if group[0].sign > 0 else "neg", base)
        sums = [(term.sign, self._product(e, term, base is None, v)) for term in group]
        (sign, total), *rest = sorted(sums, key=lambda part: -part[0])
        for other, read in rest:
            op = "add" if other == sign else "sub"
            total = v.new(e, op, total, read, axes=_axes(e, (total, read)), shape=e.shape)
        if sign < 0:
            total = v.new(e, "neg", total, axes=along(total), shape=e.shape)
        return turned(e, "copy", total) if base is None else turned(e, "mul", base, total)

    def _product(self, e: Equation, term: _Term, whole: bool, v: View) -> Read:
        """The factors of a term, with its base if the ``whole`` is on no cycle."""
        factors = (term.base, *term.factors) if whole else term.factors
        if not factors:
            return v.number(e, 1.0)
        total, *rest = sorted(factors, key=lambda read: read.name)
        for read in rest:
            total = v.new(e, "mul", total, read, axes=_axes(e, (total, read)), shape=e.shape)
        return total


def _pays(groups: Mapping[Read | None, Sequence[_Term]], links: int) -> bool:
    """Whether a quantity comes more than once, and the calls at each step are fewer than ``links``. What is computed
    for all steps at once counts half."""
    calls, outside = len(groups) - 1, 0
    for base, group in groups.items():
        outside += len(group) - 1 + sum(len(term.factors) for term in group)
        if base is not None and not _is_one(group):
            calls += 1
            outside -= len(group)
    return (
        any(base is not None and len(group) > 1 for base, group in groups.items())
        and calls + outside / 2 < links
    )


def _is_one(group: Sequence[_Term]) -> bool:
    """Whether this is a quantity once, without a factor."""
    return len(group) == 1 and not group[0].factors


def _axes(e: Equation, reads: Sequence[Read]) -> tuple[str, ...]:
    found = {axis for read in reads for axis in along(read)}
    return tuple(axis for axis in e.axes if axis in found)
