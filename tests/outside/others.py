"""Collections of other people: flash-linear-attention, Hugging Face's Transformers, mambapy, minGRU-pytorch."""

from __future__ import annotations

from typing import Any

from .register import SINGLE, Params, called, heads_last, outside


@outside("rwkv", "transformers.models.rwkv.modeling_rwkv.RwkvSelfAttention", tolerance=SINGLE)
def rwkv(p: Params, x: Any) -> Any:
    from transformers import RwkvConfig
    from transformers.models.rwkv.modeling_rwkv import RwkvSelfAttention

    n, m = p["W_k"].shape
    net = RwkvSelfAttention(RwkvConfig(hidden_size=m, attention_hidden_size=n, num_hidden_layers=1))
    weights = {"time_decay": p["decay"], "time_first": p["u"]}
    for name, ours in (("key", "k"), ("value", "v"), ("receptance", "r")):
        weights |= {f"time_mix_{name}": p[f"mu_{ours}"][None, None], f"{name}.weight": p[f"W_{ours}"]}
    weights["output.weight"] = p["W_o"]
    return called(net.double(), weights, x.transpose(0, 1))[0].transpose(0, 1)


@outside(
    "rg_lru",
    "transformers.models.recurrent_gemma.modeling_recurrent_gemma.RecurrentGemmaRglru",
    tolerance=SINGLE,
)
def rg_lru(p: Params, x: Any) -> Any:
    """At position 0 it takes the input unscaled, so positions start at 1 here."""
    import torch
    from transformers import RecurrentGemmaConfig
    from transformers.models.recurrent_gemma.modeling_recurrent_gemma import RecurrentGemmaRglru

    steps, rows, n = x.shape
    weights = {"recurrent_param": -p["L"]}
    for name, gate in (("r", "recurrent"), ("i", "input")):
        weights |= {f"{gate}_gate_weight": p[f"W_{name}x"].T[None], f"{gate}_gate_bias": p[f"b_{name}"][None]}
    net = RecurrentGemmaRglru(RecurrentGemmaConfig(num_attention_heads=1, lru_width=n, hidden_size=n))
    positions = torch.arange(1, steps + 1).expand(rows, steps)
    return called(net, weights, x.transpose(0, 1), positions).transpose(0, 1)


@outside("selective_ssm", "mambapy.mamba.MambaBlock", tolerance=SINGLE)
def selective_ssm(p: Params, x: Any) -> Any:
    """The scan of its block, step by step."""
    import torch
    from mambapy.mamba import MambaBlock, MambaConfig

    d, n = p["A"].shape
    net = MambaBlock(MambaConfig(d_model=d, n_layers=1, expand_factor=1, d_state=n)).double()
    step = torch.nn.functional.softplus(x @ p["W_stepx"].T + p["b_step"])
    first = (a.transpose(0, 1) for a in (x, step))
    last = (a.transpose(0, 1) for a in (x @ p["W_Bx"].T, x @ p["W_Cx"].T))
    return net.selective_scan_seq(*first, -torch.exp(p["A"]), *last, p["D"]).transpose(0, 1)


def positive(p: dict[str, Any]) -> None:
    """It works with logarithms of candidates, g(a), which is a + 1/2 where a is positive and elsewhere the sigmoid."""
    p["W_gx"] *= 0.1
    p["b_g"][:] = 2


def logarithmic(kind: str, gates: str, p: Params, x: Any) -> Any:
    """It has no biases: they come as the weights of an input that is always 1."""
    from importlib import import_module

    import torch

    rows = [
        torch.cat([p[f"W_{g}x"], (p[f"b_{g}"] - (0.5 if g == "g" else 0))[:, None]], dim=1) for g in gates
    ]
    net = getattr(import_module(f"minGRU_pytorch.{kind}"), kind)(rows[0].shape[1])
    name = next(name for name, _ in net.named_parameters())
    ones = torch.ones(*x.shape[:2], 1).double()
    return called(net, {name: torch.cat(rows)}, torch.cat([x, ones], dim=2).transpose(0, 1)).transpose(0, 1)


@outside("mingru", "minGRU_pytorch.minGRU.minGRU", restrict=positive)
def mingru(p: Params, x: Any) -> Any:
    return logarithmic("minGRU", "gz", p, x)


@outside("minlstm", "minGRU_pytorch.minLSTM.minLSTM", restrict=positive)
def minlstm(p: Params, x: Any) -> Any:
    return logarithmic("minLSTM", "gfi", p, x)


@outside("qrnn", "fla.ops.hgrn.naive.naive_recurrent_hgrn", tolerance=SINGLE)
def qrnn(p: Params, x: Any) -> Any:
    """PyTorch's convolution, then the pooling as the recurrence f h + (1 - f) z of flash-linear-attention."""
    import torch
    from fla.ops.hgrn.naive import naive_recurrent_hgrn

    f = torch.nn.functional
    kernels = torch.cat([torch.stack([p[f"W_{g}x_2"], p[f"W_{g}x"]], dim=2) for g in "zfo"])
    z, forget, o = f.conv1d(f.pad(x.permute(1, 2, 0), (1, 0)), kernels).transpose(1, 2).chunk(3, dim=2)
    written = (1 - forget.sigmoid()) * z.tanh()
    c, _ = naive_recurrent_hgrn(written, f.logsigmoid(forget))
    return (o.sigmoid() * c).transpose(0, 1)


@outside("hgrn2", "fla.ops.gla.naive.naive_recurrent_gla", tolerance=SINGLE)
def hgrn2(p: Params, x: Any) -> Any:
    """As the layer calls it: the keys are 1 - f. It divides the queries by the square root of their size."""
    import torch
    from fla.ops.gla.naive import naive_recurrent_gla

    f = torch.nn.functional
    q, log_f = f.silu(x @ p["W_qx"].T), f.logsigmoid(x @ p["W_gx"].T)
    q, k, v = q * q.shape[-1] ** 0.5, 1 - log_f.exp(), x @ p["W_ix"].T
    return naive_recurrent_gla(*map(heads_last, (q, k, v, log_f)))[0][:, :, 0].transpose(0, 1)


@outside("linear_attention", "fla.ops.linear_attn.naive.naive_recurrent_linear_attn", tolerance=SINGLE)
def linear_attention(p: Params, x: Any) -> Any:
    import torch
    from fla.ops.linear_attn.naive import naive_recurrent_linear_attn

    q, k = (torch.nn.functional.elu(x @ p[name].T) + 1 for name in ("W_ax", "W_bx"))
    heads = map(heads_last, (q, k, x @ p["W_vx"].T))
    return naive_recurrent_linear_attn(*heads, normalize=True)[0][:, :, 0].transpose(0, 1)


@outside("retention", "fla.ops.retention.naive.naive_retention", tolerance=SINGLE)
def retention(p: Params, x: Any) -> Any:
    """In the parallel form. It divides the queries, not the keys, by the square root of their size."""
    import torch
    from fla.ops.retention.naive import naive_retention

    f = torch.nn.functional
    q, k, v = ((x @ p[f"W_{name}x"].T).transpose(0, 1)[:, None] for name in "qkv")
    read = f.layer_norm(naive_retention(q, k, v)[:, 0].transpose(0, 1), (v.shape[-1],))
    return f.silu(x @ p["W_rx"].T) * read


@outside("mamba2", "fla.ops.simple_gla.naive.naive_recurrent_simple_gla", tolerance=SINGLE)
def mamba2(p: Params, x: Any) -> Any:
    """Mamba-2 as linear attention with one decay: C asks, B is the key."""
    import torch
    from fla.ops.simple_gla.naive import naive_recurrent_simple_gla

    step = torch.nn.functional.softplus(x @ p["W_stepx"] + p["b_step"])
    q, k, v = x @ p["W_Cx"].T, x @ p["W_Bx"].T, step[..., None] * x
    log_decay = (-torch.exp(p["A"]) * step).T[..., None]
    read, _ = naive_recurrent_simple_gla(*map(heads_last, (q, k, v)), log_decay, scale=1.0)
    return read[:, :, 0].transpose(0, 1) + p["D"] * x
