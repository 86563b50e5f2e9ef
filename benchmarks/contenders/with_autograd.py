"""HIPS autograd: NumPy code in a Python loop, differentiated as it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases import Case
from .contender import Absent, Contender, missing
from .networks import NETWORKS, Functions, negative_log_likelihood, pack, unpack


def functions(dtype: str) -> Functions:
    import autograd.numpy as anp

    def scan(step: Callable[..., Any], carry: Any, sequences: Any) -> tuple[Any, Any]:
        outputs = []
        several = isinstance(sequences, tuple)
        for t in range(len(sequences[0] if several else sequences)):
            carry, out = step(carry, tuple(s[t] for s in sequences) if several else sequences[t])
            outputs.append(out)
        return carry, anp.stack(outputs)

    def softmax(a: Any, axis: int) -> Any:
        e = anp.exp(a - anp.max(a, axis, keepdims=True))
        return e / anp.sum(e, axis, keepdims=True)

    return Functions(
        anp.tanh, lambda a: 0.5 * anp.tanh(0.5 * a) + 0.5, anp.exp, anp.expm1, anp.sqrt, anp.sin, anp.cos,
        mean=lambda a, axis: anp.mean(a, axis, keepdims=True),
        softmax=softmax,
        split=lambda a, n: anp.split(a, n, -1),
        concat=lambda parts: anp.concatenate(parts, -1),
        flip=lambda a: a[::-1],
        zeros=lambda shape: np.zeros(shape, dtype),
        scan=scan,
    )  # fmt: skip


def loop(case: Case) -> Contender | Absent:
    if absent := missing("autograd"):
        return absent
    from autograd import value_and_grad

    packed = pack(case.cell, case.params)
    xp, network, batch = functions(case.dtype), NETWORKS[case.cell], case.batch
    step = value_and_grad(lambda packed: negative_log_likelihood(network(xp, packed, batch), batch["y"]))
    return Contender(
        lambda: step(packed),
        lambda: network(xp, packed, batch),
        lambda found: (float(found[0]), unpack(case.cell, found[1])),
    )
