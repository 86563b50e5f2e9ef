"""The recurrent network of equations 10.8-10.11 and its back-propagation through time (10.18-10.28)."""

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


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    h = [np.zeros_like(p["b"])]  # h[0], then h[1] … h[n]
    d_o, nll = [], 0.0
    for t in range(n):
        h.append(np.tanh(p["b"] + p["W"] @ h[t] + p["U"] @ x[t]))
        loss, d = nll_of_softmax(p["c"] + p["V"] @ h[t + 1], y[t])
        nll += loss
        d_o.append(d)

    g = zeros_like(p)
    d_h_next = np.zeros_like(p["b"])
    for t in reversed(range(n)):
        g["c"] += d_o[t]
        g["V"] += np.outer(d_o[t], h[t + 1])
        d_h = p["V"].T @ d_o[t] + d_h_next
        d_a = (1 - h[t + 1] ** 2) * d_h
        g["b"] += d_a
        g["W"] += np.outer(d_a, h[t])
        g["U"] += np.outer(d_a, x[t])
        d_h_next = p["W"].T @ d_a
    return nll, n, g
