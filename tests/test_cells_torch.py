"""Cells of the library against PyTorch's own layers, where it is installed: forward and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import close, close_all
from test_cells import spec

torch = pytest.importorskip("torch")

Tensors = dict[str, Any]
STEPS, ROWS = 7, 3


def layer(kind: Any, x: Any, weights: Tensors, hidden: int, **options: Any) -> Any:
    """The outputs of a layer whose weights are ours, so that gradients flow into them."""
    net = kind(x.shape[-1], hidden, dtype=torch.float64, **options)
    for name, value in weights.items():
        delattr(net, name)
        setattr(net, name, value)
    return net(x)[0]


def stacked(p: Tensors, form: str, gates: str) -> Any:
    return torch.cat([p[form.format(gate)] for gate in gates])


def lstm(p: Tensors, x: Any) -> Any:
    bias = stacked(p, "h.b_{}", "ifgo")
    weights = {
        "weight_ih_l0": stacked(p, "h.W_{}x", "ifgo"),
        "weight_hh_l0": stacked(p, "h.W_{}h", "ifgo"),
        "bias_ih_l0": bias,
        "bias_hh_l0": torch.zeros_like(bias),
    }
    options = {}
    if "h.W_hs" in p:
        weights["weight_hr_l0"] = p["h.W_hs"]
        options["proj_size"] = len(p["h.W_hs"])
    return layer(torch.nn.LSTM, x, weights, len(bias) // 4, **options)


def gru(p: Tensors, x: Any) -> Any:
    """The bias of the product that is reset is PyTorch's second."""
    none = torch.zeros_like(p["h.b_u"])
    weights = {
        "weight_ih_l0": stacked(p, "h.W_{}x", "rzg"),
        "weight_hh_l0": torch.cat([p["h.W_rh"], p["h.W_zh"], p["h.W_uh"]]),
        "bias_ih_l0": stacked(p, "h.b_{}", "rzg"),
        "bias_hh_l0": torch.cat([none, none, p["h.b_u"]]),
    }
    return layer(torch.nn.GRU, x, weights, len(none))


def plain(kind: str, on_x: str, on_h: str, bias: str) -> Callable[[Tensors, Any], Any]:
    def run(p: Tensors, x: Any) -> Any:
        weights = {"weight_ih_l0": p[on_x], "weight_hh_l0": p[on_h], "bias_ih_l0": p[bias]}
        weights["bias_hh_l0"] = torch.zeros_like(p[bias])
        return layer(torch.nn.RNN, x, weights, len(p[bias]), nonlinearity=kind)

    return run


def normalised(p: Tensors, x: Any) -> Any:
    """Layer-normalised LSTM: PyTorch's `layer_norm` in a loop."""
    norm = torch.nn.functional.layer_norm
    h, c, out = torch.zeros(ROWS, 4).double(), torch.zeros(ROWS, 4).double(), []
    for row in x:
        z = norm(h @ p["h.U"].T, (16,), p["h.a_h"]) + norm(row @ p["h.W"].T, (16,), p["h.a_x"], p["h.b"])
        f, i, o, g = z.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(norm(c, (4,), p["h.a_c"], p["h.b_c"]))
        out.append(h)
    return torch.stack(out)


LAYERS: dict[str, Callable[[Tensors, Any], Any]] = {
    "lstm": lstm,
    "lstm_projected": lstm,
    "gru": gru,
    "vanilla": plain("tanh", "h.W_hx", "h.W_hh", "h.b_h"),
    "irnn": plain("relu", "h.W", "h.U", "h.b"),
    "lstm_layer_norm": normalised,
}


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_gradients(name: str) -> None:
    m = rnnc.loads(spec(name))
    rng = np.random.default_rng(4)
    params = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in m.init(dtype="float64").items()}
    x = rng.standard_normal((STEPS, ROWS, 3))
    run = m.forward(params, {"x": x})
    cotangent = rng.standard_normal(run.outputs["h"].shape)
    grads, dbatch, _ = m.backward(params, run, {"h": cotangent})
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
    inputs = torch.tensor(x, requires_grad=True)
    found = LAYERS[name](tensors, inputs)
    close(run.outputs["h"], found.detach().numpy(), 1e-10)
    (found * torch.tensor(cotangent)).sum().backward()
    close_all(grads, {k: v.grad.numpy() for k, v in tensors.items()}, 1e-10)
    close(dbatch["x"], inputs.grad.numpy(), 1e-10)
