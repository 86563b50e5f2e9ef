"""What the hand-written networks share: the loop over sequences, the output unit, sums of gradients.

Everything works on complex numbers too, so that the references can be checked by complex step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Params = Mapping[str, Array]
Result = tuple[Any, int, dict[str, Array]]


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def nll_of_softmax(o: Array, y: int) -> tuple[Any, Array]:
    """-log softmax(o)[y] and its gradient with respect to o, the textbook's softmax(o) - onehot(y)."""
    shifted = o - o.real.max()
    log_total = np.log(np.exp(shifted).sum())
    d_o = np.exp(shifted - log_total)
    d_o[y] -= 1
    return log_total - shifted[y], d_o


def nll_of_unit_normal(mean: Array, y: Array) -> tuple[Any, Array]:
    """-log of the normal density with deviation 1, the components added up, and its gradient at the mean."""
    return (0.5 * (y - mean) ** 2 + 0.5 * np.log(2 * np.pi)).sum(), mean - y


def zeros_like(params: Params) -> dict[str, Array]:
    return {name: np.zeros_like(value) for name, value in params.items()}


def pooled(results: Iterable[Result], params: Params) -> tuple[Any, dict[str, Array]]:
    """Loss and gradients of a batch: sums over all sequences, divided by the number of all elements."""
    loss, count, grads = 0.0, 0, zeros_like(params)
    for nll, elements, d in results:
        loss, count = loss + nll, count + elements
        for name in grads:
            grads[name] = grads[name] + d[name]
    n = max(count, 1)
    return loss / n, {name: value / n for name, value in grads.items()}


def loss_and_grads(
    sequence: Callable[..., Result], params: Params, batch: Mapping[str, Array]
) -> tuple[Any, dict[str, Array]]:
    """`sequence` over each column of a time-major batch, cut to its own length; `T` holds the lengths."""
    lengths = batch["T"]
    results = []
    for b, length in enumerate(lengths):
        own = {k: v[:length, b] if v.ndim > 1 else v[b] for k, v in batch.items() if k != "T"}
        results.append(sequence(params, **own))
    return pooled(results, params)
