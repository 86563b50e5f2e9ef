"""One LSTM layer (section 10.10.1), forward and backward, and language models built of such layers."""

from __future__ import annotations

import numpy as np

from .common import Array, Params, Result, nll_of_softmax, sigmoid, zeros_like

GATES = ("i", "f", "o", "g")


def shapes(name: str, inputs: str, hidden: str) -> dict[str, tuple[str, ...]]:
    """The parameters of the layer `name`: for every gate a weight on x, a weight on h and a bias."""
    found: dict[str, tuple[str, ...]] = {}
    for gate in GATES:
        found[f"{name}.W_{gate}x"] = (hidden, inputs)
        found[f"{name}.W_{gate}h"] = (hidden, hidden)
        found[f"{name}.b_{gate}"] = (hidden,)
    return found


def forward(p: Params, name: str, x: list[Array]) -> tuple[list[Array], list[dict[str, Array]]]:
    """h[1] … h[n], and of each step what the way back needs."""
    h = np.zeros_like(p[f"{name}.b_i"])
    c = np.zeros_like(h)
    hs, tape = [], []
    for x_t in x:
        a = {k: p[f"{name}.W_{k}x"] @ x_t + p[f"{name}.W_{k}h"] @ h + p[f"{name}.b_{k}"] for k in GATES}
        i, f, o, g = sigmoid(a["i"]), sigmoid(a["f"]), sigmoid(a["o"]), np.tanh(a["g"])
        step = {"x": x_t, "h": h, "c": c, "i": i, "f": f, "o": o, "g": g}
        c = f * c + i * g
        h = o * np.tanh(c)
        tape.append(step | {"c_new": c})
        hs.append(h)
    return hs, tape


def backward(
    p: Params, name: str, tape: list[dict[str, Array]], d_hs: list[Array], grads: dict[str, Array]
) -> list[Array]:
    """Adds the layer's gradients to `grads`; returns the gradient with respect to every x."""
    d_h_next = np.zeros_like(p[f"{name}.b_i"])
    d_c_next = np.zeros_like(d_h_next)
    d_xs = []
    for s, d_h_out in zip(reversed(tape), reversed(d_hs), strict=True):
        tanh_c = np.tanh(s["c_new"])
        d_h = d_h_out + d_h_next
        d_c = d_h * s["o"] * (1 - tanh_c**2) + d_c_next
        d_a = {
            "i": d_c * s["g"] * s["i"] * (1 - s["i"]),
            "f": d_c * s["c"] * s["f"] * (1 - s["f"]),
            "o": d_h * tanh_c * s["o"] * (1 - s["o"]),
            "g": d_c * s["i"] * (1 - s["g"] ** 2),
        }
        for k in GATES:
            grads[f"{name}.W_{k}x"] += np.outer(d_a[k], s["x"])
            grads[f"{name}.W_{k}h"] += np.outer(d_a[k], s["h"])
            grads[f"{name}.b_{k}"] += d_a[k]
        d_h_next = np.sum([p[f"{name}.W_{k}h"].T @ d_a[k] for k in GATES], axis=0)
        d_c_next = d_c * s["f"]
        d_xs.append(np.sum([p[f"{name}.W_{k}x"].T @ d_a[k] for k in GATES], axis=0))
    return d_xs[::-1]


def language_model(p: Params, layers: tuple[str, ...], x: Array, y: Array) -> Result:
    """Rows of E, the layers one on the other, and a softmax over what the last one says."""
    out = f"W_y{layers[-1]}"
    values, tapes = [p["E"][token] for token in x], []
    for name in layers:
        values, tape = forward(p, name, values)
        tapes.append(tape)
    g = zeros_like(p)
    d_values, nll = [], 0.0
    for h, target in zip(values, y, strict=True):
        loss, d_o = nll_of_softmax(p["b_y"] + p[out] @ h, target)
        nll += loss
        g["b_y"] += d_o
        g[out] += np.outer(d_o, h)
        d_values.append(p[out].T @ d_o)
    for name, tape in zip(reversed(layers), reversed(tapes), strict=True):
        d_values = backward(p, name, tape, d_values, g)
    for token, d in zip(x, d_values, strict=True):
        g["E"][token] += d
    return nll, len(x), g
