"""Diagonal linear recurrences: h[t] = a[t] * h[t-1] + b[t], element by element, a and b on no cycle.

Their steps need not be taken one by one (Martin & Cundy 2018): stretches of the sequence are computed side
by side, once it is known what is before each of them. In the equations there are two forms, which are each
other's adjoint: the past is multiplied as it is read, or a step leaves its product to the next
(d[t] = b[t] + e[t+1], e[t] = a[t] * d[t]). Which way is faster depends on the sizes of a call, and is decided
there (`recur` of the prelude)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...spec.records import dataclass
from ..ir import Equation, Read
from ..schedule import Loop
from ..weave import nodes_of
from .coupled import Coupled, Other

if TYPE_CHECKING:
    from .storage import Storage

LINEAR = ("add", "mul", "sub", "neg")


@dataclass(frozen=True, slots=True)
class Diagonal:
    """The two equations of the cycle, and what they read besides each other: a and b."""

    product: Equation
    sum: Equation
    factor: Read
    term: Read
    past: Read
    past_is_multiplied: bool  # else the product is what the next step reads


def scanned(loop: Loop, table: Mapping[str, Equation], storage: Storage) -> Diagonal | Coupled | str:
    """The recurrence of a loop that a scan can do; else the term that prevents it."""
    found = diagonal(loop, table)
    if isinstance(found, str):
        return found
    if isinstance(found, Coupled):
        return found.prevented(table, storage) or found
    whole, left = (
        storage.kinds.get(root.name) == "array" and storage.owner(root.name) == root.name
        for root in (found.sum, found.product)
    )
    if not whole:
        return f"{found.sum.name} is not kept of every step"
    if loop.step < 0 and found.product.boundaries and not found.past_is_multiplied:
        return f"{found.product.name} begins past each sequence's own end"
    if left and found.past_is_multiplied:
        return f"{found.product.name} is read by others"
    reads = (read.name for root in (found.sum, found.product) for read in root.reads)
    missing = next((name for name in reads if name in storage.optional), None)
    return f"{missing} may be missing" if missing else found


def diagonal(loop: Loop, table: Mapping[str, Equation]) -> Diagonal | Coupled | str:
    """What a loop computes, when that is such a recurrence; else the term that prevents it."""
    if not loop.flat:
        return "a loop inside it"
    found = [node.root for node in nodes_of(loop)]
    cycle = {root.name for root in found}
    for root in found:
        inside = [read.name for read in root.reads if _meets(read.name, cycle, table)]
        if root.op not in LINEAR or (root.op == "mul" and len(inside) > 1) or not cycle.issuperset(inside):
            return f"{root.name} = {root.op}({', '.join(read.name for read in root.reads)})"
    try:
        coupled = Coupled(loop, {root.name: root for root in found})
    except Other as other:
        return str(other)
    return coupled if len(coupled.sums) > 1 else _alone(coupled)


def _meets(name: str, cycle: set[str], table: Mapping[str, Equation]) -> bool:
    """Whether a quantity is on the cycle, or printed in place of its reader and reads one that is."""
    pending, seen = [name], set[str]()
    while pending:
        found = pending.pop()
        if found in cycle:
            return True
        if found not in seen and found in table and table[found].op in ("expand", "copy"):
            pending += [read.name for read in table[found].reads]
        seen.add(found)
    return False


def _alone(found: Coupled) -> Diagonal | str:
    """One product and one sum, each of which reads the other once, one of them a step away."""
    ((name, terms),) = found.sums.items()
    own, rest = terms.get(name, []), terms.get("", [])
    simple = (
        [(sign, len(factors)) for sign, factors in own] == [(sign, len(f)) for sign, f in rest] == [(1, 1)]
    )
    product = next((root for root in found.roots.values() if root.op == "mul"), None)
    if product is None or len(found.roots) > 2 or not simple:
        return f"{name} is not one product and one sum"
    (_, (factor,)), (_, (term,)) = *own, *rest
    (past,) = found.pasts.values()
    return Diagonal(product, found.roots[name], factor, term, past, not found.left)
