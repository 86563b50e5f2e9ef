"""The header of a fast loop: which arrays it runs over, step by step."""

from __future__ import annotations

from .frame import Frame, Scope
from .lines import Lines, filled
from .naming import free_name


def header(
    frame: Frame, scope: Scope, name: str, strip: tuple[str, str, frozenset[str]] | None, out: Lines
) -> None:
    """`for … in call.forwards(…):`, backwards when the recurrence runs from the end. What is long is two
    statements: what the loop runs over, and the loop."""
    pairs = [(variable, iterable) for iterable, variable in scope.iterables.items()]
    pairs = pairs or [("_", f"range({frame.axes[scope.axis].longest})")]
    if len(pairs) == 1 and scope.step > 0:
        out.add(f"for {pairs[0][0]} in {pairs[0][1]}:")
        return
    run, arguments = "forwards" if scope.step > 0 else "backwards", [repr(name)]
    if strip is not None:
        few, function, short = strip
        pairs.sort(key=lambda pair: _array(pair[1]) in short)
        count = sum(_array(iterable) not in short for _, iterable in pairs)
        run, arguments = "strips", [*arguments, str(scope.step), few, function, str(count)]
    variables = [variable for variable, _ in pairs]
    targets = ", ".join(variables) + ("," if len(variables) == 1 else "")
    made = f"call.{run}({', '.join([*arguments, *(iterable for _, iterable in pairs)])})"
    if len(f"for {targets} in {made}:") > out.room:
        every = free_name("steps", scope.taken)
        out.add(f"{every} = {made}")
        made = every
    if len(f"for {targets} in {made}:") > out.room:
        for line in filled("for (", variables, f") in {made}:", out.room):
            out.add(line)
    else:
        out.add(f"for {targets} in {made}:")


def _array(iterable: str) -> str:
    """The variable that an expression is a part of."""
    return iterable.partition("[")[0].partition(".")[0]
