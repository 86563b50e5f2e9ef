"""Recurrence from the output with teacher forcing: h[t] reads the observed y[t-1] (figure 10.6)."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "U": ("hidden", "input"),
    "W": ("hidden", "classes"),
    "b": ("hidden",),
    "V": ("classes", "hidden"),
    "c": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    """Nothing flows from step to step, so every step stands alone. y[0] is token 0."""
    n = len(x)
    g = zeros_like(p)
    nll = 0.0
    for t in range(n):
        before = y[t - 1] if t > 0 else 0
        h = np.tanh(p["b"] + p["W"][:, before] + p["U"] @ x[t])
        loss, d_o = nll_of_softmax(p["c"] + p["V"] @ h, y[t])
        nll += loss
        g["c"] += d_o
        g["V"] += np.outer(d_o, h)
        d_a = (1 - h**2) * (p["V"].T @ d_o)
        g["b"] += d_a
        g["W"][:, before] += d_a
        g["U"] += np.outer(d_a, x[t])
    return nll, n, g
