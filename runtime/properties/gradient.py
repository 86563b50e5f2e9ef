"""Gradients against the complex step, with central differences as a second witness.

The derivative of f along u is Im f(p + i e u) / e with e = 1e-30: no difference is taken, so nothing
cancels, and no step is to be tuned (Squire & Trapp 1998)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import EPS, GOOD, ROUNDING, Comparison, Failure, Verdict, failed, jittered, joined, rounding
from .data import Data, full, with_cotangents
from .equations import shaken
from .observe import backward, line_of, place_of
from .subject import Subject

STEP = 1e-30
DIFFERENCE = 1e-5
DIRECTIONS = 2
SHOWN = 64  # elements looked at, to name the worst


def check(subject: Subject, case: Case) -> Verdict:
    """Two random directions for every parameter, real input and real state that is named."""
    return judge(subject, full(subject, case))


def judge(subject: Subject, data: Data, brief: bool = False) -> Verdict:
    """``brief``: along one direction of all arguments at once; name by name only where that is not right."""
    options = drawn(subject, data)
    grads = backward(
        subject, data, subject.module.forward(data.params, data.batch, state=data.state, **options)
    )
    at = arguments(data, grads)
    floor = rounding(data, grads)
    if brief and _right(subject, data, at, grads, floor):
        return GOOD
    verdict = joined(_judge_one(subject, data, name, at[name], grads[name], floor) for name in at)
    return verdict if verdict.failure or verdict.doubt else verdict.join(_witness(subject, data, at, grads))


def drawn(subject: Subject, data: Data) -> dict[str, Any]:
    """With noise, drawn from one seed for all witnesses."""
    return {"train": True, "seed": data.case.seed} if subject.noises else {}


def arguments(data: Data, grads: Mapping[str, Array]) -> Arrays:
    """What each gradient is with respect to; a state that was not given has none."""
    parts = {"grad": data.params, "dbatch": data.batch, "dstate": data.state or {}}
    keys = [(name, *name.split(".", 1)) for name in grads]
    return {name: parts[part][key] for name, part, key in keys if key in parts[part]}


def moved(data: Data, changes: Mapping[str, Array]) -> Data:
    """The data with arguments changed, under the names of their gradients."""
    parts: dict[str, Arrays] = {
        "grad": dict(data.params), "dbatch": dict(data.batch), "dstate": dict(data.state or {})
    }  # fmt: skip
    for name, change in changes.items():
        part, key = name.split(".", 1)
        parts[part][key] = parts[part][key] + change
    state = None if data.state is None else parts["dstate"]
    return replace(data, params=parts["grad"], batch=parts["dbatch"], state=state)


def value(subject: Subject, data: Data) -> Any:
    """The sum of what the cotangents weigh."""
    run = subject.module.forward(data.params, data.batch, state=data.state, **drawn(subject, data))
    total: Any = 0.0
    for key, weight in data.cotangents.items():
        part = run.loss if key == "loss" else run.outputs[key] if key in run.outputs else run.state[key[6:]]
        total = total + np.sum(weight * part)
    return total


def slope(subject: Subject, data: Data, changes: Mapping[str, Array]) -> float:
    """The derivative along the changes, by complex step."""
    along = {name: 1j * STEP * change for name, change in changes.items()}
    return float(np.imag(value(subject, moved(data, along))) / STEP)


def differences(subject: Subject, data: Data, changes: Mapping[str, Array]) -> tuple[float, float]:
    """The derivative along the changes by central differences, and by how much it may be off: ten times what
    another step makes of it, and what rounding makes of the values. A kink between the two ends of one step is
    seldom between the other's."""
    found = [_difference(subject, data, changes, step) for step in (DIFFERENCE, DIFFERENCE / 10)]
    rounded = 10 * EPS * float(np.abs(value(subject, data))) / DIFFERENCE
    return found[1], 10 * abs(found[1] - found[0]) + 10 * rounded


def _difference(subject: Subject, data: Data, changes: Mapping[str, Array], step: float) -> float:
    ends = [value(subject, moved(data, {n: s * step * u for n, u in changes.items()})) for s in (1, -1)]
    return float((ends[0] - ends[1]) / (2 * step))


def _judge_one(subject: Subject, data: Data, name: str, at: Array, grad: Array, floor: float) -> Verdict:
    if grad.shape != at.shape:
        return failed(
            name, f"the gradient has shape {grad.shape}, the argument {at.shape}", line=line_of(subject, name)
        )
    if not grad.size:
        return GOOD
    rng = np.random.default_rng([data.case.seed, 5])
    directions = (rng.standard_normal(at.shape) for _ in range(DIRECTIONS))
    return joined(_along(subject, data, name, direction, grad, floor) for direction in directions)


def _along(subject: Subject, data: Data, name: str, direction: Array, grad: Array, floor: float) -> Verdict:
    """One direction: accepted within 1e-11 of the terms' sizes."""
    numeric = slope(subject, data, {name: direction})
    allowed = tolerance(grad, direction) + floor * float(np.abs(direction).sum())
    error = abs(numeric - float(np.sum(grad * direction)))
    if error <= allowed:
        return Verdict(error / allowed if allowed else 0.0)
    allowed += 10 * _unknowable(subject, data, name, direction)
    if error > allowed:
        allowed += 10 * _cancelled(subject, data, name, direction)
    if error <= allowed:
        return Verdict(error / allowed)
    if not np.isfinite(error):
        return Verdict(np.inf, _worst(subject, data, name, grad, allowed))
    doubt = not_analytic(subject, data, {name: direction})
    if doubt:
        return Verdict(doubt=doubt)
    return Verdict(error / allowed, _worst(subject, data, name, grad, allowed))


def tolerance(grad: Array, direction: Array) -> float:
    terms = np.abs(grad * direction).sum()
    return float(1e-11 * terms + 1e-14 * np.abs(grad).max(initial=0) * np.sqrt(grad.size))


def _unknowable(subject: Subject, data: Data, name: str, direction: Array) -> float:
    """By how much the derivative moves when every argument moves by its last bit: where terms cancel, as
    in a saturated softmax, no way of computing it can know it better."""
    there = [slope(subject, jittered(data, seed), {name: direction}) for seed in range(4)]
    return float(np.ptp([slope(subject, data, {name: direction}), *there]))


def _cancelled(subject: Subject, data: Data, name: str, direction: Array) -> float:
    """By how much it moves when every number on the way is off by its last bit."""
    along = [float(np.sum(found[name] * direction)) for found in shaken(subject, data)]
    known = [slope for slope in along if np.isfinite(slope)]
    return float(np.ptp(known)) if known else 0.0


def not_analytic(subject: Subject, data: Data, changes: Mapping[str, Array]) -> str:
    """Why the complex step cannot be trusted along these changes: differences say something else. "" if not."""
    numeric = slope(subject, data, changes)
    second, slack = differences(subject, data, changes)
    size = np.sqrt(sum(float(np.sum(change**2)) for change in changes.values()))
    if abs(second - numeric) <= slack + 1e-6 * (abs(numeric) + size):
        return ""
    return _doubt(next(iter(changes)) if len(changes) == 1 else "x.all arguments", numeric, second)


def _doubt(name: str, numeric: float, second: float) -> str:
    key = name.split(".", 1)[1]
    return (
        f"along {key} the complex step gives {numeric:.9g} and central differences {second:.9g}: "
        "an operator on the way is not analytic there"
    )


def _worst(subject: Subject, data: Data, name: str, grad: Array, allowed: float) -> Failure:
    """The element whose derivative is most wrong."""
    indices = list(np.ndindex(grad.shape))[:SHOWN]
    found = [(index, slope(subject, data, {name: _unit(grad.shape, index)})) for index in indices]
    index, numeric = max(found, key=lambda item: _size(item[1] - grad[item[0]]))
    labels, analytic = ("analytic", "complex step"), float(grad[index])
    place, line = place_of(subject, name, index), line_of(subject, name)
    return Failure(name, "differs", index, place, analytic, numeric, labels, allowed, line)


def _size(error: Any) -> float:
    return float("inf") if np.isnan(error) else abs(float(error))


def _unit(shape: tuple[int, ...], index: tuple[int, ...]) -> Array:
    unit = np.zeros(shape)
    unit[index] = 1.0
    return unit


def _right(subject: Subject, data: Data, at: Arrays, grads: Arrays, floor: float) -> bool:
    """Shapes, and the derivative along one direction of all arguments."""
    if any(grads[name].shape != value.shape for name, value in at.items()):
        return False
    rng = np.random.default_rng([data.case.seed, 5])
    along = {name: rng.standard_normal(value.shape) for name, value in at.items()}
    allowed = sum(tolerance(grads[n], u) + floor * float(np.abs(u).sum()) for n, u in along.items())
    return (
        abs(slope(subject, data, along) - sum(float(np.sum(grads[n] * u)) for n, u in along.items()))
        <= allowed
    )


def _witness(subject: Subject, data: Data, at: Arrays, grads: Arrays) -> Verdict:
    """Both witnesses along one direction of all arguments. Differences see a slope where by definition there
    is none: through `stop_gradient`, and across the steps of `floor`."""
    if subject.spec is not None and {"stop_gradient", "floor"} & subject.spec.operators:
        return GOOD
    rng = np.random.default_rng([data.case.seed, 6])
    changes = {name: rng.standard_normal(value.shape) for name, value in at.items()}
    numeric = slope(subject, data, changes)
    scale = sum(float(np.abs(grads[name] * u).sum()) for name, u in changes.items())
    allowed = 1e-8 * (1 + float(np.abs(value(subject, data)))) + 1e-6 * scale
    second, slack = differences(subject, data, changes)
    if not np.isfinite(second) or abs(second - numeric) <= allowed + slack:
        return GOOD
    return Verdict(doubt=_doubt("x.all arguments", numeric, second))


# ------------------------------------------------------------------------------ the backward pass is linear


def check_linear(subject: Subject, case: Case) -> Verdict:
    """Zero gives zero, 2^k times gives 2^k times to the bit, sums give sums."""
    data = full(subject, case)
    run = subject.module.forward(data.params, data.batch, state=data.state)

    def back(cotangents: Arrays) -> Arrays:
        return backward(subject, replace(data, cotangents=cotangents), run)

    once = back(data.cotangents)
    nothing = back({name: 0.0 * value for name, value in data.cotangents.items()})
    zeros = {name: np.zeros_like(value) for name, value in once.items()}
    scaled = back({name: 8.0 * value for name, value in data.cotangents.items()})
    eight = {name: 8.0 * value for name, value in once.items()}
    verdict = Comparison(subject, ("of no cotangent", "zero")).of(nothing, zeros)
    verdict = verdict.join(Comparison(subject, ("of 8 times the cotangents", "8 times")).of(scaled, eight))
    return verdict.join(_sums(subject, data, back, once))


def _sums(subject: Subject, data: Data, back: Any, once: Arrays) -> Verdict:
    """The sizes of the terms, not of their sum, say how much rounding is allowed."""
    other = with_cotangents(
        subject, replace(data, case=replace(data.case, seed=data.case.seed + 1))
    ).cotangents
    second = back(other)
    both = back({name: value + other[name] for name, value in data.cotangents.items()})
    added = {name: value + second[name] for name, value in once.items()}
    terms = [back({key: value}) for part in (data.cotangents, other) for key, value in part.items()]
    floor = rounding(data, once)
    slack = {n: floor + ROUNDING * sum(np.abs(grads[n]).max(initial=0) for grads in terms) for n in added}
    return Comparison(subject, ("of a sum", "the sum"), ROUNDING, slack).of(both, added)
