"""What the forward passes of the examples are made of. All of it takes complex numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .cells import gate, sigmoid

Array = np.ndarray
Params = Mapping[str, Array]
Losses = dict[str, list[Any]]


def tanh(p: Params, name: str, *inputs: tuple[str, Array]) -> Array:
    """tanh(W_a a + W_b b + … + bias), the parameters named after the quantity and the inputs."""
    return np.tanh(gate(p, name, *inputs))


def of_copy(p: Params, name: str) -> dict[str, Array]:
    """The parameters of one copy of a cell."""
    return {key.removeprefix(f"{name}."): value for key, value in p.items() if key.startswith(f"{name}.")}


def gru_step(p: Params, x: Array, h: Array) -> Array:
    """The reset after the product; z keeps the old state."""
    r, z = (sigmoid(gate(p, name, ("x", x), ("h", h))) for name in "rz")
    return z * h + (1 - z) * np.tanh(gate(p, "g", ("x", x)) + r * gate(p, "u", ("h", h)))


def lstm_step(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    i, f, o = (sigmoid(gate(p, name, ("x", x), ("h", h))) for name in "ifo")
    c = f * c + i * np.tanh(gate(p, "g", ("x", x), ("h", h)))
    return o * np.tanh(c), c


def gru(p: Params, inputs: Iterable[Array]) -> list[Array]:
    """The states h[0], h[1], …"""
    states = [np.zeros_like(p["b_r"])]
    for x in inputs:
        states.append(gru_step(p, x, states[-1]))
    return states


def lstm(p: Params, inputs: Iterable[Array], start: Array | None = None) -> list[tuple[Array, Array]]:
    """The pairs (h[0], c[0]), (h[1], c[1]), …; h[0] is `start`, or 0."""
    none = np.zeros_like(p["b_i"])
    states = [(none if start is None else start, none)]
    for x in inputs:
        states.append(lstm_step(p, x, *states[-1]))
    return states


def softmax(o: Array) -> Array:
    e = np.exp(o - o.real.max())
    return e / e.sum()


def log_softmax(o: Array) -> Array:
    shifted = o - o.real.max()
    return shifted - np.log(np.exp(shifted).sum())


def tagged(p: Params, states: Iterable[Array], y: Array, name: str = "h") -> Losses:
    """A symbol for each state."""
    return {"y": [-log_softmax(gate(p, "y", (name, h)))[k] for h, k in zip(states, y, strict=True)]}


def bernoulli(logit: Any, event: bool) -> Any:
    """-log of the probability of the event, or of none."""
    return np.log(1 + np.exp(-logit if event else logit))


def normal(y: Array, mean: Array, scale: Any = 1.0) -> Any:
    """-log of the density, the components added up."""
    return (((y - mean) / scale) ** 2 / 2 + np.log(scale * np.sqrt(2 * np.pi))).sum()
