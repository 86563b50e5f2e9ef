"""The dependency cone: an output depends on those steps of an input that the delays let it reach, and on no
others; of those, on each that the equations themselves, taken one by one, let through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import Verdict, failed, joined
from .data import Data, draw
from .equations import given, with_noise
from .gradient import STEP
from .observe import everything, line_of
from .subject import Reads, Subject

Steps = tuple[int, ...]
Places = Mapping[str, Sequence[int]]  # the steps looked at, by axis
DRAWS = 3  # a change that no drawing shows is lost
ALL = 16  # longer axes are looked at in places
LEAST = 1e-9  # a slope below it may be rounding


def does_not_apply(subject: Subject) -> str | None:
    if subject.spec is None:
        return "the text of the spec is not at hand"
    if not any(subject.inputs[name].axes for name in subject.real_inputs):
        return "no real input runs along an axis; tokens have no derivative"
    return None


def check(subject: Subject, case: Case) -> Verdict:
    """The pattern of what is not 0, forward by complex step and backward, against that of the equations."""
    steps = tuple((axis, subject.delay + 2) for axis, _ in case.steps)
    dims = tuple((name, max(size, 3)) for name, size in case.dims)
    cases = [Case(steps, 1, dims, case.seed + k, 1.0) for k in range(DRAWS)]
    places = {axis: _some(length, case.seed) for axis, length in steps}
    allowed = _allowed(subject, dict(steps), places)
    datas = [with_noise(subject, draw(subject, one, ragged=False)) for one in cases]
    forward = [_forward(subject, data, places) for data in datas]
    backward = [_backward(subject, data, places) for data in datas]
    shown = _by_the_equations(subject, datas)
    return joined(
        _pattern(subject, way, {key: any(one[key] for one in found) for key in found[0]}, allowed, shown)
        for way, found in (("forward", forward), ("backward", backward))
    )


Pattern = dict[tuple[str, Steps, str, Steps], bool]  # (output, step, input, step): whether it depends
Shown = Callable[[str, Steps, str, Steps], bool]


def _some(steps: int, seed: int) -> list[int]:
    """All steps; of many the first and the last, between which the longest delay lies, and others drawn at random."""
    if steps <= ALL:
        return list(range(1, steps + 1))
    ends = {*range(1, ALL // 4 + 1), *range(steps - ALL // 4 + 1, steps + 1)}
    others = np.random.default_rng([seed, 15]).choice(steps, ALL // 2, replace=False) + 1
    return sorted({*ends, *map(int, others)})


def _allowed(subject: Subject, steps: dict[str, int], places: Places) -> dict[tuple[str, Steps], Reads]:
    assert subject.spec is not None
    return {
        (name, point): subject.spec.reads(name, point, steps)
        for name, axes in subject.layouts.items()
        if "@" in axes
        for point in _points(axes, places)
    }


def _points(axes: tuple[str, ...], places: Places) -> list[Steps]:
    return list(product(*(places[axis] for axis in axes if axis != "@")))


def _inputs(subject: Subject, places: Places) -> list[tuple[str, Steps]]:
    """The steps of every real input."""
    names = subject.real_inputs
    return [(name, point) for name in names for point in _points(subject.inputs[name].axes, places)]


def _by_the_equations(subject: Subject, datas: list[Data]) -> Shown:
    """Whether the reference evaluator sees the change in any drawing: a factor that is 0 (a state that is read before
    it is written), a kink, a choice or terms that cancel let nothing through, wherever the delays lead."""
    spec = subject.spec
    assert spec is not None

    @cache
    def slopes(number: int, name: str, point: Steps) -> Arrays:
        data = datas[number]
        moved = _moved(data, name, point, np.random.default_rng([data.case.seed, 14]))
        found = spec.results(*given(subject, data.with_batch({name: moved})))
        return {key: np.imag(value) / STEP for key, value in found.items()}

    def shown(output: str, where: Steps, name: str, point: Steps) -> bool:
        found = (slopes(number, name, point)[f"outputs.{output}"] for number in range(len(datas)))
        return any(bool(np.any(np.abs(slope[_place(where)]) > LEAST)) for slope in found)

    return shown


def _moved(data: Data, name: str, point: Steps, rng: np.random.Generator) -> Array:
    """An input with one of its steps moved along the imaginary axis."""
    moved = data.batch[name].astype(complex)
    moved[_place(point)] += 1j * STEP * rng.standard_normal(moved[_place(point)].shape)
    return moved


def _forward(subject: Subject, data: Data, places: Places) -> Pattern:
    """One input step moved at a time."""
    found: Pattern = {}
    rng = np.random.default_rng([data.case.seed, 11])
    for name, point in _inputs(subject, places):
        run = subject.module.forward(data.params, {**data.batch, name: _moved(data, name, point, rng)})
        for output, where in _outputs(subject, run.outputs, places):
            found[output, where, name, point] = bool(np.any(np.imag(run.outputs[output][_place(where)])))
    return found


def _backward(subject: Subject, data: Data, places: Places) -> Pattern:
    """A cotangent at one output step at a time."""
    found: Pattern = {}
    outputs = subject.module.forward(data.params, data.batch).outputs
    rng = np.random.default_rng([data.case.seed, 12])
    for output, where in _outputs(subject, outputs, places):
        cotangent = np.zeros(outputs[output].shape)
        cotangent[_place(where)] = rng.standard_normal(cotangent[_place(where)].shape)
        grads = everything(subject, replace(data, cotangents={output: cotangent}))
        for name, point in _inputs(subject, places):
            found[output, where, name, point] = bool(np.any(grads[f"dbatch.{name}"][_place(point)]))
    return found


def _place(point: Steps) -> Steps:
    return tuple(i - 1 for i in point)


def _outputs(subject: Subject, outputs: Arrays, places: Places) -> list[tuple[str, Steps]]:
    """The steps of every real output that has rows."""
    real = [name for name, value in outputs.items() if _is_real(value) and "@" in subject.layouts[name]]
    return [(name, point) for name in real for point in _points(subject.layouts[name], places)]


def _is_real(value: Array) -> bool:
    return value.dtype.kind in "fc"


def _pattern(
    subject: Subject, way: str, found: Pattern, allowed: dict[tuple[str, Steps], Reads], shown: Shown
) -> Verdict:
    for (output, where, name, point), depends in found.items():
        reads = allowed[output, where]
        if depends and (name, point) not in reads:
            return _told(subject, way, output, where, name, point, "depends on", "and no delay leads there")
        if not depends and (name, point) in reads and shown(output, where, name, point):
            return _told(
                subject, way, output, where, name, point, "does not depend on", "as the equations say"
            )
    return Verdict()


def _told(
    subject: Subject, way: str, output: str, where: Steps, name: str, point: Steps, *words: str
) -> Verdict:
    one, other = (f"{n}{list(p)}" if p else n for n, p in ((output, where), (name, point)))
    line = line_of(subject, f"outputs.{output}")
    return failed(f"outputs.{output}", f"{one} {words[0]} {other} ({way}), {words[1]}", line)
