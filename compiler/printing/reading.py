"""Reads as NumPy subscripts: a step, a slice one slot on, each sequence's own end, a window of lags."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ...spec.records import replace
from ..ir import BATCH, Equation, Position, Read, here
from .frame import Frame, Scope, Slots, Value
from .layout import Stored
from .python import expression, text
from .strips import Strip


def read_stored(frame: Frame, read: Read, axes: tuple[str, ...], stored: Stored) -> Value:
    """The value of a stored quantity (with these axes) where the read asks for it."""
    plain = stored.axes == axes and not (frame.steps or frame.strip or stored.before or stored.after)
    if plain and read.at == here(axes):
        return Value(expression(stored.array or stored.identifier), axes)
    positions = [(axis, p) for axis, p in zip(axes, read.at, strict=True) if axis in stored.axes]
    for scope in frame.scopes:
        stored = _stepped(frame, scope, stored, dict(positions))
    positions = [(axis, p) for axis, p in positions if axis in stored.axes]
    value: ast.expr = expression(stored.array or stored.identifier)
    dims = list(stored.axes)
    for axis, position in positions:
        if _needs_gather(frame, axis, position):
            value, dims = _gather(frame, value, dims, axis, position, stored)
    subscripts: list[ast.expr] = []
    left: list[str] = []
    places = dict(positions)
    for dim in dims:
        place = places.get(dim)
        if place is None or _needs_gather(frame, dim, place):
            subscripts.append(ast.Slice())
            left.append(dim)
            continue
        part = _subscript(frame, dim, place, stored)
        subscripts.append(part)
        if isinstance(part, ast.Slice):
            left.append(place.over or dim)
    made = subscript(value, subscripts)
    if frame.strip is not None and frame.strip.axis in left:
        made = _of_strip(frame.strip, value, subscripts, dims, stored)
    views = not any(_needs_gather(frame, a, p) or p.over in frame.steps for a, p in positions)
    if views and made is not value and frame.hoisted is not None and read.name not in frame.rebound:
        made = frame.hoist(made, stored.identifier + "_part") if _is_still(frame, stored) else made
    return Value(made, tuple(left))


def natural(frame: Frame, root: Equation, stored: Stored) -> Value:
    """The quantity's place at the frame's steps, its dimensions as they lie in memory."""
    return read_stored(frame, Read(root.name, here(root.axes)), root.axes, stored)


def here_of(frame: Frame, root: Equation, stored: Stored) -> ast.expr:
    """The quantity's place at the frame's steps, its dimensions in the order of the equation's axes."""
    axes = tuple(axis for axis in root.axes if axis in stored.axes)
    if axes != stored.axes:
        view = moved(expression(stored.identifier), [stored.axes.index(axis) for axis in axes])
        stored = replace(stored, axes=axes, array=text(view))
    return natural(frame, root, stored).expr


def moved(expr: ast.expr, order: Sequence[int]) -> ast.expr:
    """The dimensions of these places first, in this order."""
    changed = [place for place, source in enumerate(order) if place != source]
    if len(changed) == 2 and sorted(order) == [*range(len(order))]:
        return expression(f"{{0}}.swapaxes({changed[0]}, {changed[1]})", expr)
    goal = ", ".join(map(str, range(len(order))))
    return expression(f"np.moveaxis({{0}}, ({', '.join(map(str, order))},), ({goal},))", expr)


def _of_strip(
    strip: Strip, value: ast.expr, parts: list[ast.expr], dims: list[str], stored: Stored
) -> ast.expr:
    """A few steps of an array."""
    steps, place = expression(strip.steps(stored.identifier)), dims.index(strip.axis)
    if is_full(parts[place]):
        return subscript(value, [*parts[:place], steps, *parts[place + 1 :]])
    kept = [part for part in parts[:place] if isinstance(part, ast.Slice)]
    return subscript(subscript(value, parts), [*(ast.Slice() for _ in kept), steps])


def _is_still(frame: Frame, stored: Stored) -> bool:
    """Whether a variable is one array for the whole of the loops around, no loop's variable."""
    return not any(stored.identifier in scope.iterables.values() for scope in frame.scopes)


def _stepped(frame: Frame, scope: Scope, stored: Stored, places: Mapping[str, Position]) -> Stored:
    """What a stored array is at the step of a loop over arrays: a loop variable with one axis less."""
    axis = scope.axis
    place = places.get(axis, Position(axis))
    if axis not in stored.axes or place.over != axis or place.ends:
        return stored
    before, after = stored.margins(axis)
    index = stored.axes.index(axis)
    array = expression(stored.array or stored.identifier)
    if index:
        array = moved(array, [index, *range(index)])
    parts: list[ast.expr] = [slots(before + place.offset, place.offset - after)]
    left: list[str] = []
    for other in (a for a in stored.axes if a != axis):
        at = places.get(other, Position(other))
        fixed = _within(frame, other, at)
        parts.append(_subscript(frame, other, at, stored) if fixed else ast.Slice())
        if not fixed or at.over is not None:
            left.append(at.over or other if fixed else other)
    suffix = f"_{frame.axes[axis].step}{scope.mark}" + (
        f"{'m' if place.offset < 0 else 'p'}{abs(place.offset)}" if place.offset else ""
    )
    stretch = subscript(array, [ast.Slice(), *parts[1:]])
    whole, base = text(stretch), stored.identifier
    named = frame.views.get(whole)
    if named and not index:
        array, parts, base = expression(named), parts[:1], named
    name = scope.variable(subscript(array, parts), base + suffix)
    one = f"{base}_{frame.axes[axis].step}"
    scope.slots[name] = Slots(whole, array, tuple(parts[1:]), before, after, one, place.offset)
    margins = [{a: n for a, n in m.items() if a in left} for m in (stored.before, stored.after)]
    return Stored(name, tuple(left), margins[0], margins[1])


def _within(frame: Frame, axis: str, place: Position) -> bool:
    """One step, or a stretch, of an axis of fixed length, all inside it."""
    if axis not in frame.lags or place.ends or place.over == axis:
        return False
    count = 1 if place.over is None else frame.lags.get(place.over, 0)
    first = place.offset if place.over is None else place.offset + 1
    return bool(count) and 1 <= first and first + count - 1 <= frame.lags[axis]


def subscript(value: ast.expr, parts: list[ast.expr]) -> ast.expr:
    """``value[parts]`` without trailing full slices."""
    while parts and is_full(parts[-1]):
        parts = parts[:-1]
    if not parts:
        return value
    index = parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())
    return ast.Subscript(value, index, ast.Load())


def is_full(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) and part.lower is None and part.upper is None


def _needs_gather(frame: Frame, axis: str, position: Position) -> bool:
    """A place that differs from row to row of the batch, or runs over another axis than the array's."""
    if position.ends:
        return True
    if _within(frame, axis, position):
        return False
    return position.over not in (axis, None) and not (position.over in frame.lags and frame.is_time(axis))


def _subscript(frame: Frame, axis: str, position: Position, stored: Stored) -> ast.expr:
    """The index or slice along one axis."""
    before, after = stored.margins(axis)
    start = before + position.offset
    if position.over is None:
        return expression(str(start - 1))
    if position.over in frame.steps:
        return plus(frame.step(position.over), start - 1)
    if position.over in frame.lags and position.over != axis:
        return slots(start, start + frame.lags[position.over])
    return slots(start, position.offset - after)


def slots(start: int, stop: int) -> ast.Slice:
    """``start:stop`` where a start of 0, and a stop of 0 counted from the end, go without saying."""
    lower = expression(str(start)) if start else None
    upper = expression(str(stop)) if stop else None
    return ast.Slice(lower, upper)


def plus(variable: str | ast.expr, offset: int) -> ast.expr:
    """``variable + offset`` as a person writes it."""
    if not offset:
        return expression("{0}", variable)
    return expression("{0} + {1}" if offset > 0 else "{0} - {1}", variable, abs(offset))


def step_of(frame: Frame, position: Position) -> tuple[ast.expr, tuple[str, ...]]:
    """The 1-based place along the axis read, for every row: an integer array and its dims."""
    total: ast.expr | None = None
    dims: tuple[str, ...] = ()
    if position.over is not None and position.over in frame.steps:
        total = expression(frame.step(position.over))
    elif position.over is not None:
        total = counter(frame, position.over)
        dims = (position.over,)
    if position.ends:
        length = frame.length(position.of)
        if total is None:
            total = length if position.ends > 0 else expression("-{0}", length)
        else:
            total = expression("{0} + {1}" if position.ends > 0 else "{0} - {1}", total, length)
        dims = (*dims, BATCH)
    return plus(total or expression("0"), position.offset), dims


def counter(frame: Frame, axis: str) -> ast.expr:
    """1, 2, … along an axis, as a column beside the batch."""
    if axis in frame.lags:
        return expression("np.arange(1, {0})[:, None]", frame.lags[axis] + 1)
    return expression("np.arange(1, {0} + 1)[:, None]", frame.extent(axis))


def _gather(
    frame: Frame, value: ast.expr, dims: list[str], axis: str, position: Position, stored: Stored
) -> tuple[ast.expr, list[str]]:
    """Read along ``axis`` at a place of its own for each row; a lag axis gives 0 outside."""
    before, _ = stored.margins(axis)
    leading = [axis, *([BATCH] if BATCH in dims else [])]
    rest = [d for d in dims if d not in leading]
    if dims[: len(leading)] != leading:
        value = moved(value, [*map(dims.index, leading)])
    step, step_dims = step_of(frame, position)
    over = [d for d in step_dims if d != BATCH]
    slots = frame.lags.get(position.over or "")
    if BATCH not in (*dims, *step_dims) and axis in frame.lags and slots is not None:
        first, last = 1 + position.offset, slots + position.offset
        return expression(f"at_place({{0}}, np.arange({first}, {last + 1}))", value), [*over, *rest]
    if axis in frame.lags:
        if BATCH not in step_dims:
            step = expression("{0} + np.zeros(B, int)", step)
        value = expression("at_step({0}, {1})", value, step)
    else:
        index, _ = step_of(frame, replace(position, offset=position.offset + before - 1))
        value = expression("{0}[{1}, np.arange(B)]" if BATCH in dims else "{0}[{1}]", value, index)
    return value, [*over, BATCH, *rest]
