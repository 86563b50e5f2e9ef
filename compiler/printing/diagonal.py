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
from ..ir import BATCH, Equation, Read
from ..operators import TABLE
from ..schedule import Loop, Straight
from ..weave import nodes_of

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


def scanned(loop: Loop, table: Mapping[str, Equation], storage: Storage) -> Diagonal | str:
    """The recurrence of a loop that a scan can do; else the term that prevents it."""
    found = diagonal(loop, table)
    if isinstance(found, str):
        return found
    kept, left = (
        storage.kinds.get(root.name) == "array" and storage.owner(root.name) == root.name
        for root in (found.sum, found.product)
    )
    if not kept:
        return f"{found.sum.name} is not kept of every step"
    if loop.step < 0 and found.product.boundaries and not found.past_is_multiplied:
        return f"{found.product.name} begins past each sequence's own end"
    if left and found.past_is_multiplied:
        return f"{found.product.name} is read by others"
    reads = (read.name for root in (found.sum, found.product) for read in root.reads)
    missing = next((name for name in reads if name in storage.optional), None)
    return f"{missing} may be missing" if missing else found


def diagonal(loop: Loop, table: Mapping[str, Equation]) -> Diagonal | str:
    """What a loop computes, when that is such a recurrence; else the term that prevents it."""
    if not all(isinstance(part, Straight) for part in loop.body):
        return "a loop inside it"
    found = [node.root for node in nodes_of(loop)]
    cycle = {root.name for root in found}
    for root in found:
        inside = [read for read in root.reads if _meets(read.name, cycle, table)]
        if root.op not in LINEAR or (root.op == "mul" and len(inside) > 1):
            return f"{root.name} = {root.op}({', '.join(read.name for read in root.reads)})"
    pair = _pair(loop, found)
    if pair is None or any(_meets(read.name, cycle, table) for read in (pair.factor, pair.term)):
        return "several quantities on one cycle: " + ", ".join(sorted(_own(found)))
    return pair


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


def _own(found: list[Equation]) -> list[str]:
    return list(dict.fromkeys(root.origin or root.name for root in found))


def _pair(loop: Loop, found: list[Equation]) -> Diagonal | None:
    """One product and one sum, each of which reads the other once, one of them a step away."""
    if sorted(root.op for root in found) != ["add", "mul"]:
        return None
    product, total = sorted(found, key=lambda root: root.op, reverse=True)
    (back, factor), (made, term) = _split(product, total.name), _split(total, product.name)
    if back is None or made is None or factor is None or term is None:
        return None
    delays = _delay(loop, back), _delay(loop, made)
    alike = product.axes == total.axes and product.shape == total.shape
    if not alike or product.axes != (loop.axis, BATCH):
        return None
    if delays not in ((-loop.step, 0), (0, -loop.step)) or "elementwise" not in TABLE[total.op].traits:
        return None
    return Diagonal(product, total, factor, term, back if delays[0] else made, bool(delays[0]))


def _split(equation: Equation, other: str) -> tuple[Read | None, Read | None]:
    """The read of the other one, and the remaining read."""
    own = [read for read in equation.reads if read.name == other]
    rest = [read for read in equation.reads if read.name != other]
    return (own[0], rest[0]) if len(own) == len(rest) == 1 else (None, None)


def _delay(loop: Loop, read: Read) -> int | None:
    return next((p.offset for p in read.at if p.over == loop.axis and not p.ends), None)
