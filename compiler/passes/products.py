"""Products: expansions and transpositions go into an `einsum`'s letters; one that sums nothing is plain.

    axis t = 1..T
    axis @
    W : real[n,m] = param() {name: "W"}
    x[t,@] : real[n] = input() {name: "x"}
    a[t,@] : real = input() {name: "a"}
    V : real[m,n] = transpose(W)
    y[t,@] : real[m] = einsum(V, x[t,@]) {spec: "ij,j->i"}
    z[t,@] : real[n] = einsum(a[t,@], x[t,@]) {spec: ",i->i"}
    output output:y = y
    output output:z = z

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    W : real[n,m] = param() {name: "W"}
    x[t,@] : real[n] = input() {name: "x"}
    a[t,@] : real = input() {name: "a"}
    y[t,@] : real[m] = einsum(W, x[t,@]) {spec: "ji,j->i"}
    z.1[t,@] : real[n] = expand(a[t,@]) {sizes: (<n>)}
    z[t,@] : real[n] = mul(z.1[t,@], x[t,@])
    output output:y = y
    output output:z = z
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Equation, Read, System, along
from ..operators.products import letters
from .rewriting import Rule, View, dropped, rewrite, turned


def plain_products(system: System) -> System:
    """The system with every `einsum` in its simplest form."""
    return rewrite(system, RULES)


def einsum_operand(op: str, change: str) -> Rule:
    """An operand that is turned or expanded: its letters say so as well."""

    def rule(e: Equation, v: View) -> Equation | None:
        for number, read in enumerate(e.reads):
            inner = v.through(read, op)
            if inner is None or not dropped(e) <= _others(e, number) | set(along(inner.reads[0])):
                continue
            operands, result = letters(str(e.attr("spec")))
            names = operands[number]
            rank = len(v.source(inner.reads[0]).shape)
            changed = names[:rank] if change == "cut" else names[:-2] + names[-1] + names[-2]
            rest = set("".join(operands[:number] + operands[number + 1 :]))
            if set(names) - set(changed) <= rest:
                reads = (*e.reads[:number], inner.reads[0], *e.reads[number + 1 :])
                spec = ",".join((*operands[:number], changed, *operands[number + 1 :])) + "->" + result
                return turned(e, "einsum", *reads, spec=spec)
        return None

    return rule


def _others(e: Equation, number: int) -> set[str]:
    """The axes that the other operands run along."""
    return {axis for k, read in enumerate(e.reads) if k != number for axis in along(read)}


def einsum_of_one(e: Equation, v: View) -> Equation | None:
    """A contraction of one operand is a sum, a copy or a transposition."""
    if len(e.reads) != 1:
        return None
    (names,), result = letters(str(e.attr("spec")))
    if names == result:
        return turned(e, "sum_over", *e.reads)
    if dropped(e):
        return None
    if names[:-1] == result:
        return turned(e, "sum", *e.reads)
    swapped = names[:-2] + names[-1:] + names[-2:-1]
    return turned(e, "transpose", *e.reads) if len(names) > 1 and swapped == result else None


def einsum_without_sum(e: Equation, v: View) -> Equation | None:
    """A contraction that sums nothing, one operand's letters beginning the other's: a product."""
    operands, result = letters(str(e.attr("spec")))
    if len(operands) != 2 or result not in operands or dropped(e):
        return None
    if not all(result.startswith(names) for names in operands):
        return None
    return turned(e, "mul", *(_widened(read, e, v) for read in e.reads))


def _widened(read: Read, e: Equation, v: View) -> Read:
    """The operand with the sizes of the result."""
    shape = v.source(read).shape
    if shape == e.shape:
        return read
    sizes = e.shape[len(shape) :]
    axes = tuple(axis for axis in e.axes if axis in along(read))
    return v.new(e, "expand", read, axes=axes, shape=e.shape, sizes=sizes)


RULES: dict[str, Sequence[Rule]] = {
    "einsum": (
        einsum_of_one,
        einsum_operand("expand", "cut"),
        einsum_operand("transpose", "swap"),
        einsum_without_sum,
    ),
}
