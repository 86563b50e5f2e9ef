"""Noise: drawn from a seed while training, else its mean; the same masks forward, backward and in chunks."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import check_gradient, close, close_all
from rnnc.compiler.driver import Options

SPEC = """\
dim k = 3, n = 4
axis t = 1..T
input x[t] : real[k]
noise keep[t] : real[n] ~ bernoulli(0.8)
noise once : real[n] ~ normal(1, 0.5)
noise u[t] : real ~ uniform(0.5, 1.5)
h[t] : real[n] = tanh(affine(x[t], keep[t] * h[t-1] / 0.8)) * once
v[t] = dropout(h[t], 0.5)
head y[t] : real ~ normal(sum(v[t]) + u[t])
"""
NOISES = ("keep", "once", "u", "v.dropout")
MEANS = {"keep": 0.8, "once": 1.0, "u": 1.0, "v.dropout": 0.5}
LENGTHS = np.array([5, 2, 0, 7])

every_level = pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])


@functools.cache
def compiled(level: int, text: str = SPEC) -> Any:
    return rnnc.loads(text, Options(level=level))


def params_of(m: Any, dtype: str = "float64") -> dict[str, np.ndarray]:
    return m.init(seed=1, dtype=dtype)


def batch_of(lengths: np.ndarray = LENGTHS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    steps, rows = max(lengths, default=0), len(lengths)
    return {"x": rng.standard_normal((steps, rows, 3)), "y": rng.standard_normal((steps, rows)), "T": lengths}


def drawn(m: Any, batch: dict[str, np.ndarray], seed: int, **options: Any) -> dict[str, np.ndarray]:
    """The noise that a call uses."""
    run = m.forward(params_of(m), batch, train=True, seed=seed, **options)
    call, _ = run.tape
    return {name: call.inputs[name] for name in NOISES}


def given_means(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    steps, rows = batch["y"].shape
    shapes = {"keep": (steps, rows, 4), "once": (rows, 4), "u": (steps, rows), "v.dropout": (steps, rows, 4)}
    return {**batch, **{name: np.full(shapes[name], mean) for name, mean in MEANS.items()}}


@every_level
def test_not_training_is_the_mean(level: int) -> None:
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    run = m.forward(params, batch)
    assert run.loss is not None
    assert run.loss == m.forward(params, given_means(batch), train=True, seed=3).loss
    assert run.loss != m.forward(params, batch, train=True, seed=3).loss


@every_level
def test_the_seed_decides(level: int) -> None:
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    first, again, other = (m.loss_and_grad(params, batch, seed=seed)[0] for seed in (5, 5, 6))
    assert first == again != other
    assert first == m.forward(params, batch, train=True, seed=5).loss


@every_level
@pytest.mark.parametrize("seed", [None, 1.5, -1, "a", True], ids=str)
def test_a_seed_that_is_none(level: int, seed: Any) -> None:
    """Nothing is drawn by chance, so that every gradient can be had again, and no noise is left out unsaid."""
    m, batch = compiled(level), batch_of()
    with pytest.raises(ValueError, match="^seed: expected a whole number"):
        m.loss_and_grad(params_of(m), batch, seed=seed)
    with pytest.raises(ValueError, match="^seed: expected a whole number"):
        m.forward(params_of(m), batch, train=True, seed=seed)


def test_levels_draw_the_same() -> None:
    batch = batch_of()
    found = [compiled(level).loss_and_grad(params_of(compiled(0)), batch, seed=7) for level in (0, 2)]
    close(found[0][0], found[1][0])
    close_all(found[0][1], found[1][1])


@every_level
def test_given_noise_is_used_as_it_is(level: int) -> None:
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    loss, grads = m.loss_and_grad(params, batch, seed=4)
    given = {**batch, **drawn(m, batch, 4)}
    same, same_grads = m.loss_and_grad(params, given, seed=99)
    assert same == loss
    close_all(same_grads, grads, 1e-14)
    assert m.forward(params, given).loss == loss


@every_level
def test_gradient_under_fixed_masks(level: int) -> None:
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    _, grads = m.loss_and_grad(params, batch, seed=4)
    check_gradient(lambda p: m.forward(p, batch, train=True, seed=4).loss, params, grads)


@every_level
def test_backward_goes_through_the_masks_of_its_run(level: int) -> None:
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    run = m.forward(params, batch, train=True, seed=11)
    grads, d_batch, _ = m.backward(params, run)
    close_all(grads, m.loss_and_grad(params, batch, seed=11)[1])
    assert set(d_batch) == {"x", "y"}


def test_frequencies() -> None:
    """Each distribution has the mean and the variance of its name."""
    m = compiled(2)
    found = drawn(m, batch_of(np.full(80, 100)), 0)
    variances = {"keep": 0.16, "once": 0.25, "u": 1 / 12, "v.dropout": 0.25}
    for name, variance in variances.items():
        slack = 5 / np.sqrt(found[name].size)
        assert abs(found[name].mean() - MEANS[name]) < slack
        assert abs(found[name].var() - variance) < slack
    assert set(np.unique(found["keep"])) == {0.0, 1.0}
    assert found["u"].min() >= 0.5 and found["u"].max() <= 1.5
    matches = (found["keep"] == found["v.dropout"]).mean()
    assert abs(matches - (0.8 * 0.5 + 0.2 * 0.5)) < 0.02, "each noise has numbers of its own"


@every_level
def test_padding_changes_nothing(level: int) -> None:
    """Neither more padding nor what stands in it, in the noise either."""
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    loss, grads = m.loss_and_grad(params, batch, seed=4)
    longer = {"x": np.full((9, 4, 3), np.nan), "y": np.full((9, 4), np.nan), "T": LENGTHS}
    noise = {"keep": np.full((9, 4, 4), np.nan), "u": np.full((9, 4), np.nan)}
    inside = np.arange(7)[:, None] < LENGTHS
    for name in ("x", "y"):
        longer[name][:7][inside] = batch[name][inside]
    for name, drew in drawn(m, batch, 4).items():
        if name in noise:
            noise[name][:7][inside] = drew[inside]
    for more in (longer, {**longer, **noise}):
        again, grads_again = m.loss_and_grad(params, more, seed=4)
        close(again, loss, 1e-12)
        close_all(grads_again, grads, 1e-12)


@every_level
@pytest.mark.parametrize("cut", [0, 1, 3, 7])
def test_chunks_go_on_in_the_same_noise(level: int, cut: int) -> None:
    """The same seed in every chunk is the whole's noise: per step it goes on, per sequence it stays."""
    m, batch = compiled(level), batch_of()
    params = params_of(m)
    whole = m.forward(params, batch, train=True, seed=8)
    state, outputs, nll = None, [], 0.0
    for start, end in ((0, cut), (cut, 7)):
        part = {name: batch[name][start:end] for name in ("x", "y")}
        part["T"] = np.clip(LENGTHS - start, 0, end - start)
        run = m.forward(params, part, state=state, train=True, seed=8)
        state, nll = run.state, nll + run.nll["y"]
        outputs.append(run.outputs["y"])
    close(np.concatenate(outputs), whole.outputs["y"], 1e-12)
    close(nll, whole.nll["y"], 1e-12)


@every_level
def test_a_step_has_the_mean_or_what_is_given(level: int) -> None:
    m, batch = compiled(level), batch_of(np.array([5, 5]))
    params = params_of(m)
    drew = drawn(m, batch, 3)
    for train in (False, True):
        run = m.forward(params, batch, train=train, seed=3)
        state = m.start(params, 2, {"once": drew["once"]} if train else None)
        for t in range(5):
            noise = {name: drew[name][t] for name in NOISES if name != "once"} if train else {}
            state, out = m.step(params, state, {"x": batch["x"][t], **noise})
            close(out["y"], run.outputs["y"][t], 1e-12)


@every_level
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_the_dtype_of_the_parameters_decides(level: int, dtype: str) -> None:
    m, batch = compiled(level), batch_of()
    run = m.forward(params_of(m, dtype), batch, train=True, seed=4)
    assert run.outputs["y"].dtype == dtype
    assert run.tape[0].inputs["once"].dtype == dtype
    close(run.loss, m.forward(params_of(m), batch, train=True, seed=4).loss, 1e-5)


def test_a_sample_has_the_mean() -> None:
    m = compiled(2)
    params, x = params_of(m), batch_of(np.full(6, 5))["x"]
    found = m.sample(params, np.random.default_rng(0), batch_size=6, context={"x": x})
    close(found.log_prob, -m.forward(params, {"x": x, "y": found.y}).nll["y"], 1e-12)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    m = compiled(2)
    with pytest.raises(ValueError, match="seed: expected a whole number"):
        m.forward(params_of(m), batch_of(), train=True, seed=seed)


def test_noise_of_another_shape_is_refused() -> None:
    m = compiled(2)
    with pytest.raises(ValueError, match="keep"):
        m.forward(params_of(m), {**batch_of(), "keep": np.ones((7, 4))})


GRID = """\
dim n = 2
axis s = 1..S
axis t = 1..T
input x[s] : real[n]
noise m[s,t] : real ~ bernoulli(0.5)
noise r[t,s] : real ~ uniform(0, 1)
c[t] : real[n] = sum[s](m[s,t] * r[t,s] * x[s])
h[t] : real[n] = tanh(affine(c[t], h[t-1]))
head y[t] : real[n] ~ normal(h[t])
"""


@every_level
def test_noise_over_two_axes(level: int) -> None:
    m = compiled(level, GRID)
    params, rng = m.init(seed=0, dtype="float64"), np.random.default_rng(0)
    lengths = {"S": np.array([3, 1, 2]), "T": np.array([2, 4, 3])}
    batch = {"x": rng.standard_normal((3, 3, 2)), "y": rng.standard_normal((4, 3, 2)), **lengths}
    loss, grads = m.loss_and_grad(params, batch, seed=1)
    assert loss != m.loss_and_grad(params, batch, seed=2)[0]
    check_gradient(lambda p: m.forward(p, batch, train=True, seed=1).loss, params, grads)
    state, total = None, 0.0
    for start, end in ((0, 2), (2, 4)):
        part = {**batch, "y": batch["y"][start:end], "T": np.clip(batch["T"] - start, 0, end - start)}
        run = m.forward(params, part, state=state, train=True, seed=1)
        state, total = run.state, total + run.nll["y"]
    close(total, m.forward(params, batch, train=True, seed=1).nll["y"], 1e-12)


def test_modules_without_noise_have_nothing_of_it() -> None:
    plain = compiled(2, "axis t = 1..T\ninput x[t] : real\nhead y[t] : real ~ normal(x[t])\n")
    flips = compiled(
        2, "axis t = 1..T\nnoise m[t] : real ~ bernoulli(0.5)\nhead y[t] : real ~ normal(m[t])\n"
    )
    names = ("_fill_noise", "_uniform_numbers", "bernoulli_noise", "uniform_noise")
    assert [name for name in names if hasattr(plain, name)] == []
    assert [name for name in names if hasattr(flips, name)] == list(names[:3])
