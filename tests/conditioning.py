"""How exactly a network's numbers can be known at all: where terms cancel, or a network is chaotic, what rounding does
on the way grows, and no tolerance that suits others can be held."""

from __future__ import annotations

from contextvars import ContextVar

import numpy as np
from rnnc import stages
from rnnc.compiler.driver import Compiled

COARSEST = ContextVar("COARSEST", default=0.0)  # no tolerance of `oracles.near` is less


def unknown_part(made: Compiled, given: stages.Arguments) -> float:
    """Of all results and gradients, the largest part that moves when every number on the way is off by its last bit:
    1e-15 or so for most."""
    along = [stages.as_checked(made, given, seed) for seed in range(4)]
    return max((_part([found[name] for found in along]) for name in along[0]), default=0.0)


def _part(values: list[np.ndarray]) -> float:
    if np.asarray(values[0]).dtype.kind not in "fc":
        return 0.0
    apart = np.asarray(np.max(values, axis=0) - np.min(values, axis=0))
    size = np.abs(values)[np.isfinite(values)].max(initial=1.0)
    return float(apart[np.isfinite(apart)].max(initial=0.0) / size)
