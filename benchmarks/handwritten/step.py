"""One step of an LSTM for one sequence: vectors, one product with [x, h] side by side, nothing allocated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .common import Array

GATES = "oifg"
State = tuple[Array, Array]


def lstm_step(params: Mapping[str, Array]) -> Callable[[State, Array], tuple[State, Array]]:
    """`step((h, c), x)` returns the next state and the output. The state given is used again: it becomes the next."""
    n, m = params["h.W_ix"].shape
    kind = params["h.W_ix"].dtype
    W = np.concatenate([np.hstack([params[f"h.W_{g}x"], params[f"h.W_{g}h"]]) for g in GATES])
    b = np.concatenate([params[f"h.b_{g}"] for g in GATES])
    W[: 3 * n] *= 0.5  # a sigmoid is half a tanh of half the argument
    b[: 3 * n] *= 0.5
    half, xh, z = np.array(0.5, kind), np.empty(m + n, kind), np.empty(4 * n, kind)
    x_part, h_part, oif = xh[:m], xh[m:], z[: 3 * n]
    o, i, f, g = (z[k * n : (k + 1) * n] for k in range(4))
    add, multiply, tanh = np.add, np.multiply, np.tanh

    def step(state: State, x: Array) -> tuple[State, Array]:
        h, c = state
        x_part[:], h_part[:] = x[0], h
        W.dot(xh, z)
        add(z, b, z)
        tanh(z, z)
        multiply(oif, half, oif)
        add(oif, half, oif)
        multiply(f, c, c)
        multiply(i, g, g)
        add(c, g, c)
        tanh(c, h)
        multiply(o, h, h)
        return state, h

    return step
