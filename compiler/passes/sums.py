"""Sums: a sum of sums is one sum, and what is the same in every term comes out of it.

    axis t = 1..T
    axis @
    d[t,@] : real[n] = input() {name: "d"}
    a[t,@] : real[n] = square(d[t,@])
    b[t,@] : real = sum(a[t,@])
    half : real = number() {value: 0.5}
    c : real = number() {value: 0.9}
    e[t,@] : real = mul(half, b[t,@])
    f[t,@] : real = add(e[t,@], c)
    g[@] : real = sum_over(f[t,@])
    s : real = sum_over(g[@])
    output nll:y = g
    output loss = s

becomes

    axis t = 1..T
    axis @
    d[t,@] : real[n] = input() {name: "d"}
    a[t,@] : real[n] = square(d[t,@])
    b[t,@] : real = sum(a[t,@])
    half : real = number() {value: 0.5}
    c : real = number() {value: 0.9}
    e[t,@] : real = mul(half, b[t,@])
    f[t,@] : real = add(e[t,@], c)
    g[@] : real = sum_over(f[t,@])
    s.5 : real = einsum(d[t,@], d[t,@]) {spec: "i,i->"}
    s.1 : real = mul(half, s.5)
    s.2[@] : real = extent() {axis: "t"}
    s.3 : real = sum_over(s.2[@])
    s.4 : real = mul(c, s.3)
    s : real = add(s.1, s.4)
    output nll:y = g
    output loss = s

A loss is the mean over steps and sequences of terms, which the caller of `forward` gets for each sequence; what a
training step wants is their sum alone. So it does not need the terms: whoever asks for them has them made then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ..ir import BATCH, Equation, Read, System, here
from .rewriting import ROUNDS, View, is_plain, turned

Rule = Callable[[Equation, Equation, View, Mapping[str, int]], "Equation | None"]
TRAINING = (
    "loss",
    "stop",
)  # outputs that a training step has; besides, what the adjoint equations read (`tape:`)


def one_sum(system: System) -> System:
    """The system with simpler sums where training has them; the same object when there are none."""
    for _ in range(ROUNDS):
        view, read = View(system), _read_in_training(system)
        result: list[Equation] = []
        for e in system.equations:
            changed = _simpler(e, view, read) if e.op == "sum_over" and e.name in read else None
            result += [*view.added, changed or e]
            view.added.clear()
        if tuple(result) == system.equations:
            return system
        system = system.with_equations(result)
    return system


def _read_in_training(system: System) -> Counter[str]:
    """How often a training step reads each quantity."""
    table, found = system.table(), Counter[str]()
    work = [name for key, name in system.outputs if key in TRAINING or key.startswith("tape:")]
    for name in work:
        found[name] += 1
        if found[name] == 1 and name in table:
            work += table[name].sources()
    return found


def _simpler(e: Equation, view: View, read: Mapping[str, int]) -> Equation | None:
    """A sum of all that a quantity is, over steps and sequences, seen through its definition."""
    (whole,) = e.reads
    term = view.table[whole.name]
    if e.axes or e.shape or e.type != "real" or not is_plain(whole, term) or read[term.name] > 1:
        return None
    return next((s for rule in RULES.get(term.op, ()) if (s := rule(e, term, view, read))), None)


def _sum_of_sums(e: Equation, term: Equation, view: View, read: Mapping[str, int]) -> Equation | None:
    (inner,) = term.reads
    source = view.source(inner)
    whole = {*term.axes} <= {*source.axes}  # what lacks an axis is in the sum once for each step of it
    return turned(e, "sum_over", inner) if whole and is_plain(inner, source) else None


def _with_the_same_in_all(
    e: Equation, term: Equation, view: View, read: Mapping[str, int]
) -> Equation | None:
    """A term plus what is the same in every term: this as often as there are terms."""
    first, second = term.reads
    if term.op == "add" and not view.source(first).axes:
        first, second = second, first
    times = [axis for axis in term.axes if axis != BATCH]
    if not (_varies(first, term, view) and _fixed(second, view) and times):
        return None
    if BATCH not in term.axes or any(axis.index in times and not axis.length for axis in view.system.axes):
        return None
    rest = view.new(e, "sum_over", first)
    count, *others = [view.new(e, "extent", axes=(BATCH,), axis=axis) for axis in times]
    for other in others:
        count = view.new(e, "mul", count, other, axes=(BATCH,))
    many = view.new(e, "mul", second, view.new(e, "sum_over", count))
    return turned(e, term.op, rest, many)


def _times_the_same(e: Equation, term: Equation, view: View, read: Mapping[str, int]) -> Equation | None:
    first, second = term.reads
    if term.op == "mul" and _fixed(first, view) and _varies(second, term, view):
        return turned(e, "mul", first, view.new(e, "sum_over", second))
    if _varies(first, term, view) and _fixed(second, view):
        return turned(e, term.op, view.new(e, "sum_over", first), second)
    return None


def _of_squares(e: Equation, term: Equation, view: View, read: Mapping[str, int]) -> Equation | None:
    """All numbers of an array times those of another: one product of vectors."""
    (inner,) = term.reads
    product = view.source(inner)
    if product.op not in ("square", "mul") or not is_plain(inner, product) or read[product.name] > 1:
        return None
    factors = product.reads * (2 if product.op == "square" else 1)
    alike = all(_varies(f, term, view) and view.source(f).shape == product.shape for f in factors)
    return turned(e, "einsum", *factors, spec="i,i->") if alike and len(product.shape) == 1 else None


def _varies(read: Read, term: Equation, view: View) -> bool:
    """Whether it has every axis of the term, and is read where the term stands."""
    return read.at == here(term.axes) and view.source(read).axes == term.axes


def _fixed(read: Read, view: View) -> bool:
    """Whether it is a number that the spec tells: one of parameters may be infinite, and nothing times that is NaN."""
    source = view.source(read)
    if source.axes or source.type != "real" or source.boundaries:
        return False
    return source.op in ("number", "dim") or bool(source.reads and all(_fixed(r, view) for r in source.reads))


RULES: Mapping[str, tuple[Rule, ...]] = {
    "sum_over": (_sum_of_sums,),
    "add": (_with_the_same_in_all,),
    "sub": (_with_the_same_in_all,),
    "mul": (_times_the_same,),
    "div": (_times_the_same,),
    "sum": (_of_squares,),
}
