"""The schedule as text: what runs for all steps at once, what runs step by step, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ..ir_text import equation_text
from ..schedule import Loop, Node, Stage
from .coupled import Coupled
from .diagonal import scanned
from .frame import Frame
from .plan import Plan
from .storage import FastPlan

TITLES = (
    "forward",
    "backward",
    "backward, for gradients of the starting state",
    "backward, for gradients of inputs",
    "forward, for outputs",
    "forward, for final states",
)
LEGEND = "# `@`: the sequences of a batch; `~h`: the gradient with respect to h; `h.1`: a part of the equation of h"


def schedule_text(plan: Plan | FastPlan) -> str:
    """Stages in order, one quantity a line, with the line of the spec it comes from."""
    lines: list[str] = []
    for title, stages in zip(TITLES, plan.stages, strict=False):
        if stages:
            lines.append(title)
        lines += _stages(plan, stages, 1)
    return "\n".join([*lines, "", LEGEND]) + "\n"


def _how(plan: Plan | FastPlan, loop: Loop) -> str:
    """One after the other, in a loop or written out; or whether they may be taken side by side, or what prevents it."""
    if loop.axis in plan.frame.written:
        return "every step written out"
    if not isinstance(plan, FastPlan):
        return "step by step"
    found = scanned(loop, plan.frame.table, plan.storage)
    if isinstance(found, str):
        return f"step by step (not a diagonal linear recurrence: {found})"
    if isinstance(found, Coupled):
        names = sorted({found.roots[name].origin or name for name in found.sums})
        return f"step by step, or by odd-even reduction (coupled linear recurrences: {', '.join(names)})"
    return "step by step, or in stretches side by side (a diagonal linear recurrence)"


def _stages(plan: Plan | FastPlan, stages: Sequence[Stage], depth: int) -> list[str]:
    lines, frame = list[str](), plan.frame
    for stage in stages:
        if isinstance(stage, Loop):
            length = frame.written.get(stage.axis) or frame.axes[stage.axis].length
            span = f"1..{length}" if stage.step > 0 else f"{length}..1"
            lines.append("  " * depth + f"for {stage.axis} = {span}, {_how(plan, stage)}")
            lines += _stages(plan, stage.body, depth + 1)
        else:
            lines.append("  " * depth + _quantity(frame, stage.node))
    return lines


def _quantity(frame: Frame, node: Node) -> str:
    """A quantity with its equation, and the place in the spec it comes from."""
    lengths = {axis: names.length for axis, names in frame.axes.items()}
    shown = equation_text(node.root, lengths).split(" {")[0]
    span = node.root.span
    return f"{shown:72} {PurePath(span.source.path).name}:{span.line}" if span else shown
