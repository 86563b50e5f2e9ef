"""Two chains, one in each direction, and an output that reads both (figure 10.11)."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    "Uh": ("hidden", "input"),
    "Wh": ("hidden", "hidden"),
    "bh": ("hidden",),
    "Ug": ("hidden", "input"),
    "Wg": ("hidden", "hidden"),
    "bg": ("hidden",),
    "Vh": ("classes", "hidden"),
    "Vg": ("classes", "hidden"),
    "c": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    h = np.zeros((n + 2, *p["bh"].shape), p["bh"].dtype)  # rows 1 … n; row 0 is the start of h
    g = np.zeros_like(h)  # row n + 1 is the start of g
    for t in range(1, n + 1):
        h[t] = np.tanh(p["bh"] + p["Wh"] @ h[t - 1] + p["Uh"] @ x[t - 1])
    for t in range(n, 0, -1):
        g[t] = np.tanh(p["bg"] + p["Wg"] @ g[t + 1] + p["Ug"] @ x[t - 1])

    d = zeros_like(p)
    d_o = np.zeros((n + 2, *p["c"].shape), p["c"].dtype)
    nll = 0.0
    for t in range(1, n + 1):
        loss, d_o[t] = nll_of_softmax(p["c"] + p["Vh"] @ h[t] + p["Vg"] @ g[t], y[t - 1])
        nll += loss
        d["c"] += d_o[t]
        d["Vh"] += np.outer(d_o[t], h[t])
        d["Vg"] += np.outer(d_o[t], g[t])

    back = np.zeros_like(p["bh"])
    for t in range(n, 0, -1):  # against the time of h
        d_a = (1 - h[t] ** 2) * (p["Vh"].T @ d_o[t] + back)
        d["bh"] += d_a
        d["Wh"] += np.outer(d_a, h[t - 1])
        d["Uh"] += np.outer(d_a, x[t - 1])
        back = p["Wh"].T @ d_a
    back = np.zeros_like(p["bg"])
    for t in range(1, n + 1):  # against the time of g
        d_a = (1 - g[t] ** 2) * (p["Vg"].T @ d_o[t] + back)
        d["bg"] += d_a
        d["Wg"] += np.outer(d_a, g[t + 1])
        d["Ug"] += np.outer(d_a, x[t - 1])
        back = p["Wg"].T @ d_a
    return nll, n, d
