"""Three derivations of one derivative: forward mode, the complex step, and the backward pass.

`jvp` shares no rule with `backward`, and the complex step shares none with either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import Failure, Verdict, agree, rounding
from .data import Data, full
from .equations import shaken
from .gradient import STEP, arguments, drawn, moved, not_analytic, tolerance
from .observe import backward, line_of, of_run
from .subject import Subject, is_real

ACCURACY = 1e-11
Tangents = Callable[[Arrays], Arrays]


def not_known(subject: Subject) -> str | None:
    """Without its spec a module shows no tangents, unless they are printed in it."""
    printed = hasattr(subject.module, "jvp") or subject.spec
    return None if printed else "the module has no `jvp`, and the text of the spec is not at hand"


def check(subject: Subject, case: Case) -> Verdict:
    """Every result along one random direction of all arguments together."""
    data = full(subject, case)
    module, options = _with_jvp(subject), drawn(subject, data)
    run = subject.module.forward(data.params, data.batch, state=data.state, **options)
    grads = backward(subject, data, run)
    rng = np.random.default_rng([data.case.seed, 8])
    along = {name: rng.standard_normal(value.shape) for name, value in arguments(data, grads).items()}

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return _tangents(module, data, along, options), _stepped(subject, data, along, options)

    def tangents(along: Arrays) -> Arrays:
        return _tangents(module, data, along, options)

    def shaken_tangents(subject: Subject, data: Data) -> list[Arrays]:
        return [_imaginary(found) for found in shaken(subject, _along(data, along))]

    verdict = agree(subject, data, pair, ("forward mode", "complex step"), ACCURACY, shaken_tangents)
    if verdict.failure and (doubt := not_analytic(subject, data, along)):
        return Verdict(doubt=doubt)
    return verdict if verdict.failure else verdict.join(_reverse(subject, data, along, grads, tangents))


def _with_jvp(subject: Subject) -> Any:
    """The module itself if it has tangents; else compiled again, with them."""
    if hasattr(subject.module, "jvp") or subject.spec is None:
        return subject.module
    return subject.spec.module(extras=frozenset({"jvp"}))


def _tangents(module: Any, data: Data, along: Arrays, options: dict[str, Any]) -> Arrays:
    parts: dict[str, Arrays] = {"grad": {}, "dbatch": {}, "dstate": {}}
    for name, direction in along.items():
        part, key = name.split(".", 1)
        parts[part][key] = direction
    given = (data.params, data.batch, *parts.values())
    return of_run(module.jvp(*given, state=data.state, **options))


def _stepped(subject: Subject, data: Data, along: Arrays, options: dict[str, Any]) -> Arrays:
    """How every real result moves, by complex step."""
    there = _along(data, along)
    found = of_run(subject.module.forward(there.params, there.batch, state=there.state, **options))
    return _imaginary(found)


def _along(data: Data, along: Arrays) -> Data:
    return moved(data, {name: 1j * STEP * direction for name, direction in along.items()})


def _imaginary(found: Arrays) -> Arrays:
    return {name: np.asarray(value.imag / STEP) for name, value in found.items() if is_real(value)}


def _reverse(subject: Subject, data: Data, along: Arrays, grads: Arrays, tangents: Tangents) -> Verdict:
    """The tangents as the cotangents weigh them, against the gradient along the direction; where they differ,
    the argument for which they differ most."""
    verdict = _dot(subject, data, along, grads, tangents(along))
    if verdict.failure is None:
        return verdict
    single = [{name: direction} for name, direction in along.items()]
    return max((verdict, *(_dot(subject, data, one, grads, tangents(one)) for one in single)), key=_blame)


def _blame(verdict: Verdict) -> tuple[bool, float]:
    """A verdict that names its argument says more."""
    return verdict.failure is not None and bool(verdict.failure.name), verdict.worst


def _dot(subject: Subject, data: Data, along: Arrays, grads: Arrays, found: Arrays) -> Verdict:
    weighed = [_weighed(found, key, weight) for key, weight in data.cotangents.items()]
    forward = float(sum(map(np.sum, weighed)))
    reverse = float(sum(np.sum(grads[name] * direction) for name, direction in along.items()))
    allowed = sum(tolerance(grads[name], direction) for name, direction in along.items())
    allowed += ACCURACY * sum(float(np.abs(value).sum()) for value in weighed)
    allowed += rounding(data, grads) * sum(float(np.abs(u).sum()) for u in along.values())
    error = abs(forward - reverse)
    worst = error / allowed if allowed else np.inf if error else 0.0
    if error <= allowed:
        return Verdict(worst)
    name = next(iter(along)) if len(along) == 1 else ""
    labels, line = ("forward mode", "backward pass"), line_of(subject, name)
    return Verdict(worst, Failure(name, "", (), "along a direction", forward, reverse, labels, allowed, line))


def _weighed(found: Arrays, key: str, weight: Array) -> Array:
    name = next(name for name in (key, f"outputs.{key}") if name in found)
    return np.asarray(weight * found[name])
