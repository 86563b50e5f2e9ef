"""One step of a network, as a system of its own: the streaming axis taken away.

Along the streaming axis a streamable network reads only the same step and steps before. So at one step
every quantity is an equation without that axis: what it reads at the same step is a quantity beside it,
what it reads k steps before is an entry of the state. What the context gives is computed once, by `start`.

    h[t,@] = tanh(a[t,@])        becomes   h[@] = tanh(a[@])
    a[t,@] = einsum(W, h[t-1,@])           a[@] = einsum(W, h.past[@])

While sampling, a head's target is drawn from the head's distribution instead of given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .ir import BATCH, Equation, Position, Read, System, attrs, plain
from .program import Head, Program, State

NOW = "now"  # the quantity that counts steps is called AXIS.now


@dataclass(frozen=True, slots=True)
class Steps:
    """``start`` has outputs ``state:h`` and ``static:C``; ``step`` has ``state:h`` and ``output:y``;
    ``draw`` has ``state:h``, ``drawn:y`` and ``nll:y``. ``statics`` are what `start` hands to each step."""

    start: System
    step: System
    draw: System
    statics: tuple[str, ...]


def steps(program: Program, forward: System) -> Steps:
    """The systems of `start`, `step` and `sample` of a program that can be streamed."""
    assert program.stream is not None
    axis = program.stream
    stepped = {e.name for e in forward.equations if axis in e.axes}
    pasts = {state.past: state for state in program.states}
    statics = tuple(_statics(forward, stepped, pasts))
    one = _OneStep(program, forward, stepped, pasts, axis, statics)
    outputs = [(k, v) for k, v in forward.outputs if k.startswith("output:") and v in stepped]
    return Steps(
        _start(forward, program.states, statics),
        one.system(outputs, drawn=()),
        one.system([], drawn=[h for h in program.heads if axis in h.axes]),
        statics,
    )


def _statics(forward: System, stepped: set[str], pasts: dict[str, State]) -> Iterable[str]:
    """What the stepped equations read of the context, in order; what is made of parameters alone, each step
    makes anew, so that it never goes stale."""
    table = forward.table()
    found: dict[str, None] = {}
    for reader in (e for e in forward.equations if e.name in stepped):
        for read in reader.reads:
            source = table[read.name]
            if read.name not in stepped and read.name not in pasts and BATCH in source.axes:
                found[read.name] = None
    return found


def _start(forward: System, states: tuple[State, ...], statics: tuple[str, ...]) -> System:
    outputs = [(f"state:{state.key}", state.past) for state in states]
    outputs += [(f"static:{name}", name) for name in statics]
    return _needed(forward, forward.table(), tuple(outputs))


def _needed(
    like: System, table: dict[str, Equation], outputs: tuple[tuple[str, str], ...], given: Iterable[str] = ()
) -> System:
    """The equations that the outputs need, down to what is given."""
    given = set(given)
    live: set[str] = set()
    work = [name for _, name in outputs]
    while work:
        name = work.pop()
        if name not in live:
            live.add(name)
            if name not in given:
                work += [read.name for read in table[name].reads]
                work += [boundary.name for boundary in table[name].boundaries]
    found = [e for e in table.values() if e.name in live]
    own, other = (tuple(e for e in found if (e.name in given) is side) for side in (False, True))
    return System(like.axes, own, outputs, other)


@dataclass(slots=True)
class _OneStep:
    program: Program
    forward: System
    stepped: set[str]
    pasts: dict[str, State]
    axis: str
    statics: tuple[str, ...]

    def system(self, outputs: list[tuple[str, str]], drawn: Iterable[Head]) -> System:
        """The equations of one step that these outputs and the next state need."""
        table = {e.name: self._equation(e) for e in self.forward.equations}
        for head in drawn:
            target = table[head.target.name]
            reads = tuple(plain(table[name]) for _, name in head.args)
            table[target.name] = replace(target, op="draw", reads=reads, attrs=attrs(name=head.distribution))
            outputs = [*outputs, (f"drawn:{head.name}", target.name), (f"nll:{head.name}", head.nll)]
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
                attrs=attrs(name=f"past:{self.pasts[name].key}"),
                boundaries=(),
            )
        if name not in self.stepped:
            return equation
        axes = tuple(axis for axis in equation.axes if axis != self.axis)
        boundaries = tuple(b for b in equation.boundaries if all(a != self.axis for a, _ in b.sides))
        if equation.op == "index":
            return replace(equation, axes=axes, op="input", attrs=attrs(name=f"{self.axis}.{NOW}"))
        reads = tuple(self._read(read) for read in equation.reads)
        return replace(equation, axes=axes, reads=reads, boundaries=boundaries)

    def _read(self, read: Read) -> Read:
        source = self.forward.table()[read.name]
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
        owner = next(e for e in self.forward.equations if any(b.name == state.past for b in e.boundaries))
        if state.lags == 1:
            return f"state:{state.key}", owner.name
        now, past = table[owner.name], table[state.past]
        name = f"{state.key}.next"
        table[name] = replace(
            now, name=name, axes=past.axes, op="shift_in", reads=(plain(past), plain(now)), attrs=()
        )
        return f"state:{state.key}", name
