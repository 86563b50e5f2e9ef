"""One output at the end of the sequence (figure 10.5): the head reads h[T]."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "W_hx": ("hidden", "input"),
    "W_hh": ("hidden", "hidden"),
    "b_h": ("hidden",),
    "W_yh": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: int) -> Result:
    """Of an empty sequence h[T] is h[0], which is zero: the output is then the bias alone."""
    n = len(x)
    h = [np.zeros_like(p["b_h"])]
    for t in range(n):
        h.append(np.tanh(p["b_h"] + p["W_hh"] @ h[t] + p["W_hx"] @ x[t]))
    nll, d_o = nll_of_softmax(p["b_y"] + p["W_yh"] @ h[n], y)

    g = zeros_like(p)
    g["b_y"] += d_o
    g["W_yh"] += np.outer(d_o, h[n])
    d_h = p["W_yh"].T @ d_o
    for t in reversed(range(n)):
        d_a = (1 - h[t + 1] ** 2) * d_h
        g["b_h"] += d_a
        g["W_hh"] += np.outer(d_a, h[t])
        g["W_hx"] += np.outer(d_a, x[t])
        d_h = p["W_hh"].T @ d_a
    return nll, 1, g
