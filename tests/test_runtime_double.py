"""The hand-written LSTM keeps the contract, and its gradient is right: it is a reference for others."""

from __future__ import annotations

import numpy as np
import pytest
from doubles import char_lstm as model

STEPS, ROWS, TOKENS = 6, 3, 7
SIZES = {"vocab": TOKENS, "embed": 3, "hidden": 4}
EPSILON = 1e-30


@pytest.fixture
def case():
    """Parameters away from zero, a ragged batch with rubbish in its padding, a start, and cotangents."""
    rng = np.random.default_rng(1)
    params = {name: rng.normal(0, 0.4, value.shape) for name, value in model.init(**SIZES).items()}
    lengths = np.array([STEPS, 3, 0])
    x, y = rng.integers(0, TOKENS, (2, STEPS, ROWS))
    x[3:, 1] = y[3:, 1] = x[:, 2] = y[:, 2] = 99
    shape = (ROWS, SIZES["hidden"])
    start = {"t": np.zeros(ROWS, int), "h": rng.normal(size=shape), "h.c": rng.normal(size=shape)}
    cotangents = {
        "loss": 0.7,
        "y": rng.normal(size=(STEPS, ROWS, TOKENS)),
        "h": rng.normal(size=shape),
        "h.c": rng.normal(size=shape),
    }
    return params, {"x": x, "y": y, "T": lengths}, start, cotangents


def pulled(params, batch, start, cotangents):
    """The scalar whose gradient `backward` must give for these cotangents."""
    run = model.forward(params, batch, state=start)
    valid = np.arange(STEPS)[:, None] < batch["T"]
    total = cotangents["loss"] * run.loss
    total += (cotangents["y"] * run.outputs["y"] * valid[..., None]).sum()
    return total + sum((cotangents[name] * run.state[name]).sum() for name in ("h", "h.c"))


def complex_step(function, values, name, direction):
    moved = {key: value.astype(complex) for key, value in values.items() if key != "t"}
    moved[name] = moved[name] + 1j * EPSILON * direction
    return function({**values, **moved}).imag / EPSILON


def test_gradient_by_complex_step(case):
    params, batch, start, cotangents = case
    grads, _, dstart = model.backward(params, model.forward(params, batch, state=start), cotangents)
    rng = np.random.default_rng(2)
    for name, grad in grads.items():
        u = rng.normal(size=grad.shape)
        found = complex_step(lambda p: pulled(p, batch, start, cotangents), params, name, u)
        assert abs(found - (grad * u).sum()) <= 1e-11 * abs(grad * u).sum(), name
    for name, grad in dstart.items():
        u = rng.normal(size=grad.shape)
        found = complex_step(lambda s: pulled(params, batch, s, cotangents), start, name, u)
        assert abs(found - (grad * u).sum()) <= 1e-11 * abs(grad * u).sum(), name


def test_steps_equal_forward(case):
    params, batch, start, _ = case
    tokens = batch["x"][:, :1]
    run = model.forward(params, {"x": tokens}, state={k: v[:1] for k, v in start.items()})
    state = {name: value[:1] for name, value in start.items()}
    for t in range(STEPS):
        state, out = model.step(params, state, {"x": tokens[t]})
        np.testing.assert_allclose(out["y"], run.outputs["y"][t], rtol=1e-12)
    for name, value in run.state.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-12)


def test_chunks_equal_whole(case):
    params, batch, _, _ = case
    whole = model.forward(params, batch)
    state, nll = None, 0
    for begin in range(0, STEPS, 4):
        piece = {name: batch[name][begin : begin + 4] for name in "xy"}
        piece["T"] = np.clip(batch["T"] - begin, 0, len(piece["x"]))
        run = model.forward(params, piece, **({"state": state} if state else {}))
        state, nll = run.state, nll + run.nll["y"]
    np.testing.assert_allclose(nll, whole.nll["y"], rtol=1e-12)
    assert state["t"].tolist() == batch["T"].tolist()
    for name, value in whole.state.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-12)


def test_padding_never_matters(case):
    params, batch, start, cotangents = case
    other = {**batch, "x": batch["x"].copy(), "y": batch["y"].copy()}
    other["x"][3:, 1] = other["y"][3:, 1] = -5
    runs = [model.forward(params, b, state=start) for b in (batch, other)]
    assert runs[0].loss == runs[1].loss
    first, second = (model.backward(params, run, cotangents)[0] for run in runs)
    assert all((first[name] == second[name]).all() for name in first)


def test_workspace_changes_nothing(case):
    params, batch, _, _ = case
    ws = model.workspace(params, batch)
    for _ in range(2):
        loss, grads = model.loss_and_grad(params, batch, workspace=ws)
        fresh_loss, fresh = model.loss_and_grad(params, batch)
        assert loss == fresh_loss
        assert all((grads[name] == fresh[name]).all() for name in fresh)


def test_sample_scores_itself(case):
    params, _, _, _ = case
    x = np.random.default_rng(3).integers(0, TOKENS, (STEPS, 2))
    drawn = model.sample(params, np.random.default_rng(4), batch_size=2, context={"x": x})
    run = model.forward(params, {"x": x, "y": drawn.y})
    np.testing.assert_allclose(-run.nll["y"], drawn.log_prob, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.zeros((2, 3))}, "integers"),
        ({"x": np.full((STEPS, ROWS), TOKENS)}, "vocab"),
        ({"T": np.array([7, 0, 0])}, "lengths"),
    ],
)
def test_wrong_batches(case, change, said):
    params, batch, _, _ = case
    with pytest.raises(ValueError, match=said):
        model.forward(params, {**batch, **change})
