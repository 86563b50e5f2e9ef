"""Code by the authors of the papers, where a package of it runs without a graphics card."""

from __future__ import annotations

from typing import Any

from .register import SINGLE, Params, called, heads_last, outside, silu_unit


@outside("fastgrnn", "edgeml_pytorch.graph.rnn.FastGRNNCell")
def fastgrnn(p: Params, x: Any) -> Any:
    import torch
    from edgeml_pytorch import utils

    utils.findCUDA = lambda: None  # with CUDA it wants kernels that pip does not build
    from edgeml_pytorch.graph.rnn import FastGRNNCell

    net = FastGRNNCell(x.shape[-1], len(p["b_z"]))
    weights = {"W": p["W_px"], "U": p["W_ph"], "bias_gate": p["b_z"][None], "bias_update": p["b_g"][None]}
    weights |= {"zeta": p["zeta"].reshape(1, 1), "nu": p["nu"].reshape(1, 1)}
    h, out = torch.zeros(x.shape[1], len(p["b_z"])).double(), []
    for row in x:
        h = called(net, weights, row, h)
        out.append(h)
    return torch.stack(out)


@outside("deltanet", "fla.ops.delta_rule.naive.delta_rule_recurrence", tolerance=SINGLE)
def deltanet(p: Params, x: Any) -> Any:
    """It divides the queries by the square root of their size; the cell does not."""
    from fla.ops.delta_rule.naive import delta_rule_recurrence

    q, k = silu_unit(x @ p["W_ax"].T), silu_unit(x @ p["W_bx"].T)
    v, beta = x @ p["W_vx"].T, (x @ p["W_betax"]).sigmoid()
    q, k, v, beta = (a.transpose(0, 1)[:, None] for a in (q * q.shape[-1] ** 0.5, k, v, beta))
    return delta_rule_recurrence(q, k, v, beta)[0][:, 0].transpose(0, 1)


@outside(
    "gated_deltanet", "fla.ops.gated_delta_rule.naive.naive_recurrent_gated_delta_rule", tolerance=SINGLE
)
def gated_deltanet(p: Params, x: Any) -> Any:
    import torch
    from fla.ops.gated_delta_rule.naive import naive_recurrent_gated_delta_rule

    f = torch.nn.functional
    q, k, v = silu_unit(x @ p["W_ax"].T), silu_unit(x @ p["W_bx"].T), f.silu(x @ p["W_vx"].T)
    beta = (x @ p["W_betax"]).sigmoid()
    log_alpha = -torch.exp(p["A"]) * f.softplus(x @ p["W_stepx"] + p["b_step"])
    read, _ = naive_recurrent_gated_delta_rule(
        *map(heads_last, (q, k, v)), beta.T[..., None], log_alpha.T[..., None], scale=1.0
    )
    read = f.rms_norm(read[:, :, 0].transpose(0, 1), (v.shape[-1],), p["gain"], 1e-5)
    return f.silu(x @ p["W_rx"].T) * read


@outside("gated_linear_attention", "fla.ops.gla.naive.naive_recurrent_gla", tolerance=SINGLE)
def gated_linear_attention(p: Params, x: Any) -> Any:
    import torch
    from fla.ops.gla.naive import naive_recurrent_gla

    f = torch.nn.functional
    log_decay = f.logsigmoid(x @ p["W_ax"].T + p["b_a"]) / 16
    q, k, v = (x @ p[f"W_{name}x"].T for name in "qkv")
    read, _ = naive_recurrent_gla(*map(heads_last, (q, k, v, log_decay)))
    read = f.layer_norm(read[:, :, 0].transpose(0, 1), (v.shape[-1],))
    return f.silu(x @ p["W_rx"].T + p["b_r"]) * read


@outside("selective_ssm", "mamba_ssm.ops.selective_scan_interface.selective_scan_ref", tolerance=SINGLE)
def selective_ssm(p: Params, x: Any) -> Any:
    import torch
    from mamba_ssm.ops.selective_scan_interface import selective_scan_ref

    on_x = (x, x @ p["W_stepx"].T, x @ p["W_Bx"].T, x @ p["W_Cx"].T)
    u, step, b, c = (a.permute(1, 2, 0) for a in on_x)
    y = selective_scan_ref(u, step, -torch.exp(p["A"]).float(), b, c, p["D"].float(), None, p["b_step"], True)
    return y.permute(2, 0, 1)


@outside("mlstm", "mlstm_kernels.torch.recurrent.native_sequence.mlstm_recurrent_sequence__native_fw")
def mlstm(p: Params, x: Any) -> Any:
    """It divides the queries, not the keys, by the square root of their size, which is the same where keys have no
    bias that is not divided."""
    import torch
    from mlstm_kernels.torch.recurrent.native_sequence import mlstm_recurrent_sequence__native_fw

    d = len(p["b_q"])
    q, v = x @ p["W_qx"].T + p["b_q"], x @ p["W_vx"].T + p["b_v"]
    k = x @ p["W_kx"].T + p["b_k"] * d**0.5
    q, k, v = (a.transpose(0, 1)[:, None] for a in (q, k, v))
    u, w = ((x @ p[f"W_{name}x"] + p[f"b_{name}"]).T[:, None] for name in "uw")
    h = mlstm_recurrent_sequence__native_fw(q, k, v, u, w, eps=0.0, dtype_state=torch.float64)
    h = h[0] if isinstance(h, tuple) else h
    return (x @ p["W_ox"].T + p["b_o"]).sigmoid() * h[:, 0].transpose(0, 1)


@outside("slstm", "xlstm.blocks.slstm.src.vanilla.slstm_forward")
def slstm(p: Params, x: Any) -> Any:
    """Its gates: input, forget, candidate, output."""
    import torch
    from xlstm.blocks.slstm.src.vanilla import slstm_forward, slstm_pointwise_function_registry

    n, gates = len(p["b_z"]), "uvzo"
    states = torch.zeros(4, x.shape[1], n).double()
    on_x, on_h = (torch.cat([p[f"W_{gate}{name}"] for gate in gates]) for name in "xh")
    bias = torch.cat([p[f"b_{gate}"] for gate in gates])
    step = slstm_pointwise_function_registry["slstm"]
    return slstm_forward(x @ on_x.T, states, on_h[None], bias, step)[0][0, 1:]


@outside("rg_lru", "recurrentgemma.torch.layers.RGLRU", tolerance=SINGLE)
def rg_lru(p: Params, x: Any) -> Any:
    """At position 0 it takes the input unscaled, so positions start at 1 here."""
    import torch
    from recurrentgemma.torch.layers import RGLRU

    steps, rows, n = x.shape
    weights = {"a_param": -p["L"]}
    for name, gate in (("r", "a_gate"), ("i", "input_gate")):
        weights |= {f"{gate}.w": p[f"W_{name}x"].T[None], f"{gate}.b": p[f"b_{name}"][None]}
    positions = torch.arange(1, steps + 1).expand(rows, steps)
    net = RGLRU(n, 1, dtype=torch.float64)
    return called(net, weights, x.transpose(0, 1), positions)[0].transpose(0, 1)


@outside("sru", "sru.ops.elementwise_recurrence_naive")
def sru(p: Params, x: Any) -> Any:
    import torch
    from sru.ops import elementwise_recurrence_naive

    n = x.shape[-1]
    weight = torch.stack([p["W"], p["W_fx"], p["W_rx"]], dim=1).reshape(3 * n, n)
    c, bias = (torch.cat([p[f"{kind}_f"], p[f"{kind}_r"]]) for kind in "vb")
    start = torch.zeros(x.shape[1], n).double()
    return elementwise_recurrence_naive(x @ weight.T, x, c, bias, start, 0, n, False, True)[0]


def one_synapse(p: dict[str, Any]) -> None:
    """A unit of ncps sums a sigmoid for every other it reads: the same as the cell's only where it reads one number."""
    p["W_fh"][:] = 0
    p["W_fx"][:, 1:] = 0


@outside("liquid", "ncps.torch.LTCCell", restrict=one_synapse)
def liquid(p: Params, x: Any) -> Any:
    """One unfolding of its solver."""
    import torch
    from ncps.torch import LTCCell
    from ncps.wirings import FullyConnected

    n, m = len(p["A"]), x.shape[-1]
    net = LTCCell(FullyConnected(n), m, ode_unfolds=1, epsilon=0).double()
    first = torch.eye(m, 1).double().expand(m, n)
    net._params |= {
        "gleak": torch.nn.functional.softplus(p["rate"]), "vleak": 0.0, "cm": torch.ones(n).double(),
        "w": 0 * net._params["w"], "sensory_w": first, "sensory_erev": p["A"].expand(m, n),
        "sensory_sigma": p["W_fx"].T, "sensory_mu": (-p["b_f"] / p["W_fx"][:, 0]).expand(m, n),
        "sensory_sparsity_mask": 1.0,
    }  # fmt: skip
    h, out = torch.zeros(x.shape[1], n).double(), []
    for row in x:
        h = net._ode_solver(row, h, 0.1)
        out.append(h)
    return torch.stack(out)
