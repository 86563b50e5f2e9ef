"""Passes: functions from a system to one of the same meaning. `ORDERS` says what runs on which equations, and when.

To add one, write a module whose docstring shows a system before and after (the pass's first test), and put it
into the list whose line below says where it belongs: `PASSES` for most."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator

from ...spec.records import dataclass
from ..ir import System
from .cancel import cancel
from .center import center
from .collect import collect
from .contract import contract
from .copies import drop_copies
from .dead import drop_dead
from .defer import defer
from .factor import factor
from .gather import gather
from .join import join, join_rows
from .logistic import logistic
from .merge import merge
from .move import move
from .pack import pack
from .products import plain_products
from .regroup import regroup
from .scale import scale
from .share import share
from .simplify import simplify
from .spread import spread
from .squash import squash
from .stack import stack
from .sums import one_sum
from .tile import tile
from .widen import widen

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
    Pass("scale", scale),
    Pass("contract", contract),
    Pass("factor", factor),
    Pass("cancel", cancel),
    Pass("tile", tile),
    Pass("stack", stack),
    Pass("share", share),
    Pass("dead", drop_dead),
)


TEXTBOOK = tuple(one for one in PASSES if one.name not in ("share", "contract", "factor", "cancel", "scale"))
"""-O0: equations stay those of the spec, even where two of them are alike or could be one."""

BACK = (
    *TEXTBOOK[:-1],
    Pass("logistic", logistic),
    Pass("factor", factor),
    Pass("move", move),
    TEXTBOOK[-1],
)
"""-O0, on the adjoint equations, which nobody wrote: they take the form that a textbook gives them."""

WIDE = (Pass("join", join), Pass("center", center))
"""-O2, on the forward equations: the adjoint of what was joined comes out joined."""

SPREAD = (Pass("spread", spread),)
"""-O2, on the adjoint equations: chains of products that `regroup` can take apart."""

COLLECTED = (Pass("collect", collect),)
"""-O2, on the adjoint equations, which are linear in what comes back."""

LOOPS = (Pass("regroup", regroup), Pass("scale", scale), Pass("pack", pack), Pass("defer", defer), PASSES[-1])
"""-O2, last: what a loop need not do, and the signs that then stand by themselves."""

LAST = (Pass("squash", squash),)
"""-O2, on the forward equations when the adjoint is made: its derivatives are those of a sigmoid."""

SUMS = (Pass("sums", one_sum),)
"""The same, of all steps together."""

SHARED = (Pass("share", share),)
"""-O2, after those: weights that several copies of a cell share are halved once."""

WIDENED = (Pass("widen", widen),)
"""-O2, before those: the products that the adjoint knows are one."""

SINGLE = (Pass("gather", gather), PASSES[-1])
"""-O2, on the equations of a single step: what is small there is the number of calls."""

ROWS = (Pass("join", join_rows), Pass("center", center))
"""-O2, on the equations of a single step with parameters that do not change."""

MERGED = (*LAST, Pass("merge", merge), *SINGLE)
"""The same, last: as few calls as there can be."""

NAMES = tuple(
    dict.fromkeys(
        one.name
        for one in (*PASSES, *BACK, *WIDE, *SPREAD, *COLLECTED, *LOOPS, *LAST, *SUMS, *WIDENED, *MERGED)
    )
)


@dataclass(frozen=True, slots=True)
class Run:
    """Passes over and over until nothing changes, or ``once``."""

    passes: tuple[Pass, ...]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What runs on which equations of a level, one after the other: on the forward ones (``small``, of a step too;
    then ``fast``), on the gradient's, on the tangents', on the forward ones again when the gradient's are
    made, and on those of a single step, of parameters that may change or that are ``frozen``."""

    small: tuple[Run, ...]
    fast: tuple[Run, ...]
    gradient: tuple[Run, ...]
    tangent: tuple[Run, ...]
    last: tuple[Run, ...]
    step: tuple[Run, ...]
    frozen: tuple[Run, ...]


ORDERS = {
    0: Order((Run(TEXTBOOK),), (), (Run(BACK),), (Run(TEXTBOOK),), (), (), ()),
    2: Order(
        small=(Run(PASSES),),
        fast=(Run(WIDE, once=True), Run(PASSES), Run(LOOPS, once=True)),
        gradient=(Run(PASSES), Run((*SPREAD, *PASSES)), Run((*COLLECTED, *LOOPS), once=True)),
        tangent=(Run(PASSES), Run(LOOPS, once=True)),
        last=(Run((*WIDENED, *LAST, *SUMS, *SHARED), once=True),),
        step=(Run(SINGLE, once=True),),
        frozen=(Run(ROWS, once=True), Run(PASSES), Run(MERGED, once=True)),
    ),
}
"""By level. The driver runs these, and `rnnc test --bisect` follows them."""


def run_order(system: System, order: Iterable[Run], skip: Collection[str]) -> System:
    """The system after all of an order."""
    for _, after in changes(system, order, skip):
        system = after
    return system


def changes(system: System, order: Iterable[Run], skip: Collection[str] = ()) -> Iterator[tuple[str, System]]:
    """The name of every pass that changes something, with the system after it."""
    settled: dict[str, System] = {}  # what a pass left as it was, it leaves so again
    for run in order:
        for _ in range(1 if run.once else ROUNDS):
            before = system
            for one in run.passes:
                if one.name in skip or settled.get(one.name) is system:
                    continue
                after = one.run(system)
                if after is system:
                    settled[one.name] = system
                else:
                    system = after
                    yield one.name, system
            if system is before:
                break
