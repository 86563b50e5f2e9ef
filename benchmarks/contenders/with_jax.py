"""JAX: `lax.scan` under jit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..cases import Case
from .contender import Absent, Contender, missing
from .networks import NETWORKS, Functions, negative_log_likelihood, pack, unpack


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
    if absent := missing("jax"):
        return absent
    import jax

    if case.dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    packed = jax.device_put(pack(case.cell, case.params))
    data = jax.device_put(dict(case.batch))
    xp, network = functions(case.dtype), NETWORKS[case.cell]

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
