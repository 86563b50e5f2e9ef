"""The compiler on one page: a call per stage, a watch point after each, no IO.

check        text to program: names, sizes, causality, cells and loops opened, equations
passes       the forward equations made small; -O2 joins products that share an operand
unroll       with --unroll K at -O0: K steps one after the other (at -O2 they are printed so)
adjoint      the gradient as more equations, made small the same way
tangent      with --with jvp: the forward equations and their tangents, made small the same way
schedule     straight blocks and loops; where every quantity lives
print        text
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TypeVar

from ..spec.diagnostics import Diagnostic, Diagnostics, SpecError
from ..spec.records import dataclass, replace
from ..spec.source import Source
from .check import ReadImport, frontend
from .differentiate import differentiate
from .ir import System
from .ir_text import system_text
from .learning import Learning, learning, why_not
from .passes import NAMES, ORDERS, run_order
from .passes.dead import drop_dead
from .printing.allowed import check_allowed
from .printing.module import Systems, plan_module, print_module
from .printing.page import own_functions
from .printing.schedule_text import schedule_text
from .program import Program
from .stepping import Steps, divided, opaque, steps
from .tangents import tangents
from .unroll import axis_of, unroll

Stage = TypeVar("Stage")
STAGES = ("check", "passes", "unroll", "adjoint", "tangent", "schedule", "print")
EXTRAS = ("jvp", "rtrl", "selfcheck")


@dataclass(frozen=True, slots=True)
class Options:
    """``level`` 0 (textbook) or 2 (fast); ``skip`` names passes left out; ``extras`` are the further sections
    to print, of `EXTRAS`; ``stop_after`` a stage."""

    level: int = 2
    dims: Mapping[str, int] = field(default_factory=dict)
    unroll: int | None = None
    skip: frozenset[str] = frozenset()
    extras: frozenset[str] = frozenset()
    stop_after: str = STAGES[-1]

    def __post_init__(self) -> None:
        """ValueError for what there is not: the command line offers nothing else, a caller may."""
        given = {"level": ({self.level}, ORDERS), "skip": (self.skip, NAMES), "extras": (self.extras, EXTRAS)}
        for name, (words, known) in {**given, "stop_after": ({self.stop_after}, STAGES)}.items():
            unknown = ", ".join(repr(word) for word in words if word not in known)
            if unknown:
                raise ValueError(f"{name}: expected {', '.join(map(str, known))}, got {unknown}")


@dataclass(slots=True)
class Compiled:
    """What the stages made. ``shown`` makes a text of each stage's result, ``seconds`` is the time it took."""

    source: Source
    options: Options
    program: Program
    small: System  # the forward equations before they are joined: one step of a network needs no more
    forward: System
    adjoint: System
    tangent: System | None  # with `jvp`
    warnings: tuple[Diagnostic, ...]
    text: str = ""
    shown: dict[str, Callable[[], str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def dump(self, stage: str) -> str:
        """A stage's result as text."""
        return self.shown[stage]()


def compile_source(
    source: Source,
    options: Options,
    read_import: ReadImport,
    change: Callable[[Program], Program] = lambda program: program,
) -> Compiled:
    """A spec's module, or that of its program changed. Raises `SpecError` with every diagnostic when the spec
    is wrong."""
    watch = _Watch(options.stop_after)
    diagnostics = Diagnostics()
    program = watch.stage(
        "check",
        lambda: frontend(source, dims=options.dims, read_import=read_import, diagnostics=diagnostics),
        lambda program: system_text(program.forward) if program else "",
    )
    if program is None:
        raise SpecError(diagnostics.items)
    program = change(program)
    empty, warnings = System((), ()), tuple(diagnostics.items)
    made = Compiled(source, options, program, program.forward, program.forward, empty, None, warnings)
    if watch.go_on():
        made.small = _small(program.forward, options)
        made.forward = watch.stage("passes", lambda: _fast(_asked(program, made.small), options), system_text)
    if watch.go_on():
        looped = made.forward
        made.forward = watch.stage("unroll", lambda: _unrolled(program, looped, options), system_text)
    if watch.go_on():
        made.adjoint = watch.stage("adjoint", lambda: _adjoint(program, made.forward, options), system_text)
    if watch.go_on():
        made.tangent = watch.stage("tangent", lambda: _tangent(program, made.forward, options), _system_text)
    if watch.go_on():
        made.forward = _printed(made.forward, made.adjoint, options)
        systems = Systems(program, made.forward, made.adjoint, made.small, made.tangent, options.extras)
        written = _written(program, looped, options)
        systems = replace(systems, steps=_steps(program, made.small, options), unrolled=written)
        if "rtrl" in options.extras and not why_not(program):
            systems = replace(systems, learning=_learning(program, options))
        plan = watch.stage("schedule", lambda: plan_module(systems, options.level), schedule_text)
        if watch.go_on():
            made.text = watch.stage("print", lambda: print_module(systems, plan, options.level), str)
            check_allowed(made.text, own_functions())
    made.shown, made.seconds = watch.shown, watch.seconds
    return made


def _asked(program: Program, system: System) -> System:
    """Without the stopping rule where whole sequences tell it by their lengths."""
    if program.stop is None or not program.stop.event:
        return system
    return drop_dead(replace(system, outputs=tuple(o for o in system.outputs if o[0] != "stop")))


def _fast(system: System, options: Options) -> System:
    """At -O2: joined, then with loops that do only what they must."""
    return run_order(system, ORDERS[options.level].fast, options.skip)


def _unrolled(program: Program, looped: System, options: Options) -> System:
    """At -O0: equations for each step, and the adjoint made of them. At -O2 the printer writes the steps out."""
    if options.unroll is None:
        return looped
    if options.level:
        axis_of(program, looped, options.unroll)  # too many steps are refused before the rest is made
        return looped
    return _small(unroll(program, looped, options.unroll), options)


def _written(program: Program, looped: System, options: Options) -> dict[str, int]:
    """The axis whose steps are written one after the other, and how many there are."""
    axis = None if options.unroll is None else axis_of(program, looped, options.unroll)
    return {} if axis is None or options.unroll is None else {axis: options.unroll}


def _small(system: System, options: Options) -> System:
    return run_order(system, ORDERS[options.level].small, options.skip)


def _adjoint(program: Program, forward: System, options: Options) -> System:
    """The adjoint equations of what the module returns, made small."""
    kinds = {"param": "grad", "input": "dinput", "state": "dstate"}
    wanted = [f"{kinds[kind]}:{name}" for kind, name in _leaves(program)]
    adjoint = differentiate(forward, _there(forward, wanted))
    adjoint = run_order(adjoint, ORDERS[options.level].gradient, options.skip)
    read = {name for equation in adjoint.equations for name in equation.sources()}
    read |= {name for _, name in adjoint.outputs}
    for e in adjoint.given if options.level else ():  # what is repeated is no array: its source is kept
        read |= {source.name for source in e.reads if e.op == "expand" and e.name in read}
    return replace(adjoint, given=tuple(e for e in forward.equations if e.name in read))


def _leaves(program: Program) -> list[tuple[str, str]]:
    """What the module's results can be differentiated by."""
    leaves = [("param", p.name) for p in program.params if p.trained]
    observed = (*program.inputs, *(head.target for head in program.heads))
    leaves += [("input", i.name) for i in observed if i.kind == "real"]
    return leaves + [("state", s.key) for s in program.states if s.type == "real"]


def _tangent(program: Program, forward: System, options: Options) -> System | None:
    """The forward equations and their tangents, made small; None when nobody asked."""
    if "jvp" not in options.extras:
        return None
    system = tangents(forward, (f"{kind}:{name}" for kind, name in _leaves(program)))
    return run_order(system, ORDERS[options.level].tangent, options.skip)


def _learning(program: Program, options: Options) -> Learning:
    """The systems of real-time recurrent learning, made small."""
    made = learning(program)
    return replace(made, start=_small(made.start, options), step=_small(made.step, options))


def _steps(program: Program, small: System, options: Options) -> Steps | None:
    """The systems of one step, at -O2 with few calls; None where there are no steps."""
    if not program.streams:
        return None
    made, order = steps(program, small), ORDERS[options.level]
    step, draw = (run_order(one, order.step, options.skip) for one in (made.step, made.draw))
    if order.frozen:
        made = replace(made, frozen=divided(run_order(opaque(made.step), order.frozen, options.skip)))
    return replace(made, step=step, draw=draw)


def _system_text(system: System | None) -> str:
    return "" if system is None else system_text(system)


def _printed(forward: System, adjoint: System, options: Options) -> System:
    """At -O2: the forward equations as they are computed, what the adjoint reads left as it is."""
    if not options.level:
        return forward
    tape = tuple((f"tape:{e.name}", e.name) for e in adjoint.given)
    known = {e.name for e in forward.equations}
    asked = replace(forward, outputs=(*forward.outputs, *(entry for entry in tape if entry[1] in known)))
    made = run_order(asked, ORDERS[options.level].last, options.skip)
    return replace(drop_dead(made), outputs=forward.outputs)


def _there(forward: System, wanted: Iterable[str]) -> list[str]:
    """The keys of what the forward equations still read: of the rest the gradient is 0."""
    named = {name for e in forward.equations for key, name in e.attrs if key in ("name", "key")}
    return [key for key in wanted if key.partition(":")[2] in named]


class _Watch:
    """Keeps each stage's text and time, and stops after the stage asked for."""

    def __init__(self, stop_after: str) -> None:
        self.stop_after = stop_after
        self.shown: dict[str, Callable[[], str]] = {}
        self.seconds: dict[str, float] = {}

    def stage(self, name: str, run: Callable[[], Stage], show: Callable[[Stage], str]) -> Stage:
        began = time.perf_counter()
        result = run()
        self.seconds[name] = time.perf_counter() - began
        self.shown[name] = lambda: show(result)
        return result

    def go_on(self) -> bool:
        return self.stop_after not in self.shown
