"""What a module answers, flat: ``loss``, ``outputs.y``, ``nll.y``, ``state.h``, ``grad.W``, ``dbatch.x``,
``dstate.h``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .data import Data
from .subject import Subject

GRADIENTS = ("grad", "dbatch", "dstate")


def forward(subject: Subject, data: Data, **options: Any) -> Arrays:
    """Loss, outputs, sums per sequence and the last state."""
    return of_run(subject.module.forward(data.params, data.batch, state=data.state, **options))


def of_run(run: Any) -> Arrays:
    found = {} if run.loss is None else {"loss": np.asarray(run.loss)}
    for part in ("outputs", "nll", "state"):
        found |= {f"{part}.{name}": np.asarray(value) for name, value in (getattr(run, part) or {}).items()}
    return found


def backward(subject: Subject, data: Data, run: Any, **options: Any) -> Arrays:
    return of_grads(subject.module.backward(data.params, run, cotangents(subject.module, data), **options))


def cotangents(module: Any, data: Data) -> Arrays:
    """The data's; without any, 1 for the loss, if there is one."""
    return data.cotangents or ({} if module.LOSS is None else {"loss": np.asarray(1.0)})


def of_grads(parts: tuple[Arrays, Arrays, Arrays]) -> Arrays:
    named = zip(GRADIENTS, parts)
    return {f"{part}.{name}": np.asarray(value) for part, found in named for name, value in found.items()}


def everything(subject: Subject, data: Data, **options: Any) -> Arrays:
    """Forward and backward."""
    run = subject.module.forward(data.params, data.batch, state=data.state, **options)
    return {**of_run(run), **backward(subject, data, run)}


def only(arrays: Mapping[str, Array], *parts: str) -> Arrays:
    """Those of these parts (``grad``, ``outputs`` …)."""
    return {name: value for name, value in arrays.items() if name.partition(".")[0] in parts}


def line_of(subject: Subject, name: str) -> int | None:
    """The line of the spec that a result comes from."""
    key = name.partition(".")[2]
    return subject.spec.line(key) if subject.spec is not None and key else None


def place_of(subject: Subject, name: str, index: tuple[int, ...]) -> str:
    """``step t = 3, row 1, component [2]`` for what has axes."""
    axes = axes_of(subject, name)
    words = [f"row {i}" if axis == "@" else f"step {axis} = {i + 1}" for axis, i in zip(axes, index)]
    rest = index[len(axes) :]
    return ", ".join([*words, *([f"component {list(rest)}"] if rest and axes else [])])


def axes_of(subject: Subject, name: str) -> tuple[str, ...]:
    """The leading axes of a result."""
    part, _, key = name.partition(".")
    if part == "outputs":
        return subject.layouts.get(key, ())
    if part == "dbatch" and key in subject.inputs:
        return (*subject.inputs[key].axes, "@")
    if part in ("state", "dstate"):
        return subject.state_axes(key)
    return ("@",) if part == "nll" else ()
