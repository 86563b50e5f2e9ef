"""A case as the equations know it, and what rounding may do to it on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..module import Array, Arrays
from .data import Data, values
from .observe import cotangents
from .subject import Observed, Subject, is_real

SHAKEN = 4  # evaluations with every number off by its last bit


def given(subject: Subject, data: Data) -> tuple[Any, ...]:
    """The data as the equations know them."""
    table = subject.module.COTANGENTS
    weights = {table[key]: value for key, value in cotangents(subject.module, data).items()}
    return data.params, data.batch, data.state, weights, subject.sizes(data.case)


def with_noise(subject: Subject, data: Data) -> Data:
    """With numbers of our own for the noise, so that two ways of computing get the same."""
    rng = np.random.default_rng([data.case.seed, 13])
    noises = [Observed(name, *subject.module.INPUTS[name]) for name in subject.noises]
    return data.with_batch({item.name: values(subject, item, data.case, rng) for item in noises})


def shaken(subject: Subject, data: Data, single: bool = False) -> list[Arrays]:
    """All results and gradients of the equations, every number on the way off by its last bit (``single``: of
    float32's); none where the spec is not at hand. Where terms cancel, no way of computing them can know the
    results better than these agree."""
    if subject.spec is None:
        return []
    arguments = given(subject, with_noise(subject, data))
    return [subject.spec.as_checked(*arguments, seed=seed, single=single) for seed in range(SHAKEN)]


def spreads(along: list[Arrays]) -> dict[str, float]:
    """How far apart each result is over several evaluations."""
    names = [name for name, value in along[0].items() if is_real(value)] if along else []
    return {name: _spread([found[name] for found in along]) for name in names}


def _spread(found: list[Array]) -> float:
    apart = np.max(found, axis=0) - np.min(found, axis=0)
    return float(apart[np.isfinite(apart)].max(initial=0.0))
