"""Statements of the textbook code: one per equation, each inside the loops of its axes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePath

from ...spec.records import dataclass
from ...spec.source import Source
from ..ir import AFTER, BEFORE, Boundary, Equation, Position, Read, lag_axes
from ..schedule import Loop, Node, Stage, Straight
from ..weave import nodes_of
from .computing import align, completed, compute, keep
from .frame import DTYPES, Frame, Value
from .inline import is_leaf
from .layout import Demands, Stored, end_value
from .lines import Lines
from .python import expression
from .reading import plus, read_stored, slots, subscript


def print_stages(frame: Frame, demands: Demands, stages: Sequence[Stage], out: Lines) -> None:
    """Every stage, with the arrays it fills made just before it."""
    notes = Notes()
    for stage in stages:
        for node in nodes_of(stage):
            if isinstance(stage, Loop) or frame.times(node.root.axes):
                _allocate(frame, node.root, out)
        _stage(frame, demands, stage, out, notes)


@dataclass(slots=True)
class Notes:
    """The comment that names a statement's equation, once for a run of statements from the same one."""

    last: str = ""

    def write(self, frame: Frame, equation: Equation, out: Lines) -> None:
        note = note_of(frame, equation)
        if note and note != self.last:
            out.add(f"# {note}")
        self.last = note or self.last


def note_of(frame: Frame, equation: Equation) -> str:
    """The line of the spec that a statement comes from, with whom it was joined, and its place; an adjoint goes
    `back through` it."""
    whole = frame.table.get(equation.origin)
    span = whole.span if whole and whole.span else equation.span
    back = {"~": "back through ", "^": "tangent of "}.get(equation.name[0], "")
    beside = ", ".join(frame.beside.get(equation.origin, ()))
    return _note(span.source, span.line, back, f", with {beside}" if beside else "") if span else ""


@lru_cache(maxsize=1024)
def _note(source: Source, number: int, back: str, beside: str) -> str:
    line = source.line(number).split("#")[0].strip()
    shown = line if len(line) <= 68 else line[:65] + "..."
    note = f"{back}{shown}{beside}    {PurePath(source.path).name}:{number}"
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in note)  # a comment must stay one


def _stage(frame: Frame, demands: Demands, stage: Stage, out: Lines, notes: Notes) -> None:
    if isinstance(stage, Straight):
        _statement(frame, demands, stage.node, out, notes)
        return
    names = frame.axes[stage.axis]
    forward = f"range(1, {names.longest} + 1)"
    out.add(f"for {names.step} in {forward if stage.step > 0 else f'range({names.longest}, 0, -1)'}:")
    out.indent += 1
    notes.last = ""
    for part in stage.body:
        _stage(frame.inside(stage.axis), demands, part, out, notes)
    out.indent -= 1
    notes.last = ""


def _statement(frame: Frame, demands: Demands, node: Node, out: Lines, notes: Notes) -> None:
    root = node.root
    notes.write(frame, root, out)
    stored = frame.stored[root.name]
    if is_leaf(root):
        out.assign(stored.identifier, compute(frame, root).expr)
        fill_margins(frame, root, stored, out)
        return
    summed = [axis for axis in frame.steps if axis not in root.axes]
    if summed:
        out.assign(place_of(frame, root, stored), ended(frame, demands, root), "+=")
    elif frame.times(root.axes):
        out.assign(place_of(frame, root, stored), ended(frame, demands, root))
    else:
        out.assign(stored.identifier, completed(frame, root))


def ended(frame: Frame, demands: Demands, root: Equation) -> ast.expr:
    """The value, made right past each sequence's own end where somebody meets it there."""
    value, dims = compute(frame, root), frame.free(root.axes)
    axes = cleaned_axes(frame, demands, root)
    if not axes:
        return align(value, dims)
    whole = Value(completed(frame, root), dims) if value.dims != dims else value
    plain = tuple(axis for axis in axes if end_value(root, axis) is None)
    whole = keep(frame, whole, plain) if plain else whole
    for axis in (axis for axis in axes if axis not in plain):
        whole = keep(frame, whole, (axis,), end_fill(frame, root, axis))
    return whole.expr


def end_fill(frame: Frame, root: Equation, axis: str) -> ast.expr:
    """What a quantity is past the end of an axis, beside its value at the frame's steps. The spec gives one
    value for all places past the end, so of several lags the first will do."""
    name = end_value(root, axis) or ""
    axes = frame.table[name].axes
    at = tuple(Position(None, offset=1) if a in frame.lags else Position(a) for a in axes)
    return align(read_stored(frame, Read(name, at), axes, frame.stored[name]), frame.free(root.axes))


def cleaned_axes(frame: Frame, demands: Demands, equation: Equation) -> tuple[str, ...]:
    """The axes along which a quantity is made right past the end."""
    return tuple(
        axis
        for axis in frame.ragged(equation.axes)
        if equation.name in demands.pooled or (equation.name, axis) in demands.ahead
    )


def place_of(frame: Frame, root: Equation, stored: Stored) -> ast.expr:
    """Where the value of this step goes."""
    parts: list[ast.expr] = []
    for axis in stored.axes:
        before, after = stored.margins(axis)
        if axis in frame.steps:
            parts.append(plus(frame.step(axis), before - 1))
        else:
            parts.append(slots(before, -after))
    return subscript(expression(stored.identifier), parts)


def _allocate(frame: Frame, root: Equation, out: Lines) -> None:
    """An array for a quantity computed in a loop, its slots outside the steps filled."""
    stored = frame.stored[root.name]
    if is_leaf(root):
        return
    zeros = expression(f"np.zeros({{0}}, {DTYPES[root.type]})", array_shape(frame, root, stored))
    out.assign(stored.identifier, zeros)
    fill_margins(frame, root, stored, out)


def array_shape(frame: Frame, equation: Equation, stored: Stored) -> ast.expr:
    """The extents of an array with its slots before and after."""
    parts: list[ast.expr] = []
    for axis in stored.axes:
        before, after = stored.margins(axis)
        parts.append(plus(frame.extent(axis), before + after))
    parts += [frame.size(size) for size in equation.shape]
    return ast.Tuple(parts, ast.Load())


def fill_margins(frame: Frame, equation: Equation, stored: Stored, out: Lines) -> None:
    """Values before the first step and past the last, where the spec gives them."""
    for boundary in sorted(equation.boundaries, key=lambda b: len(b.sides)):
        target = margin(frame, stored, boundary, equation)
        if target is not None:
            out.assign(target, _boundary_value(frame, equation, stored, boundary))


def _boundary_value(frame: Frame, equation: Equation, stored: Stored, boundary: Boundary) -> ast.expr:
    """A boundary quantity, its axes beside those of the array whose slots it fills. It was made right past its own
    ends, as any quantity: a shorter sequence has them among the steps of longer ones."""
    source, own, sides = frame.table[boundary.name], frame.stored[boundary.name], dict(boundary.sides)
    stands_for = {lag: axis for axis, lag in lag_axes(equation, source, tuple(sides)).items()}
    dims = tuple(stands_for.get(a, a) for a in own.axes)
    nearest: list[ast.expr] = []  # as many lags as there are slots
    for lag, axis in zip(own.axes, dims, strict=True):
        more = frame.lags[lag] - stored.margins(axis)[sides[axis] == AFTER] if lag in stands_for else 0
        if more <= 0:
            nearest.append(slots(0, 0))
        else:
            nearest.append(slots(more, 0) if sides[axis] == BEFORE else slots(0, -more))
    return align(Value(subscript(place_of(frame, source, own), nearest), dims), stored.axes)


def margin(frame: Frame, stored: Stored, boundary: Boundary, equation: Equation) -> ast.expr | None:
    """The slots a boundary fills; None when the array has none there."""
    sides = dict(boundary.sides)
    lags = lag_axes(equation, frame.table[boundary.name], tuple(sides))
    parts: list[ast.expr] = []
    for axis in stored.axes:
        before, after = stored.margins(axis)
        side, count = sides.get(axis), after if sides.get(axis) == AFTER else before
        filled = min(frame.lags[lags[axis]], count) if axis in lags else count
        if side and not count:
            return None
        if side == BEFORE:
            parts.append(slots(before - filled, before))
        elif side == AFTER:
            parts.append(slots(-after, filled - after))
        else:
            parts.append(slots(before, -after))
    return subscript(expression(stored.identifier), parts)
