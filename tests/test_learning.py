"""Real-time recurrent learning: the gradients of all steps add up to back-propagation through the whole."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import rnnc
from checked import program
from compiled import close, close_all, module
from rnnc.compiler.driver import Options
from rnnc.compiler.learning import learning
from rnnc.compiler.validate import validate

HEAD = "dim n = 3, m = 2, k = 4\naxis t = 1..T\ninput x[t] : real[m]\n"
TAIL = "head y[t] : token(k) ~ categorical(affine(h[t]))\n"
SPECS = {
    "vanilla": HEAD + "h[t] : real[n] = tanh(affine(x[t], h[t-1]))\n" + TAIL,
    "lstm": "use lstm\n" + HEAD + "h[t] = lstm(x[t], n)\n" + TAIL,
    "gru": "use gru\n" + HEAD + "h[t] = gru(x[t], n)\n" + TAIL,
    "two layers": "use lstm, gru\n" + HEAD + "g[t] = gru(x[t], n)\nh[t] = lstm(g[t], n)\n" + TAIL,
    "skip edges": HEAD + "h[t] : real[n] = tanh(affine(x[t], h[t-1], h[t-3], x[t-2]))\n" + TAIL,
    "a learned start": HEAD
    + "input c : real[m]\nparam R : real[n, m], s : real[n] ~ normal(1)\n"
    + "h[0] = tanh(R @ c + s)\nh[t] : real[n] = tanh(affine(x[t], h[t-1]))\n"
    + TAIL,
    "tokens and teacher forcing": HEAD
    + "param E : real[k, n] ~ normal(1)\ny[0] = 0\n"
    + "h[t] : real[n] = tanh(affine(E[y[t-1]], x[t], h[t-1]))\n"
    + TAIL,
    "a matrix read element by element": HEAD
    + "param M : real[n, n] ~ normal(0.5), a : real[n] ~ normal(0.5)\n"
    + "h[t] : real[n] = tanh(sigmoid(M) @ h[t-1] + affine(x[t]) * a + sum(M * M))\n"
    + TAIL,
    "an encoder": HEAD
    + "axis s = 1..S\ninput z[s] : real[m]\n"
    + "e[s] : real[n] = tanh(affine(z[s], e[s-1]))\n"
    + "b[t,s] = dot(h[t-1], e[s])\n"
    + "c[t] = sum[s](softmax[s](b[t,s]) * e[s]) + max[s](e[s]) + logsumexp[s](e[s])\n"
    + "h[0] = e[S]\nh[t] : real[n] = tanh(affine(x[t], h[t-1], c[t]))\n"
    + TAIL,
    "several losses": HEAD
    + "h[t] : real[n] = tanh(affine(x[t], h[t-1]))\n"
    + TAIL.replace("\n", " weight 0.5\n")
    + "loss size[t] = sum(square(h[t])) weight 0.1\n",
    "a loss of the parameters alone": HEAD
    + "param R : real[n, n] ~ normal(0.5)\n"
    + "h[t] : real[n] = tanh(affine(x[t]) + R @ h[t-1])\n"
    + TAIL
    + "r = sum(sum(square(R)))\nloss ridge = r weight 0.1\nloss bias = sum(square(b_h)) + 0.5 * r\n",
    "a state that only its start moves": HEAD
    + "param s : real[n] ~ normal(1)\nh[0] = s\nh[t] : real[n] = sin(h[t-2]) * 0.5 + sum(x[t-1])\n"
    + TAIL,
    "a state that no parameter moves": HEAD
    + "const R : real[n, n] ~ orthogonal(0.9), U : real[n, m] ~ normal(1)\n"
    + "h[t] : real[n] = tanh(R @ h[t-1] + U @ x[t])\n"
    + TAIL,
}
LENGTHS = np.array([6, 2, 4])
RTRL = frozenset({"rtrl"})


@cache
def compiled(name: str) -> Any:
    return rnnc.loads(SPECS[name], Options(extras=RTRL))


def data(m: Any, dtype: str = "float64") -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    params = {
        name: value + (0.3 * rng.standard_normal(value.shape)).astype(dtype)
        for name, value in m.init(dtype=dtype).items()
    }
    batch: dict[str, Any] = {"T": LENGTHS}
    extents = {"t": 6, "s": 5}
    if "s" in m.AXES:
        batch["S"] = np.array([5, 3, 1])
    for name, (axes, sizes, kind, _) in m.INPUTS.items():
        shape = (*(extents[axis] for axis in axes), 3, *(m.DIMS[size] for size in sizes))
        real = kind == "real"
        batch[name] = rng.standard_normal(shape).astype(dtype) if real else rng.integers(0, 4, shape)
    return params, batch


def learned(m: Any, params: Any, batch: Any, **last: Any) -> tuple[float, dict[str, Any], Any]:
    """The losses and gradients of all steps, added up; the last state."""
    timed = [name for name in m.INPUTS if "t" in m.INPUTS[name][0]]
    context = {name: value for name, value in batch.items() if name not in (*timed, "T")}
    state = m.learn_start(params, 3, context)
    total, sums = 0.0, {name: np.zeros_like(params[name]) for name in m.TRAINED}
    for t in range(max(batch["T"])):
        now = {name: batch[name][t] for name in timed}
        ends = {"last": batch["T"] == t + 1} if last else {}
        state, loss, grads = m.learn_step(params, state, now, live=t < batch["T"], **ends)
        total += loss
        sums = {name: sums[name] + grads[name] for name in sums}
    return total, sums, state


@pytest.mark.parametrize("name", SPECS)
def test_all_steps_together_are_back_propagation(name: str) -> None:
    m = compiled(name)
    params, batch = data(m)
    wanted, grads = m.loss_and_grad(params, batch)
    total, sums, _ = learned(m, params, batch)
    close(total, wanted * LENGTHS.sum())
    close_all(sums, {key: value * LENGTHS.sum() for key, value in grads.items()})


@pytest.mark.parametrize("name", SPECS)
def test_the_systems_of_a_step_are_valid(name: str) -> None:
    made = learning(program(SPECS[name]))
    validate(made.start)
    validate(made.step)


def test_a_step_before_an_update_is_exact_too() -> None:
    """One step's gradient is that of a loss that counts only this step."""
    m = compiled("lstm")
    params, batch = data(m)
    state = m.learn_start(params, 3)
    for t in range(4):
        state, loss, grads = m.learn_step(params, state, {"x": batch["x"][t], "y": batch["y"][t]})
    until = {"x": batch["x"][:4], "y": batch["y"][:4]}
    before = {"x": batch["x"][:3], "y": batch["y"][:3]}
    whole, part = (m.loss_and_grad(params, one)[1] for one in (until, before))
    close_all(grads, {key: 12 * whole[key] - 9 * part[key] for key in whole})


def test_rows_without_a_step_count_nothing_whatever_they_hold() -> None:
    m = compiled("vanilla")
    params, batch = data(m)
    _, sums, _ = learned(m, params, batch)
    for row, length in enumerate(LENGTHS):
        batch["x"][length:, row] = np.nan
    with np.errstate(invalid="ignore"):
        _, again, _ = learned(m, params, batch)
    for name, value in sums.items():
        np.testing.assert_array_equal(again[name], value)


def test_the_state_can_be_saved(tmp_path: Any) -> None:
    m = compiled("skip edges")
    params, batch = data(m)
    now = [{"x": batch["x"][t], "y": batch["y"][t]} for t in range(3)]
    state, _, _ = m.learn_step(params, m.learn_start(params, 3), now[0])
    np.savez(tmp_path / "state.npz", **state)
    with np.load(tmp_path / "state.npz") as loaded:
        again = dict(loaded)
    for step in now[1:]:
        state, loss, grads = m.learn_step(params, state, step)
        again, same, equal = m.learn_step(params, again, step)
        assert loss == same and all(np.array_equal(grads[name], equal[name]) for name in grads)


def test_the_state_says_how_it_moves() -> None:
    m = compiled("vanilla")
    params, batch = data(m)
    count = sum(params[name].size for name in m.TRAINED)
    _, _, state = learned(m, params, batch)
    assert state["d h"].shape == (count, 3, 3)
    start = sum(params[name].size for name in m.TRAINED[: m.TRAINED.index("W_hh")])
    moved = dict(params, W_hh=params["W_hh"].astype(complex))
    moved["W_hh"][1, 2] += 1e-30j
    run = m.forward(moved, {"x": batch["x"], "T": np.array([6, 6, 6])})
    close(state["d h"][start + 1 * 3 + 2], run.state["h"].imag / 1e-30)


def test_what_no_parameter_moves_is_not_carried() -> None:
    m = compiled("a state that no parameter moves")
    params, _ = data(m)
    assert set(m.learn_start(params, 2)) == {"t", "h"}


def test_the_dtype_of_the_parameters_decides() -> None:
    m = compiled("gru")
    params, batch = data(m, "float32")
    _, sums, state = learned(m, params, batch)
    assert {value.dtype for value in sums.values()} == {np.dtype("float32")}
    assert state["d h"].dtype == np.float32


def test_an_event_is_told_when_it_comes() -> None:
    text = SPECS["vanilla"] + "head z[t] : bool ~ bernoulli(affine(h[t]))\nstop when z[t]\n"
    m = rnnc.loads(text, Options(extras=RTRL))
    params, batch = data(m)
    batch.pop("z", None)
    wanted, grads = m.loss_and_grad(params, batch)
    total, sums, _ = learned(m, params, batch, last=True)
    close(total, wanted * LENGTHS.sum())
    close_all(sums, {key: value * LENGTHS.sum() for key, value in grads.items()})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + "g[t] : real[n] = tanh(affine(x[t], g[t+1]))\nhead y[t] : real[n] ~ normal(g[t])\n", "g reads g[t+1]"),
        (HEAD + "h[t] : real[n] = tanh(affine(x[t], h[t-1]))\nloss decay = sum(sum(square(W_hh)))\noutput h\n",
         "the spec has no loss of each step"),
        (SPECS["vanilla"] + "head z : real[n] ~ normal(h[T])\n", "h[T]"),
        (HEAD + "h[t] : real[n] = tanh(affine(x[t], h[t-1]))\noutput h\n", "the spec has no loss of each step"),
    ],
)  # fmt: skip
def test_what_cannot_learn_so_says_why(text: str, reason: str) -> None:
    m = rnnc.loads(text, Options(extras=RTRL))
    for function in (m.learn_start, m.learn_step):
        with pytest.raises(NotImplementedError) as error:
            function()
        assert reason in str(error.value)


def test_wrong_arguments_are_told() -> None:
    m = compiled("vanilla")
    params, batch = data(m)
    now, state = {"x": batch["x"][0], "y": batch["y"][0]}, m.learn_start(params, 3)

    def told(*arguments: Any, **options: Any) -> str:
        with pytest.raises(ValueError) as error:
            m.learn_step(*arguments, **options)
        return str(error.value)

    assert "missing ['y'], which the loss needs" in told(params, state, {"x": now["x"]})
    assert "begin with learn_start" in told(params, m.start(params, 3), now)
    assert "state['d h']: expected shape" in told(params, {**state, "d h": state["d h"][1:]}, now)
    assert "live: expected bool (B=3,)" in told(params, state, now, live=[1, 0, 1])


def test_without_asking_nothing_of_it_is_printed() -> None:
    assert not hasattr(module("vanilla", 2), "learn_step")
