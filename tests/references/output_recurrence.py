"""Recurrence from the output: h[t] reads o[t-1] (figure 10.4 of the textbook)."""

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
    n = len(x)
    o = [np.zeros_like(p["c"])]  # o[0], then o[1] … o[n]
    h, d_loss, nll = [], [], 0.0
    for t in range(n):
        h.append(np.tanh(p["b"] + p["W"] @ o[t] + p["U"] @ x[t]))
        o.append(p["c"] + p["V"] @ h[t])
        loss, d = nll_of_softmax(o[t + 1], y[t])
        nll += loss
        d_loss.append(d)

    g = zeros_like(p)
    d_o_next = np.zeros_like(p["c"])
    for t in reversed(range(n)):
        d_o = d_loss[t] + d_o_next
        g["c"] += d_o
        g["V"] += np.outer(d_o, h[t])
        d_a = (1 - h[t] ** 2) * (p["V"].T @ d_o)
        g["b"] += d_a
        g["W"] += np.outer(d_a, o[t])
        g["U"] += np.outer(d_a, x[t])
        d_o_next = p["W"].T @ d_a
    return nll, n, g
