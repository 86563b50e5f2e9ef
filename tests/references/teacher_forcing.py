"""Recurrence from the output with teacher forcing: h[t] reads the observed y[t-1] (figure 10.6)."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "E": ("classes", "hidden"),
    "W_hx": ("hidden", "input"),
    "b_h": ("hidden",),
    "W_yh": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    """Nothing flows from step to step, so every step stands alone. y[0] is token 0."""
    n = len(x)
    g = zeros_like(p)
    nll = 0.0
    for t in range(n):
        before = y[t - 1] if t > 0 else 0
        h = np.tanh(p["E"][before] + p["W_hx"] @ x[t] + p["b_h"])
        loss, d_o = nll_of_softmax(p["b_y"] + p["W_yh"] @ h, y[t])
        nll += loss
        g["b_y"] += d_o
        g["W_yh"] += np.outer(d_o, h)
        d_a = (1 - h**2) * (p["W_yh"].T @ d_o)
        g["b_h"] += d_a
        g["E"][before] += d_a
        g["W_hx"] += np.outer(d_a, x[t])
    return nll, n, g
