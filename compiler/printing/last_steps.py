"""What is added at each sequence's own last step alone: the cotangent that a caller gives of a final state."""

from __future__ import annotations

import ast

from ..ir import BATCH, Equation, Read, here
from .computing import operand
from .frame import Frame
from .layout import Stored
from .padding import Padding
from .python import text
from .reading import read_stored


def at_last_step(
    frame: Frame, padding: Padding, root: Equation, read: Read, place: ast.expr
) -> tuple[str, str] | None:
    """For a term of a sum that is 0 but at each sequence's own last step: what must hold, or "", and the statement
    that adds it to ``place``, for all steps at once or at a loop's step; None for any other term."""
    term = frame.table[read.name]
    if term.op != "place" or term.axes != root.axes or len(root.axes) != 2:
        return None
    axis = root.axes[0]
    wanted = {"axis": axis, "of": axis, "ends": 1, "offset": 0}
    if dict(term.attrs) != wanted or frame.table[term.reads[0].name].axes != (BATCH,):
        return None
    value, shown = text(operand(frame, term.reads[0]).expr), text(place)
    if not frame.scopes:
        return "", f"add_at_end({shown}, {frame.axes[axis].length}, {value})"
    if frame.scopes[-1].axis != axis or axis in frame.written:
        return None
    ending = Stored(padding.of_last_steps(axis), (axis, BATCH))
    rows = text(read_stored(frame, Read("", here((axis, BATCH))), (axis, BATCH), ending).expr)
    return f"{rows} is not None", f"{shown}[{rows}] += {value}[{rows}]"
