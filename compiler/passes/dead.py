"""Dead: what no output needs is dropped, and so are given equations that nothing reads.

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = tanh(x[t,@])
    b[t,@] : real = exp(a[t,@])
    output output:a = a

becomes

    axis t = 1..T
    axis @
    x[t,@] : real = input() {name: "x"}
    a[t,@] : real = tanh(x[t,@])
    output output:a = a
"""

from __future__ import annotations

from ...spec.records import replace
from ..ir import System


def drop_dead(system: System) -> System:
    """The system less what is not needed."""
    own = {equation.name: equation for equation in system.equations}
    live = set[str]()
    left = [name for _, name in system.outputs]
    while left:
        name = left.pop()
        if name not in live:
            live.add(name)
            left += own[name].sources() if name in own else ()
    live |= {b.name for e in system.given if e.name in live for b in e.boundaries}
    kept = tuple(e for e in system.equations if e.name in live)
    given = tuple(e for e in system.given if e.name in live)
    if (kept, given) == (system.equations, system.given):
        return system
    return replace(system, equations=kept, given=given)
