"""Passes: functions from a system to one of the same meaning, in one ordered list.

To add one, write a module whose docstring shows a system before and after (the pass's first test), and
put it into `PASSES`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence

from ...spec.records import dataclass
from ..ir import System
from ..validate import validate
from .contract import contract
from .copies import drop_copies
from .dead import drop_dead
from .factor import factor
from .join import join
from .move import move
from .products import plain_products
from .regroup import regroup
from .share import share
from .simplify import simplify
from .spread import spread
from .squash import squash
from .stack import stack
from .tile import tile

ROUNDS = 20  # the passes feed one another; two or three rounds are usual


@dataclass(frozen=True, slots=True)
class Pass:
    """``run`` returns the same object when it changed nothing."""

    name: str
    run: Callable[[System], System]

    @property
    def doc(self) -> str:
        """What it does, with an example before and after."""
        return sys.modules[self.run.__module__].__doc__ or ""


PASSES: tuple[Pass, ...] = (
    Pass("copies", drop_copies),
    Pass("simplify", simplify),
    Pass("products", plain_products),
    Pass("contract", contract),
    Pass("factor", factor),
    Pass("tile", tile),
    Pass("stack", stack),
    Pass("share", share),
    Pass("dead", drop_dead),
)


TEXTBOOK = tuple(one for one in PASSES if one.name not in ("share", "contract", "factor"))
"""-O0: equations stay those of the spec, even where two of them are alike or could be one."""

BACK = (*TEXTBOOK[:-1], Pass("factor", factor), Pass("move", move), TEXTBOOK[-1])
"""-O0, on the adjoint equations, which nobody wrote: they take the form that a textbook gives them."""

WIDE = (Pass("join", join),)
"""-O2, on the forward equations: the adjoint of what was joined comes out joined."""

SPREAD = (Pass("spread", spread),)
"""-O2, on the adjoint equations: chains of products that `regroup` can take apart."""

LOOPS = (Pass("regroup", regroup),)
"""-O2, last: what a loop need not do."""

LAST = (Pass("squash", squash),)
"""-O2, on the forward equations when the adjoint is made: its derivatives are those of a sigmoid."""

NAMES = tuple(dict.fromkeys(one.name for one in (*PASSES, *BACK, *WIDE, *SPREAD, *LOOPS, *LAST)))


def run_passes(
    system: System,
    passes: Sequence[Pass] = PASSES,
    skip: Collection[str] = (),
    *,
    once: bool = False,
    check: bool = False,
) -> System:
    """The system after the passes, over and over until nothing changes (or ``once``); ``check`` validates
    after each."""
    settled: dict[str, System] = {}  # what a pass left as it was, it leaves so again
    for _ in range(1 if once else ROUNDS):
        before = system
        for one in passes:
            if one.name in skip or settled.get(one.name) is system:
                continue
            after = one.run(system)
            if after is system:
                settled[one.name] = system
            elif check:
                validate(after)
            system = after
        if system is before:
            return system
    return system
