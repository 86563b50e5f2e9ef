"""Two chains, one in each direction, and an output that reads both (figure 10.11)."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "W_hx": ("hidden", "input"),
    "W_hh": ("hidden", "hidden"),
    "b_h": ("hidden",),
    "W_gx": ("hidden", "input"),
    "W_gg": ("hidden", "hidden"),
    "b_g": ("hidden",),
    "W_yh": ("classes", "hidden"),
    "W_yg": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    h = np.zeros((n + 2, *p["b_h"].shape), p["b_h"].dtype)  # rows 1 … n; row 0 is the start of h
    g = np.zeros_like(h)  # row n + 1 is the start of g
    for t in range(1, n + 1):
        h[t] = np.tanh(p["b_h"] + p["W_hh"] @ h[t - 1] + p["W_hx"] @ x[t - 1])
    for t in range(n, 0, -1):
        g[t] = np.tanh(p["b_g"] + p["W_gg"] @ g[t + 1] + p["W_gx"] @ x[t - 1])

    d = zeros_like(p)
    d_o = np.zeros((n + 2, *p["b_y"].shape), p["b_y"].dtype)
    nll = 0.0
    for t in range(1, n + 1):
        loss, d_o[t] = nll_of_softmax(p["b_y"] + p["W_yh"] @ h[t] + p["W_yg"] @ g[t], y[t - 1])
        nll += loss
        d["b_y"] += d_o[t]
        d["W_yh"] += np.outer(d_o[t], h[t])
        d["W_yg"] += np.outer(d_o[t], g[t])

    back = np.zeros_like(p["b_h"])
    for t in range(n, 0, -1):  # against the time of h
        d_a = (1 - h[t] ** 2) * (p["W_yh"].T @ d_o[t] + back)
        d["b_h"] += d_a
        d["W_hh"] += np.outer(d_a, h[t - 1])
        d["W_hx"] += np.outer(d_a, x[t - 1])
        back = p["W_hh"].T @ d_a
    back = np.zeros_like(p["b_g"])
    for t in range(1, n + 1):  # against the time of g
        d_a = (1 - g[t] ** 2) * (p["W_yg"].T @ d_o[t] + back)
        d["b_g"] += d_a
        d["W_gg"] += np.outer(d_a, g[t + 1])
        d["W_gx"] += np.outer(d_a, x[t - 1])
        back = p["W_gg"].T @ d_a
    return nll, n, d
