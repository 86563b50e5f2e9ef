"""One step of a network, as a system of its own: the streaming axis taken away.

Along the streaming axis a streamable network reads only the same step and steps before. So at one step
every quantity is an equation without that axis: what it reads at the same step is a quantity beside it,
what it reads k steps before is an entry of the state. What the context gives is computed once, by `start`.

    h[t,@] = tanh(a[t,@])        becomes   h[@] = tanh(a[@])
    a[t,@] = einsum(W, h[t-1,@])           a[@] = einsum(W, h.past[@])

While sampling, a head's target is drawn from the head's distribution instead of given: a head without an
index before the first step. Where there are no steps, all targets of whole sequences are drawn at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field

from ..spec.records import dataclass, replace
from .ir import BATCH, Equation, Position, Read, System, attrs, fixed, plain
from .program import Head, Program, State

NOW = "now"  # the quantity that counts steps is called AXIS.now
PAST = "past:"  # the entry h of the state is the input past:h


@dataclass(frozen=True, slots=True)
class Steps:
    """``start`` has outputs ``state:h`` and ``static:C``; ``step`` has ``state:h`` and ``output:y``;
    ``begin`` is ``start`` and ``draw`` is ``step`` while sampling, with ``drawn:y``, ``nll:y`` and ``stop``.
    ``statics`` are what `start` hands to each step. ``frozen``, where a step with parameters that do not change
    is another: what follows from these alone, and the rest, which is given it."""

    start: System
    begin: System
    step: System
    draw: System
    statics: tuple[str, ...]
    frozen: tuple[System, System] | None = None


def steps(program: Program, forward: System) -> Steps:
    """The systems of `start`, `step` and `sample` of a program that can be streamed."""
    one = one_step(program, forward)
    forward, axis = one.forward, one.axis
    outputs = [(k, v) for k, v in forward.outputs if k.startswith("output:") and v in one.stepped]
    once = [head for head in program.heads if axis not in head.axes]
    return Steps(
        one.start(),
        _drawing(forward, once, axis, one.started),
        one.system(outputs, drawn=()),
        one.system(
            [(k, v) for k, v in forward.outputs if k == "stop"],
            drawn=[head for head in program.heads if axis in head.axes],
        ),
        one.statics,
    )


def opaque(step: System) -> System:
    """A step that sees of what it is given nothing but the values."""
    given = (replace(e, op="input", reads=(), attrs=attrs(name=e.name), boundaries=()) for e in step.given)
    return replace(step, given=tuple(given))


def divided(step: System) -> tuple[System, System]:
    """What follows from parameters alone, and the rest of a step, which is given it."""
    table = step.table()
    still = fixed(table) - fixed(table, ("number", "dim"))
    own = tuple(e for e in step.equations if e.name not in still)
    wanted = dict.fromkeys(name for e in own for name in e.sources() if name in still)
    wanted |= dict.fromkeys(name for _, name in step.outputs if name in still)
    freeze = _needed(step, table, [(f"frozen:{name}", name) for name in wanted])
    return freeze, replace(step, equations=own, given=(*step.given, *(table[name] for name in wanted)))


def one_step(program: Program, forward: System) -> OneStep:
    """The streaming axis opened: what its steps are, and what they read of the rest."""
    assert program.stream is not None
    axis = program.stream
    stepped = {e.name for e in forward.equations if axis in e.axes}
    pasts = {state.past: state for state in program.states}
    forward = _placed(forward, stepped, pasts.keys())
    return OneStep(program, forward, stepped, pasts, axis, tuple(_statics(forward, stepped, pasts)))


def _placed(forward: System, stepped: Collection[str], pasts: Collection[str]) -> System:
    """What steps read of the context at another place than their own is made there, beforehand.

    e[t,@] = dot(h[t,@], g[s-1,@])   becomes   g@1[s,@] = copy(g[s-1,@]);  e[t,@] = dot(h[t,@], g@1[s,@])"""
    table, made, own = forward.table(), dict[Read, Equation](), {*stepped, *pasts}

    def moved(read: Read) -> Read:
        source = table[read.name]
        if read.name in own or BATCH not in source.axes or read == plain(source):
            return read
        axes = tuple(position.over for position in read.at if position.over is not None)
        name = f"{read.name}@{len(made) + 1}"
        copy = replace(source, name=name, axes=axes, op="copy", reads=(read,), attrs=(), boundaries=())
        return plain(made.setdefault(read, copy))

    equations = [
        replace(e, reads=tuple(map(moved, e.reads))) if e.name in stepped else e for e in forward.equations
    ]
    return forward.with_equations([*equations, *made.values()])


def whole(program: Program, forward: System) -> System:
    """The targets of whole sequences, of lengths that are given: outputs ``drawn:y`` and ``nll:y``."""
    return _drawing(forward, [head for head in program.heads if head.given], "", [])


def _drawing(
    forward: System, heads: Iterable[Head], counted: str, outputs: Iterable[tuple[str, str]]
) -> System:
    """The equations with these heads' targets drawn; one that is not given is the length of ``counted``."""
    table, outputs = forward.table(), list(outputs)
    for head in heads:
        name = head.target.name
        if not head.given:
            target = replace(table[forward.output(f"nll:{head.name}")], name=name, type="int", span=head.span)
            lengths = [e for e in table.values() if e.op == "length" and e.attr("axis") == counted]
            table |= {e.name: replace(e, op="copy", reads=(plain(target),), attrs=()) for e in lengths}
            table[name] = target
        table[name] = drawn_target(table, head)
        outputs += [(f"drawn:{head.name}", name), (f"nll:{head.name}", forward.output(f"nll:{head.name}"))]
    return _needed(forward, table, outputs)


def drawn_target(table: Mapping[str, Equation], head: Head) -> Equation:
    """The target of a head as what its distribution gives."""
    reads = tuple(plain(table[name]) for _, name in head.args)
    named = attrs(name=head.distribution, key=head.name)
    target = head.target
    if target.name in table:
        return replace(table[target.name], op="draw", reads=reads, attrs=named)
    # No equation is left that reads it: what it is does not change its own likelihood.
    kind, axes = "int" if target.kind == "token" else target.kind, (*target.axes, BATCH)
    return Equation(target.name, axes, target.shape, kind, "draw", reads, named, (), target.span, target.name)


def _statics(forward: System, stepped: set[str], pasts: dict[str, State]) -> Iterable[str]:
    """What the stepped equations read of the context, in order; what is made of parameters alone, each step
    makes anew, so that it never goes stale."""
    table = forward.table()
    found: dict[str, None] = {}
    for reader in (e for e in forward.equations if e.name in stepped):
        for read in reader.reads:
            source = table[read.name]
            own = read.name in stepped or read.name in pasts or source.op in ("length", "last")
            if not own and BATCH in source.axes:
                found[read.name] = None
    return found


def _needed(
    like: System,
    table: Mapping[str, Equation],
    outputs: Iterable[tuple[str, str]],
    given: Iterable[str] = (),
) -> System:
    """The equations that the outputs need, down to what is given."""
    given, outputs = set(given), tuple(outputs)
    live: set[str] = set()
    work = [name for _, name in outputs]
    while work:
        name = work.pop()
        if name not in live:
            live.add(name)
            if name not in given:
                work += table[name].sources()
    found = [e for e in table.values() if e.name in live]
    own, other = (tuple(e for e in found if (e.name in given) is side) for side in (False, True))
    return System(like.axes, own, outputs, other)


@dataclass(slots=True)
class OneStep:
    """``stepped`` are the quantities along the axis, ``pasts`` the boundaries that the state fills."""

    program: Program
    forward: System
    stepped: set[str]
    pasts: dict[str, State]
    axis: str
    statics: tuple[str, ...]
    table: Mapping[str, Equation] = field(init=False)
    owners: Mapping[str, str] = field(init=False)  # whose boundary a quantity is

    def __post_init__(self) -> None:
        self.table = self.forward.table()
        self.owners = {b.name: e.name for e in reversed(self.forward.equations) for b in e.boundaries}

    @property
    def events(self) -> set[str]:
        """Targets along the axis that are made from the lengths."""
        return {h.target.name for h in self.program.heads if not h.given and self.axis in h.axes}

    @property
    def started(self) -> list[tuple[str, str]]:
        """What the first step needs."""
        states = [(f"state:{state.key}", state.past) for state in self.program.states]
        return states + [(f"static:{name}", name) for name in self.statics]

    def start(self) -> System:
        """The equations of all that is there before the first step."""
        return _needed(self.forward, self.table, self.started)

    def system(self, outputs: list[tuple[str, str]], drawn: Iterable[Head]) -> System:
        """The equations of one step that these outputs and the next state need."""
        table = {e.name: self._equation(e) for e in self.forward.equations}
        for head in drawn:
            name = head.target.name
            table[name] = drawn_target(table, head)
            outputs = [*outputs, (f"drawn:{head.name}", name), (f"nll:{head.name}", head.nll)]
        states = [self._next(state, table) for state in self.program.states]
        return _needed(self.forward, table, (*outputs, *states), self.statics)

    def _equation(self, equation: Equation) -> Equation:
        """The equation at one step; what no step changes, and the past, come from the state."""
        name = equation.name
        if name in self.pasts:
            return replace(
                equation,
                op="input",
                reads=(),
                attrs=attrs(name=PAST + self.pasts[name].key),
                boundaries=(),
            )
        if name not in self.stepped:
            return equation
        axes = tuple(axis for axis in equation.axes if axis != self.axis)
        boundaries = tuple(b for b in equation.boundaries if all(a != self.axis for a, _ in b.sides))
        if name in self.events:  # whether a step is the last is not known while a sequence runs
            return replace(equation, axes=axes, op="last", reads=(), attrs=())
        if equation.op == "index":
            return replace(equation, axes=axes, op="input", attrs=attrs(name=f"{self.axis}.{NOW}"))
        reads = tuple(self._read(read) for read in equation.reads)
        return replace(equation, axes=axes, reads=reads, boundaries=boundaries)

    def _read(self, read: Read) -> Read:
        source = self.table[read.name]
        if read.name not in self.stepped:
            return read
        place = source.axes.index(self.axis)
        position, rest = read.at[place], (*read.at[:place], *read.at[place + 1 :])
        if not position.offset:
            return Read(read.name, rest)
        past = next(b.name for b in source.boundaries if (self.axis, -1) in b.sides)
        lags = self.pasts[past].lags
        slot = (Position(None, offset=lags + position.offset + 1),) if lags > 1 else ()
        return Read(past, (*read.at[:place], *slot, *read.at[place + 1 :]))

    def _next(self, state: State, table: dict[str, Equation]) -> tuple[str, str]:
        """The state after the step: the new value, behind the older ones where several are kept."""
        owner = self.owners[state.past]
        if state.lags == 1:
            return f"state:{state.key}", owner
        now, past = table[owner], table[state.past]
        name = f"{state.key}.next"
        table[name] = replace(
            now, name=name, axes=past.axes, op="shift_in", reads=(plain(past), plain(now)), attrs=()
        )
        return f"state:{state.key}", name
