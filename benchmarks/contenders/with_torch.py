"""PyTorch: its own layers, and the cells in a Python loop, eager or with the step compiled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cases import Case
from .contender import Absent, Contender, missing
from .networks import NETWORKS, Functions, negative_log_likelihood, pack, unpack


def functions(dtype: str, step_wrapper: Callable[[Any], Any] = lambda step: step) -> Functions:
    import torch

    def scan(step: Callable[..., Any], carry: Any, sequences: Any) -> tuple[Any, Any]:
        step = step_wrapper(step)
        outputs = []
        several = isinstance(sequences, tuple)
        for items in zip(*(s.unbind(0) for s in sequences)) if several else sequences.unbind(0):
            carry, out = step(carry, items)
            outputs.append(out)
        return carry, torch.stack(outputs)

    return Functions(
        torch.tanh, torch.sigmoid, torch.exp, torch.expm1, torch.sqrt, torch.sin, torch.cos,
        mean=lambda a, axis: a.mean(axis, keepdim=True),
        softmax=torch.softmax,
        split=lambda a, n: a.chunk(n, -1),
        concat=lambda parts: torch.cat(parts, -1),
        flip=lambda a: a.flip(0),
        zeros=lambda shape: torch.zeros(shape, dtype=getattr(torch, dtype)),
        scan=scan,
    )  # fmt: skip


def loop(case: Case, step_wrapper: Callable[[Any], Any] = lambda step: step) -> Contender | Absent:
    if absent := missing("torch"):
        return absent
    import torch

    packed = {k: torch.tensor(v, requires_grad=True) for k, v in pack(case.cell, case.params).items()}
    data = {name: torch.tensor(array) for name, array in case.batch.items()}
    xp, network = functions(case.dtype, step_wrapper), NETWORKS[case.cell]
    names, leaves = list(packed), list(packed.values())

    def run() -> tuple[Any, Any]:
        loss = negative_log_likelihood(network(xp, packed, data), data["y"])
        return loss, torch.autograd.grad(loss, leaves)

    def outputs() -> np.ndarray:
        with torch.no_grad():
            return network(xp, packed, data).numpy()

    def result(found: tuple[Any, Any]) -> tuple[float, Any]:
        loss, grads = found
        return float(loss.detach()), unpack(
            case.cell, {name: grad.numpy() for name, grad in zip(names, grads)}
        )

    return Contender(run, outputs, result)


def compiled_step(case: Case) -> Contender | Absent:
    """The step compiled, the loop in Python: compiling the whole loop takes minutes."""
    if absent := missing("torch"):
        return absent
    import torch

    torch._dynamo.reset()  # or the eighth cell in a process is run eagerly, its cache being full
    contender = loop(case, _compiled(torch))
    assert isinstance(contender, Contender)
    begin = time.perf_counter()
    try:
        contender.run()
    except Exception as error:  # a missing C++ compiler, a construct that it cannot trace
        return Absent("fails", f"torch.compile: {type(error).__name__}: {str(error).splitlines()[0]}")
    return Contender(contender.run, contender.outputs, contender.result, time.perf_counter() - begin)


def _compiled(torch: Any) -> Callable[[Any], Any]:
    """Compiles a step once where it holds nothing that a run makes anew; else it has to be looked at in every run."""
    kept: dict[Any, Any] = {}

    def compiled(step: Callable[..., Any]) -> Callable[..., Any]:
        held = [cell.cell_contents for cell in step.__closure__ or ()]
        tensors = [one for one in held if isinstance(one, torch.Tensor)]
        key = (step.__code__, *map(id, tensors))
        if key in kept:
            return kept[key]
        made = torch.compile(step)
        if all(tensor.is_leaf for tensor in tensors):
            kept[key] = made
        return made

    return compiled


# ------------------------------------------------------------------------------------- its own layers


def layer(case: Case) -> Contender | Absent:
    if absent := missing("torch"):
        return absent
    if case.cell not in LAYERS:
        return Absent("–", "torch.nn has no such layer")
    import torch

    make, copies, orders = LAYERS[case.cell]
    module = make(torch.nn, case.size.D, case.size.H)
    module = module.to(getattr(torch, case.dtype))
    named = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(torch.tensor(_own(name, case.params, copies, orders)))
    data = {name: torch.tensor(array) for name, array in case.batch.items()}
    leaves = list(named.values())

    def run() -> tuple[Any, Any]:
        loss = negative_log_likelihood(module(data["x"])[0], data["y"])
        return loss, torch.autograd.grad(loss, leaves)

    def outputs() -> np.ndarray:
        with torch.no_grad():
            return module(data["x"])[0].numpy()

    def result(found: tuple[Any, Any]) -> tuple[float, Any]:
        loss, grads = found
        return float(loss.detach()), _apart({n: g.numpy() for n, g in zip(named, grads)}, copies, orders)

    return Contender(run, outputs, result)


Orders = dict[str, tuple[str, ...]]
_LSTM: Orders = {
    "weight_ih": tuple(f"W_{g}x" for g in "ifgo"),
    "weight_hh": tuple(f"W_{g}h" for g in "ifgo"),
    "bias_ih": tuple(f"b_{g}" for g in "ifgo"),
    "bias_hh": ("",) * 4,
}
_GRU: Orders = {
    "weight_ih": ("W_rx", "W_zx", "W_gx"),
    "weight_hh": ("W_rh", "W_zh", "W_uh"),
    "bias_ih": ("b_r", "b_z", "b_g"),
    "bias_hh": ("", "", "b_u"),
}
_RNN: Orders = {"weight_ih": ("W_hx",), "weight_hh": ("W_hh",), "bias_ih": ("b_h",), "bias_hh": ("",)}

LAYERS: dict[str, tuple[Callable[..., Any], dict[str, str], Orders]] = {
    "vanilla": (lambda nn, m, n: nn.RNN(m, n), {"l0": "h"}, _RNN),
    "lstm": (lambda nn, m, n: nn.LSTM(m, n), {"l0": "h"}, _LSTM),
    "gru": (lambda nn, m, n: nn.GRU(m, n), {"l0": "h"}, _GRU),
    "bilstm2": (
        lambda nn, m, n: nn.LSTM(m, n, num_layers=2, bidirectional=True),
        {"l0": "f1", "l0_reverse": "g1", "l1": "f2", "l1_reverse": "g2"},
        _LSTM,
    ),
}
"""The layer, the spec's copy for each of its copies, and the order in which its parameters are stacked. It has a
second bias where the equations have one; that is 0 here."""


def _split(name: str) -> tuple[str, str]:
    """``weight_ih_l0_reverse`` is ``weight_ih`` of ``l0_reverse``."""
    kind, copy = name.split("_l", 1)
    return kind, "l" + copy


def _own(name: str, params: Any, copies: dict[str, str], orders: Orders) -> np.ndarray:
    """A parameter of the layer, stacked from the spec's."""
    kind, copy = _split(name)
    parts = [params[f"{copies[copy]}.{part}"] if part else None for part in orders[kind]]
    like = next(
        (part for part in parts if part is not None), params[f"{copies[copy]}.{orders['bias_ih'][0]}"]
    )
    return np.concatenate([np.zeros_like(like) if part is None else part for part in parts])


def _apart(grads: dict[str, np.ndarray], copies: dict[str, str], orders: Orders) -> dict[str, np.ndarray]:
    found = {}
    for name, grad in grads.items():
        kind, copy = _split(name)
        for part, rows in zip(orders[kind], np.split(grad, len(orders[kind]))):
            if part:
                found[f"{copies[copy]}.{part}"] = rows
    return found
