"""torchrecurrent, a collection of recurrent cells by Francesco Martinuzzi."""

from __future__ import annotations

from typing import Any

from .register import Params, called, outside, stacked, unrolled


def cell(kind: str, x: Any, hidden: int, **options: Any) -> Any:
    import torch
    import torchrecurrent

    return getattr(torchrecurrent, kind)(x.shape[-1], hidden, dtype=torch.float64, **options)


def gated(p: Params, gates: str, on: str = "h") -> dict[str, Any]:
    """Weights and biases of gates W_gx x + W_gh h + b_g, in this order."""
    bias = stacked(p, "b_{}", gates)
    return {
        "weight_ih": stacked(p, "W_{}x", gates), "weight_hh": stacked(p, "W_{}" + on, gates),
        "bias_ih": bias, "bias_hh": 0 * bias,
    }  # fmt: skip


@outside("antisymmetric", "torchrecurrent.AntisymmetricRNNCell")
def antisymmetric(p: Params, x: Any) -> Any:
    weights = {"weight_ih": p["V"], "weight_hh": p["W"], "bias_ih": p["b"], "bias_hh": 0 * p["b"]}
    return unrolled(cell("AntisymmetricRNNCell", x, len(p["b"]), epsilon=0.1, gamma=0.01), weights, x)


@outside("cornn", "torchrecurrent.coRNNCell")
def cornn(p: Params, x: Any) -> Any:
    none = 0 * p["b_z"]
    weights = {"weight_ih": p["W_zx"], "weight_hh": p["W_zh"], "weight_ch": p["W_zz"]}
    weights |= {"bias_ih": p["b_z"], "bias_hh": none, "bias_ch": none}
    return unrolled(cell("coRNNCell", x, len(none), dt=0.05, gamma=2, epsilon=4), weights, x)


@outside("indrnn", "torchrecurrent.IndRNNCell")
def indrnn(p: Params, x: Any) -> Any:
    weights = {"weight_ih": p["W_hx"], "vector_u": p["u"], "bias_ih": p["b_h"], "bias_hh": 0 * p["b_h"]}
    return unrolled(cell("IndRNNCell", x, len(p["u"]), nonlinearity="relu"), weights, x)


@outside("janet", "torchrecurrent.JANETCell")
def janet(p: Params, x: Any) -> Any:
    return unrolled(cell("JANETCell", x, len(p["b_s"]), beta=1.0), gated(p, "sg"), x)


@outside("ligru", "torchrecurrent.LiGRUCell")
def ligru(p: Params, x: Any) -> Any:
    return unrolled(cell("LiGRUCell", x, len(p["b_z"])), gated(p, "zg"), x)


@outside("mgu", "torchrecurrent.MGUCell")
def mgu(p: Params, x: Any) -> Any:
    weights = gated({**p, "W_gh": p["W_gk"]}, "fg")
    return unrolled(cell("MGUCell", x, len(p["b_f"])), weights, x)


@outside("multiplicative_lstm", "torchrecurrent.MultiplicativeLSTMCell")
def multiplicative_lstm(p: Params, x: Any) -> Any:
    import torch

    bias = stacked(p, "b_{}", "ifgo")
    none = 0 * p["b_f"]
    weights = {
        "weight_ih": torch.cat([p["W_mx"], stacked(p, "W_{}x", "ifgo")]), "weight_hh": p["W_mh"],
        "weight_mh": stacked(p, "W_{}m", "ifgo"), "bias_ih": torch.cat([none, bias]),
        "bias_hh": none, "bias_mh": 0 * bias,
    }  # fmt: skip
    return unrolled(cell("MultiplicativeLSTMCell", x, len(none)), weights, x)


@outside("lstm_peephole", "torchrecurrent.PeepholeLSTMCell")
def lstm_peephole(p: Params, x: Any) -> Any:
    weights = {**gated(p, "ifgo"), "weight_ph": stacked(p, "p_{}", "ifo")}
    return unrolled(cell("PeepholeLSTMCell", x, len(p["b_f"])), weights, x)


@outside("recurrent_highway", "torchrecurrent.UGRNNCell")
def recurrent_highway(p: Params, x: Any) -> Any:
    """Each layer of a step is an update gate cell whose gate keeps what the layer's gate gives up; from the second on
    the input is 0."""
    import torch

    net, h, out = cell("UGRNNCell", x, len(p["b_g1"])), torch.zeros(x.shape[1], len(p["b_g1"])).double(), []
    for row in x:
        for layer, below in ((1, "h"), (2, "s1"), (3, "s2")):
            on_x = [p[f"W_{gate}1x"] if layer == 1 else 0 * p[f"W_{gate}1x"] for gate in "gz"]
            on_h = [p[f"W_{gate}{layer}{below}"] for gate in "gz"]
            bias = torch.cat([p[f"b_g{layer}"], -p[f"b_z{layer}"]])
            weights = {
                "weight_ih": torch.cat([on_x[0], -on_x[1]]),
                "weight_hh": torch.cat([on_h[0], -on_h[1]]),
            }
            h = called(net, {**weights, "bias_ih": bias, "bias_hh": 0 * bias}, row, h)
        out.append(h)
    return torch.stack(out)


@outside("ugrnn", "torchrecurrent.UGRNNCell")
def ugrnn(p: Params, x: Any) -> Any:
    return unrolled(cell("UGRNNCell", x, len(p["b_z"])), gated(p, "gz"), x)
