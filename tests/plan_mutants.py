"""Slips in what -O2 plans: a buffer that lives too short, a place given to two quantities, a stretch of another's array
one step on, a mask that is lost, steps of a strip in the wrong loop, stages in the wrong order.

A mutant differs in one decision of the fast plan. It is killed when the module printed from it cannot be made, or
gives other numbers than the textbook code: ragged, with carried state, with all cotangents or only the loss's, in a
workspace that has been used. Those that give the same everywhere are equivalent, and named with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
from oracles import Arrays, Subject, near
from rnnc.api import module_from
from rnnc.compiler import driver
from rnnc.compiler.ir import Equation
from rnnc.compiler.operators import TABLE
from rnnc.compiler.printing import storage as planning
from rnnc.compiler.printing.layout import Demands
from rnnc.compiler.printing.module import Systems, plan_module, print_module
from rnnc.compiler.printing.storage import FastPlan, Storage
from rnnc.compiler.printing.stretches import Alias, Steps
from rnnc.compiler.schedule import Stage
from rnnc.spec.sizes import Size
from rnnc.spec.source import Source
from system_mutants import disorders

SPEC = """
dim n = 3, m = 2
axis s = 1..S
axis t = 1..T
input z[s] : real[m], x[t] : real[m]
param v : real[n]
g[s] : real[n] = tanh(affine(z[s], g[s+1]))
i[t] : real[n] = sigmoid(affine(x[t], h[t-1]))
f[t] : real[n] = sigmoid(affine(x[t], h[t-1], bias = 1))
o[t] : real[n] = sigmoid(affine(x[t], h[t-1]))
u[t] : real[n] = tanh(affine(x[t], h[t-1], h[t-3]))
c[t] = f[t] * c[t-1] + i[t] * u[t]
h[t] : real[n] = o[t] * tanh(c[t])
e[t,s] : real = dot(v, tanh(h[t] + g[s]))
a[t,s] = softmax[s](e[t,s])
r[t] = sum[s](a[t,s] * g[s])
k[t] : real[n] = 0.5 * k[t-1] + r[t] * sigmoid(affine(h[t]))
head y[t] : real[2*n] ~ normal(affine(concat(k[t], h[t])), 1.0)
output h
"""


@dataclass(frozen=True)
class Mutant:
    """``hook`` is where the plan is caught, for the ``call``-th time; ``change`` spoils it."""

    name: str
    hook: str
    call: int
    change: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"{('forward', 'gradient')[self.call]} {self.hook}: {self.name}"


@dataclass
class Plan:
    """What was decided, in the order of the hooks' calls."""

    storage: list[Storage]
    demands: list[Demands]
    stages: list[tuple[Stage, ...]]
    strips: list[dict[str, str]]
    tables: list[Mapping[str, Equation]]


@cache
def right_text() -> str:
    return compiled()


def compiled(mutant: Mutant | None = None, plan: Plan | None = None) -> str:
    """The module's text at -O2 with one decision changed; ``plan`` gets all decisions."""
    calls: dict[str, int] = {}

    def caught(hook: str, value: Any, kept: list[Any] | None) -> Any:
        number = calls[hook] = calls.get(hook, -1) + 1
        if kept is not None:
            kept.append(value)
        if mutant is not None and (mutant.hook, mutant.call) == (hook, number):
            return mutant.change(value)
        return value

    choose, wanted = planning._Chooser.choose, planning.with_outputs
    schedule, strips = planning.schedule, planning.strips

    def chosen(self: Any) -> None:
        choose(self)
        caught("storage", self.storage, plan and plan.storage)
        if plan is not None:
            plan.tables.append(self.table)

    with ExitStack() as stack:
        for owner, name, function in (
            (planning._Chooser, "choose", chosen),
            (
                planning,
                "with_outputs",
                lambda *a, **b: caught("demands", wanted(*a, **b), plan and plan.demands),
            ),
            (planning, "schedule", lambda *a: caught("stages", schedule(*a), plan and plan.stages)),
            (planning, "strips", lambda *a: caught("strips", strips(*a), plan and plan.strips)),
        ):
            stack.enter_context(mock.patch.object(owner, name, function))
        made = plan_module(systems(), 2)
        return print_module(systems(), caught("masks", made, None), 2)


@cache
def systems() -> Systems:
    """What is planned: the equations after all passes."""
    caught: list[Systems] = []

    def kept(made: Systems, level: int) -> Any:
        caught.append(made)
        return plan_module(made, level)

    with mock.patch.object(driver, "plan_module", kept):
        driver.compile_source(Source("plan.rnn", SPEC), driver.Options(2), lambda path, span: None)
    return caught[0]


# ------------------------------------------------------------------------------------- every mutant


@cache
def mutants() -> tuple[Mutant, ...]:
    plan = Plan([], [], [], [], [])
    compiled(plan=plan)
    found = [m for call in range(2) for m in _buffers(call, plan.storage[call], plan.tables[call])]
    found += [m for call in range(2) for m in _places(call, plan.storage[call], plan.tables[call])]
    found += _masks(plan.demands[0])
    found += [m for call, strips in enumerate(plan.strips[:2]) for m in _strips(call, strips, plan)]
    for call, stages in enumerate(plan.stages[:2]):
        # What is left out has no place, and is then computed where it is read: no slip.
        slips = (d for d in disorders(call, stages) if not d.name.endswith("left out"))
        found += [Mutant(d.name, "stages", call, d.apply) for d in slips]
    return tuple(found)


def _buffers(call: int, storage: Storage, table: Mapping[str, Equation]) -> Iterator[Mutant]:
    """Another kind of place: one step where all are read, a step that is read later kept for none."""
    shorter = {"array": ("scratch", "rolling"), "rolling": ("scratch",)}
    for name, kind in storage.kinds.items():
        if name in table and name in storage.loops and name not in {*storage.aliases, *storage.shares}:
            for other in shorter.get(kind, ()):
                yield Mutant(f"{name}: {other}, not {kind}", "storage", call, _kind(name, other))
    for name, leaf in storage.optional.items():
        if name in table and name != leaf:
            for other in sorted({*storage.optional.values()} - {leaf}):
                yield Mutant(f"{name}: there only with {other}", "storage", call, _optional(name, other))


def _kind(name: str, kind: str) -> Callable[[Storage], None]:
    def change(storage: Storage) -> None:
        storage.kinds[name] = kind

    return change


def _optional(name: str, leaf: str) -> Callable[[Storage], None]:
    def change(storage: Storage) -> None:
        storage.optional[name] = leaf

    return change


def _places(call: int, storage: Storage, table: Mapping[str, Equation]) -> Iterator[Mutant]:
    """A result written over what somebody still reads; a stretch that begins a step further on."""
    for root in table.values():
        if "elementwise" not in TABLE[root.op].traits or root.name not in storage.kinds:
            continue
        for part in {read.name: table[read.name] for read in root.reads if read.name in table}.values():
            alike = (part.shape, part.type, part.axes) == (root.shape, root.type, root.axes)
            same = storage.kinds.get(part.name) == storage.kinds[root.name] in ("array", "scratch")
            free = not {part.name, root.name} & {*storage.shares, *storage.aliases}
            if alike and same and free and not storage.aliases_of(part.name):
                yield Mutant(f"{root.name} over {part.name}", "storage", call, _share(part.name, root.name))
    for name, alias in storage.aliases.items():
        if name in table:
            yield Mutant(f"{name}: a stretch further on", "storage", call, _moved(name, alias))


def _share(name: str, owner: str) -> Callable[[Storage], None]:
    return lambda storage: storage.share(name, owner)


def _moved(name: str, alias: Alias | Steps) -> Callable[[Storage], None]:
    other = (
        replace(alias, start=alias.start - 1 if alias.start else alias.start + 1)
        if isinstance(alias, Steps)
        else replace(alias, start=alias.size if alias.start == Size.of(0) else Size.of(0))
    )

    def change(storage: Storage) -> None:
        storage.aliases[name] = other

    return change


def _masks(demands: Demands) -> Iterator[Mutant]:
    """What somebody meets past a sequence's end is not made right there, and everybody thinks it is; a slot too few."""
    for pair in sorted(demands.ahead):
        yield Mutant(f"{pair}: no mask ahead", "masks", 0, _less("ahead", pair))
    for name in sorted(demands.pooled):
        yield Mutant(f"{name}: no mask in sums", "masks", 0, _less("pooled", name))
    for pair, (before, after) in sorted(demands.slots.items()):
        for less in sorted({(max(before - 1, 0), after), (before, max(after - 1, 0))} - {(before, after)}):
            yield Mutant(f"{pair}: slots {less}", "demands", 0, _slots(pair, less))


def _less(field: str, item: Any) -> Callable[[FastPlan], FastPlan]:
    def change(plan: FastPlan) -> FastPlan:
        left = getattr(plan.demands, field) - {item}
        return replace(plan, demands=replace(plan.demands, **{field: left}))

    return change


def _slots(pair: tuple[str, str], slots: tuple[int, int]) -> Callable[[Demands], Demands]:
    return lambda demands: replace(demands, slots={**demands.slots, pair: slots})


def _strips(call: int, strips: dict[str, str], plan: Plan) -> Iterator[Mutant]:
    """A member left behind while others need it; one made for another loop; one more that does not fit."""
    for name in strips:
        yield Mutant(f"{name}: not in its strip", "strips", call, _without(name))
    for name, kind in plan.storage[call].kinds.items():
        root = plan.tables[call].get(name)
        alone = kind == "array" and name not in plan.storage[call].loops and name not in strips
        if root is not None and strips and alone and "elementwise" in TABLE[root.op].traits and root.axes:
            loop = next(iter(strips.values()))
            yield Mutant(f"{name}: in the strip of {loop}", "strips", call, _with(name, loop))


def _without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda strips: {one: loop for one, loop in strips.items() if one != name}


def _with(name: str, loop: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda strips: {**strips, name: loop}


# ------------------------------------------------------------------------------------------ verdicts


@cache
def _subject() -> Subject:
    return Subject(SPEC, 3, lengths={"t": np.array([7, 0, 3, 5]), "s": np.array([4, 2, 3, 1])})


@cache
def _empty() -> Subject:
    """No steps along s: a loop that never runs leaves what stands in it undone."""
    return Subject(SPEC, 3, lengths={"t": np.array([7, 0, 3, 5]), "s": np.zeros(4, int)})


Way = tuple[Subject, Arrays | None, Arrays | None]  # a state, cotangents


def _answers(module: Any, way: Way, space: Any = None) -> Arrays:
    """Everything that one call forward and one back give."""
    s, state, cotangents = way
    run = module.forward(s.params, s.batch, state=state, workspace=space)
    parts = module.backward(s.params, run, cotangents, workspace=space)
    found = {"loss": run.loss, **run.outputs, **{f"state {k}": v for k, v in run.state.items()}}
    found |= {f"nll {k}": v for k, v in run.nll.items()}
    found |= {f"{part} {k}": v for part, grads in enumerate(parts) for k, v in grads.items()}
    return {key: np.array(value) for key, value in found.items()}


def _ways() -> list[Way]:
    s = _subject()
    alone: list[Arrays] = [{key: value} for key, value in s.cotangents.items()]
    ways = [(s, state, c) for state in (None, s.state) for c in (None, s.cotangents, *alone)]
    return [*ways, (_empty(), _empty().state, _empty().cotangents)]


@cache
def _right() -> list[Arrays]:
    return [_answers(_subject().modules[0], way) for way in _ways()]


def _poisoned(shape: Any, dtype: Any = float, **options: Any) -> Any:
    """Memory that holds nothing of use: what is read before it is written shows."""
    return np.full(shape, np.nan if np.dtype(dtype).kind in "fc" else 1, dtype, **options)


def outcome(mutant: Mutant | None) -> str:
    """ "killed" when the module cannot be made or run, or gives other numbers; "same" when it is the right one, letter
    by letter; else "equivalent"."""
    s = _subject()
    try:
        text = compiled(mutant)
        if mutant is not None and text == right_text():
            return "same"
        module = module_from(text, "slipped")
        module.Call.few = lambda call, steps, numbers: min(
            steps, 2
        )  # several strips, however short the batch
        space = module.workspace(s.params, s.batch)
        with mock.patch.object(np, "empty", _poisoned):
            for way, right in zip(_ways(), _right(), strict=True):
                for found in (_answers(module, way), _answers(module, way, space)):
                    for key, value in right.items():
                        near(found[key], value, key, 1e-10)
    except Exception:
        return "killed"
    return "equivalent"


# Mutants in which no result changes, with the reason; temporaries go by the name of their quantity.
ZERO = "what it is made of is 0 past each end: cotangents and inputs come so"
FACTOR = "in every sum it stands beside a factor that is 0 there"
NO_STEPS = "it has no steps: there is no end to be past"
ONE_STEP = "a step on is all that is read of it, by what stands before it"
READ = "what is overwritten has been read by then"
THERE = "what it is made of was kept going forward: it is made before the loop, not in its strips"
EQUIVALENT = {
    **{f"gradient storage: ~{name}: rolling, not array": ONE_STEP for name in "kc"},
    **{f"gradient storage: {slip}": READ for slip in ("~k over ~k", "~r over ~k", "~g over ~g", "~u over ~u")},
    "forward storage: k over k": READ,
    **{f"gradient stages: ~{name} before ~{name}": THERE for name in ("c", "g", "ifo", "u")},
    **{f"forward masks: ('~{name}', 't'): no mask ahead": ZERO for name in "chku"},
    **{f"forward masks: ~{name}: no mask in sums": ZERO
       for name in ("a", "e", "ifou", "k", "r", "u", "x", "y", "y.mean", "z")},
    **{f"forward masks: {name}: no mask in sums": FACTOR for name in ("a", "e", "y.mean")},
    "forward masks: y.nll.total: no mask in sums": NO_STEPS,
}  # fmt: skip


def plain(mutant: Mutant) -> str:
    """Its name in that table."""
    return re.sub(r"\.\d+", "", str(mutant))
