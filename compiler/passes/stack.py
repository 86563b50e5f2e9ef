"""Stack: values placed along an axis of fixed length and added are one quantity put together from its steps.

    axis t = 1..3
    axis @
    a[@] : real = input() {name: "a"}
    b[@] : real = input() {name: "b"}
    c[t,@] : real = place(b[@]) {axis: "t", ends: 0, of: "", offset: 3}
    d[t,@] : real = place(a[@]) {axis: "t", ends: 0, of: "", offset: 1}
    e[t,@] : real = add(c[t,@], d[t,@])
    output dinput:x = e

becomes, when what nothing reads any more has been dropped,

    axis t = 1..3
    axis @
    a[@] : real = input() {name: "a"}
    b[@] : real = input() {name: "b"}
    e.1 : real = number() {value: 0.0}
    e[t,@] : real = stack(a[@], e.1, b[@]) {axis: "t"}
    output dinput:x = e

This is what the gradient of an input looks like when each of its steps is read by itself."""

from __future__ import annotations

from ..ir import Equation, System
from .rewriting import View, is_plain, turned, uses


def stack(system: System) -> System:
    """The system with every output that is a sum of placed steps put together; the same if there is none."""
    asked = {name for _, name in system.outputs}
    sizes = {axis.index: axis.size for axis in system.axes if axis.size is not None}
    view = View(system.table(), uses(system))
    result: list[Equation] = []
    for equation in system.equations:
        changed = _stacked(equation, view, sizes) if equation.name in asked else None
        result += [*view.added, changed or equation]
        view.added.clear()
    return system if tuple(result) == system.equations else system.with_equations(result)


def _stacked(e: Equation, view: View, sizes: dict[str, int]) -> Equation | None:
    """The sum as a stack; None when it has other terms, or two for one step."""
    places = _terms(e, view)
    axes = {str(place.attr("axis")) for place in places if place.op == "place" and not place.attr("ends")}
    if (
        len(axes) != 1
        or not axes <= set(sizes)
        or any(place.op != "place" or place.attr("ends") for place in places)
    ):
        return None
    (axis,) = axes
    steps = {place.attr("offset"): place.reads[0] for place in places}
    numbers = range(1, sizes[axis] + 1)
    if len(steps) < len(places) or not set(steps) <= set(numbers):
        return None
    zero = None if set(steps) == set(numbers) else view.number(e, 0.0)
    return turned(e, "stack", *(read for n in numbers if (read := steps.get(n, zero))), axis=axis)


def _terms(e: Equation, view: View) -> list[Equation]:
    """The terms of a sum of what stands beside it; none when something is read elsewhere."""
    found: list[Equation] = []
    work = [e]
    while work:
        term = work.pop()
        if term.op != "add":
            found.append(term)
        elif all(is_plain(read, view.source(read)) for read in term.reads):
            work += [view.source(read) for read in term.reads]
        else:
            return []
    return found
