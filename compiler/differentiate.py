"""Reverse mode on equations: the gradient of a system is a system.

For an equation q = op(…, p[at], …) with adjoint ~q, the operator's rule gives the cotangent v of the
value read, at every point of the reader. What reaches ~p is v seen from the other end: where the
reader at t read p at t-1, p at t is read by the reader at t+1. An adjoint is the sum of such
contributions. No order enters, no operator is special, and the result can be passed, scheduled and
printed like any system.

For an axis of p that was read at the position ``over + ends*length + offset``:

    over is an axis   v is read at the inverse position along it (where that is outside, v is 0)
    over is None      v is placed at the fixed position

Axes of v that no position uses are summed over first. Outside 1..length it was not p that was read
but a boundary quantity z; its adjoint gets v by the same rules, p's axis being replaced by the place
outside for which z stands: slot u of a lag axis of size K is u - K before the start and length + u past
the end; without a lag axis z stands for one place, 0 or length + 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..spec.records import dataclass, replace
from .ir import AFTER, BATCH, BEFORE, Attr, Equation, Position, Read, System, here, lag_axes
from .operators import TABLE, Builder, Cotangent, Term
from .operators.terms import apply, union, where

ROOTS = ("loss", "output:", "state:")
LEAVES = {"grad": ("param", "name"), "dinput": ("input", "name"), "dstate": ("carry", "key")}


def differentiate(system: System, wanted: Iterable[str], roots: Iterable[str] | None = None) -> System:
    """The adjoint system, with the outputs wanted: ``grad:W``, ``dinput:x``, ``dstate:h``.

    ``roots`` are the outputs that have cotangents; by default the loss, every ``output:`` and every
    ``state:``. What is not real has none."""
    keys = [key for key, _ in system.outputs if key.startswith(ROOTS)] if roots is None else list(roots)
    table = system.table()
    outputs, inner = dict(system.outputs), _leaves(system)
    named = {key: outputs[key] for key in keys}
    starts = {key: name for key, name in named.items() if table[name].type == "real"}
    leaves = {key: inner[key] for key in wanted if key in inner}
    return _Reverse(system, leaves, starts).adjoint()


def adjoint_name(name: str) -> str:
    return "~" + name


def _leaves(system: System) -> dict[str, str]:
    """The quantity whose adjoint a key wants, of those that the system has."""
    found: dict[str, str] = {}
    for kind, (op, static) in LEAVES.items():
        for e in (e for e in system.equations if e.op == op):
            found.setdefault(f"{kind}:{e.attr(static)}", e.name)
    return found


# --------------------------------------------------------------------- which quantities have adjoints


def active(system: System, leaves: Iterable[str], roots: Iterable[str]) -> list[str]:
    """The quantities on a differentiable path from the leaves to the roots, in reverse order."""
    readers: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    for equation in system.equations:
        for name in _differentiable(equation):
            readers.setdefault(name, []).append(equation.name)
            sources.setdefault(equation.name, []).append(name)
    both = _reach(leaves, readers) & _reach(roots, sources)
    return [e.name for e in reversed(system.equations) if e.name in both and e.type == "real"]


def _differentiable(equation: Equation) -> list[str]:
    """The quantities to which an equation passes a cotangent on."""
    if equation.type != "real":
        return []
    operator = TABLE[equation.op]
    reads = [read.name for k, read in enumerate(equation.reads) if operator.differentiable(k)]
    return reads + [boundary.name for boundary in equation.boundaries]


def _reach(starts: Iterable[str], links: dict[str, list[str]]) -> set[str]:
    found, left = set[str](), list(starts)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += links.get(name, [])
    return found


# --------------------------------------------------------------------------------- the contributions


@dataclass(frozen=True, slots=True)
class _Link:
    """An axis of the quantity read: the position at which it was read, and the ``place`` along it for
    which the adjoint's owner stands, told from the owner's own axis (``place.over``; None: it has none).
    ``side`` is 0 for the quantity itself, BEFORE or AFTER for what stands for it outside."""

    axis: str
    position: Position
    place: Position
    side: int = 0


def moved(position: Position, ends: int, of: str, offset: int) -> Position:
    """The position ``ends * length(of) + offset`` further on."""
    if position.ends and ends and position.of != of:
        raise NotImplementedError("a position that counts with two lengths")
    total = position.ends + ends
    return Position(position.over, total, (position.of or of) if total else "", position.offset + offset)


class _Reverse:
    def __init__(self, system: System, wanted: dict[str, str], roots: dict[str, str]) -> None:
        self.forward = system
        self.table = system.table()
        self.axes = {axis.index: axis for axis in system.axes}
        self.wanted, self.roots = wanted, roots
        self.order = active(system, wanted.values(), roots.values())
        self.parts: dict[str, list[Term]] = {name: [] for name in self.order}
        # `~h.1` is the adjoint of `h.1`, so the parts of `~h` are numbered after h's temporaries
        self.builder = Builder(reserved=frozenset(map(adjoint_name, self.table)))

    def adjoint(self) -> System:
        for key, name in self.roots.items():
            if name in self.parts:
                self._root(key, self.table[name])
        for name in self.order:
            self._pull(self.table[name])
        zeros = [name for name in self.wanted.values() if name not in self.parts]
        for name in dict.fromkeys((*self.order, *zeros)):
            self._sum(self.table[name], self.parts.get(name, []))
        outputs = tuple((key, adjoint_name(name)) for key, name in self.wanted.items())
        given = (*self.forward.given, *self.forward.equations)
        return System(self.forward.axes, self._ordered(), outputs, given)

    def _ordered(self) -> tuple[Equation, ...]:
        """Each adjoint after its parts; owners in the order in which they were summed."""
        groups: dict[str, list[Equation]] = {}
        for equation in self.builder.equations.values():
            groups.setdefault(self.builder.owners[equation.name], []).append(equation)
        names = [name for name in self.builder.equations if name in groups]
        return tuple(equation for name in names for equation in groups[name])

    def _owner(self, owner: Equation, source: Equation) -> None:
        """What is built next belongs to the adjoint of ``owner`` and comes from the equation ``source``."""
        self.builder.prefix = adjoint_name(owner.name)
        self.builder.span, self.builder.origin = source.span, source.origin

    def _root(self, key: str, equation: Equation) -> None:
        self._owner(equation, equation)
        self.parts[equation.name].append(self.builder.cotangent(key, equation))

    def _pull(self, q: Equation) -> None:
        """The contributions of one equation to the adjoints of all it reads."""
        operator, cotangent = TABLE[q.op], self._cotangent(q)
        for number, read in enumerate(q.reads):
            p = self.table[read.name]
            owners = [p.name, *(b.name for b in p.boundaries)]
            if operator.differentiable(number) and any(name in self.parts for name in owners):
                self._owner(p, q)
                v = self._reduced(operator.pull(cotangent, number), read)
                self._give(p, [_Link(a, r, Position(a)) for a, r in zip(p.axes, read.at)], v)
                for boundary in p.boundaries:
                    self._outside(p, self.table[boundary.name], dict(boundary.sides), read, v)

    def _cotangent(self, q: Equation) -> Cotangent:
        d = replace(q, name=adjoint_name(q.name))
        args = tuple(self.builder.term(self.table[read.name], read.at) for read in q.reads)
        return Cotangent(self.builder.term(q), args, dict(q.attrs), self.builder.term(d))

    def _reduced(self, v: Term, read: Read) -> Term:
        """v summed over the axes that the read does not use; a sum just made goes on to sum more."""
        used = {position.over for position in read.at}
        kept = tuple(axis for axis in v.axes if axis in used)
        if kept == v.axes:
            return v
        made = self.builder.equations.get(v.read.name)
        if made is None or "sums" not in TABLE[made.op].traits:
            return self.builder.apply("sum_over", v, over=kept)
        self.builder.equations[made.name] = replace(made, axes=kept)
        return self.builder.term(self.builder.equations[made.name])

    def _outside(self, p: Equation, z: Equation, sides: dict[str, int], read: Read, v: Term) -> None:
        """What reaches a boundary quantity z of p."""
        lags = lag_axes(p, z, tuple(sides))
        links = []
        for axis, position in zip(p.axes, read.at):
            side = sides.get(axis, 0)
            if side and not self._possible(position, axis, side):
                return
            place = self._place_outside(axis, side, lags.get(axis)) if side else Position(axis)
            links.append(_Link(axis, position, place, side))
        self._give(z, links, v)

    def _place_outside(self, axis: str, side: int, lag: str | None) -> Position:
        """The place for which a boundary stands: a slot of its lag axis, or the first one outside."""
        slot = Position(lag, offset=0 if lag else 1)
        if side == AFTER:
            return moved(slot, 1, axis, 0)
        return moved(slot, 0, "", -(self.axes[lag].size or 0) if lag else -1)

    def _possible(self, position: Position, axis: str, side: int) -> bool:
        """Whether the position can be outside on a side, for any index and length."""
        if position.over is None:
            return _fixed_outside(position, axis, side) is not False
        if side == BEFORE:
            return position.ends < 0 or position.offset < 0
        last = self.axes[position.over].size
        if last is not None and position.ends == 1 and position.of == axis:
            return last + position.offset > 0
        return position.over != axis or position.ends != 0 or position.offset > 0

    # ----------------------------------------------------------------- one contribution, seen from its owner

    def _give(self, owner: Equation, links: Sequence[_Link], v: Term) -> None:
        """Add to the parts of the owner's adjoint what v gives it."""
        if owner.name not in self.parts:
            return
        self.builder.prefix = adjoint_name(owner.name)
        masked = [link for link in links if link.place.over is None and not _single(link)]
        for link in masked:
            v = self._masked(link, v)
        v = self._read_back([link for link in links if link not in masked], v)
        for link in links:
            if link.position.over is None and link.place.over is not None:
                v = self._placed(link, v)
        self.parts[owner.name].append(v)

    def _masked(self, link: _Link, v: Term) -> Term:
        """v where the position read stood outside; the sum of these over the axis along which it moved."""
        if link.position.over is None and _fixed_outside(link.position, link.axis, link.side):
            return v
        place = self._number(link.position)
        last = self.builder.leaf("extent", (BATCH,), axis=link.axis) if link.side == AFTER else None
        v = where(place < 1 if last is None else place > last, v, 0)
        kept = tuple(axis for axis in v.axes if axis != link.position.over)
        return v if kept == v.axes else self.builder.apply("sum_over", v, over=kept)

    def _read_back(self, links: Sequence[_Link], v: Term) -> Term:
        """v read where the reader stood, told from the owner's axes."""
        at: dict[str, Position] = {}
        equal: list[tuple[Position, Position]] = []
        for link in links:
            if link.position.over is not None:
                reader = moved(link.place, -link.position.ends, link.position.of, -link.position.offset)
                if at.setdefault(link.position.over, reader) is not reader:
                    equal.append((at[link.position.over], reader))
        v = self._at(v, at)
        for one, other in equal:  # p[t,t] was read: only where both axes tell the same t
            v = where(apply("eq", self._number(one), self._number(other)), v, 0)
        return v

    def _at(self, v: Term, at: dict[str, Position]) -> Term:
        """v read at other places along its axes; along an axis it lacks it is the same for all valid ones."""
        away = [axis for axis, position in at.items() if position != Position(axis)]
        if not away:
            return v
        rows = (
            (BATCH,) if any(self.axes[axis].length for axis in away) else ()
        )  # each sequence has its own end
        axes = union((v.axes, tuple(away), rows))
        if axes != v.axes or v.read.at != here(v.axes):
            v = self.builder.apply("copy", v, over=axes)
        positions = tuple(at.get(axis, Position(axis)) for axis in v.axes)
        over = tuple(position.over for position in positions if position.over is not None)
        rows = (BATCH,) if any(position.ends for position in positions) else ()
        return replace(v, read=Read(v.read.name, positions), axes=union((over, rows)))

    def _placed(self, link: _Link, v: Term) -> Term:
        """v at the one place along the owner's axis that was read."""
        fixed = moved(link.position, -link.place.ends, link.place.of, -link.place.offset)
        axis = link.place.over or ""
        statics: dict[str, Attr] = {"axis": axis, "ends": fixed.ends, "of": fixed.of, "offset": fixed.offset}
        rows = (BATCH,)  # each sequence has an end of its own
        return self.builder.apply("place", v, over=union((v.axes, (axis,), rows)), statics=statics)

    def _number(self, position: Position) -> Term:
        """A position as a real number."""
        builder = self.builder
        total = builder.number(position.offset)
        if position.over is not None:
            total = builder.leaf("position", (position.over, BATCH), axis=position.over) + total
        if position.ends:
            total = builder.leaf("extent", (BATCH,), axis=position.of) * position.ends + total
        return total

    def _sum(self, p: Equation, parts: Sequence[Term]) -> None:
        """The adjoint of p: the sum of its parts."""
        self._owner(p, p)
        name = adjoint_name(p.name)
        parts = parts or [self.builder.number(0.0, p.shape)]
        total = parts[0]
        for part in parts[1:-1]:
            total = total + part
        if len(parts) == 1:
            self.builder.apply("copy", total, over=p.axes, name=name)
        else:
            self.builder.apply("add", total, parts[-1], over=p.axes, name=name)


def _single(link: _Link) -> bool:
    """Whether the position moves along an axis, and is outside for one index at most."""
    position = link.position
    if position.over is None:
        return False
    if link.side == BEFORE:
        return position.ends >= 0 and position.offset >= -1
    return position.over == link.axis and position.ends == 0 and position.offset <= 1


def _fixed_outside(position: Position, axis: str, side: int) -> bool | None:
    """Whether a fixed position is outside on a side: always, never, or (None) for some lengths."""
    beyond = position if side == BEFORE else moved(position, -1, axis, -1)
    grows, start = beyond.ends, beyond.offset  # before: grows*length + start < 1; after: >= 0
    if grows == 0:
        return start < 1 if side == BEFORE else start >= 0
    if side == BEFORE:
        return False if grows > 0 and start >= 1 else None
    return True if grows > 0 and start >= 0 else False if grows < 0 and start < 0 else None
