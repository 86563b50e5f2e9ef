"""The first lines of a printed function: names for what its body reads, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..prelude_text import names
from ..program import Program
from . import page
from .frame import Frame


def unpacked(frame: Frame, program: Program, body: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """Assignments from ``call``; ``given`` maps quantities to where else they come from."""
    used = names("\n".join(body))
    values: dict[str, str] = {
        "B": "call.B",
        "dtype": "call.dtype",
        "state": "call.state",
        "buffer": "call.buffer",
        "last": "call.last",
    }
    values["fresh"] = "call.state is None"
    for axis, around in frame.axes.items():
        values[around.length] = f"call.lengths[{page.literal(axis)}]"
        values[around.longest] = f"call.longest[{page.literal(axis)}]"
    if frame.stream:
        values[frame.past] = "_steps_before(call)"
    if frame.total:
        values[frame.total] = "call.total"
    values.update({name: f"call.dims[{page.literal(dim)}]" for dim, name in frame.dim_names.items()})
    for param in program.params:
        if param.name in frame.stored:
            values[frame.stored[param.name].identifier] = f"call.params[{page.literal(param.name)}]"
    values.update(
        {frame.stored[name].identifier: text for name, text in given.items() if name in frame.stored}
    )
    return [f"    {name} = {value}" for name, value in values.items() if name in used]
