"""`loss_and_grad(…, checkpoint=…)`: memory saved, nothing else changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import Verdict, agree, failed
from .data import Data, full
from .subject import Subject


def why_not(subject: Subject) -> str | None:
    """Why the steps cannot be cut into segments."""
    if subject.module.LOSS is None:
        return "the spec has no loss"
    if getattr(subject.module, "UNROLL", None):
        return "the steps are written one after the other"
    return subject.no_stream


def check_segments(subject: Subject, case: Case) -> Verdict:
    """Segments of one step, of some, of all and of more than all."""
    data = full(subject, case)
    steps = max(int(np.max(data.batch[length], initial=0)) for length in subject.axes.values())
    size: int | str = (1, 2, 3, steps + 1, "auto")[case.seed % 5]

    def found(data: Data, checkpoint: int | str | None) -> Arrays:
        options: dict[str, Any] = {"state": data.state, "seed": case.seed}
        loss, grads = subject.module.loss_and_grad(data.params, data.batch, checkpoint=checkpoint, **options)
        return {"loss": np.asarray(loss), **{f"grad.{name}": value for name, value in grads.items()}}

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return found(data, size), found(data, None)

    again, once = found(data, size), found(data, size)
    for name, value in once.items():
        if not _same_bits(value, again[name]):
            return failed(name, "has other bits when computed in segments again")
    return agree(subject, data, pair, (f"in segments of {size}", "whole"))


def _same_bits(a: Array, b: Array) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
