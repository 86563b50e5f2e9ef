"""`loss_and_grad(…, checkpoint=…)`: what it saves, what it refuses, and that nothing else changes.

That loss and gradients are those of the plain call is the property `segments`, which every spec is asked for."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import rnnc
from oracles import at_every_end
from rnnc.compiler.driver import Options
from rnnc.properties import check_property

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
HEADS = """dim n = 3, k = 4
axis t = 1..T
input x[t] : real[n], c : real[n]
noise m[t] : real[n] ~ bernoulli(0.5)
h[0] = c
h[t] : real[n] = tanh(affine(x[t] * m[t], h[t-1], h[t-3]))
head y[t] : token(k) ~ categorical(affine(h[t])) weight 0.5
head z : real[n] ~ normal(affine(c), 1)
loss calm[t] = 0.1 * dot(h[t], h[t])
loss decay = 1e-2 * sum(square(c1))
param c1 : real[n]
head w : real ~ normal(dot(c1, c), 2)
"""
LSTM = """use lstm
dim n = 32, k = 4
axis t = 1..T
input x[t] : real[k]
h[t] = lstm(x[t], n)
head y[t] : real[k] ~ normal(affine(h[t]), 1)
"""


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("text", [HEADS, LSTM], ids=["heads", "lstm"])
def test_as_without_for_any_size_of_segment(text: str, level: int) -> None:
    check_property(rnnc.loads(text, Options(level=level)), "segments", examples=15)


def material(
    m: Any, steps: int, rows: int = 4, dtype: str = "float64"
) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    batch = {name: rng.normal(size=(steps, rows, 4)).astype(dtype) for name in ("x", "y")}
    return m.init(seed=0, dtype=dtype), batch


def test_the_results_share_no_memory_with_a_workspace_kept_between_calls() -> None:
    m = rnnc.loads(LSTM)
    params, batch = material(m, 20)
    space = m.workspace(params, batch)
    loss, grads = m.loss_and_grad(params, batch, checkpoint=6, workspace=space)
    kept = {name: value.copy() for name, value in grads.items()}
    again, _ = m.loss_and_grad(params, {**batch, "x": 2 * batch["x"]}, checkpoint=6, workspace=space)
    assert again != loss
    for name, value in kept.items():
        np.testing.assert_array_equal(grads[name], value)


NUMBER = """axis t = 1..T
input x[t] : real
param g : real = 1
h[t] = tanh(g * x[t] + h[t-1])
loss l[t] = square(h[t])
loss decay = square(g)
"""


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("size", [None, 2])
def test_the_gradient_of_a_number_is_an_array_that_can_be_written_to(size: int | None, level: int) -> None:
    """As `grad *= scale` needs it; in segments, and in stretches of a ragged batch."""
    m = rnnc.loads(NUMBER, Options(level=level))
    params = m.init(dtype="float64")
    batch = {"x": np.random.default_rng(0).normal(size=(5, 3)), "T": np.array([5, 1, 3])}
    with mock.patch.object(m, "_cuts", at_every_end):
        loss, grads = m.loss_and_grad(params, batch, checkpoint=size)
    assert type(loss) is float
    assert type(grads["g"]) is np.ndarray and grads["g"].shape == () and grads["g"].flags.writeable
    wanted, _, _ = m.backward(params, m.forward(params, batch))
    np.testing.assert_allclose(grads["g"], wanted["g"], rtol=1e-12)


def test_a_complex_step_goes_through() -> None:
    m = rnnc.loads(LSTM)
    params, batch = material(m, 9)
    _, grads = m.loss_and_grad(params, batch, checkpoint=4)
    moved = {**params, "h.W_ih": params["h.W_ih"] + 1e-30j}
    loss, _ = m.loss_and_grad(moved, batch, checkpoint=4)
    assert loss.imag / 1e-30 == pytest.approx(grads["h.W_ih"].sum(), rel=1e-11)


def peak(run: Any) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_root_of_the_steps() -> None:
    m = rnnc.loads(LSTM)
    params, batch = material(m, 1600, 8, "float32")
    plain = peak(lambda: m.loss_and_grad(params, batch))
    few = {name: value[:400] for name, value in batch.items()}
    small = peak(lambda: m.loss_and_grad(params, few, checkpoint="auto"))
    large = peak(lambda: m.loss_and_grad(params, batch, checkpoint="auto"))
    assert large < plain / 12
    assert large < 2.4 * small


@pytest.mark.parametrize("size", [0, -1, 2.0, "all", True, (3,)])
def test_a_size_that_is_none_is_named(size: Any) -> None:
    m = rnnc.loads(LSTM)
    with pytest.raises(ValueError, match=r'checkpoint: expected "auto" or the steps of a segment'):
        m.loss_and_grad(*material(m, 5), checkpoint=size)


def test_wrong_arguments_are_named_as_without() -> None:
    m = rnnc.loads(LSTM)
    params, batch = material(m, 8)
    for wrong in ({"x": batch["x"]}, {**batch, "T": np.array([9, 1, 1, 1])}, {**batch, "z": 1}):
        with pytest.raises(ValueError) as plain:
            m.loss_and_grad(params, wrong)
        with pytest.raises(ValueError) as cut:
            m.loss_and_grad(params, wrong, checkpoint=3)
        assert str(cut.value) == str(plain.value)


def test_an_end_symbol_too_early_is_named_at_its_own_step() -> None:
    m = rnnc.load(EXAMPLES / "stop_symbol.rnn")
    rng = np.random.default_rng(0)
    params = m.init(dtype="float64")
    shapes = m._shapes(m._dims(params))
    batch: dict[str, Any] = {}
    for name, (axes, _, kind, _) in m.INPUTS.items():
        shape = (*(8 for _ in axes), 2, *shapes[name])
        batch[name] = np.ones(shape, int) if kind == "token" else rng.normal(size=shape)
    end = next(v for v in range(4) if _ends_at(m, params, batch, v))
    batch["y"][3, 1] = end  # the last step of a segment, not of the sequence
    with pytest.raises(ValueError) as plain:
        m.loss_and_grad(params, batch)
    with pytest.raises(ValueError) as cut:
        m.loss_and_grad(params, batch, checkpoint=4)
    assert str(cut.value) == str(plain.value)


def _ends_at(m: Any, params: Any, batch: Any, token: int) -> bool:
    tried = {**batch, "y": batch["y"].copy()}
    tried["y"][3, 1] = token
    try:
        m.loss_and_grad(params, tried)
    except ValueError:
        return True
    return False


def test_what_cannot_be_cut_says_why() -> None:
    for name, why in (("bidirectional", r"g\[t\+1\]"), ("many_to_one", r"h\[T\]"), ("ctc", "two axes")):
        m = rnnc.load(EXAMPLES / f"{name}.rnn")
        with pytest.raises(NotImplementedError, match=f"checkpoint: .*{why}"):
            m.loss_and_grad({}, {}, checkpoint="auto")
    m = rnnc.loads(LSTM, Options(unroll=3))
    with pytest.raises(
        NotImplementedError, match="checkpoint: the steps along t are written one after the other"
    ):
        m.loss_and_grad(*material(m, 3), checkpoint="auto")


def test_no_step_at_all() -> None:
    m = rnnc.loads(LSTM)
    params, batch = material(m, 0)
    loss, grads = m.loss_and_grad(params, batch, checkpoint="auto")
    assert loss == 0
    assert not any(value.any() for value in grads.values())
