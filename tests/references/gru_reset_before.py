"""The gated recurrent unit of Cho et al. (2014): the reset comes before the product.

The candidate is tanh(W_x x + W_k (r * h) + b); the update gate keeps the old state:
h = z * h_before + (1 - z) * candidate."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, sigmoid, zeros_like

SHAPES = {
    "h.W_rx": ("hidden", "input"),
    "h.W_rh": ("hidden", "hidden"),
    "h.b_r": ("hidden",),
    "h.W_zx": ("hidden", "input"),
    "h.W_zh": ("hidden", "hidden"),
    "h.b_z": ("hidden",),
    "h.W_gx": ("hidden", "input"),
    "h.W_gk": ("hidden", "hidden"),
    "h.b_g": ("hidden",),
    "W_yh": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    n = len(x)
    h = [np.zeros_like(p["h.b_r"])]
    tape, d_o, nll = [], [], 0.0
    for t in range(n):
        r = sigmoid(p["h.W_rx"] @ x[t] + p["h.W_rh"] @ h[t] + p["h.b_r"])
        z = sigmoid(p["h.W_zx"] @ x[t] + p["h.W_zh"] @ h[t] + p["h.b_z"])
        m = np.tanh(p["h.W_gx"] @ x[t] + p["h.W_gk"] @ (r * h[t]) + p["h.b_g"])
        h.append(z * h[t] + (1 - z) * m)
        tape.append((r, z, m))
        loss, d = nll_of_softmax(p["b_y"] + p["W_yh"] @ h[t + 1], y[t])
        nll += loss
        d_o.append(d)

    g = zeros_like(p)
    back = np.zeros_like(h[0])
    for t in reversed(range(n)):
        r, z, m = tape[t]
        g["b_y"] += d_o[t]
        g["W_yh"] += np.outer(d_o[t], h[t + 1])
        d_h = p["W_yh"].T @ d_o[t] + back
        d_am = d_h * (1 - z) * (1 - m**2)
        d_reset = p["h.W_gk"].T @ d_am
        d_ar = d_reset * h[t] * r * (1 - r)
        d_az = d_h * (h[t] - m) * z * (1 - z)
        g["h.W_gx"] += np.outer(d_am, x[t])
        g["h.W_gk"] += np.outer(d_am, r * h[t])
        g["h.b_g"] += d_am
        for k, d_a in (("r", d_ar), ("z", d_az)):
            g[f"h.W_{k}x"] += np.outer(d_a, x[t])
            g[f"h.W_{k}h"] += np.outer(d_a, h[t])
            g[f"h.b_{k}"] += d_a
        through_gates = p["h.W_rh"].T @ d_ar + p["h.W_zh"].T @ d_az
        back = d_h * z + r * d_reset + through_gates
    return nll, n, g
