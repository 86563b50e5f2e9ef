"""How far a gradient reaches, against networks whose answer is known in closed form."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import rnnc
from rnnc.__main__ import main
from rnnc.runtime.params import save_params

LINEAR = """
dim n = 4
axis t = 1..T
input x[t] : real[n]
param W : real[n, n]
h[t] = W @ h[t-1] + x[t]
head y[t] : real[n] ~ normal(h[t])
"""
RNG = np.random.default_rng(5)


def flow(text, params, batch):
    return rnnc.gradient_flow(rnnc.loads(text), params, batch)


def linear(steps=6, lengths=(6, 4)):
    """A linear network on a ragged batch; the error at every sequence's last step."""
    w = 0.5 * RNG.standard_normal((4, 4))
    x, y = RNG.standard_normal((2, steps, len(lengths), 4))
    batch = {"x": x, "y": y, "T": np.array(lengths)}
    run = rnnc.loads(LINEAR).forward({"W": w}, batch)
    errors = [run.outputs["y"][length - 1, row] - y[length - 1, row] for row, length in enumerate(lengths)]
    return w, batch, errors


def test_norms_of_a_linear_network_are_those_of_the_powers_of_its_matrix():
    """dL_T/dh[T-k] is (W')^k (h[T] - y[T]), of a Gaussian with unit variance."""
    w, batch, errors = linear()
    found = flow(LINEAR, {"W": w}, batch)
    for lag in range(6):
        norms = [
            np.linalg.norm(np.linalg.matrix_power(w.T, lag) @ e) for e, n in zip(errors, (6, 4)) if lag < n
        ]
        assert found.memories["h"][lag] == pytest.approx(np.sqrt(np.mean(np.square(norms))), rel=1e-12)
    assert found.edges["h[t-1]"][0] == 0  # nothing reads the last state
    np.testing.assert_allclose(found.edges["h[t-1]"][1:], found.memories["h"][1:], rtol=1e-12)


def test_the_spectral_radius_is_that_of_the_matrix():
    w, batch, _ = linear()
    radii = flow(LINEAR, {"W": w}, batch).radii["h",]
    np.testing.assert_allclose(radii, np.abs(np.linalg.eigvals(w)).max(), rtol=1e-10)


def test_an_orthogonal_matrix_keeps_the_gradient():
    w, batch, _ = linear()
    found = flow(LINEAR, {"W": np.linalg.qr(w)[0]}, {**batch, "T": np.array([6, 6])})
    np.testing.assert_allclose(found.memories["h"], found.memories["h"][0], rtol=1e-12)
    np.testing.assert_allclose(found.radii["h",], 1, rtol=1e-10)


SKIP = """
axis t = 1..T
input x[t] : real
h[t] = 0.5 * h[t-1] + 0.25 * h[t-3] + x[t]
output h
"""


def test_each_edge_has_its_part_of_the_gradient():
    """g[k] = 0.5 g[k-1] + 0.25 g[k-3], one term for each edge; lambda^3 = 0.5 lambda^2 + 0.25."""
    found = flow(SKIP, {}, {"x": np.zeros((9, 1))})
    g = [1.0, 0.5, 0.25]
    while len(g) < 9:
        g.append(0.5 * g[-1] + 0.25 * g[-3])
    np.testing.assert_allclose(found.memories["h"], g, rtol=1e-12)
    np.testing.assert_allclose(found.edges["h[t-1]"], [0, *(0.5 * v for v in g[:-1])], rtol=1e-12)
    np.testing.assert_allclose(found.edges["h[t-3]"], [0, 0, 0, *(0.25 * v for v in g[:-3])], rtol=1e-12)
    np.testing.assert_allclose(found.radii["h",], np.abs(np.roots([1, -0.5, 0, -0.25])).max(), rtol=1e-10)
    assert list(found.curves) == ["h", "h[t-1]", "h[t-3]"]


def test_what_runs_backward_is_seen_from_the_first_step():
    text = "axis t = 1..T\ninput x[t] : real\ng[t] = 0.5 * g[t+1] + x[t]\noutput g\n"
    found = flow(text, {}, {"x": np.zeros((5, 2)), "T": np.array([5, 3])})
    np.testing.assert_allclose(found.memories["g"], 0.5 ** np.arange(5), rtol=1e-12)
    assert found.backward == {"g", "g[t+1]"} and "from step 1" in str(found)


TANH = """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param W : real[n, n]
h[t] = tanh(W @ h[t-1] + x[t])
output h
"""


def test_the_jacobian_of_a_tanh_network_by_hand():
    w, x = RNG.standard_normal((3, 3)), RNG.standard_normal((20, 1, 3))
    found = flow(TANH, {"W": w}, {"x": x})
    h = rnnc.loads(TANH).forward({"W": w}, {"x": x}).outputs["h"][:, 0]
    steps = np.unique(np.linspace(1, 20, 16).round().astype(int))
    radii = [np.abs(np.linalg.eigvals(np.diag(1 - h[t - 1] ** 2) @ w)).max() for t in steps]
    np.testing.assert_allclose(found.radii["h",], radii, rtol=1e-9)
    assert found.saturated == {"h (tanh)": np.mean(1 - h**2 < 0.1)}


def test_gated_memory_has_the_jacobian_of_all_that_is_carried():
    """Of an LSTM's two states together: by differences."""
    text = "use lstm\ndim n = 2, m = 3\naxis t = 1..T\ninput x[t] : real[m]\nh[t] = lstm(x[t], n)\noutput h\n"
    m = rnnc.loads(text)
    params, x = m.init(dtype="float64"), RNG.standard_normal((1, 1, 3))
    found = flow(text, params, {"x": x})
    assert set(found.memories) == {"h", "h.c"} and list(found.radii) == [("h", "h.c")]

    def step(state):
        carried = {"h": state[None, :2], "h.c": state[None, 2:], "t": np.array([0])}
        last = m.forward(params, {"x": x}, state=carried).state
        return np.concatenate([last["h"][0], last["h.c"][0]])

    jacobian = np.array([(step(1e-6 * e) - step(-1e-6 * e)) / 2e-6 for e in np.eye(4)]).T
    assert found.radii["h", "h.c"][0] == pytest.approx(np.abs(np.linalg.eigvals(jacobian)).max(), rel=1e-7)


def test_a_recurrence_over_two_axes_has_norms_and_says_why_it_has_no_radius():
    text = """
axis i = 1..I
axis j = 1..J
input x[i, j] : real
p[i, j] = 0.5 * p[i-1, j] + 0.25 * p[i, j-1] + x[i, j]
loss last = p[I, J]
"""
    found = flow(text, {}, {"x": np.zeros((4, 3, 1))})
    rows = [
        [0.25**j * 0.5**i * [[1, 1, 1], [1, 2, 3], [1, 3, 6], [1, 4, 10]][i][j] for j in range(3)]
        for i in range(4)
    ]
    np.testing.assert_allclose(found.memories["p"], np.linalg.norm(rows, axis=1), rtol=1e-12)
    assert found.unmeasured == {("p",): "it runs over several axes"}


def test_nothing_carried():
    found = flow(
        "axis t = 1..T\ninput x[t] : real\ny[t] = tanh(x[t])\noutput y\n", {}, {"x": np.ones((3, 1))}
    )
    assert not found.memories and "no recurrence" in str(found)


def test_wrong_arguments_are_said():
    with pytest.raises(ValueError, match="missing"):
        flow(LINEAR, {"W": np.eye(4)}, {})


# -------------------------------------------------------------------------------- the command line


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.rnn").write_text(LINEAR)
    return "net.rnn"


def test_text_and_picture(spec, tmp_path, capsys):
    assert main(["show", "--gradient-flow", spec, "--steps", "7", "--batch", "2"]) == 0
    shown = capsys.readouterr().out
    assert "2 sequences of 7 steps drawn at random" in shown and "spectral radius" in shown
    assert main(["show", "--gradient-flow", spec, "-o", "net.svg"]) == 0
    root = ElementTree.parse(tmp_path / "net.svg").getroot()
    lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(lines) == 1 and "h" in words and any("spectral radius of h" in word for word in words)


def test_trained_weights_and_data(spec, capsys):
    save_params("w.npz", {"W": 0.5 * np.eye(2)}, dims={"n": 2})
    batch = {"x": np.ones((5, 3, 2)), "y": np.zeros((5, 3, 2)), "T": np.array([5, 5, 4])}
    np.savez("data.npz", **batch)
    words = ["show", "--gradient-flow", spec, "--weights", "w.npz", "--data", "data.npz", "--batch", "2"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "w.npz; the first 2 sequences of data.npz" in shown and "0.500" in shown


@pytest.mark.parametrize(
    "given", [["--weights", "none.npz"], ["--data", "none.npz"], ["--weights", "net.rnn"]]
)
def test_what_cannot_be_read_is_said(spec, given, capsys):
    assert main(["show", "--gradient-flow", spec, *given]) == 2
    assert given[1] in capsys.readouterr().err
