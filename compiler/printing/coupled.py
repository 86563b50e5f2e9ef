"""Coupled linear recurrences: quantities on one cycle, each a sum of products that have at most one of them, of the
step before: h[t] = A[t] h[t-1] + b[t], with a small matrix for each element (complex recurrences, oscillators).

In the adjoint a step leaves its products to the next, as in `diagonal`. `scan_coupled` of the prelude takes many
steps at a time where they have few numbers, and leaves others to the loop, which is printed below its call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ...spec.records import dataclass
from ..ir import BATCH, Equation, Read
from ..schedule import Loop

if TYPE_CHECKING:
    from .storage import Storage

Term = tuple[int, tuple[Read, ...]]  # a sign, and the factors besides what is of the step before
Sum = dict[str, list[Term]]  # by what the terms have of the step before; "" nothing
LONGEST = 8  # terms of a sum
SIGNS = {"add": (1, 1), "sub": (1, -1), "neg": (-1,)}


class Other(Exception):
    """A recurrence of another kind; the message names the term that makes it so."""


@dataclass(slots=True)
class Coupled:
    """The recurrence of a loop of sums, differences and products, its ``roots``. It is one of ``sums``. The next step
    reads them, or products that are ``left`` for it: of which factor and which sum; ``pasts`` are these reads."""

    loop: Loop
    roots: Mapping[str, Equation]
    sums: dict[str, Sum] = field(default_factory=dict)
    pasts: dict[str, Read] = field(default_factory=dict)
    left: dict[str, tuple[Read, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises Other."""
        for root in self.roots.values():
            if root.axes != (self.loop.axis, BATCH) or root.shape != next(iter(self.roots.values())).shape:
                raise Other(f"{root.name} has sizes or axes of its own")
            for read in (read for read in root.reads if read.name in self.roots):
                distance = delay(self.loop, read)
                if distance not in (0, -self.loop.step):
                    raise Other(f"{read.name} is read elsewhere than one step before")
                self.pasts |= {read.name: read} if distance else {}
        for product in (self.roots[name] for name in self.pasts if self.roots[name].op == "mul"):
            inner, factor = self._parted(product)
            if delay(self.loop, inner) != 0:
                raise Other(f"{product.name} is a product two steps later")
            self.left[product.name] = factor, inner.name
        names = dict.fromkeys(self.left[name][1] if name in self.left else name for name in self.pasts)
        self.sums = {name: self._sum(self.roots[name]) for name in names}

    def _parted(self, product: Equation) -> tuple[Read, Read]:
        """What is on the cycle, and the factor."""
        first, second = product.reads
        return (first, second) if first.name in self.roots else (second, first)

    def _sum(self, root: Equation) -> Sum:
        """A quantity in terms of the step before."""
        reads, factors, made = root.reads, tuple[Read, ...](), Sum()
        if root.op == "mul":
            reads, factors = self._parted(root)[:1], self._parted(root)[1:]
        for sign, read in zip(SIGNS.get(root.op, (1,)), reads):
            for past, terms in self._read(read).items():
                if self.left and past and any(p.over == self.loop.axis for f in factors for p in f.at):
                    raise Other(f"{root.name} has factors of two steps")
                made.setdefault(past, []).extend((sign * own, others + factors) for own, others in terms)
        if sum(map(len, made.values())) > LONGEST:
            raise Other(f"{root.name} has more than {LONGEST} terms")
        return made

    def _read(self, read: Read) -> Sum:
        if read.name not in self.roots:
            return {"": [(1, (read,))]}
        if delay(self.loop, read) == 0:
            return self._sum(self.roots[read.name])
        factor, whose = self.left.get(read.name, (None, read.name))
        return {whose: [(1, (factor,) if factor else ())]}

    def prevented(self, table: Mapping[str, Equation], storage: Storage) -> str:
        """What of the storage makes it impossible, if anything does: it leaves all steps of sums, and the last of
        products."""
        whole = {
            name for name in self.roots if storage.kinds.get(name) == "array" and storage.owner(name) == name
        }
        read = {name for e in table.values() if e.name not in self.roots for name in e.sources()}
        begun = {name for name in self.pasts if self.left and table[name].boundaries}
        told = {
            "is not kept of every step": self.sums.keys() - whole,
            "is read by others": (whole | read & self.roots.keys())
            - self.sums.keys()
            - (self.left.keys() - whole),
            "begins with a value of its own": begun,
            "may be missing": storage.optional.keys()
            & {r.name for e in self.roots.values() for r in e.reads},
        }
        return next((f"{min(names)} {why}" for why, names in told.items() if names), "")


def delay(loop: Loop, read: Read) -> int | None:
    """How many steps later a quantity is read, less than 0 for before; None where that is no fixed number."""
    return next((p.offset for p in read.at if p.over == loop.axis and not p.ends), None)
