"""What an adjoint system adds only when the caller gives a cotangent besides the loss."""

from __future__ import annotations

from collections.abc import Mapping

from .ir import Equation, System
from .operators import TABLE


def only_if_given(system: System) -> dict[str, str]:
    """Quantities that are 0 when the caller gives no cotangent of one output: the name of that cotangent."""
    table = system.table()
    found: dict[str, str] = {}
    for e in system.equations:
        if e.op == "cotangent" and e.attr("key") != "loss":
            found[e.name] = e.name
        elif "zero" in TABLE[e.op].traits and e.axes and e.op not in ("add", "sub"):
            real = [r.name for r in e.reads if table[r.name].type == "real"]
            sources = {found.get(name, "0" if is_zero(table, name) else "") for name in real}
            if len(sources - {"0"}) == 1 and "" not in sources:
                found[e.name] = (sources - {"0"}).pop()
    return found


def is_zero(table: Mapping[str, Equation], name: str) -> bool:
    """Whether a quantity is the number 0."""
    source, seen = table.get(name), set[str]()
    while source is not None and source.op in ("expand", "copy") and source.name not in seen:
        seen.add(source.name)  # a state that is only held is a copy of its own past
        source = table.get(source.reads[0].name)
    return source is not None and source.op == "number" and not source.attr("value")
