"""Two LSTM layers, one on the other, and a categorical output on the second."""

from __future__ import annotations

import numpy as np

from . import lstm
from .common import Array, Params, Result, nll_of_softmax, zeros_like

SHAPES = {
    **lstm.shapes("h1", "input", "hidden"),
    **lstm.shapes("h2", "hidden", "hidden"),
    "W_yh2": ("classes", "hidden"),
    "b_y": ("classes",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    h1, tape1 = lstm.forward(p, "h1", list(x))
    h2, tape2 = lstm.forward(p, "h2", h1)
    g = zeros_like(p)
    d_h2, nll = [], 0.0
    for h, target in zip(h2, y, strict=True):
        loss, d_o = nll_of_softmax(p["b_y"] + p["W_yh2"] @ h, target)
        nll += loss
        g["b_y"] += d_o
        g["W_yh2"] += np.outer(d_o, h)
        d_h2.append(p["W_yh2"].T @ d_o)
    d_h1 = lstm.backward(p, "h2", tape2, d_h2, g)
    lstm.backward(p, "h1", tape1, d_h1, g)
    return nll, len(x), g
