"""JAX, under jit: `lax.scan`, and for the diagonal cells `lax.associative_scan`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases import Case
from .contender import Absent, Contender, missing
from .networks import NETWORKS, Functions, Tensor, Tensors, negative_log_likelihood, pack, unpack


def functions(dtype: str) -> Functions:
    import jax
    import jax.numpy as jnp

    return Functions(
        jnp.tanh, jax.nn.sigmoid, jnp.exp, jnp.expm1, jnp.sqrt, jnp.sin, jnp.cos,
        mean=lambda a, axis: a.mean(axis, keepdims=True),
        softmax=lambda a, axis: jax.nn.softmax(a, axis),
        split=lambda a, n: jnp.split(a, n, -1),
        concat=lambda parts: jnp.concatenate(parts, -1),
        flip=lambda a: a[::-1],
        zeros=lambda shape: jnp.zeros(shape, dtype),
        scan=jax.lax.scan,
    )  # fmt: skip


def scan(case: Case) -> Contender | Absent:
    return missing("jax") or _jitted(case, NETWORKS[case.cell])


def associative(case: Case) -> Contender | Absent:
    """`lax.associative_scan`, which is for what is linear in the state."""
    if case.cell not in ASSOCIATIVE:
        return Absent("–", "for the diagonal cells")
    return missing("jax") or _jitted(case, ASSOCIATIVE[case.cell])


def _mingru(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    z, g = xp.split(data["x"] @ p["W"] + p["b"], 2)
    z = xp.sigmoid(z)
    return _linear(1 - z, z * g)


def _lru(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    import jax.numpy as jnp

    x, angle = data["x"], xp.exp(p["theta"])
    modulus = xp.exp(-xp.exp(p["nu"]))
    u, v = xp.split(x @ p["B"], 2)
    scale = xp.sqrt(-xp.expm1(-2 * xp.exp(p["nu"])))
    decay = jnp.broadcast_to(modulus * (xp.cos(angle) + 1j * xp.sin(angle)), u.shape)
    state = _linear(decay, scale * (u + 1j * v))
    return state.real @ p["C_re"] - state.imag @ p["C_im"] + p["D"] * x


def _linear(decay: Tensor, new: Tensor) -> Tensor:
    """h[t] = decay[t] * h[t-1] + new[t]."""
    import jax

    def joined(left: Any, right: Any) -> Any:
        return left[0] * right[0], right[0] * left[1] + right[1]

    return jax.lax.associative_scan(joined, (decay, new))[1]


def _bare(xp: Functions, p: Tensors, data: Tensors) -> Tensor:
    import jax.numpy as jnp

    return _linear(jnp.broadcast_to(p["a"], data["x"].shape), data["x"])


ASSOCIATIVE = {"mingru": _mingru, "lru": _lru, "linear": _bare}


def _jitted(case: Case, network: Callable[[Functions, Tensors, Tensors], Tensor]) -> Contender:
    import jax

    if case.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    packed = jax.device_put(pack(case.cell, case.params))
    data = jax.device_put(dict(case.batch))
    xp = functions(case.dtype)

    def loss(packed: Any, data: Any) -> Any:
        return negative_log_likelihood(network(xp, packed, data), data["y"])

    begin = time.perf_counter()
    step = jax.jit(jax.value_and_grad(loss)).lower(packed, data).compile()
    seconds = time.perf_counter() - begin
    forward = jax.jit(lambda packed, data: network(xp, packed, data))

    def result(found: tuple[Any, Any]) -> tuple[float, Any]:
        return float(found[0]), unpack(case.cell, {k: np.asarray(v) for k, v in found[1].items()})

    return Contender(
        lambda: jax.block_until_ready(step(packed, data)),
        lambda: np.asarray(forward(packed, data)),
        result,
        seconds,
    )
