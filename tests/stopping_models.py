"""Sampling and stopping: one likelihood for what is drawn and what is given; all sequences sum to 1."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.compiler.driver import Options

NETWORK = """\
dim k = 3, n = 4
axis t = 1..T
param E : real[k, n] ~ normal(1)
h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1]))
head y[t] : token(k) ~ categorical(affine(h[t]))
"""
SYMBOL = NETWORK + "stop when y[t] == 0\n"
EVENT = NETWORK + "head z[t] : bool ~ bernoulli(affine(h[t], E[y[t]]))\nstop when z[t]\n"
LENGTH = NETWORK.replace("h[t-1])", "h[t-1]) + expand(left[t], n)") + (
    "input c : real\nparam r : real[4] ~ normal(1)\nleft[t] : real = (T - t) * 0.3\n"
    "head T : token(4) ~ categorical(c * r)\n"
)
POISSON = LENGTH.replace("param r : real[4] ~ normal(1)\n", "").replace(
    "token(4) ~ categorical(c * r)", "int ~ poisson(c)"
)
WAYS = {"symbol": SYMBOL, "event": EVENT, "length": LENGTH, "poisson": POISSON}
TOKENS = 3

every_level = pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
every_way = pytest.mark.parametrize("way", WAYS)


@functools.cache
def compiled(text: str, level: int = 2) -> Any:
    return rnnc.loads(text, Options(level=level))


def params_of(m: Any, seed: int = 3) -> dict[str, np.ndarray]:
    params = m.init(seed=seed, dtype="float64")
    rng = np.random.default_rng(seed)
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in params.items()}


def context_of(way: str, rows: int, value: float = 0.7) -> dict[str, np.ndarray]:
    return {"c": np.full(rows, value)} if way in ("length", "poisson") else {}


def rng_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sequences(length: int) -> np.ndarray:
    """Every sequence of so many tokens, one a column."""
    found = np.array(list(itertools.product(range(TOKENS), repeat=length)), int)
    return found.reshape(TOKENS**length, length).T


def log_probs(way: str, m: Any, params: Any, y: np.ndarray, **options: Any) -> np.ndarray:
    rows = y.shape[1]
    run = m.forward(params, {"y": y, "T": np.full(rows, len(y)), **context_of(way, rows)}, **options)
    return -sum(run.nll.values())


def finite(way: str, longest: int) -> list[np.ndarray]:
    """Every sequence that ends within so many steps, by length."""
    if way != "symbol":
        return [sequences(length) for length in range(way == "event", longest + 1)]
    found = [sequences(length) for length in range(1, longest + 1)]
    return [y[:, (y[-1] == 0) & (y[:-1] != 0).all(axis=0)] for y in found]
