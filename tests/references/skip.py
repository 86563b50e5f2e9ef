"""A network with a skip edge: h[t] reads h[t-1] and, through weights of its own, h[t-3]."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "U": ("hidden", "input"),
    "W": ("hidden", "hidden"),
    "S": ("hidden", "hidden"),
    "b": ("hidden",),
    "V": ("classes", "hidden"),
    "c": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    zero = np.zeros_like(p["b"])
    h = dict.fromkeys(range(-2, 1), zero)  # h[-2], h[-1], h[0]
    d_o, nll = {}, 0.0
    for t in range(1, n + 1):
        h[t] = np.tanh(p["b"] + p["W"] @ h[t - 1] + p["S"] @ h[t - 3] + p["U"] @ x[t - 1])
        loss, d_o[t] = nll_of_softmax(p["c"] + p["V"] @ h[t], y[t - 1])
        nll += loss

    g = zeros_like(p)
    d_a = dict.fromkeys(range(n + 1, n + 4), zero)  # nothing reads past the end
    for t in range(n, 0, -1):
        g["c"] += d_o[t]
        g["V"] += np.outer(d_o[t], h[t])
        d_h = p["V"].T @ d_o[t] + p["W"].T @ d_a[t + 1] + p["S"].T @ d_a[t + 3]
        d_a[t] = (1 - h[t] ** 2) * d_h
        g["b"] += d_a[t]
        g["W"] += np.outer(d_a[t], h[t - 1])
        g["S"] += np.outer(d_a[t], h[t - 3])
        g["U"] += np.outer(d_a[t], x[t - 1])
    return nll, n, g
