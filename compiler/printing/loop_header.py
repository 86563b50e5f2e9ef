"""The header of a fast loop: which arrays it runs over, step by step."""

from __future__ import annotations

from .frame import Frame, Scope
from .lines import WIDTH, filled


def header(frame: Frame, scope: Scope, name: str, strip: tuple[str, str, frozenset[str]] | None) -> list[str]:
    """`for … in call.forwards(…):`, backwards when the recurrence runs from the end."""
    pairs = [(variable, iterable) for iterable, variable in scope.iterables.items()]
    pairs = pairs or [("_", f"range({frame.axes[scope.axis].longest})")]
    if len(pairs) == 1 and scope.step > 0:
        return [f"for {pairs[0][0]} in {pairs[0][1]}:"]
    run, arguments = "forwards" if scope.step > 0 else "backwards", [f'"{name}"']
    if strip is not None:
        few, function, short = strip
        pairs.sort(key=lambda pair: _array(pair[1]) in short)
        count = sum(_array(iterable) not in short for _, iterable in pairs)
        run, arguments = "strips", [*arguments, str(scope.step), few, function, str(count)]
    variables, iterables = [v for v, _ in pairs], [*arguments, *(i for _, i in pairs)]
    targets = ", ".join(variables) + ("," if len(variables) == 1 else "")
    line = f"for {targets} in call.{run}({', '.join(iterables)}):"
    if len(line) <= WIDTH - 8:
        return [line]
    return [
        "for (",
        *filled(variables, WIDTH - 12),
        f") in call.{run}(",
        *filled(iterables, WIDTH - 12),
        "):",
    ]


def _array(iterable: str) -> str:
    """The variable that an expression is a part of."""
    return iterable.partition("[")[0].partition(".")[0]
