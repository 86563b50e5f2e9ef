"""`rnnc test --bisect`: which part of the compiler makes a spec's numbers differ.

The reference evaluator tells what the equations say, as checked and after every pass; a module tells what was printed
from the last of them. The first of these that gives other numbers than the one before is to blame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import api, stages
from .compiler.driver import Compiled, Options
from .compiler.ir import BATCH, Equation, System, attrs, plain
from .compiler.operators import TABLE
from .compiler.passes import ORDERS
from .compiler.program import Input, Program
from .runtime.properties.case import Case
from .runtime.properties.compare import (
    GOOD,
    ROUNDING,
    Comparison,
    Failure,
    Verdict,
    failed,
    largest,
    rounding,
)
from .runtime.properties.compiled import within
from .runtime.properties.data import Data, full, generator, values
from .runtime.properties.equations import SHAKEN, given, with_noise
from .runtime.properties.observe import GRADIENTS, everything, only
from .runtime.properties.report import Tested, finite, what
from .runtime.properties.run import FAILED, run_one, typical
from .runtime.properties.subject import Observed, Subject
from .runtime.properties.table import PROPERTIES
from .stages import Arguments, Equations, Results

PASS, DERIVATIVE, PRINTING, ROUNDED, NOTHING = "pass", "derivative", "printing", "rounding", "nothing"
PROBE = ".probe.0"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One level's module beside the reference evaluator. ``kind`` is who is to blame, `ROUNDED` and `NOTHING` for
    nobody; ``told`` says it in words, ``failure`` is the largest difference that the culprit makes; ``allowed`` is
    what rounding may do there."""

    level: int
    kind: str
    told: str
    name: str = ""  # of the pass
    part: str = ""
    failure: Failure | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bisection:
    """What came of it, at the case where numbers differ (or at a typical one, when none do)."""

    tested: Tested
    case: Case
    suspects: tuple[Suspect, ...]

    @property
    def failed(self) -> bool:
        return any(suspect.kind not in (ROUNDED, NOTHING) for suspect in self.suspects)

    def __str__(self) -> str:
        return text(self)


def bisect(subject: Subject, path: str, examples: int, seed: int, case: Case | None = None) -> Bisection:
    """Both levels of a spec held against the reference evaluator, at ``case`` or where the properties that compare
    them fail; what differs is followed back to its cause."""
    case = case or _where_it_fails(subject, examples, seed)
    suspects = tuple(_Hunt(subject, case, level).suspect() for level in sorted(ORDERS))
    return Bisection(Tested(path, subject, []), case, suspects)


def _where_it_fails(subject: Subject, examples: int, seed: int) -> Case:
    """The shrunk case at which the levels, or this one and the reference evaluator, differ; else a typical one."""
    for item in PROPERTIES:
        if item.name in ("levels", "reference"):
            result = run_one(subject, item, examples, seed)
            if result.status == FAILED and result.case is not None:
                return result.case
    return typical(subject, seed)


@dataclass
class _Hunt:
    """The search in what one level makes of a spec, at one case."""

    subject: Subject
    case: Case
    level: int

    def __post_init__(self) -> None:
        spec: Any = self.subject.spec
        self.known: Compiled = spec.compiled
        self.options = replace(self.known.options, level=self.level)
        self.data: Data = with_noise(self.subject, full(self.subject, self.case))
        self.given = Arguments(*given(self.subject, self.data))
        self.wanted = stages.as_checked(self.known, self.given)
        self.values: dict[int, tuple[Equations, Results]] = {}
        self.floor = rounding(self.data, only(self.wanted, *GRADIENTS))

    def suspect(self) -> Suspect:
        found = self._printed(self.options)
        verdict = self.compared(found, self.wanted, {}, f"-O{self.level}", "reference evaluator")
        if verdict.failure is None:
            told = f"agrees with the reference evaluator: largest difference {verdict.worst:.2g} of what is allowed"
            return Suspect(self.level, NOTHING, told)
        slack = self._shaken(stages.checked(self.known))
        again = self.compared(found, self.wanted, slack, f"-O{self.level}", "reference evaluator")
        if again.failure is None:
            told = (
                "differs by more than 1e-12 relative, and rounding explains it: with every number off by its last bit "
                "the equations give as much"
            )
            return Suspect(self.level, ROUNDED, told, failure=verdict.failure)
        return self._culprit(again.failure)

    def _culprit(self, failure: Failure) -> Suspect:
        """The first pass after which the equations, or the derivative made of them, give other numbers."""
        compiled = api.compile_with(self.known.source, self.options, self._imports())
        steps = list(stages.steps(compiled))
        forward = [step for step in steps if step.part == stages.FORWARD]
        gradient = [step for step in steps if step.part == stages.GRADIENT]
        return (
            self._pass(forward, failure)
            or self._derivative(compiled, forward)
            or self._pass(gradient, failure)
            or self._printer(steps, failure)
        )

    def _pass(self, steps: Iterable[stages.Step], failure: Failure) -> Suspect | None:
        for step in steps:
            verdict = self._changed(step.before, step.after)
            if verdict.failure is not None:
                hints = self._without(failure, [step.name])
                told = f"the pass {_told(step)} changes the numbers"
                return Suspect(self.level, PASS, told, step.name, step.part, verdict.failure, hints)
        return None

    def _derivative(self, compiled: Compiled, steps: Sequence[stages.Step]) -> Suspect | None:
        """A pass that keeps the numbers, and makes equations with another gradient."""
        made = [stages.checked(compiled)[1], *(stages.adjoint(compiled, step.after.system) for step in steps)]
        if self._changed(made[0], made[-1]).failure is None:
            return None
        for step, before, after in zip(steps, made, made[1:], strict=False):
            verdict = self._changed(before, after)
            if verdict.failure is not None:
                told = (
                    f"the pass {_told(step)} keeps the numbers, and the gradient of what it makes is another: a "
                    "derivative rule of the operators before it, or of those after it, is wrong"
                )
                return Suspect(self.level, DERIVATIVE, told, step.name, step.part, verdict.failure)
        return None

    def _changed(self, before: Equations, after: Equations) -> Verdict:
        """Whether equations give other numbers than those before them; one that cannot be evaluated does."""
        wanted = self._values(before)
        try:
            found = self._values(after)
        except Exception as error:
            return failed("", f"after it the equations cannot be evaluated: {type(error).__name__}: {error}")
        verdict = self.compared(found, wanted, {}, "after it", "before it")
        if verdict.failure is None or verdict.failure.found is None:
            return verdict
        return self.compared(found, wanted, self._shaken((before, after)), "after it", "before it")

    def _printer(self, steps: Iterable[stages.Step], failure: Failure) -> Suspect:
        """No pass is to blame: the schedule, the storage or a printed line."""
        half = "backward" if failure.name.partition(".")[0] in GRADIENTS else "forward"
        told = (
            f"every pass keeps the numbers, the module does not: the schedule or the printer of -O{self.level} is "
            f"wrong, in the {half} half"
        )
        names = sorted({step.name for step in steps})
        first = self._first_wrong() if half == "forward" else self._first_wrong_gradient()
        return Suspect(
            self.level, PRINTING, told, failure=failure, hints=(*self._without(failure, names), first)
        )

    def _without(self, failure: Failure, names: Iterable[str]) -> tuple[str, ...]:
        """What leaving out a pass does to the difference."""
        gone = []
        for name in names:
            options = replace(self.options, skip=self.options.skip | {name})
            if self._agrees(self._printed(options), failure.name):
                gone.append(f"--skip {name}")
        return (
            (f"it is gone with {' or with '.join(gone)}",) if gone else ("no single --skip makes it go away",)
        )

    def _first_wrong(self) -> str:
        """The first quantity, in the order of the equations, that the module computes wrongly when it returns all."""
        compiled = api.compile_with(self.known.source, self.options, self._imports(), _with_all_outputs)
        system = compiled.program.forward
        found = _run(api.module_from(compiled.text, "all"), self.data, self.subject) or {}
        wanted = Equations(system).values(self.given)
        for key, name in system.outputs:
            if not self._alike(f"outputs.{key.partition(':')[2]}", found, wanted):
                return f"the first quantity that is wrong when all are returned: {_shown(name, system)}"
        return "it is gone when every quantity is returned: how values are kept, or printed into one another, is wrong"

    def _first_wrong_gradient(self) -> str:
        """The first quantity, from the last equation back, whose gradient is wrong: that of a zero added to it."""
        compiled = api.compile_with(self.known.source, self.options, self._imports(), _with_all_probes)
        module, system = api.module_from(compiled.text, "probed"), compiled.program.forward
        probes = [name for name in module.INPUTS if name.endswith(PROBE)]
        items = (Observed(name, *module.INPUTS[name]) for name in probes)
        zeros = {item.name: 0.0 * values(self.subject, item, self.case, generator(0)) for item in items}
        data = self.data.with_batch(zeros)
        found = _run(module, data, self.subject) or {}
        wanted = stages.adjoint(compiled, system).values(replace(self.given, batch=data.batch))
        for probe in reversed(probes):
            if not self._alike(f"dbatch.{probe}", found, wanted):
                name = probe.removesuffix(PROBE)
                return f"the first quantity, going back, whose gradient is wrong: {_shown(name, system)}"
        wrong = next((name for name in wanted if not self._alike(name, found, wanted)), None)
        if wrong is not None:
            made = wrong.partition(".")[2]
            return f"the gradients of all quantities are right; what is made of them for {made} is not"
        return "it is gone when every gradient is asked for: how values are kept, or printed into one another, is wrong"

    def _alike(self, name: str, found: Results, wanted: Results) -> bool:
        """Whether one result, where both have it, is the same."""
        if name not in found or name not in wanted:
            return True
        one = {name: within(found[name], wanted[name])}
        return self.compared(one, {name: wanted[name]}, {}, "", "").failure is None

    def _agrees(self, found: Results | None, name: str) -> bool:
        """Whether a result is what the reference evaluator says."""
        if found is None or name not in found or name not in self.wanted:
            return False
        return self._alike(name, found, self.wanted)

    def _printed(self, options: Options) -> Results | None:
        """What a module answers; None where it cannot be made or run."""
        module = self.subject.module
        if options != self.known.options:
            try:
                module = api.module_from(
                    api.compile_with(self.known.source, options, self._imports()).text, "other"
                )
            except Exception:
                return None
        return _run(module, self.data, self.subject)

    def _imports(self) -> Any:
        from .testing import imports_of

        return imports_of(self.known.source)

    def _shaken(self, systems: Iterable[Equations]) -> dict[str, float]:
        """By how much each result moves when every number of the equations is off by its last bit; ten times that."""
        moves: dict[str, float] = {}
        for equations in systems:
            once = self._values(equations)
            for seed in range(SHAKEN):
                for name, value in equations.values(self.given, seed).items():
                    size = largest(value - once[name]) if value.dtype.kind in "fc" else 0.0
                    moves[name] = max(moves.get(name, 0.0), 10 * size)
        return moves

    def _values(self, equations: Equations) -> Results:
        if id(equations) not in self.values:
            self.values[id(equations)] = equations, equations.values(self.given)
        return self.values[id(equations)][1]

    def compared(
        self, found: Results | None, wanted: Results, slack: Mapping[str, float], *labels: str
    ) -> Verdict:
        if found is None:
            return failed("", "the module cannot be made or run")
        both = {name: within(found[name], wanted[name]) for name in wanted if name in found}
        if len(both) < len(wanted):
            return failed(min(set(wanted) - set(found)), "is missing")
        allowed = {name: max(self.floor, slack.get(name, 0.0)) for name in wanted}
        comparison = Comparison(self.subject, (labels[0], labels[1]), ROUNDING, allowed)
        verdicts = [comparison.of({name: both[name]}, {name: wanted[name]}) for name in wanted]
        wrong = [verdict for verdict in verdicts if verdict.failure is not None]
        return wrong[0] if wrong else max(verdicts, key=lambda verdict: verdict.worst, default=GOOD)


def _run(module: Any, data: Data, subject: Subject) -> Results | None:
    """All results and gradients; None when the module raises."""
    try:
        with np.errstate(all="ignore"):
            return everything(replace(subject, module=module), data)
    except Exception:
        return None


def _with_all_outputs(program: Program) -> Program:
    """The program with every real quantity among its outputs."""
    forward = program.forward
    shown = {name for _, name in forward.outputs}
    more = [e for e in forward.equations if e.type == "real" and e.name not in shown and _varies(e, forward)]
    outputs = (*((f"output:{e.name}", e.name) for e in more), *forward.outputs)
    return replace(program, forward=replace(forward, outputs=outputs))


def _with_all_probes(program: Program) -> Program:
    """The program with an input of zeros added to every real quantity: its gradient is the quantity's."""
    forward, made, inputs = program.forward, list[Equation](), list(program.inputs)
    for e in forward.equations:
        if e.type != "real" or not _varies(e, forward):
            made.append(e)
            continue
        axes, name = tuple(axis for axis in e.axes if axis != BATCH), e.name + PROBE
        probe = replace(
            e, name=name, op="input", reads=(), attrs=attrs(name=name), boundaries=(), origin=name
        )
        own = replace(e, name=f"{e.name}.own.0", boundaries=())
        made += [own, probe, replace(e, op="add", reads=(plain(own), plain(probe)), attrs=())]
        inputs.append(Input(name, axes, e.shape, "real", None, e.span))
    return replace(program, inputs=tuple(inputs), forward=forward.with_equations(made))


def _shown(name: str, system: System) -> str:
    """A quantity with its line."""
    span = system.table()[name].span
    return name + (f", line {span.line}: {span.source.line(span.line).strip()}" if span else "")


def _varies(equation: Equation, forward: System) -> bool:
    """Whether an equation has steps or rows, along no axis of fixed length."""
    fixed = {axis.index for axis in forward.axes if axis.size is not None}
    return bool(equation.axes) and not fixed & set(equation.axes) and "leaf" not in TABLE[equation.op].traits


def _told(step: stages.Step) -> str:
    nth = {
        1: "",
        2: " (the 2nd time it changes something there)",
        3: " (the 3rd time it changes something there)",
    }
    return f"{step}{nth.get(step.number, f' (the {step.number}th time it changes something there)')}"


# ------------------------------------------------------------------------------------------------ told


def text(found: Bisection) -> str:
    """For people: where it was tried, and a paragraph for each level."""
    lines = [found.tested.path, f"  at {found.case.text()}"]
    for suspect in found.suspects:
        lines.append(f"  -O{suspect.level}: {suspect.told}")
        if suspect.failure is not None:
            lines += [f"      {line}" for line in what(found.tested, suspect.failure)]
        lines += [f"      {hint}" for hint in suspect.hints]
    return "\n".join(lines)


def as_json(found: Bisection) -> dict[str, Any]:
    return {
        "path": found.tested.path,
        "sizes": {**dict(found.case.steps), "B": found.case.rows, **dict(found.case.dims)},
        "seed": found.case.seed,
        "levels": [_suspect_json(suspect) for suspect in found.suspects],
    }


def _suspect_json(suspect: Suspect) -> dict[str, Any]:
    failure = suspect.failure
    difference = None if failure is None else {
        "name": failure.name, "index": list(failure.index), "place": failure.place, "line": failure.line,
        "message": failure.message, "labels": list(failure.labels), "found": finite(failure.found),
        "wanted": finite(failure.wanted), "tolerance": finite(failure.tolerance),
    }  # fmt: skip
    return {
        "level": suspect.level, "kind": suspect.kind, "told": suspect.told, "pass": suspect.name or None,
        "part": suspect.part or None, "difference": difference, "hints": list(suspect.hints),
    }  # fmt: skip
