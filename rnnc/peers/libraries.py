"""PyTorch and JAX, as far as the translated equations need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..failure import Failure
from ..spec.records import dataclass

Tensor = Any
Step = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]


@dataclass(frozen=True, slots=True)
class Library:
    """``np`` has the functions that NumPy has too. ``scan(step, carried, sequences, length, backwards)`` calls
    ``carried, results = step(carried, items)`` along the first dimension and returns the results stacked."""

    name: str
    np: Any
    number: Callable[[Any, str], Tensor]  # of kind "real", "int" or "bool"
    cast: Callable[[Tensor, str], Tensor]
    transposed: Callable[[Tensor, Sequence[int]], Tensor]
    sigmoid: Callable[[Tensor], Tensor]
    softmax: Callable[[Tensor, int], Tensor]
    logsumexp: Callable[[Tensor, int], Tensor]
    lgamma: Callable[[Tensor], Tensor]
    stop_gradient: Callable[[Tensor], Tensor]
    largest: Callable[[Tensor, int], Tensor]
    take_along: Callable[[Tensor, Tensor], Tensor]  # along the last size
    scan: Callable[[Step, list[Tensor], list[Tensor], int, bool], list[Tensor]]


class Missing(Failure):
    """A library that is not installed."""


def library(name: str, dtype: str) -> Library:
    """Missing says how to get one that is not installed."""
    if find_spec(name) is None:
        raise Missing(
            f"{name} is not installed; pip install {name}, or pip install 'rnnc[bench]' for all peers"
        )
    return {"torch": _torch, "jax": _jax}[name](dtype)


def _torch(dtype: str) -> Library:
    torch = import_module("torch")
    kinds = {"real": getattr(torch, dtype), "int": torch.int64, "bool": torch.bool}

    def scan(
        step: Step, carried: list[Tensor], sequences: list[Tensor], length: int, backwards: bool
    ) -> list[Tensor]:
        columns = [sequence.unbind(0) for sequence in sequences]
        found: list[list[Tensor]] = []
        for t in range(length - 1, -1, -1) if backwards else range(length):
            carried, results = step(carried, [column[t] for column in columns])
            found.append(results)
        if backwards:
            found.reverse()
        return [torch.stack(column) for column in zip(*found)]

    return Library(
        "torch",
        torch,
        number=lambda value, kind: torch.as_tensor(value, dtype=kinds[kind]),
        cast=lambda a, kind: a.to(kinds[kind]),
        transposed=lambda a, order: a.permute(tuple(order)),
        sigmoid=torch.sigmoid,
        softmax=torch.softmax,
        logsumexp=torch.logsumexp,
        lgamma=torch.lgamma,
        stop_gradient=lambda a: a.detach(),
        largest=torch.amax,
        take_along=lambda a, index: torch.take_along_dim(a, index, -1),
        scan=scan,
    )


def _jax(dtype: str) -> Library:
    jax = import_module("jax")
    jnp = import_module("jax.numpy")
    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    kinds = {"real": dtype, "int": "int64" if dtype == "float64" else "int32", "bool": "bool"}

    def scan(
        step: Step, carried: list[Tensor], sequences: list[Tensor], length: int, backwards: bool
    ) -> list[Tensor]:
        def body(carried: list[Tensor], items: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            return step(carried, items)

        found: list[Tensor] = jax.lax.scan(body, carried, sequences, length=length, reverse=backwards)[1]
        return found

    return Library(
        "jax",
        jnp,
        number=lambda value, kind: jnp.asarray(value, kinds[kind]),
        cast=lambda a, kind: a.astype(kinds[kind]),
        transposed=lambda a, order: jnp.transpose(a, tuple(order)),
        sigmoid=jax.nn.sigmoid,
        softmax=jax.nn.softmax,
        logsumexp=jax.nn.logsumexp,
        lgamma=jax.lax.lgamma,
        stop_gradient=jax.lax.stop_gradient,
        largest=jnp.max,
        take_along=lambda a, index: jnp.take_along_axis(a, index, -1),
        scan=scan,
    )
