"""Where the fast code puts quantities: buffers, the names of their stretches, what stands around their steps."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import partial

from ...spec.records import dataclass
from ..ir import AFTER, BEFORE, Boundary, Equation, Read, lag_axes
from .body import array_shape, fill_margins, margin
from .buffers import Spare, extents, make_buffers, taken
from .computing import align, operand
from .frame import DTYPES, WORD, Frame, Value
from .inline import is_leaf
from .layout import Stored
from .lines import WIDTH, Lines
from .python import expression, text
from .reading import natural, slots, subscript
from .storage import FastPlan
from .stretches import Alias, Steps, pieces, stands_before


@dataclass(slots=True)
class Places:
    """The places of one function's quantities, made as they are needed."""

    plan: FastPlan
    out: Lines = field(default_factory=Lines)
    made: set[str] = field(default_factory=set)  # arrays that exist already
    views: dict[str, str] = field(default_factory=dict)  # stretches of arrays that have names
    spare: Spare = field(default_factory=dict)  # buffers that may be used again, of an earlier function too
    lies: dict[str, tuple[str, str]] = field(default_factory=dict)  # array -> its buffer, and of what shape
    inside: frozenset[str] = frozenset()  # what the outermost loop that is printed computes

    def make(self, roots: Iterable[Equation], heirs: Mapping[str, str] | None = None) -> None:
        """The arrays that hold these quantities, those of one shape together, and the names of their stretches.
        ``heirs``: arrays that lie where others do now."""
        storage = self.plan.storage
        holders = dict.fromkeys(storage.holder(root.name) for root in roots)
        holders = dict.fromkeys(
            h for h in holders if h not in self.made and storage.kinds.get(h, "fresh") != "fresh"
        )
        self.made.update(holders)
        shapes: dict[str, list[tuple[str, str]]] = {}
        for holder in holders:
            shape, name = self.shape(holder), self.plan.frame.stored[holder].identifier
            old = (heirs or {}).get(holder)
            place = self.lies.pop(old)[0] if old else taken(self.spare, shape) or name
            self.lies[holder] = place, shape
            shapes.setdefault(shape, []).append((name, place))
        make_buffers(shapes, self.out)
        self.name_views(self.plan.frame.table[holder] for holder in holders)
        for holder in holders:
            self._name_aliases(holder)

    def shape(self, holder: str) -> str:
        """The extents of an array, and its dtype, as arguments of `buffer`."""
        frame = self.plan.frame
        equation = frame.table[holder]
        shape = text(array_shape(frame, equation, frame.stored[holder])).strip("()").rstrip(",")
        return shape + ("" if equation.type == "real" else f", dtype={DTYPES[equation.type]}")

    def made_by(self, call: ast.expr, root: Equation) -> ast.expr | None:
        """The call that fills an array for the first time, with the array made in it: its value is the array.
        None where it is made already, where its stretches have names, or where the line would be long."""
        storage, frame = self.plan.storage, self.plan.frame
        holder = storage.holder(root.name)
        if holder in self.made or storage.aliases_of(holder) or not isinstance(call, ast.Call):
            return None
        name, shape = frame.stored[holder].identifier, self.shape(holder)
        place = call.keywords[-1].value if call.keywords else call.args[-1]
        flat = isinstance(place, ast.Call) and text(place.func) == f"{name}.reshape"
        if not (flat or text(place) == name) or WORD.findall(text(call)).count(name) != 1:
            return None
        asked = next(iter(self.spare.get(extents(shape), ())), name)
        parts = ", ".join(map(text, place.args)) if isinstance(place, ast.Call) else shape
        made = _with_last(call, expression(f"buffer({{0}}, {parts})", ast.Constant(asked)))
        made = expression(f"{{0}}.reshape({shape})", made) if flat else made
        if len(f"{name} = {text(made)}") > self.out.room or (flat and "dtype" in shape):
            return None
        self.made.add(holder)
        self.lies[holder] = taken(self.spare, shape) or name, shape
        return made

    def let_go(self, holders: Iterable[str]) -> None:
        """What lies in these arrays is needed no more: others of their size may, if they have every step."""
        steps = {axis.longest for axis in self.plan.frame.axes.values()}
        for place, shape in (self.lies.pop(holder) for holder in holders if holder in self.lies):
            if steps & {*extents(shape)}:
                self.spare.setdefault(extents(shape), []).append(place)

    def _name_aliases(self, base: str) -> None:
        frame, storage = self.plan.frame, self.plan.storage
        names, stored = storage.aliases_of(base), frame.stored[base]
        single = {a.start: n for n in names if isinstance(a := storage.aliases[n], Steps) and a.count is None}
        axis = next((a.axis for n in single.values() if isinstance(a := storage.aliases[n], Steps)), "")
        whole = len(single) > 1 and len(single) == frame.lags.get(axis, 0)
        if whole:  # every step has a name
            steps = ", ".join(frame.stored[single[start]].identifier for start in sorted(single))
            place = stored.axes.index(axis)
            rank = len(stored.axes) + len(frame.table[base].shape)
            order = ", ".join(map(str, [place, *(k for k in range(rank) if k != place)]))
            self.out.add(f"{steps} = {stored.identifier}" + (f".transpose({order})" if place else ""))
        for name in names:
            stretch = self.stretch(Value(expression(stored.identifier), stored.axes), storage.aliases[name])
            if not whole or name not in single.values():
                self.out.assign(frame.stored[name].identifier, stretch.expr)
            self._name_aliases(name)

    def name_views(self, roots: Iterable[Equation]) -> None:
        """What the stretches are called of the arrays that hold these quantities."""
        storage, stored = self.plan.storage, self.plan.frame.stored
        work = [storage.holder(root.name) for root in roots]
        for base in work:
            for name in storage.aliases_of(base):
                whole = Value(expression(stored[base].identifier), stored[base].axes)
                stretch = self.stretch(whole, storage.aliases[name])
                self.views[text(stretch.expr)] = stored[name].identifier
                work.append(name)

    def margins(self, root: Equation, first: int = BEFORE) -> None:
        """What a quantity is before its first step and past its last: the spec's values, else 0."""
        storage, frame = self.plan.storage, self.plan.frame
        if storage.holder(root.name) != root.name or is_leaf(root):
            if is_leaf(root) and root.boundaries:
                fill_margins(frame, root, frame.stored[root.name], self.out)
            return
        stored, kind = frame.stored[root.name], storage.kinds[root.name]
        if kind == "rolling":
            self._first_value(root, stored, first)
        elif kind == "array":
            self._zero_slots(root, stored)
            fill_margins(frame, root, stored, self.out)

    def _first_value(self, root: Equation, stored: Stored, side: int) -> None:
        """What a rolling buffer holds when its loop begins."""
        axis = self.plan.storage.loops[root.name]
        name = root.boundary(((axis, side),))
        value = "0" if name is None else text(self._nearest(root, self.plan.frame.table[name], axis, side))
        self._put(f"{stored.identifier}[...]", value)

    def _nearest(self, root: Equation, boundary: Equation, axis: str, side: int) -> ast.expr:
        """A boundary's value one step outside. It may have more steps than that, for readers that nobody reads."""
        whole = expression(self.plan.frame.stored[boundary.name].identifier)
        lag = lag_axes(root, boundary, (axis,)).get(axis)
        if lag is None:
            return whole
        one = expression("-1" if side == BEFORE else "0")
        return subscript(whole, [one if a == lag else ast.Slice() for a in boundary.axes])

    def _zero_slots(self, root: Equation, stored: Stored) -> None:
        """But for slots that one boundary fills by itself; one of two sides fills a corner only."""
        for axis in stored.axes:
            for side, count in zip((BEFORE, AFTER), stored.margins(axis), strict=True):
                filled = [b.sides for b in root.boundaries] == [((axis, side),)]
                if count and not filled:
                    slot = margin(self.plan.frame, stored, Boundary(((axis, side),), root.name), root)
                    if slot is not None:
                        self._put(_whole_slot(stored, axis, side, count), "0")

    def _put(self, place: str, value: str) -> None:
        """A place filled with a number: several in one statement."""
        line, last = f"{place} = {value}", self.out.lines[-1] if self.out.lines else ""
        if (
            value == "0"
            and last.endswith("] = 0")
            and "if " not in last
            and len(last) + len(place) + 3 <= WIDTH
        ):
            self.out.lines[-1] = f"{last.removesuffix(value)}{line}"
        else:
            self.out.add(line)

    def stretch(self, whole: Value, alias: Alias | Steps) -> Value:
        """A stretch of an array."""
        frame = self.plan.frame
        if isinstance(alias, Alias):
            start, stop = frame.size(alias.start), frame.size(alias.start + alias.size)
            part = ast.Slice(None if text(start) == "0" else start, stop)
            return Value(subscript(whole.expr, [ast.Constant(...), part]), whole.dims)
        place = whole.dims.index(alias.axis)
        lead: list[ast.expr] = [ast.Slice()] * place
        if alias.count is None:
            dims = (*whole.dims[:place], *whole.dims[place + 1 :])
            return Value(subscript(whole.expr, [*lead, expression(str(alias.start))]), dims)
        steps = slots(alias.start, alias.start + alias.count)
        return Value(subscript(whole.expr, [*lead, steps]), whole.dims)

    def put_pieces(self, frame: Frame, root: Equation, stored: Stored, before: bool) -> None:
        """The pieces of a `concat` or a `stack` that were not made in its place: in a loop those that it makes, and
        ``before`` it all others, of all its steps."""
        storage, early = self.plan.storage, self.early(root)
        for read, stretch in pieces(root, frame.table):
            alias = storage.aliases.get(read.name)
            made_here = alias is not None and storage.owner(alias.base) == storage.owner(root.name)
            if made_here or (read in early) is not before:
                continue
            whole = natural(frame, root, stored)
            place = frame.viewed(whole.expr, partial(self._piece, whole, stretch))
            value = align(operand(frame, read), self.stretch(whole, stretch).dims)
            self.out.add(
                f"{text(place)}{'' if isinstance(place, ast.Subscript) else '[...]'} = {text(value)}"
            )

    def _piece(self, whole: Value, stretch: Alias | Steps, array: ast.expr, lead: int) -> ast.expr:
        """Where a piece lies in an array that has ``lead`` dimensions before those of the whole."""
        steps = tuple(f"step {n}" for n in range(lead))
        return self.stretch(Value(array, (*steps, *whole.dims)), stretch).expr

    def early(self, root: Equation) -> tuple[Read, ...]:
        """What the loop around puts into a place that is an array, and has before its first step."""
        storage = self.plan.storage
        kind = storage.kinds[storage.holder(root.name)]
        if root.op not in ("concat", "stack") or root.name not in storage.loops or kind != "array":
            return ()
        inside, table = self.inside | self.plan.strips.keys(), self.plan.frame.table
        return tuple(r for r in root.reads if stands_before(r.name, inside, storage.kinds, table))

    def takes_new(self, root: Equation) -> bool:
        """Whether a new array may be given the name of the quantity's buffer, of which no stretch has a name."""
        storage = self.plan.storage
        own = storage.holder(root.name) == root.name and not storage.aliases_of(root.name)
        return own and storage.kinds[root.name] == "scratch"

    def contiguous(self, frame: Frame, root: Equation) -> bool:
        """Whether the place of this step is one block of memory."""
        storage, stored = self.plan.storage, frame.stored[root.name]
        if storage.owner(root.name) in storage.aliases:
            return False
        fixed = tuple(axis for axis in stored.axes if axis in frame.steps)
        inner = stored.axes[len(fixed) + 1 :]
        return stored.axes[: len(fixed)] == fixed and not any(any(stored.margins(axis)) for axis in inner)


def _with_last(call: ast.Call, place: ast.expr) -> ast.expr:
    """The call with another last argument."""
    if call.keywords:
        *others, last = call.keywords
        return ast.Call(call.func, call.args, [*others, ast.keyword(last.arg, place)])
    return ast.Call(call.func, [*call.args[:-1], place], [])


def _whole_slot(stored: Stored, axis: str, side: int, count: int) -> str:
    parts = [":"] * stored.axes.index(axis)
    parts.append(
        (f":{count}" if count > 1 else "0") if side == BEFORE else (f"-{count}:" if count > 1 else "-1")
    )
    return f"{stored.identifier}[{', '.join(parts)}]"
