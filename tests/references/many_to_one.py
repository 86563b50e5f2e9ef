"""One output at the end of the sequence (figure 10.5): the head reads h[T]."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "U": ("hidden", "input"),
    "W": ("hidden", "hidden"),
    "b": ("hidden",),
    "V": ("classes", "hidden"),
    "c": ("classes",),
}


def sequence(p: Params, x: Array, y: int) -> Result:
    """Of an empty sequence h[T] is h[0], which is zero: the output is then the bias alone."""
    n = len(x)
    h = [np.zeros_like(p["b"])]
    for t in range(n):
        h.append(np.tanh(p["b"] + p["W"] @ h[t] + p["U"] @ x[t]))
    nll, d_o = nll_of_softmax(p["c"] + p["V"] @ h[n], y)

    g = zeros_like(p)
    g["c"] += d_o
    g["V"] += np.outer(d_o, h[n])
    d_h = p["V"].T @ d_o
    for t in reversed(range(n)):
        d_a = (1 - h[t + 1] ** 2) * d_h
        g["b"] += d_a
        g["W"] += np.outer(d_a, h[t])
        g["U"] += np.outer(d_a, x[t])
        d_h = p["W"].T @ d_a
    return nll, 1, g
