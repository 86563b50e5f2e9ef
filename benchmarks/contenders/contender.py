"""What is timed, and how it is seen to compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Gradients = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Contender:
    """``run``: one training step: forward, loss, gradients of all parameters. ``outputs``: the head's means.
    ``result``: what ``run`` gave as a number and arrays by the spec's names. ``compile_seconds``: what it took before
    the first step could run."""

    run: Callable[[], Any]
    outputs: Callable[[], Array]
    result: Callable[[Any], tuple[float, Gradients]]
    compile_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there is no such contender. ``short`` stands in the table's cell, explained below it."""

    short: str
    why: str


def missing(package: str) -> Absent | None:
    """Says how to get a package that is not there."""
    if find_spec(package) is not None:
        return None
    return Absent("not installed", f"{package} is not installed: pip install 'rnnc[bench]'")


class Disagreement(Exception):
    """Two contenders that do not compute the same: nothing is timed."""


@dataclass(frozen=True, slots=True)
class Computed:
    """The outputs, the loss and the gradients of one training step."""

    outputs: Array
    loss: float
    gradients: Gradients


def computed(contender: Contender) -> Computed:
    return Computed(contender.outputs(), *contender.result(contender.run()))


def agree(name: str, ours: Computed, other: Contender, tolerance: float = 1e-3) -> float:
    """The largest difference of outputs, loss and gradients, each relative to the largest of its array."""
    theirs = computed(other)
    if set(ours.gradients) != set(theirs.gradients):
        raise Disagreement(
            f"{name} has gradients of {sorted(theirs.gradients)}, not of {sorted(ours.gradients)}"
        )
    pairs = [
        ("outputs", ours.outputs, theirs.outputs),
        ("loss", np.asarray(ours.loss), np.asarray(theirs.loss)),
    ]
    pairs += [(f"gradient of {k}", grad, theirs.gradients[k]) for k, grad in ours.gradients.items()]
    return max(_difference(what, name, a, b, tolerance) for what, a, b in pairs)


def _difference(what: str, name: str, a: Array, b: Array, tolerance: float) -> float:
    if a.shape != b.shape:
        raise Disagreement(f"{name}: {what} has shape {b.shape}, not {a.shape}")
    scale = float(np.max(np.abs(a), initial=0.0)) or 1.0
    difference = float(np.max(np.abs(a - b), initial=0.0)) / scale
    if not difference <= tolerance:
        raise Disagreement(
            f"{name}: {what} differs by {difference:.2g} of its largest, more than {tolerance:g}"
        )
    return difference
