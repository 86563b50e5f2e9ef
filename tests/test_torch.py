"""Examples against PyTorch, where it is installed: its own layers, or plain tensors where it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import close, close_all, module
from references.cases import CASES, Case

torch = pytest.importorskip("torch")

Tensors = dict[str, Any]
LENGTHS = [6, 1, 4, 7]


def layer(kind: Any, x: Any, weights: Tensors, hidden: int, **options: Any) -> Any:
    """The outputs of one `torch.nn` layer whose weights are ours, so that gradients flow into them."""
    rnn = kind(x.shape[1], hidden, dtype=torch.float64, **options)
    for name, value in weights.items():
        delattr(rnn, name)
        setattr(rnn, name, value)
    return rnn(x)[0]


def chain(p: Tensors, x: Any, *names: str) -> Any:
    """A plain network's states, its weights on x, on h and its bias called by `names`."""
    on_x, on_h, bias = (p[name] for name in names)
    none = torch.zeros_like(bias)
    weights = {"weight_ih_l0": on_x, "weight_hh_l0": on_h, "bias_ih_l0": bias, "bias_hh_l0": none}
    return layer(torch.nn.RNN, x, weights, len(none))


def vanilla(p: Tensors, x: Any, y: Any) -> Any:
    return chain(p, x, "U", "W", "b") @ p["V"].T + p["c"]


def many_to_one(p: Tensors, x: Any, y: Any) -> Any:
    return p["W_yh"] @ chain(p, x, "W_hx", "W_hh", "b_h")[-1] + p["b_y"]


def bidirectional(p: Tensors, x: Any, y: Any) -> Any:
    none = torch.zeros_like(p["b_h"])
    weights = {}
    for q, end in (("h", "l0"), ("g", "l0_reverse")):
        weights |= {f"weight_ih_{end}": p[f"W_{q}x"], f"weight_hh_{end}": p[f"W_{q}{q}"]}
        weights |= {f"bias_ih_{end}": p[f"b_{q}"], f"bias_hh_{end}": none}
    both = layer(torch.nn.RNN, x, weights, len(none), bidirectional=True)
    return both @ torch.cat([p["W_yh"], p["W_yg"]], 1).T + p["b_y"]


def stacked(p: Tensors, form: str, gates: str) -> Any:
    return torch.cat([p[form.format(gate)] for gate in gates])


def lstm(p: Tensors, x: Any, *names: str) -> Any:
    weights = {}
    for number, name in enumerate(names):
        weights[f"weight_ih_l{number}"] = stacked(p, f"{name}.W_{{}}x", "ifgo")
        weights[f"weight_hh_l{number}"] = stacked(p, f"{name}.W_{{}}h", "ifgo")
        weights[f"bias_ih_l{number}"] = bias = stacked(p, f"{name}.b_{{}}", "ifgo")
        weights[f"bias_hh_l{number}"] = torch.zeros_like(bias)
    h = layer(torch.nn.LSTM, p["E"][x], weights, len(bias) // 4, num_layers=len(names))
    return h @ p[f"W_y{names[-1]}"].T + p["b_y"]


def char_lstm(p: Tensors, x: Any, y: Any) -> Any:
    return lstm(p, x, "h")


def lstm2(p: Tensors, x: Any, y: Any) -> Any:
    return lstm(p, x, "h1", "h2")


def gru(p: Tensors, x: Any, y: Any) -> Any:
    none = torch.zeros_like(p["h.b_r"])
    weights = {
        "weight_ih_l0": stacked(p, "h.W_{}x", "rzg"),
        "weight_hh_l0": stacked(p, "h.W_{}h", "rzu"),
        "bias_ih_l0": stacked(p, "h.b_{}", "rzg"),
        "bias_hh_l0": torch.cat([none, none, p["h.b_u"]]),
    }
    return layer(torch.nn.GRU, x, weights, len(none)) @ p["W_yh"].T + p["b_y"]


def gru_reset_before(p: Tensors, x: Any, y: Any) -> Any:
    h, outputs = torch.zeros_like(p["h.b_r"]), []
    for x_t in x:
        r = torch.sigmoid(p["h.W_rx"] @ x_t + p["h.W_rh"] @ h + p["h.b_r"])
        z = torch.sigmoid(p["h.W_zx"] @ x_t + p["h.W_zh"] @ h + p["h.b_z"])
        new = torch.tanh(p["h.W_gx"] @ x_t + p["h.W_gk"] @ (r * h) + p["h.b_g"])
        h = z * h + (1 - z) * new
        outputs.append(p["W_yh"] @ h + p["b_y"])
    return torch.stack(outputs)


def output_recurrence(p: Tensors, x: Any, y: Any) -> Any:
    o, outputs = torch.zeros_like(p["b_o"]), []
    for x_t in x:
        o = p["W_oh"] @ torch.tanh(p["W_ho"] @ o + p["W_hx"] @ x_t + p["b_h"]) + p["b_o"]
        outputs.append(o)
    return torch.stack(outputs)


def teacher_forcing(p: Tensors, x: Any, y: Any) -> Any:
    before = torch.cat([torch.zeros(1, dtype=y.dtype), y[:-1]])
    return torch.tanh(p["E"][before] + x @ p["W_hx"].T + p["b_h"]) @ p["W_yh"].T + p["b_y"]


def skip(p: Tensors, x: Any, y: Any) -> Any:
    h = [p["s"]] * 3
    for x_t in x:
        h.append(torch.tanh(p["W_hh"] @ h[-1] + p["W_hh_2"] @ h[-3] + p["W_hx"] @ x_t + p["b_h"]))
    return torch.stack(h[3:]) @ p["W_yh"].T + p["b_y"]


OUTPUTS: dict[str, Callable[[Tensors, Any, Any], Any]] = {
    f.__name__: f
    for f in (
        vanilla,
        output_recurrence,
        teacher_forcing,
        many_to_one,
        bidirectional,
        char_lstm,
        lstm2,
        gru,
        gru_reset_before,
        skip,
    )
}


def log_density(output: Any, y: Any) -> Any:
    """Of tokens under logits, or of vectors under a normal of deviation 1."""
    if y.is_floating_point():
        return torch.distributions.Normal(output, 1.0).log_prob(y)
    return torch.distributions.Categorical(logits=output).log_prob(y)


def in_torch(
    case: Case, params: dict[str, Any], batch: dict[str, Any]
) -> tuple[list[Any], Any, dict[str, Any]]:
    """Outputs of each sequence, loss and gradients."""
    p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    outputs, nll, count = [], 0.0, 0
    for b, length in enumerate(batch["T"]):
        y = torch.tensor(batch["y"][:length, b] if case.per_step else batch["y"][b])
        outputs.append(OUTPUTS[case.name](p, torch.tensor(batch["x"][:length, b]), y))
        nll = nll - log_density(outputs[-1], y).sum()
        count += int(length) if case.per_step else 1
    loss = nll / count
    loss.backward()
    return [o.detach().numpy() for o in outputs], loss.item(), {name: v.grad.numpy() for name, v in p.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_hand_written_network_is_that_of_torch(case: Case) -> None:
    rng = np.random.default_rng(7)
    params, batch = case.params(rng), case.batch(rng, LENGTHS)
    _, loss, grads = in_torch(case, params, batch)
    found, found_grads = case.loss_and_grads(params, batch)
    close(found, loss, 1e-12)
    close_all(found_grads, grads, 1e-11)


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_forward_and_gradients(case: Case, level: int) -> None:
    m = module(case.name, level)
    rng = np.random.default_rng(8)
    params, batch = case.params(rng), case.batch(rng, LENGTHS)
    outputs, loss, grads = in_torch(case, params, batch)
    run = m.forward(params, batch)
    for b, length in enumerate(LENGTHS):
        found = run.outputs["y"][:length, b] if case.per_step else run.outputs["y"][b]
        close(found, outputs[b], 1e-10)
    close(run.loss, loss, 1e-10)
    close_all(m.loss_and_grad(params, batch)[1], grads, 1e-10)


def drawn(name: str) -> tuple[Any, dict[str, Any], Any]:
    """An example with a batch of full sequences, and what it makes of it."""
    m, rng = module(name, 2), np.random.default_rng(3)
    params = m.init(seed=1, dtype="float64")
    batch: dict[str, Any] = {}
    for key, (axes, sizes, kind, count) in m.INPUTS.items():
        shape = (*(8 if axis == "t" else 3 for axis in axes), 4, *(m.DIMS[size] for size in sizes))
        batch[key] = rng.standard_normal(shape) if kind == "real" else rng.integers(1, m.DIMS[count], shape)
    return m, batch, m.forward(params, batch)


def test_the_loss_over_alignments_is_that_of_torch() -> None:
    """Labels that repeat among them."""
    m, batch, _ = drawn("ctc")
    params = m.init(seed=1, dtype="float64")
    batch["z"][1, :2] = batch["z"][0, :2]
    batch |= {"T": np.array([8, 6, 3, 5]), "U": np.array([3, 3, 2, 0])}
    run = m.forward(params, batch)
    log_probs = torch.tensor(run.outputs["p"])
    lengths = [torch.tensor(batch[name]) for name in ("T", "U")]
    labels = torch.tensor(batch["z"].T)
    losses = torch.nn.functional.ctc_loss(log_probs, labels, *lengths, blank=0, reduction="none")
    close(run.loss, losses.mean().item(), 1e-12)


def test_the_mixture_is_that_of_torch() -> None:
    _, batch, run = drawn("mixture_density")
    weights, means, scales = (torch.tensor(run.outputs[name]) for name in ("y", "y.mean", "y.scale"))
    parts = torch.distributions.Normal(means, scales)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=weights), parts)
    close(run.nll["y"], -mixture.log_prob(torch.tensor(batch["y"])).sum(0).numpy(), 1e-12)


@pytest.mark.parametrize(
    "name, derive", [("orthogonal_exp", torch.linalg.matrix_exp), ("orthogonal_cayley", None)]
)
def test_derived_matrices_are_those_of_torch(name: str, derive: Callable[[Any], Any] | None) -> None:
    m = module(name, 2)
    params = m.init(seed=1, dtype="float64")
    a = torch.tensor(params["R"] - params["R"].T)
    one = torch.eye(len(a), dtype=torch.float64)
    wanted = derive(a) if derive else torch.linalg.solve(one + a, one - a)
    outputs = m.forward(params, {"x": np.zeros((1, 1, 8))}).outputs
    close(outputs["W" if derive is None else "Q5"], wanted.numpy(), 1e-12)
