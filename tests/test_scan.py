"""Diagonal linear recurrences: found in the equations, and as exact side by side as step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.__main__ import main
from rnnc.compiler import prelude
from rnnc.compiler.driver import Options

STEPS = [0, 1, 2, 255, 256, 257, 288, 290, 1000]
FACTORS = {
    "usual": lambda rng, shape: rng.uniform(0, 1, shape),
    "zero": lambda rng, shape: np.zeros(shape),
    "some zero": lambda rng, shape: rng.uniform(0, 1, shape) * (rng.random(shape) > 0.1),
    "tiny": lambda rng, shape: rng.uniform(0, 1e-200, shape),
    "one": lambda rng, shape: np.ones(shape),
    "of both signs": lambda rng, shape: rng.uniform(-1, 1, shape),
    "growing": lambda rng, shape: rng.uniform(1, 1.2, shape),
    "the same each step": lambda rng, shape: np.broadcast_to(rng.uniform(0.9, 1, shape[1:]), shape),
    "complex": lambda rng, shape: np.exp(1j * rng.uniform(0, 6, shape)) * 0.99,
}


def by_steps(a: Any, b: Any, first: Any) -> Any:
    h = [first]
    for a_t, b_t in zip(a, b):
        h.append(a_t * h[-1] + b_t)
    return np.array(h)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("factor", list(FACTORS))
def test_equal_to_rounding(factor: str, steps: int, step: int) -> None:
    rng = np.random.default_rng(steps)
    a = FACTORS[factor](rng, (steps, 2, 3))
    b = rng.normal(size=a.shape)
    first = rng.normal(size=(2, 3))
    h = np.full((steps + 1, 2, 3), np.nan, a.dtype)
    h[0 if step > 0 else -1] = first
    here, past = (h[1:], h[:-1]) if step > 0 else (h[:-1], h[1:])
    prelude.scan(here, past, a, b, step)
    size = by_steps(np.abs(a[::step]), np.abs(b[::step]), np.abs(first))  # what is added up
    error = np.abs(h[::step] - by_steps(a[::step], b[::step], first))
    assert (error <= 1e-13 * size).all()


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("steps", STEPS)
def test_sums_equal_to_rounding(steps: int, ragged: bool) -> None:
    rng = np.random.default_rng(steps)
    a, b = rng.uniform(-1, 1, (steps, 2, 3)), rng.normal(size=(steps, 2, 3))
    ended = np.arange(steps)[:, None] >= np.array([steps, steps // 2]) if ragged else None
    if ended is not None:
        b[ended], a[ended] = 0, 0.5
    d, e = np.full((steps, 2, 3), np.nan), np.zeros((2, 3))
    prelude.scan_sums(d, e, a, b, ended, -1)
    later = np.zeros((2, 3))
    for t in reversed(range(steps)):
        wanted = b[t] + later
        later = a[t] * wanted
        if ended is not None:
            later[ended[t]] = 0
        np.testing.assert_allclose(d[t], wanted, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(e, later, rtol=1e-12, atol=1e-13)


def test_products_that_would_overflow_are_left_alone() -> None:
    a = np.full((2000, 1, 1), 4.0, np.float32)
    h = np.zeros((2001, 1, 1), np.float32)
    prelude.scan(h[1:], h[:-1], a, np.zeros_like(a))
    assert not h.any()


def test_stretches_are_taken_where_they_pay() -> None:
    assert prelude.side_by_side(np.ones((256, 1, 256)))
    assert not prelude.side_by_side(np.ones((255, 1, 256)))
    assert not prelude.side_by_side(np.ones((256, 2, 256)))
    assert not prelude.side_by_side(np.full((256, 1, 1), 1.1))


def test_nan_stays_where_it_is_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 1, (300, 2, 3)), rng.normal(size=(300, 2, 3))
    whole, spoilt = np.zeros((301, 2, 3)), np.zeros((301, 2, 3))
    prelude.scan(whole[1:], whole[:-1], a, b)
    a[200, 0] = np.nan
    prelude.scan(spoilt[1:], spoilt[:-1], a, b)
    np.testing.assert_array_equal(spoilt[:201], whole[:201])
    np.testing.assert_array_equal(spoilt[:, 1], whole[:, 1])
    assert np.isnan(spoilt[201:, 0]).all()


HEAD = "head y[t] : real[n] ~ normal(affine(h[t]), 1)\n"
TOP = "dim n = 2\naxis t = 1..T\ninput x[t] : real[n], z[t] : real[n]\nparam s : real[n], w : real[n] ~ uniform(0, 1)\n"
NETWORKS = {
    "gated": "h[0] = s\nh[t] = sigmoid(affine(x[t])) * h[t-1] + tanh(affine(z[t]))\n",
    "constant": "h[t] = w * h[t-1] + x[t]\n",
    "kept": "h[t] = x[t] + sigmoid(w) * h[t-1]\n",
    "from the end": "h[T+1] = s\nh[t] = sigmoid(affine(x[t])) * h[t+1] + tanh(affine(z[t]))\n",
    "mixed": "h[t] = (1 - sigmoid(x[t])) * h[t-1] + sigmoid(x[t]) * z[t]\n",
}


@pytest.mark.parametrize("steps", [0, 1, 17, 300, 513])
@pytest.mark.parametrize("network", list(NETWORKS))
def test_the_fast_module_equals_the_textbook_on_ragged_batches(network: str, steps: int) -> None:
    text = TOP + NETWORKS[network] + HEAD
    fast, plain = rnnc.loads(text), rnnc.loads(text, Options(level=0))
    for function in (fast._forward, fast._backward):
        assert {"scan", "scan_sums"} & {*function.__code__.co_names}
    rng = np.random.default_rng(0)
    params = {name: value + 0.1 for name, value in plain.init(seed=1, dtype="float64").items()}
    lengths = np.array([steps, steps // 2, min(steps, 1), 0])
    batch = {name: rng.normal(size=(steps, 4, 2)) for name in ("x", "z", "y")} | {"T": lengths}
    for value in (batch[name] for name in ("x", "z", "y")):
        value[np.arange(steps)[:, None] >= lengths] = np.nan
    state = None
    if not fast.NO_STREAM:
        state = {**fast.forward(params, batch).state, "h": rng.normal(size=(4, 2))}
    found, wanted = (m.forward(params, batch, state=state) for m in (fast, plain))
    assert found.loss == pytest.approx(wanted.loss, rel=1e-12, abs=1e-13)
    cotangents = {"loss": 1.0, "y": rng.normal(size=wanted.outputs["y"].shape)}
    for ours, theirs in zip(
        fast.backward(params, found, cotangents), plain.backward(params, wanted, cotangents)
    ):
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("h[t] = sigmoid(x[t]) * h[t-1] + z[t]", "step by step, or in stretches side by side"),
        ("h[t] = tanh(w * h[t-1] + z[t])", "not a diagonal linear recurrence: h = tanh("),
        ("h[t] = w * h[t-1] * h[t-1] + z[t]", "not a diagonal linear recurrence: "),
        ("g[t] = w * h[t-1] + z[t]\nh[t] = w * g[t-1] + x[t]", "several quantities on one cycle: g, h"),
    ],
)
def test_the_schedule_says_so_or_what_prevents_it(
    equation: str, said: str, tmp_path: Any, capsys: Any
) -> None:
    spec = tmp_path / "a.rnn"
    spec.write_text(TOP + equation + "\n" + HEAD, "utf-8")
    assert main(["show", "--schedule", str(spec)]) == 0
    assert said in capsys.readouterr().out.split("backward")[0]


def test_a_factor_that_never_changes_is_one_block_in_the_order_of_the_steps() -> None:
    """A copy of what is broadcast keeps its order of strides unless it is told not to: rows become columns."""
    factor = prelude.once_for_all(np.broadcast_to(np.arange(3.0), (5, 4, 3)))
    assert factor.shape == (5, 4, 3) and factor[2].flags.c_contiguous
    assert (factor[3] == np.arange(3.0)).all()
