"""Slips in an adjoint system and in a schedule: an accumulation lost, a delay shifted, steps in the wrong order.

A mutant of an adjoint differs at one equation; it is killed when a gradient disagrees with the complex step. A
mutant of a schedule differs at one stage; it is killed when the module that is printed from it fails or gives other
numbers than the right one. Mutants that change no bit, whatever is tried, are equivalent, and are named with the
reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
from oracles import Subject
from rnnc.api import module_from
from rnnc.compiler.differentiate import differentiate
from rnnc.compiler.driver import Options, compile_source
from rnnc.compiler.ir import Equation, Position, System
from rnnc.compiler.printing import plan
from rnnc.compiler.schedule import Edge, Loop, Stage, Straight, edges
from rnnc.spec.source import Source
from systems import Case, check_gradients, cotangents, evaluator, leaves, material

# --------------------------------------------------------------------------------- adjoint systems


@dataclass(frozen=True)
class Slip:
    """``name`` tells the equation and what became of it; ``apply`` makes the mutated system of a right one."""

    name: str
    equation: str
    changed: Equation

    def apply(self, system: System) -> System:
        return system.with_equations(self.changed if e.name == self.equation else e for e in system.equations)


def slips(adjoint: System) -> Iterator[Slip]:
    """One changed equation each."""
    for e in adjoint.equations:
        for word, changed in _changed(e):
            yield Slip(f"{e.name}: {word}", e.name, changed)


def _changed(e: Equation) -> Iterator[tuple[str, Equation]]:
    if e.op == "add":  # an accumulation lost
        for number in (0, 1):
            yield f"without term {number + 1}", replace(e, op="copy", reads=(e.reads[1 - number],))
        yield "a difference", replace(e, op="sub")
    if e.op in ("mul", "einsum") and len(e.reads) == 2 and e.reads[0] != e.reads[1] and e.op == "mul":
        for number in (0, 1):
            yield f"without factor {number + 1}", replace(e, op="copy", reads=(e.reads[1 - number],))
    if e.op == "neg":
        yield "without its sign", replace(e, op="copy")
    for number, read in enumerate(e.reads):
        for place, position in enumerate(read.at):
            if position.over is not None and position.offset and not position.ends:
                for offset in (0, -position.offset, position.offset + 1, position.offset - 1):
                    if offset != position.offset:
                        moved = Position(position.over, offset=offset)
                        at = (*read.at[:place], moved, *read.at[place + 1 :])
                        reads = (*e.reads[:number], replace(read, at=at), *e.reads[number + 1 :])
                        yield (
                            f"reads {read.name} at {offset:+d}, not {position.offset:+d}",
                            replace(e, reads=reads),
                        )


def adjoint_outcome(case: Case, slip: Slip) -> str:
    """ "killed", or "equivalent" when no bit of a gradient changes in any trial."""
    system = case.system
    adjoint = differentiate(system, leaves(system))
    changed = slip.apply(adjoint)
    same = True
    for carried in (False, True) if case.carried else (False,):
        given = material(case, carried=carried)
        weights = cotangents(system, given)
        try:
            wanted = evaluator(adjoint, given, cotangents=weights, forward=system).outputs()
            found = evaluator(changed, given, cotangents=weights, forward=system).outputs()
            check_gradients(system, given, weights, found)
        except Exception:
            return "killed"
        same &= all(np.array_equal(found[key], wanted[key], equal_nan=True) for key in wanted)
    return "equivalent" if same else "survived"


# --------------------------------------------------------------------------------------- schedules

SCHEDULED = """
dim n = 2
axis t = 1..T
axis s = 1..S
input x[t] : real[n], z[s] : real[n]
param W : real[n, n], U : real[n, n], v : real[n]
h[t] = tanh(W @ h[t-1] + U @ x[t] + 0.1 * h[t-3])
g[t] = tanh(0.5 * g[t+1] + h[t])
k[s] = tanh(W @ k[s-1] + z[s])
e[t,s] = dot(v, tanh(0.3 * h[t] + k[s]))
a[t,s] = softmax[s](e[t,s])
c[t] = sum[s](a[t,s] * k[s])
b[t,s] = 0.4 * b[t-1,s] + 0.3 * b[t,s-1] + x[t] * z[s]
m[t] = tanh(m[t-1] + c[t] + sum[s](b[t,s]))
head y[t] : real[n] ~ normal(m[t] + g[t])
"""

Path = tuple[int, ...]


@dataclass(frozen=True)
class Disorder:
    """``apply`` disturbs the stages of the schedule that is asked for ``call`` times."""

    name: str
    call: int
    apply: Callable[[tuple[Stage, ...]], tuple[Stage, ...]]


def disorders(call: int, stages: tuple[Stage, ...]) -> Iterator[Disorder]:
    """Loops turned round, neighbours exchanged that need each other, stages left out or out of their loop."""
    for path, stage in _walk(stages):
        if isinstance(stage, Loop):
            yield Disorder(
                f"loop {_named(stage)} turned round", call, _at(path, lambda s: (replace(s, step=-s.step),))
            )
            yield Disorder(f"loop {_named(stage)} without its loop", call, _at(path, lambda s: s.body))
        yield Disorder(f"{_named(stage)} left out", call, _at(path, lambda s: ()))
    for path, one, two in _neighbours(stages):
        if _needs(one, two):
            yield Disorder(f"{_named(two)} before {_named(one)}", call, _exchanged(path))


def _walk(stages: tuple[Stage, ...], path: Path = ()) -> Iterator[tuple[Path, Stage]]:
    for number, stage in enumerate(stages):
        yield (*path, number), stage
        if isinstance(stage, Loop):
            yield from _walk(stage.body, (*path, number))


def _neighbours(stages: tuple[Stage, ...], path: Path = ()) -> Iterator[tuple[Path, Stage, Stage]]:
    for number, (one, two) in enumerate(zip(stages, stages[1:])):
        yield (*path, number), one, two
    for number, stage in enumerate(stages):
        if isinstance(stage, Loop):
            yield from _neighbours(stage.body, (*path, number))


def _nodes(stage: Stage) -> list[Any]:
    return (
        [stage.node]
        if isinstance(stage, Straight)
        else [node for part in stage.body for node in _nodes(part)]
    )


def _named(stage: Stage) -> str:
    return ",".join(node.name for node in _nodes(stage))


def _needs(one: Stage, two: Stage) -> bool:
    """Whether something of the second needs, at the same step, something of the first."""
    first = {node.name for node in _nodes(one)}
    both = [*_nodes(one), *_nodes(two)]

    def now(edge: Edge) -> bool:
        return edge.source in first and edge.reader not in first and not any(d for _, d in edge.delays)

    return any(now(edge) for edge in edges(both))


def _at(
    path: Path, change: Callable[[Any], tuple[Stage, ...]]
) -> Callable[[tuple[Stage, ...]], tuple[Stage, ...]]:
    def apply(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        number, rest = path[0], path[1:]
        stage = stages[number]
        if not rest:
            return (*stages[:number], *change(stage), *stages[number + 1 :])
        assert isinstance(stage, Loop)
        inner = replace(stage, body=_at(rest, change)(stage.body))
        return (*stages[:number], inner, *stages[number + 1 :])

    return apply


def _exchanged(path: Path) -> Callable[[tuple[Stage, ...]], tuple[Stage, ...]]:
    def apply(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        number, rest = path[0], path[1:]
        if not rest:
            return (*stages[:number], stages[number + 1], stages[number], *stages[number + 2 :])
        stage = stages[number]
        assert isinstance(stage, Loop)
        inner = replace(stage, body=_exchanged(rest)(stage.body))
        return (*stages[:number], inner, *stages[number + 1 :])

    return apply


def scheduled_modules(disorder: Disorder | None, seen: list[tuple[Stage, ...]] | None = None) -> str:
    """The text at -O0 with one schedule disturbed; ``seen`` gets every schedule made."""
    right, calls = plan.schedule, 0

    def schedule(*args: Any, **options: Any) -> tuple[Stage, ...]:
        nonlocal calls
        stages = right(*args, **options)
        calls += 1
        if seen is not None:
            seen.append(stages)
        return disorder.apply(stages) if disorder is not None and disorder.call == calls - 1 else stages

    with mock.patch.object(plan, "schedule", schedule):
        return compile_source(Source("s.rnn", SCHEDULED), Options(level=0), lambda path, span: None).text


def all_disorders() -> list[Disorder]:
    seen: list[tuple[Stage, ...]] = []
    scheduled_modules(None, seen)
    return [disorder for call, stages in enumerate(seen[:2]) for disorder in disorders(call, stages)]


def schedule_outcome(subject: Subject, disorder: Disorder) -> str:
    """ "killed" when the module cannot be made or run, or gives other numbers; else "equivalent"."""
    right = subject.modules[0]
    try:
        module = module_from(scheduled_modules(disorder), "disturbed")
        run, wanted = (
            module.forward(subject.params, subject.batch),
            right.forward(subject.params, subject.batch),
        )
        for key, value in wanted.outputs.items():
            assert np.array_equal(run.outputs[key], value)
        assert run.loss == wanted.loss
        for found, other in zip(module.backward(subject.params, run), right.backward(subject.params, wanted)):
            assert all(np.array_equal(found[key], other[key]) for key in other)
    except Exception:
        return "killed"
    return "equivalent"


# Mutants in which no bit of a result changes, with the reason.
COUNTED = "a place is told as 1 * length + 0, and either number is without effect"
NOTHING = "the term is 0 in every sequence of this case"
WOVEN = "at -O0 the loops are woven again from what needs what: the order given is not used"
EQUIVALENT = {
    **{("state", f"~{name}"): COUNTED for name in (
        "c.past.4: without factor 2", "c.past.5: without term 2", "c.past.5: a difference",
        "c.7: without term 2", "c.7: a difference", "h.past.4: without factor 2", "h.past.5: without term 2",
        "h.past.5: a difference")},
    ("bidirectional", "~g.end: without term 1"): NOTHING,
    **{("ahead", f"~{name}"): COUNTED for name in ("g.9: without term 2", "g.9: a difference")},
    **{("many to one", f"~{name}"): COUNTED for name in (
        "h.start.4: without factor 2", "h.start.5: without term 2", "h.start.5: a difference")},
    ("attention", "~h.8: without factor 1"): COUNTED,
    **{("grid", f"~{name}"): COUNTED for name in (
        "b.corner.4: without factor 1", "b.corner.4: without factor 2", "b.corner.5: without term 2",
        "b.corner.5: a difference", "b.corner.13: without factor 1", "b.corner.13: without factor 2",
        "b.corner.14: without term 2", "b.corner.14: a difference", "b.left.4: without factor 2",
        "b.left.5: without term 2", "b.left.5: a difference", "b.top.4: without factor 2",
        "b.top.5: without term 2", "b.top.5: a difference", "b.16: without term 2", "b.16: a difference",
        "b.19: without term 2", "b.19: a difference")},
    ("grid", "~b.corner: without term 1"): NOTHING,
    **{("schedule", name): WOVEN for name in (
        "loop k without its loop", "loop b without its loop", "loop m without its loop", "m before m.2",
        "y.nll.mean before y.nll.elements", "loop ~m,~m.3 without its loop", "~y.nll.3 before ~y.nll.sum",
        "~y.mean before ~y.mean.1", "~b before ~m,~m.3", "~k,~k.2 before ~k.5", "~z before ~z.2",
        "~x before ~x.2")},
}  # fmt: skip
