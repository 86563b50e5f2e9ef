"""A peer ready to be timed: a spec's equations in one library, with the sizes and data of a compiled module."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ..compiler.ir import System
from ..failure import Failure
from ..measured import Array, Measured
from ..spec.records import dataclass
from .libraries import library
from .translate import Network

PEERS = ("torch", "jax")
MOST = 2000  # equations that JAX is given: it compiles thirty or forty a second


@dataclass(frozen=True, slots=True)
class Peer:
    """``forward`` and ``gradients`` run it; ``outputs`` and ``numbers`` turn what they return into NumPy. ``how``
    says what runs. ``seconds`` is what it took to compile, 0 where nothing is compiled."""

    name: str
    how: str
    forward: Callable[[], Any]
    gradients: Callable[[], Any]
    outputs: Callable[[Any], Mapping[str, Array]]
    numbers: Callable[[Any], tuple[float, Mapping[str, Array]]]
    seconds: float = 0.0


def peer(name: str, measured: Measured, system: System) -> Peer:
    """A peer that runs the forward equations given. Missing where it is not installed."""
    made = library(name, measured.dtype)
    network = Network(made, system, dict(measured.program.dims), measured.lengths, measured.rows)
    return {"torch": _torch, "jax": _jax}[name](measured, network)


def _torch(measured: Measured, network: Network) -> Peer:
    torch = import_module("torch")
    torch.set_num_threads(1)
    trained = list(measured.module.TRAINED)
    params = {name: torch.tensor(value) for name, value in measured.params.items()}
    leaves = [params[name].requires_grad_() for name in trained]
    batch = {name: torch.tensor(value) for name, value in measured.batch.items()}

    def forward() -> Any:
        with torch.no_grad():
            return network.run(params, batch)

    def gradients() -> Any:
        loss = network.run(params, batch)["loss"]
        if not loss.requires_grad:  # there is nothing to train
            return loss, [None] * len(leaves)
        return loss.detach(), torch.autograd.grad(loss, leaves, allow_unused=True)

    def numbers(found: Any) -> tuple[float, Mapping[str, Array]]:
        loss, grads = found
        pairs = zip(trained, grads)
        return float(loss), {
            name: np.zeros_like(measured.params[name]) if grad is None else grad.numpy()
            for name, grad in pairs
        }

    return Peer(
        "torch",
        f"eager, {'step by step' if network.unrolled else 'a Python loop over the steps'}",
        forward,
        gradients,
        lambda found: {name: value.detach().numpy() for name, value in found.items()},
        numbers,
    )


def _jax(measured: Measured, network: Network) -> Peer:
    if network.equations() > MOST:
        raise Failure(
            f"loops over several axes are written out, here {network.equations():,} equations, which jax takes minutes "
            "to compile; try fewer --steps"
        )
    jax = import_module("jax")
    trained = set(measured.module.TRAINED)
    params = jax.device_put({name: value for name, value in measured.params.items() if name in trained})
    fixed = jax.device_put({name: value for name, value in measured.params.items() if name not in trained})
    batch = jax.device_put(dict(measured.batch))

    def loss(params: Any, fixed: Any, batch: Any) -> Any:
        return network.run({**params, **fixed}, batch)["loss"]

    begin = time.perf_counter()
    forward = jax.jit(lambda p, f, b: network.run({**p, **f}, b)).lower(params, fixed, batch).compile()
    gradients = None
    if measured.has_loss:
        gradients = jax.jit(jax.value_and_grad(loss)).lower(params, fixed, batch).compile()
    seconds = time.perf_counter() - begin

    def ready(function: Any) -> Callable[[], Any]:
        return lambda: jax.block_until_ready(function(params, fixed, batch))

    return Peer(
        "jax",
        f"jit, {'every step written out' if network.unrolled else 'lax.scan over the steps'}",
        ready(forward),
        ready(gradients),
        lambda found: {name: np.asarray(value) for name, value in found.items()},
        lambda found: (float(found[0]), {name: np.asarray(grad) for name, grad in found[1].items()}),
        seconds,
    )
