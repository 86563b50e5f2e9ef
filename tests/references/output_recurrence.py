"""Recurrence from the output alone: h[t] reads o[t-1], the prediction itself (figure 10.4)."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_unit_normal, zeros_like

SHAPES = {
    "W_hx": ("hidden", "input"),
    "W_ho": ("hidden", "outputs"),
    "b_h": ("hidden",),
    "W_oh": ("outputs", "hidden"),
    "b_o": ("outputs",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    o = [np.zeros_like(p["b_o"])]  # o[0], then o[1] … o[n]
    h, d_loss, nll = [], [], 0.0
    for t in range(n):
        h.append(np.tanh(p["b_h"] + p["W_ho"] @ o[t] + p["W_hx"] @ x[t]))
        o.append(p["b_o"] + p["W_oh"] @ h[t])
        loss, d = nll_of_unit_normal(o[t + 1], y[t])
        nll += loss
        d_loss.append(d)

    g = zeros_like(p)
    d_o_next = np.zeros_like(p["b_o"])
    for t in reversed(range(n)):
        d_o = d_loss[t] + d_o_next
        g["b_o"] += d_o
        g["W_oh"] += np.outer(d_o, h[t])
        d_a = (1 - h[t] ** 2) * (p["W_oh"].T @ d_o)
        g["b_h"] += d_a
        g["W_ho"] += np.outer(d_a, o[t])
        g["W_hx"] += np.outer(d_a, x[t])
        d_o_next = p["W_ho"].T @ d_a
    return nll, n, g
