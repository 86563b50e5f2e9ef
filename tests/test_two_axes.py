"""Networks over two axes: attention, a recurrence over both, a loss by dynamic programming."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import check_gradient
from rnnc.compiler.driver import Options
from rnnc.properties import check_property

ATTENTION = """
use gru
dim src = 7, tgt = 6, embed = 4, hidden = 5
axis s = 1..S
axis t = 1..T
input x[s] : token(src)
param E : real[src, embed], F : real[tgt, embed], D : real[hidden, hidden]
f[s] = gru(E[x[s]], hidden)
g[s] = reverse gru(E[x[s]], hidden)
h[s] = concat(f[s], g[s])
param Wq : real[hidden, hidden], Wk : real[hidden, 2 * hidden], v : real[hidden]
e[t,s] = dot(v, tanh(Wq @ d[t-1] + Wk @ h[s]))
a[t,s] = softmax[s](e[t,s])
c[t] = sum[s](a[t,s] * h[s])
d[0] = tanh(D @ g[1])
d[t] : real[hidden] = tanh(affine(d[t-1], F[y[t-1]], c[t]))
head y[t] : token(tgt) ~ categorical(affine(d[t], c[t]))
"""

GRID = """
dim n = 4, k = 3
axis i = 1..I
axis j = 1..J
input x[i,j] : real[k]
param U : real[n, k]
b[i,j] : real[n] = tanh(affine(x[i,j], b[i-1,j], b[i,j-1], b[i-1,j-1]))
b[0,j] = tanh(U @ x[1,j])
head y[i,j] : token(3) ~ categorical(affine(b[i,j]))
"""

CTC = """
dim n = 4, k = 5
axis t = 1..T
axis s = 1..S
input x[t] : real[n]
input z[s] : token(k)
p[t] : real[k] = log_softmax(affine(x[t]))
al[0,s] = -1e30
al[t,0] = where(t == 0, 0, -1e30)
al[t,s] = pick(p[t], z[s]) + logaddexp(al[t-1,s], where(s == 1, where(t == 1, 0.0, -1e30), al[t-1,s-1]))
loss ctc = -al[T,S]
"""

SPECS = {"attention": ATTENTION, "grid": GRID, "ctc": CTC}


def batch_of(m: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Six steps on each axis, four sequences with lengths of their own."""
    lengths = {"S": [6, 1, 3, 5], "T": [6, 2, 5, 6], "I": [6, 0, 1, 4], "J": [2, 6, 1, 5]}
    batch: dict[str, Any] = {name: np.array(lengths[name]) for name in m.AXES.values()}
    for name, (axes, _, kind, _) in m.INPUTS.items():
        shape = (6,) * len(axes) + (4,) + m._shapes(m.DIMS)[name]
        if kind == "real":
            batch[name] = rng.standard_normal(shape)
        else:
            batch[name] = rng.integers(0, m._token_counts(m.DIMS)[name][0], shape)
    return batch


@pytest.fixture(params=[0, 2], ids=["O0", "O2"])
def level(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("name", SPECS)
def test_gradient(name: str, level: int) -> None:
    m = rnnc.loads(SPECS[name], Options(level=level))
    rng = np.random.default_rng(1)
    params = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in m.init(0, "float64").items()}
    batch = batch_of(m, rng)
    _, grads = m.loss_and_grad(params, batch)
    check_gradient(lambda p: m.forward(p, batch).loss, params, grads)


@pytest.mark.parametrize("name", SPECS)
def test_padding_changes_nothing(name: str, level: int) -> None:
    m = rnnc.loads(SPECS[name], Options(level=level))
    rng = np.random.default_rng(2)
    params, batch = m.init(0, "float64"), batch_of(m, rng)
    soiled = dict(batch)
    for key, (axes, _, kind, _) in m.INPUTS.items():
        array = batch[key].copy()
        for place, axis in enumerate(axes):
            steps = np.moveaxis(array, (place, len(axes)), (0, 1))
            steps[np.arange(1, 7)[:, None] > batch[m.AXES[axis]]] = np.nan if kind == "real" else 0
        soiled[key] = array
    loss, grads = m.loss_and_grad(params, batch)
    other, others = m.loss_and_grad(params, soiled)
    assert loss == other
    for key in grads:
        np.testing.assert_array_equal(grads[key], others[key])


def test_ctc_is_the_sum_over_alignments() -> None:
    """Every way to give each of three steps a label of `a b` in order, each label at least once."""
    m = rnnc.loads(CTC, Options(level=2), n=2, k=3)
    rng = np.random.default_rng(3)
    params = {k: rng.standard_normal(v.shape) for k, v in m.init(0, "float64").items()}
    x, z = rng.standard_normal((3, 1, 2)), np.array([[2], [1]])
    logits = x[:, 0] @ params["W_px"].T + params["b_p"]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    total = p[0, 2] * p[1, 2] * p[2, 1] + p[0, 2] * p[1, 1] * p[2, 1]
    assert m.forward(params, {"x": x, "z": z}).loss == pytest.approx(-np.log(total), rel=1e-12)


BOTH_WAYS = """
dim n = 3
axis t = 1..T
axis s = 1..S
input x[t] : real[n], z[s] : real[n]
e[t,s] = dot(x[t], z[s])
m[t] = max[s](e[t,s])
l[t] = logsumexp[s](e[t,s] + m[t]) + mean[s](sum(z[s])) + mean[s](e[t,s])
g[t,s] = 0.5 * g[t-1,s] + 0.3 * g[t,s+1] + e[t,s]
head y[t] : real ~ normal(l[t] + sum[s](g[t,s]))
"""


def test_a_state_with_an_axis_of_its_own(level: int) -> None:
    """g goes forward along t and backward along s: the state carried along t has a value for every s."""
    m = rnnc.loads(BOTH_WAYS, Options(level=level))
    rng = np.random.default_rng(4)
    batch = {k: rng.standard_normal(s) for k, s in {"x": (6, 2, 3), "z": (4, 2, 3), "y": (6, 2)}.items()}
    whole = m.forward({}, batch)
    first = m.forward({}, {**batch, "x": batch["x"][:2], "y": batch["y"][:2]})
    second = m.forward({}, {**batch, "x": batch["x"][2:], "y": batch["y"][2:]}, state=first.state)
    assert first.state["g"].shape == (4, 2)
    np.testing.assert_allclose(
        np.concatenate([first.outputs["y"], second.outputs["y"]]), whole.outputs["y"], rtol=1e-12
    )
    np.testing.assert_allclose(second.state["g"], whole.state["g"], rtol=1e-12)
    state = m.start({}, 2, {"z": batch["z"]})
    for t in range(6):
        state, out = m.step({}, state, {"x": batch["x"][t]})
        np.testing.assert_allclose(out["y"], whole.outputs["y"][t], rtol=1e-12)


OUTSIDE = """dim m = 2
axis t = 1..T
axis s = 1..S
param w : real[m], v : real[m]
input a[s, t] : real[m]
z[s, t] : real[m] = tanh(a[s,t])
z[s, 0] = tanh(w * s)
z[0, 0] = v
C[s] = z[s-1, 0]
output C
"""


def test_what_stands_outside_another_axis_is_not_carried() -> None:
    """The whole can be computed, steps cannot."""
    m = rnnc.loads(OUTSIDE)
    params = {"w": np.array([0.3, 0.4]), "v": np.array([5.0, 6.0])}
    a = np.random.default_rng(0).standard_normal((3, 2, 1, 2))
    found = m.forward(params, {"a": a}).outputs["C"]
    np.testing.assert_allclose(
        found[:, 0], [[5, 6], np.tanh(params["w"]), np.tanh(2 * params["w"])], rtol=1e-12
    )
    with pytest.raises(NotImplementedError, match=r"C reads z\[s-1, 0\]: what stands outside another axis"):
        m.start(params)


LAYERS = """dim n = 2
axis s = 1..S
axis t = 1..T
param A : real[n, n], B : real[n, n], C : real[n, n]
input q[t] : real[n]
z[t] = tanh(A @ c[t-1,S] + q[t])
c[t,0] = z[t]
c[t,s] : real[n] = tanh(B @ c[t,s-1] + C @ c[t-1,s])
output z
"""


def _layers(params: dict[str, Any], q: Any, layers: int) -> list[Any]:
    """One sequence, layer by layer."""
    old, outputs = [np.zeros(2)] * (layers + 1), []
    for now in q:
        new = [np.tanh(params["A"] @ old[layers] + now)]
        for s in range(1, layers + 1):
            new.append(np.tanh(params["B"] @ new[-1] + params["C"] @ old[s]))
        outputs.append(new[0])
        old = new
    return outputs


@pytest.mark.parametrize("level", [0, 2])
def test_the_first_layer_reads_the_last_one(level: int) -> None:
    """What stands at place 0 of the layers is computed as the steps go on; without layers it is the last of them."""
    m, rng = rnnc.loads(LAYERS, Options(level=level)), np.random.default_rng(0)
    params, q = m.init(seed=1, dtype="float64"), rng.standard_normal((4, 3, 2))
    found = m.forward(params, {"q": q, "S": [3, 0, 1]})
    for row, layers in enumerate([3, 0, 1]):
        wanted = _layers(params, q[:, row], layers)
        np.testing.assert_allclose(found.outputs["z"][:, row], wanted, rtol=1e-12)
    check_property(m, "gradient")


def test_a_delayed_read_at_the_end_of_an_axis_that_may_be_empty_is_not_carried() -> None:
    """Without steps of s, c[t-1,S] is c[t-1,0], which no state holds."""
    for end in ("c[t,0] = q[t]", "c[0,0] = 0.3"):
        m = rnnc.loads(LAYERS.replace("c[t,0] = z[t]", end))
        with pytest.raises(
            NotImplementedError, match=r"z reads c\[t-1, S\]: what stands outside another axis"
        ):
            m.start(m.init())
    assert not rnnc.loads(LAYERS.replace("c[t,0] = z[t]", "c[0,s] = 0.3")).NO_STREAM


WINDOW = """
dim n = 3
axis t = 1..T
axis s = 1..S
input r[t,s] : real
output c
c[t,s] : token(n)[n] = where(r[t,s] > 0, c[t-2,s], c[0,s-2])
c[t,0] = 1
c[t,S+1] = 1
c[T+1,S+1] = 1
head y[t,s] : bool ~ bernoulli(r[t,s])
"""


def test_a_start_of_one_axis_beside_a_window_of_another(level: int) -> None:
    """The state holds two steps of t, and of what stands before s its last place alone."""
    check_property(rnnc.loads(WINDOW, Options(level=level)), "streaming", examples=3)


def test_a_start_is_not_0_past_the_end_of_another_axis(level: int) -> None:
    """What stands at h[0,S+1] fills the start past each sequence's own S."""
    text = "axis t = 1..T\naxis s = 1..S\ninput g[t,s] : real\nh[t,s] = g[t,s] + h[t,s+1]\n"
    m = rnnc.loads(text + "h[0,s] = 0.5\nh[0,S+1] = 8\nloss a[t,s] = h[t-1,s]\n", Options(level=level))
    run = m.forward({}, {"g": np.zeros((1, 3, 2)), "T": np.array([1, 1]), "S": np.array([3, 1])})
    assert run.loss == 0.5  # the mean of 3 and 1 places


CORNER = """axis t = 1..T
axis s = 1..S
input x[t] : real
q[t] : real = x[t]
e[t, s] : real = 0.5 * e[t+1,s+1] + 0.1
e[t, S+1] = q[t]
e[T+1, S+1] = 0.4
output e
"""


def test_an_end_with_a_corner_is_not_what_it_copies(level: int) -> None:
    """The end along s is q inside, 0.4 past the end of t; q itself is 0 there. A long sequence beside gives room."""
    m = rnnc.loads(CORNER, Options(level=level))
    x = np.arange(1.0, 7.0)[:, None] * [1.0, 1.0]
    found = m.forward({}, {"x": x, "T": np.array([2, 6]), "S": np.array([2, 5])}).outputs["e"]
    last = {(2, 2): 0.4, (1, 2): x[1, 0], (2, 1): 0.0}  # what lies one step on, along both axes
    expected = {place: 0.5 * beyond + 0.1 for place, beyond in last.items()}
    expected[1, 1] = 0.5 * expected[2, 2] + 0.1
    for (t, s), value in expected.items():
        assert found[t - 1, s - 1, 0] == pytest.approx(value, rel=1e-6), (t, s)


@pytest.mark.parametrize("past", ["0", "T+1"])
@pytest.mark.parametrize("edge", ["", "h[PAST, s] = 0\n"], ids=["not given", "given"])
def test_a_read_at_an_end_meets_the_corner_alone(past: str, edge: str, level: int) -> None:
    """`h[0, s-2]` is 0 inside, and of the corner's value before the first s, whether the edge is given or not."""
    text = (
        "axis t = 1..T\naxis s = 1..S\ninput x[t,s] : real\nparam w : real\noutput q, last\nh[t,s] = x[t,s]\n"
    )
    text += edge + "h[PAST, 0] = w\nq[s] = h[PAST, s-2]\nlast = h[PAST, S]\nloss l[s] = q[s]\n"
    m = rnnc.loads(text.replace("PAST", past), Options(level=level))
    params, batch = {"w": np.array(3.0)}, {"x": np.ones((4, 5, 3)), "T": [4, 2, 0], "S": [5, 1, 0]}
    run = m.forward(params, {k: np.asarray(v) for k, v in batch.items()})
    assert run.outputs["q"].T.tolist() == [[3, 3, 0, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert run.outputs["last"].tolist() == [0, 0, 3]
    assert run.loss == 9 / 6
    assert m.backward(params, run)[0]["w"] == 0.5
