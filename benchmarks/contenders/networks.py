"""The cells as a user of PyTorch, JAX or autograd writes them: once, over the functions of any of these.

`xp` has the functions (see `Functions`), `p` the parameters joined as `PACKED` says, `data` the batch. Products
with the inputs stand before the loop, gates that share an operand are one product; `xp.scan` runs the loop. A network
returns the means of its head, (T, B, …)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, pi
from typing import Any

import numpy as np

Tensor = Any
Tensors = Mapping[str, Any]
EPSILON = 1e-5


@dataclass(frozen=True)
class Functions:
    """What the networks use. ``scan(step, carry, sequences)`` calls ``carry, out = step(carry, items)`` along time;
    ``split(a, n)`` cuts the last axis into n parts; ``concat`` joins there; ``flip`` turns time round; ``mean`` and
    ``softmax`` go along the axis named."""

    tanh: Callable[[Tensor], Tensor]
    sigmoid: Callable[[Tensor], Tensor]
    exp: Callable[[Tensor], Tensor]
    expm1: Callable[[Tensor], Tensor]
    sqrt: Callable[[Tensor], Tensor]
    sin: Callable[[Tensor], Tensor]
    cos: Callable[[Tensor], Tensor]
    mean: Callable[[Tensor, int], Tensor]
    softmax: Callable[[Tensor, int], Tensor]
    split: Callable[[Tensor, int], Sequence[Tensor]]
    concat: Callable[[Sequence[Tensor]], Tensor]
    flip: Callable[[Tensor], Tensor]
    zeros: Callable[[tuple[int, ...]], Tensor]
    scan: Callable[[Callable[[Any, Any], tuple[Any, Tensor]], Any, Any], tuple[Any, Tensor]]


def negative_log_likelihood(mean: Tensor, y: Tensor) -> Tensor:
    """Of y ~ normal(mean), summed over features, averaged over steps and sequences."""
    T, B, n = y.shape
    return ((y - mean) ** 2).sum() * (0.5 / (T * B)) + 0.5 * log(2 * pi) * n


# ------------------------------------------------------------------------------------------- the cells


def vanilla(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(h: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        h = xp.tanh(a + h @ p["U"])
        return h, h

    x = data["x"]
    return xp.scan(step, xp.zeros((x.shape[1], p["U"].shape[0])), x @ p["W"] + p["b"])[1]


def lstm(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    return _lstm(xp, p["W"], p["U"], p["b"], data["x"])


def _lstm(xp: Functions, W: Tensor, U: Tensor, b: Tensor, x: Tensor) -> Tensor:
    def step(state: tuple[Tensor, Tensor], a: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = state
        i, f, o, g = xp.split(a + h @ U, 4)
        c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
        h = xp.sigmoid(o) * xp.tanh(c)
        return (h, c), h

    start = xp.zeros((x.shape[1], U.shape[0]))
    return xp.scan(step, (start, start), x @ W + b)[1]


def gru(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(h: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        a_r, a_z, a_g = xp.split(a, 3)
        u_r, u_z, u_g = xp.split(h @ p["U"], 3)
        z = xp.sigmoid(a_z + u_z)
        g = xp.tanh(a_g + xp.sigmoid(a_r + u_r) * (u_g + p["b_u"]))
        h = g + z * (h - g)
        return h, h

    x = data["x"]
    return xp.scan(step, xp.zeros((x.shape[1], p["U"].shape[0])), x @ p["W"] + p["b"])[1]


def lstm_norm_peephole(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def norm(z: Tensor) -> Tensor:
        z = z - xp.mean(z, -1)
        return z / xp.sqrt(xp.mean(z * z, -1) + EPSILON)

    def step(state: tuple[Tensor, Tensor], a: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = state
        gates = norm((a + h @ p["U"]).reshape(c.shape[0], 4, c.shape[1])) * gain + shift
        i, f = xp.sigmoid(gates[:, 0] + p["p_i"] * c), xp.sigmoid(gates[:, 1] + p["p_f"] * c)
        c = f * c + i * xp.tanh(gates[:, 2])
        h = xp.sigmoid(gates[:, 3] + p["p_o"] * c) * xp.tanh(p["a_c"] * norm(c) + p["b_c"])
        return (h, c), h

    x, n = data["x"], p["U"].shape[0]
    gain, shift = p["a"].reshape(4, n), p["b"].reshape(4, n)
    start = xp.zeros((x.shape[1], n))
    return xp.scan(step, (start, start), x @ p["W"])[1]


def skip(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(state: tuple[Tensor, ...], a: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        h1, h2, h3 = state
        h = xp.tanh(a + h1 @ p["U"] + h3 @ p["V"])
        return (h, h1, h2), h

    x = data["x"]
    start = xp.zeros((x.shape[1], p["U"].shape[0]))
    return xp.scan(step, (start, start, start), x @ p["W"] + p["b"])[1]


def mingru(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(h: Tensor, items: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        keep, new = items
        h = keep * h + new
        return h, h

    x = data["x"]
    z, g = xp.split(x @ p["W"] + p["b"], 2)
    z = xp.sigmoid(z)
    return xp.scan(step, xp.zeros((x.shape[1], p["b"].shape[0] // 2)), (1 - z, z * g))[1]


def lru(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(state: tuple[Tensor, Tensor], items: tuple[Tensor, Tensor]) -> tuple[Any, Tensor]:
        re, im = state
        u, v = items
        state = a * re - b * im + u, a * im + b * re + v
        return state, xp.concat(state)

    x, n = data["x"], p["nu"].shape[0]
    modulus, angle = xp.exp(-xp.exp(p["nu"])), xp.exp(p["theta"])
    a, b = modulus * xp.cos(angle), modulus * xp.sin(angle)
    scale = xp.sqrt(-xp.expm1(-2 * xp.exp(p["nu"])))
    u, v = xp.split(x @ p["B"], 2)
    start = xp.zeros((x.shape[1], n))
    states = xp.scan(step, (start, start), (scale * u, scale * v))[1]
    re, im = xp.split(states, 2)
    return re @ p["C_re"] - im @ p["C_im"] + p["D"] * x


def linear(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = p["a"] * h + x
        return h, h

    return xp.scan(step, xp.zeros((data["x"].shape[-2], p["a"].shape[0])), data["x"])[1]


def attention(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    def step(d: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        u = xp.tanh(d @ p["W_q"] + p["b_q"] + k)
        weights = xp.softmax(u @ p["v"], 0)
        c = (weights[:, :, None] * h).sum(0)
        d = xp.tanh(a + c @ p["W_c"] + d @ p["W_d"])
        return d, d

    h = gru(xp, p, data)
    k = h @ p["W_k"] + p["b_k"]
    return xp.scan(step, h[-1], data["z"] @ p["W_z"] + p["b_d"])[1]


def bilstm2(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    h = data["x"]
    for layer in "12":
        there = _lstm(xp, p[f"W_f{layer}"], p[f"U_f{layer}"], p[f"b_f{layer}"], h)
        back = _lstm(xp, p[f"W_g{layer}"], p[f"U_g{layer}"], p[f"b_g{layer}"], xp.flip(h))
        h = xp.concat((there, xp.flip(back)))
    return h


def one_step(xp: Functions, cell: str, p: Tensors, state: Any, x: Tensor) -> tuple[Any, Tensor]:
    """The next state and the output of a network at one step; ``x`` is (B, m), without time."""
    after: list[Any] = []

    def scan(step: Callable[..., Any], carry: Any, sequences: Any) -> tuple[Any, Tensor]:
        carry, out = step(state, sequences)
        after.append(carry)
        return carry, out

    stepping = replace(xp, scan=scan, zeros=lambda shape: None)
    out = NETWORKS[cell](stepping, p, {"x": x})
    return after[0], out


NETWORKS: dict[str, Callable[[Functions, Tensors, Tensors], Tensor]] = {
    one.__name__: one
    for one in (vanilla, lstm, gru, lstm_norm_peephole, skip, mingru, lru, linear, attention, bilstm2)
}

STATES = {
    "vanilla": 1,
    "lstm": 2,
    "gru": 1,
    "lstm_norm_peephole": 2,
    "skip": 3,
    "mingru": 1,
    "lru": 2,
    "linear": 1,
}
"""How many vectors a cell carries from step to step; the others cannot go step by step."""

# ------------------------------------------------------------------------- parameters joined and apart


def _gates(pattern: str, gates: str) -> tuple[str, ...]:
    return tuple(pattern.format(gate) for gate in gates)


def _lstm_packed(copy: str, suffix: str = "") -> dict[str, tuple[str, ...]]:
    return {
        f"W{suffix}": _gates(f"{copy}.W_{{}}x", "ifog"),
        f"U{suffix}": _gates(f"{copy}.W_{{}}h", "ifog"),
        f"b{suffix}": _gates(f"{copy}.b_{{}}", "ifog"),
    }


_GRU = {
    "W": _gates("h.W_{}x", "rzg"),
    "U": _gates("h.W_{}h", "rzu"),
    "b": _gates("h.b_{}", "rzg"),
    "b_u": ("h.b_u",),
}

PACKED: dict[str, dict[str, tuple[str, ...]]] = {
    "vanilla": {"W": ("h.W_hx",), "U": ("h.W_hh",), "b": ("h.b_h",)},
    "lstm": _lstm_packed("h"),
    "gru": _GRU,
    "lstm_norm_peephole": {
        "W": _gates("h.W_z_{}x", "ifgo"),
        "U": _gates("h.W_z_{}h", "ifgo"),
        "a": _gates("h.a_{}", "ifgo"),
        "b": _gates("h.b_{}", "ifgo"),
        **{name: (f"h.{name}",) for name in ("p_i", "p_f", "p_o", "a_c", "b_c")},
    },
    "skip": {"W": ("W_hx",), "U": ("W_hh",), "V": ("W_hh_2",), "b": ("b_h",)},
    "mingru": {"W": _gates("h.W_{}x", "zg"), "b": _gates("h.b_{}", "zg")},
    "lru": {
        "B": ("h.B_re", "h.B_im"),
        **{name: (f"h.{name}",) for name in ("nu", "theta", "C_re", "C_im", "D")},
    },
    "linear": {"a": ("a",)},
    "attention": _GRU
    | {"W_k": ("W_kh",), "W_q": ("W_qd",), "W_z": ("W_dz",), "W_c": ("W_dc",), "W_d": ("W_dd",)}
    | {name: (name,) for name in ("b_k", "b_q", "b_d", "v")},
    "bilstm2": {
        key: names
        for copy in ("f1", "g1", "f2", "g2")
        for key, names in _lstm_packed(copy, f"_{copy}").items()
    },
}
"""For each joined parameter the spec's parameters in it. Matrices stand transposed, (in, out), side by side."""


def pack(cell: str, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        key: np.ascontiguousarray(np.concatenate([params[name].T for name in names], axis=-1))
        for key, names in PACKED[cell].items()
    }


def unpack(cell: str, packed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: part.T
        for key, names in PACKED[cell].items()
        for name, part in zip(names, np.split(np.asarray(packed[key]), len(names), axis=-1))
    }
