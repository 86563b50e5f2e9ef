"""Legal specs at the edge of what one would write: unread things, nothing to learn, many kinds at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import check_gradient
from rnnc.compiler.driver import Options

START = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n]\n"
SPECS = {
    "a parameter that nothing reads": START
    + "param u : real[n], v : real[n]\nhead y[t] : real[n] ~ normal(v * x[t])\n",
    "an input that nothing reads": START
    + "input z[t] : real[n]\nparam v : real[n]\nhead y[t] : real[n] ~ normal(v * x[t])\n",
    "a state that nothing reads": START
    + "param W : real[n, n]\nh[t] = tanh(W @ h[t-1] + x[t])\nhead y[t] : real[n] ~ normal(x[t])\n",
    "nothing to learn": START + "head y[t] : real[n] ~ normal(x[t])\n",
    "only a const": START + "const v : real[n] ~ normal(1)\nhead y[t] : real[n] ~ normal(v * x[t])\n",
    "only context": "dim n = 3\ninput x : real[n]\nparam W : real[n, n]\nhead y : real[n] ~ normal(W @ x)\n",
    "delays longer than the sequences, both ways": START
    + "param a : real[n], s : real[n]\nh[0] = s\nh[t] = tanh(a * h[t-5] + x[t] + x[t-2] + x[t+3])\n"
    + "head y[t] : real[n] ~ normal(h[t])\n",
    "bools, whole numbers, two heads, two losses": START
    + "input on[t] : bool\ninput k[t] : int\nparam a : real[n]\n"
    + "h[t] = where(on[t] and k[t] % 2 == 0, a * h[t-1], h[t-1] + x[t])\n"
    + "head y[t] : bool[n] ~ bernoulli(h[t])\nhead z : real ~ normal(sum(h[T]), exp(sum(a)))\n"
    + "loss r = sum(a * a) weight 0.3\nloss w[t] = dot(h[t], h[t])\n",
    "weights shared, and a start given past the end": "use lstm\n"
    + START
    + "param C : real[n]\nf[t] = lstm(x[t], n)\ng[t] = reverse lstm(x[t], n) sharing f\ng.c[T+1] = C\n"
    + "head y : bool ~ bernoulli(dot(f[T], g[1]))\n",
}


def batch_for(m: Any) -> dict[str, Any]:
    """Ragged, with NaN in the padding; every input and target by its kind."""
    rng = np.random.default_rng(2)
    lengths = np.array([6, 0, 2, 4])
    drawn = {
        "real": rng.standard_normal,
        "bool": lambda shape: rng.random(shape) < 0.5,
        "int": lambda shape: rng.integers(0, 9, shape),
    }
    batch = {}
    for name, (axes, _, kind, _) in m.INPUTS.items():
        batch[name] = drawn[kind]([6] * len(axes) + [4] + [m.DIMS[size] for size in m.SHAPES[name]])
        if kind == "real" and axes:
            for row, length in enumerate(lengths):
                batch[name][length:, row] = np.nan
    return batch | dict.fromkeys(m.AXES.values(), lengths)


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
@pytest.mark.parametrize("name", SPECS)
def test_gradients(name: str, level: int) -> None:
    m = rnnc.loads(SPECS[name], Options(level=level))
    params = {k: v + 0.1 for k, v in m.init(seed=1, dtype="float64").items()}
    batch = batch_for(m)
    loss, grads = m.loss_and_grad(params, batch)
    assert np.isfinite(loss)
    assert set(grads) == set(m.TRAINED)
    check_gradient(lambda p: m.forward({**params, **p}, batch).loss, params, grads)


def test_what_nothing_reads_has_the_gradient_zero() -> None:
    m = rnnc.loads(SPECS["a parameter that nothing reads"])
    _, grads = m.loss_and_grad(m.init(), batch_for(m))
    assert not grads["u"].any()
    assert grads["v"].any()


@pytest.mark.parametrize("level", [0, 2])
def test_a_gradient_of_the_loss_needs_the_targets(level: int) -> None:
    """Without targets there is no loss to differentiate, but outputs may have cotangents."""
    m = rnnc.loads(HEAD, Options(level=level))
    params = m.init(0, "float64")
    run = m.forward(params, {"x": np.zeros((3, 2, 2))})
    assert run.loss is None
    with pytest.raises(ValueError, match="the loss needs"):
        m.backward(params, run)
    grads, _, _ = m.backward(params, run, {"y": np.ones((3, 2, 3))})
    assert grads["b_y"].tolist() == [6.0, 6.0, 6.0]


@pytest.mark.parametrize("level", [0, 2])
def test_a_number_of_the_parameters_alone_may_have_a_cotangent(level: int) -> None:
    text = "axis t = 1..T\ninput x[t] : real[2]\nparam w : real[2]\noutput z\nz : real = dot(w, w)\nl[t] = z * x[t]\n"
    m = rnnc.loads(text + "output l\nloss k[t] = sum(l[t])\n", Options(level=level))
    params = {"w": np.array([1.0, 2.0])}
    run = m.forward(params, {"x": np.ones((3, 2, 2))})
    assert m.backward(params, run, {"z": 1.0})[0]["w"].tolist() == [2.0, 4.0]
    assert m.backward(params, run)[0]["w"].tolist() == [4.0, 8.0]
    assert m.backward(params, run, {"z": 1.0, "l": np.ones((3, 2, 2))})[0]["w"].tolist() == [26.0, 52.0]


@pytest.mark.parametrize("level", [0, 2])
def test_whole_numbers_stay_whole_in_a_complex_step(level: int) -> None:
    text = (
        "axis t = 1..T\ninput o[t] : int\nparam w : real\ns[t] : int = o[t] - (7 % 4)\nloss l[t] = w * s[t]\n"
    )
    m = rnnc.loads(text, Options(level=level))
    run = m.forward({"w": np.array(1.0 + 1e-30j)}, {"o": np.array([[5, 6]])})
    assert abs(run.loss.imag - 2.5e-30) < 1e-44 and run.loss.real == 2.5


@pytest.mark.parametrize("unroll", [None, 3])
def test_a_state_may_be_a_parameter(unroll: int | None) -> None:
    text = "axis t = 1..T\ninput x[t] : real\nparam w : real[2]\nuse qrnn\nh[t] = qrnn(w, 3)\n"
    m = rnnc.loads(text + "loss l[t] = x[t] * sum(h[t])\n", Options(level=2, unroll=unroll))
    run = m.forward({**m.init(dtype="float64"), "w": np.array([1.0, 2.0])}, {"x": np.ones((3, 1))})
    assert run.state["h.x"].tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("gate", ["0.1 * t + 0.1 * t", "w * x[t] + w * x[t]", "affine(x[t]) + affine(x[t])"])
def test_a_gate_of_something_added_to_itself(gate: str) -> None:
    """A sigmoid's half goes into each term of a sum, but only once into one that stands there twice."""
    text = f"axis t = 1..T\ninput x[t] : real[2]\nparam w : real[2]\noutput h\nh[t] : real[2] = sigmoid({gate})\n"
    textbook, fast = (rnnc.loads(text, Options(level=level)) for level in (0, 2))
    params = {**textbook.init(dtype="float64"), "w": np.array([1.0, 2.0])}
    batch = {"x": np.random.default_rng(0).standard_normal((4, 3, 2))}
    wanted, found = (m.forward(params, batch).outputs["h"] for m in (textbook, fast))
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


@pytest.mark.parametrize("level", [0, 2])
def test_a_stretch_of_what_no_operator_writes_into_a_buffer(level: int) -> None:
    text = (
        "axis t = 1..T\ninput x[t] : real[2]\nparam w : real[4, 2], v : real[4]\noutput h\n"
        "h[t] : real[2] = x[t] + sin(2 * slice(where(v < 0.5, v, w @ h[t-1]), 1, 2))\n"
    )
    m = rnnc.loads(text, Options(level=level))
    params = {"w": np.ones((4, 2)), "v": np.array([1.0, 0.0, 1.0, 1.0])}
    run = m.forward(params, {"x": np.ones((2, 1, 2))})
    first = [1.0, 1.0]
    second = [1.0 + np.sin(0.0), 1.0 + np.sin(2 * 2.0)]
    np.testing.assert_allclose(run.outputs["h"][:, 0], [first, second], rtol=1e-15)


HEAD = """
axis t = 1..T
input x[t] : real[2]
head y[t] : token(3) ~ categorical(affine(x[t]))
"""


@pytest.mark.parametrize("level", [0, 2])
def test_an_end_given_along_another_axis_is_0_where_that_axis_has_ended(level: int) -> None:
    """b[1, 0] of a sequence without any s is outside on both axes, whatever b[s, 0] is said to be."""
    text = """
axis t = 1..T
axis s = 1..S
input x[t] : real, z[s] : real
b[s,t] = x[t] + z[s]
b[s,0] = 1
y[t] = b[1,t-1]
output y
"""
    m = rnnc.loads(text, Options(level=level))
    batch = {"x": np.ones((3, 2)), "z": np.ones((2, 2)), "S": np.array([0, 2]), "T": np.array([3, 3])}
    assert m.forward({}, batch).outputs["y"].T.tolist() == [[0, 0, 0], [1, 2, 2]]
