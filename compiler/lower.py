"""From the checked model to flat equations: one operator application each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field

from ..spec.records import dataclass, replace
from .checking.graph import beyond, outside_at
from .checking.heads import DENSITIES
from .checking.infer import Typed
from .checking.model import Quantity, Sides, Start
from .checking.noises import arguments
from .checking.terms import BOOL, INT, Term, elementwise, over_last, read, zero
from .checking.tree import Number
from .dims import untold
from .flatten import Flattener
from .inner_ends import Inner, chosen_reads, inner_ends
from .ir import AFTER, BATCH, BEFORE, Axis, Boundary, Equation, Position, Read, System, attrs, here
from .losses import loss_equations
from .program import Head, Init, Input, Noise, Param, Program, State, Stop
from .reach import Reach, all_terms, reach, subterms
from .stream import stream_axis


def lower(typed: Typed) -> Program:
    """The program of a model without mistakes."""
    return _Lowering(typed).program()


@dataclass(slots=True)
class _Lowering:
    typed: Typed
    flat: Flattener = field(init=False)
    reach: Reach = field(init=False)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    lags: dict[tuple[int, int], str] = field(default_factory=dict)
    lagged: dict[tuple[str, Sides], str] = field(default_factory=dict)
    past: dict[str, str] = field(default_factory=dict)
    inner: Inner = field(init=False)
    stream: str | None = None
    no_stream: str = ""

    def __post_init__(self) -> None:
        read = _ends_read(self.typed)
        for quantity in self.typed.model.quantities.values():
            _add_edges(self.typed, quantity, read.get(quantity.name, ()))
        self.stream, self.no_stream = stream_axis(self.typed)
        self.inner = inner_ends(self.typed.model)
        self.typed = chosen_reads(self.typed, self.inner)
        self.reach = reach(self.typed)
        self.flat = Flattener(self.typed, self.reach)

    @property
    def carried(self) -> str | None:
        """The axis along which the state is kept; None when there is no stepping."""
        return None if self.no_stream else self.stream

    def program(self) -> Program:
        model, params = self.typed.model, self._params()
        dims = tuple(model.dims.items())
        for quantity in model.quantities.values():
            if quantity.name not in self.flat.aliases:
                self._quantity(quantity)
        losses = loss_equations(self.typed, self.flat)
        self.flat.equations += losses.equations
        heads = {head.name for head in self.heads}
        named = [(f"output:{name}", self.flat.name(name)) for name in model.outputs if name not in heads]
        ends = [("stop", model.stop.name)] if model.stop else []
        self.outputs = [*losses.outputs, *self.outputs, *named, *ends]
        return Program(
            source=model.source,
            dims=dims,
            fixed=self._fixed(params),
            params=params,
            inputs=tuple(self._input(q) for q in model.quantities.values() if q.role == "input"),
            heads=tuple(self.heads),
            noises=tuple(self._noise(q) for q in model.quantities.values() if q.role == "noise"),
            states=tuple(self.states),
            stream=self.carried,
            no_stream=self.no_stream,
            stop=self._stop(),
            losses=tuple(losses.elements),
            alone=tuple(losses.alone),
            forward=System(self._axes(), tuple(self.flat.equations), tuple(self.outputs), dims=dims),
        )

    def _params(self) -> tuple[Param, ...]:
        """The parameters, each of which is an equation too."""
        found = []
        for p in self.typed.params.values():
            shape, named = p.type.shape, attrs(name=p.name)
            found.append(Param(p.name, shape, self._init(p.init), p.trained, p.span))
            self.flat.add(
                Equation(p.name, (), shape, "real", "param", attrs=named, span=p.span, origin=p.name)
            )
        return tuple(found)

    def _init(self, init: Init) -> Init:
        """A start with the dims of cells replaced."""
        size = init.size.substitute(self.typed.sizes) if init.size is not None else None
        return replace(init, args=tuple(self._init(arg) for arg in init.args), size=size)

    def _fixed(self, params: tuple[Param, ...]) -> dict[str, str]:
        """Dims that `init` refuses: used while compiling, or not told by the parameters' shapes."""
        model = self.typed.model
        sizing = {dim for param in params for size in param.shape for dim in size.dims}
        fixed = {dim: "it sizes no parameter" for dim in model.dims if dim not in sizing}
        fixed |= {dim: f"it was needed to compile {use}" for dim, use in model.fixed.items()}
        fixed |= {
            dim: "`init` has another use for this name" for dim in ("seed", "dtype") if dim in model.dims
        }
        hidden = untold(params, list(model.dims), fixed)
        return {**fixed, **dict.fromkeys(hidden, "the shapes of the parameters do not tell it")}

    def _axes(self) -> tuple[Axis, ...]:
        times = [Axis(axis.index, axis.length) for axis in self.typed.model.axes.values()]
        return (*times, *(Axis(name, size=size) for (size, _), name in self.lags.items()), Axis(BATCH))

    def _input(self, quantity: Quantity) -> Input:
        type = self.typed.types[quantity.name]
        return Input(quantity.name, quantity.axes, type.shape, type.kind, type.count, quantity.span)

    def _stop(self) -> Stop | None:
        rule = self.typed.model.stop
        return Stop(rule.axis, rule.name, rule.event, rule.span) if rule is not None else None

    def _noise(self, quantity: Quantity) -> Noise:
        assert quantity.distribution is not None
        shape, name = self.typed.types[quantity.name].shape, quantity.distribution.name
        args = arguments(self.typed.model, quantity)
        return Noise(quantity.name, quantity.axes, shape, name, args, quantity.span)

    # quantities

    def _quantity(self, quantity: Quantity) -> None:
        for sides in quantity.starts:
            term = self.typed.starts[quantity.name, sides]
            axes = self.flat.end_axes(quantity, sides)
            corners = self._corners(quantity, sides, self.flat.end_name)
            self.flat.define(self.flat.end_name(quantity, sides), axes, term, quantity.name, corners)
        boundaries = self._boundaries(quantity)
        axes = (*quantity.axes, *((BATCH,) if self.flat.has_batch(quantity.name) else ()))
        made = self._made(quantity)
        if made is not None:
            self.flat.define(quantity.name, axes, made, quantity.name, boundaries)
        elif quantity.role in ("input", "head", "noise"):
            self._leaf(quantity, axes, boundaries)
        else:
            self.flat.define(quantity.name, axes, self.typed.terms[quantity.name], quantity.name, boundaries)
        if quantity.role == "head":
            self._head(quantity, axes)
        if quantity.name in self.past:
            self._state(quantity)

    def _made(self, quantity: Quantity) -> Term | None:
        """A target that is made from the lengths: the length itself, or whether a step is the last."""
        model, span = self.typed.model, quantity.span
        axis = next((a for a in model.axes if model.length_head(a) is quantity), None)
        if axis is not None:
            return Term("length", (), INT, span, attrs(axis=axis))
        if model.stop is None or model.stop.event != quantity.name:
            return None
        place = attrs(axis=model.stop.axis)
        step, length = (Term(op, (), INT, span, place) for op in ("position", "length"))
        at_end = elementwise("eq", step, length, kind="bool")
        return elementwise("and", at_end, Term("last", (), BOOL, span), kind="bool")

    def _leaf(self, quantity: Quantity, axes: tuple[str, ...], boundaries: tuple[Boundary, ...]) -> None:
        """What the world gives. Where the spec gives a value past its end, that is an equation of its own: each
        sequence of a batch has another end."""
        type, op = self.typed.types[quantity.name], "noise" if quantity.role == "noise" else "input"
        ends = any(side == AFTER for boundary in boundaries for _, side in boundary.sides)
        name = self.flat.fresh(f"{quantity.name}.given") if ends else quantity.name
        inside = () if ends else boundaries
        leaf = Equation(name, axes, type.shape, type.stored, op, (), attrs(name=quantity.name), inside,
                        quantity.span, quantity.name)  # fmt: skip
        self.flat.add(leaf)
        if ends:
            reads = (Read(name, here(axes)),)
            self.flat.add(
                replace(leaf, name=quantity.name, op="copy", reads=reads, attrs=(), boundaries=boundaries)
            )

    def _head(self, quantity: Quantity, axes: tuple[str, ...]) -> None:
        """The distribution's arguments, and the negative log-likelihood of one element."""
        name, shown = quantity.name, self.typed.heads[quantity.name]
        assert quantity.distribution is not None
        density = DENSITIES[quantity.distribution.name]
        at, reads, args = here(quantity.axes), [], []
        for i, (key, term) in enumerate(zip(shown.keys, shown.args, strict=True)):
            made = self.flat.fresh(f"{name}.{key}")
            self.flat.define(made, axes, term, name)
            self.flat.made[made] = quantity.axes
            reads.append(read(made, at, term.type, term.span))
            args.append((f"{name}.{key}" if i else name, made))
        target = self.typed.types[name]
        nll = density.nll(target, tuple(reads), read(name, at, target, quantity.span))
        while nll.shape:
            nll = over_last("sum", nll)
        made = self.flat.fresh(f"{name}.nll")
        self.flat.define(made, axes, nll, name)
        self.outputs += [(f"output:{key}", arg) for key, arg in args]
        self.heads.append(
            Head(
                name,
                quantity.axes,
                density.name,
                tuple(args),
                made,
                quantity.weight,
                name in self.reach.read,
                self._input(quantity),
                quantity.span,
                self._made(quantity) is None,
            )
        )

    # what a quantity is outside its sequence

    def _boundaries(self, quantity: Quantity) -> tuple[Boundary, ...]:
        found = []
        for axis in quantity.axes:
            for side in (BEFORE, AFTER):
                name = self._boundary(quantity, ((axis, side),))
                if name is not None:
                    found.append(Boundary(((axis, side),), name))
        corners = [sides for sides in quantity.starts if len(sides) > 1]
        return (*found, *(Boundary(sides, self._lagged(quantity, sides)) for sides in corners))

    def _corners(
        self, quantity: Quantity, sides: Sides, name: Callable[[Quantity, Sides], str]
    ) -> tuple[Boundary, ...]:
        """What an end is outside the axes that it leaves free; ``name`` gives a corner's equation."""
        wider = [other for other in quantity.starts if set(sides) < set(other)]
        rests = [(tuple(side for side in other if side not in sides), other) for other in wider]
        return tuple(Boundary(rest, name(quantity, other)) for rest, other in rests)

    def _boundary(self, quantity: Quantity, sides: Sides) -> str | None:
        ((axis, side),) = sides
        if axis == self.carried and side == BEFORE and (quantity.name, axis, side) in self.reach.delays:
            return self._carried(quantity, sides)
        given = sides in quantity.starts and (quantity.name, sides) not in self.inner
        return self._lagged(quantity, sides) if given else None

    def _lags(self, quantity: Quantity, sides: Sides) -> dict[str, str]:
        """The lag axis that stands in the place of each axis read more than one step outside; another one for
        each axis of the quantity that is read as many steps outside."""
        found = {}
        for axis, side in sides:
            steps = self.reach.steps.get((quantity.name, axis, side), 0)
            if steps > 1:
                earlier = quantity.axes[: quantity.axes.index(axis)]
                alike = sum(
                    steps in (self.reach.steps.get((quantity.name, other, s)) for s in (BEFORE, AFTER))
                    for other in earlier
                )
                found[axis] = self.lags.get((steps, alike)) or self._new_lag(steps, alike)
        return found

    def _new_lag(self, steps: int, alike: int) -> str:
        name = f"u{steps}"
        while name in self.typed.model.axes or name in self.lags.values():
            name = "u" + name
        self.lags[steps, alike] = name
        return name

    def _end(self, quantity: Quantity, sides: Sides) -> Term:
        """A read of the end itself."""
        known = dict(sides)
        at = []
        for axis in quantity.axes:
            place = Position(None) if known.get(axis) == BEFORE else Position(None, 1, axis, 1)
            at.append(place if axis in known else Position(axis))
        return read(quantity.name, tuple(at), self.typed.types[quantity.name], quantity.span)

    def _end_axes(self, quantity: Quantity, sides: Sides) -> tuple[str, ...]:
        lags, known = self._lags(quantity, sides), dict(sides)
        return tuple(lags.get(axis, axis) for axis in quantity.axes if axis in lags or axis not in known)

    def _lagged(self, quantity: Quantity, sides: Sides) -> str:
        """The end as a boundary: the same value for every place outside."""
        name = self.flat.end_name(quantity, sides)
        if not self._lags(quantity, sides):
            return name
        if (quantity.name, sides) not in self.lagged:
            lagged = self.lagged[quantity.name, sides] = self.flat.fresh(f"{name}.lags")
            axes = (*self._end_axes(quantity, sides), BATCH)
            corners = self._corners(quantity, sides, self._lagged)
            self.flat.define(lagged, axes, self._end(quantity, sides), quantity.name, corners)
        return self.lagged[quantity.name, sides]

    def _carried(self, quantity: Quantity, sides: Sides) -> str:
        """The values before the first step: the caller's state if given, else the start."""
        type = self.typed.types[quantity.name]
        start = self._end(quantity, sides)
        carry = Term("carry", (start,), type, quantity.span, attrs(key=quantity.name))
        name = self.flat.fresh(f"{quantity.name}.past")
        corners = self._corners(quantity, sides, self._lagged)
        self.flat.define(name, (*self._end_axes(quantity, sides), BATCH), carry, quantity.name, corners)
        self.past[quantity.name] = name
        return name

    def _state(self, quantity: Quantity) -> None:
        """The last values of a carried quantity."""
        axis = self.carried
        assert axis is not None
        sides = ((axis, BEFORE),)
        steps = self.reach.steps[quantity.name, axis, BEFORE]
        lags = self._lags(quantity, sides)
        last = Position(lags[axis], 1, axis, -steps) if lags else Position(None, 1, axis)
        at = tuple(last if a == axis else Position(a) for a in quantity.axes)
        name, type = self.flat.fresh(f"{quantity.name}.state"), self.typed.types[quantity.name]
        axes = (*self._end_axes(quantity, sides), BATCH)
        reads = (Read(quantity.name, (*at, Position(BATCH))),)
        self.flat.add(
            Equation(name, axes, type.shape, type.stored, "copy", reads, (), (), quantity.span, quantity.name)
        )
        self.outputs.append((f"state:{quantity.name}", name))
        past = self.past[quantity.name]
        self.states.append(State(quantity.name, steps, past, type.shape, type.stored, type.count))


def _ends_read(typed: Typed) -> dict[str, dict[Sides, None]]:
    """By quantity the sides at which it is read at an end, as `h[T+1, s-1]`, where that may be a corner."""
    found: dict[str, dict[Sides, None]] = {}
    for term in subterms(all_terms(typed)):
        quantity = typed.model.quantities.get(term.name) if term.op == "read" else None
        if quantity is not None and beyond(term.at):
            found.setdefault(term.name, {})[outside_at(quantity.axes, term.at)] = None
    return found


def _add_edges(typed: Typed, quantity: Quantity, read: Iterable[Sides]) -> None:
    """The edges that lead to corners, 0 where the spec does not give them: those that are read, and beside every
    corner past an end, since each sequence of a batch has its own, where its corner stands in the edge, not behind
    that of the longest."""
    given = list(quantity.starts)
    for edge in read:
        if edge and any(set(edge) < set(corner) for corner in given):
            _add_edge(typed, quantity, edge)
    corners = [sides for sides in quantity.starts if len(sides) > 1]
    for corner in corners:
        for end in (side for side in corner if side[1] == AFTER):
            edge = tuple(side for side in corner if side != end)
            if _add_edge(typed, quantity, edge) and len(edge) > 1:
                corners.append(edge)


def _add_edge(typed: Typed, quantity: Quantity, edge: Sides) -> bool:
    """Whether the spec does not give the edge, so that it is 0 now."""
    if edge in quantity.starts:
        return False
    quantity.starts[edge] = Start(Number(quantity.span, 0.0, True), quantity.span, quantity.via)
    typed.starts[quantity.name, edge] = zero(typed.types[quantity.name], quantity.span)
    return True
