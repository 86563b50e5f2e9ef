"""A skip edge through time: h[t] reads h[t-1] and, through weights of its own, h[t-3].

The learned start s is the value of h at every step before the first: h[0], h[-1] and h[-2]."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "s": ("hidden",),
    "W_hx": ("hidden", "input"),
    "W_hh": ("hidden", "hidden"),
    "W_hh_2": ("hidden", "hidden"),
    "b_h": ("hidden",),
    "W_yh": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    h = dict.fromkeys(range(-2, 1), p["s"])
    d_o, nll = {}, 0.0
    for t in range(1, n + 1):
        h[t] = np.tanh(p["W_hx"] @ x[t - 1] + p["W_hh"] @ h[t - 1] + p["W_hh_2"] @ h[t - 3] + p["b_h"])
        loss, d_o[t] = nll_of_softmax(p["b_y"] + p["W_yh"] @ h[t], y[t - 1])
        nll += loss

    g = zeros_like(p)
    d_a = dict.fromkeys(range(n + 1, n + 4), np.zeros_like(p["b_h"]))  # nothing reads past the end
    for t in range(n, 0, -1):
        g["b_y"] += d_o[t]
        g["W_yh"] += np.outer(d_o[t], h[t])
        d_h = p["W_yh"].T @ d_o[t] + p["W_hh"].T @ d_a[t + 1] + p["W_hh_2"].T @ d_a[t + 3]
        d_a[t] = (1 - h[t] ** 2) * d_h
        g["b_h"] += d_a[t]
        g["W_hx"] += np.outer(d_a[t], x[t - 1])
        g["W_hh"] += np.outer(d_a[t], h[t - 1])
        g["W_hh_2"] += np.outer(d_a[t], h[t - 3])
        if t - 1 < 1:
            g["s"] += p["W_hh"].T @ d_a[t]
        if t - 3 < 1:
            g["s"] += p["W_hh_2"].T @ d_a[t]
    return nll, n, g
