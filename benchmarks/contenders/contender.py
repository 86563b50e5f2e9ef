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


def agree(name: str, ours: Contender, other: Contender, tolerance: float = 1e-3) -> float:
    """The largest difference of outputs, loss and gradients, each relative to the largest of its array."""
    worst = _difference("outputs", name, ours.outputs(), other.outputs(), tolerance)
    loss, grads = ours.result(ours.run())
    other_loss, other_grads = other.result(other.run())
    worst = max(worst, _difference("loss", name, np.asarray(loss), np.asarray(other_loss), tolerance))
    if set(grads) != set(other_grads):
        raise Disagreement(f"{name} has gradients of {sorted(other_grads)}, not of {sorted(grads)}")
    found = (_difference(f"gradient of {k}", name, grads[k], other_grads[k], tolerance) for k in grads)
    return max(worst, *found)


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
