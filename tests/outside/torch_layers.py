"""PyTorch's own layers."""

from __future__ import annotations

from typing import Any

from .register import Params, Run, called, outside, stacked


def layer(kind: str, x: Any, weights: Params, hidden: int, **options: Any) -> Any:
    import torch

    net = getattr(torch.nn, kind)(x.shape[-1], hidden, dtype=torch.float64, **options)
    return called(net, {name + "_l0": value for name, value in weights.items()}, x)[0]


@outside("lstm", "torch.nn.LSTM")
@outside("lstm_projected", "torch.nn.LSTM")
def lstm(p: Params, x: Any) -> Any:
    bias = stacked(p, "b_{}", "ifgo")
    weights = {"weight_ih": stacked(p, "W_{}x", "ifgo"), "weight_hh": stacked(p, "W_{}h", "ifgo")}
    weights |= {"bias_ih": bias, "bias_hh": 0 * bias}
    options = {}
    if "W_hs" in p:
        weights["weight_hr"] = p["W_hs"]
        options["proj_size"] = len(p["W_hs"])
    return layer("LSTM", x, weights, len(bias) // 4, **options)


@outside("gru", "torch.nn.GRU")
def gru(p: Params, x: Any) -> Any:
    """The bias of the product that is reset is PyTorch's second."""
    import torch

    weights = {
        "weight_ih": stacked(p, "W_{}x", "rzg"),
        "weight_hh": torch.cat([p["W_rh"], p["W_zh"], p["W_uh"]]),
        "bias_ih": stacked(p, "b_{}", "rzg"),
        "bias_hh": torch.cat([0 * p["b_u"], 0 * p["b_u"], p["b_u"]]),
    }
    return layer("GRU", x, weights, len(p["b_u"]))


def plain(kind: str, on_x: str, on_h: str, bias: str) -> Run:
    def run(p: Params, x: Any) -> Any:
        weights = {"weight_ih": p[on_x], "weight_hh": p[on_h], "bias_ih": p[bias], "bias_hh": 0 * p[bias]}
        return layer("RNN", x, weights, len(p[bias]), nonlinearity=kind)

    return run


outside("vanilla", "torch.nn.RNN")(plain("tanh", "W_hx", "W_hh", "b_h"))
outside("irnn", "torch.nn.RNN")(plain("relu", "W", "U", "b"))


@outside("lstm_layer_norm", "torch.nn.functional.layer_norm")
def lstm_layer_norm(p: Params, x: Any) -> Any:
    """PyTorch's `layer_norm` in a loop."""
    import torch

    norm, n = torch.nn.functional.layer_norm, len(p["a_c"])
    h = c = torch.zeros(x.shape[1], n).double()
    out = []
    for row in x:
        z = norm(h @ p["U"].T, (4 * n,), p["a_h"]) + norm(row @ p["W"].T, (4 * n,), p["a_x"], p["b"])
        f, i, o, g = z.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(norm(c, (n,), p["a_c"], p["b_c"]))
        out.append(h)
    return torch.stack(out)
