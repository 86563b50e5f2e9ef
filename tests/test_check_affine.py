"""`affine`: the names, shapes and starts of the parameters it makes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from checked import codes, params, program
from rnnc import loads

HEADER = """\
use lstm
dim n = 3, m = 4, k = 5, heads = 2
axis t = 1..T
input x[t] : real[n], z[t] : real[m], a[t] : real, H[t] : real[heads, n], w[t] : token(k), c : real[m]
"""

# Statements, and the parameters they make.
NAMES = [
    ("h[t] : real[m] = tanh(affine(x[t], h[t-1]))", {"W_hx": "m, n", "W_hh": "m, m", "b_h": "m"}),
    ("h[t] : real[m] = affine(x[t], bias = none)", {"W_hx": "m, n"}),
    ("h[t] : real[m] = affine(2 * x[t], z[t])", {"W_h1": "m, n", "W_hz": "m, m", "b_h": "m"}),
    (
        "h[t] : real[m] = affine(h[t-1], h[t-2], h[t-3])",
        {"W_hh": "m, m", "W_hh_2": "m, m", "W_hh_3": "m, m", "b_h": "m"},
    ),
    (
        "h[t] : real[m] = affine(x[t]) * sigmoid(affine(x[t]))",
        {"W_hx": "m, n", "b_h": "m", "W_hx_2": "m, n", "b_h_2": "m"},
    ),
    ("h[t] : real[m] = affine(a[t])", {"W_hx": None, "W_ha": "m", "b_h": "m"}),
    ("h[t] : real = affine(x[t])", {"W_hx": "n", "b_h": ""}),
    ("h[t] : real[m] = affine(H[t])", {"W_hH": "m, heads, n", "b_h": "m"}),
    ("h[t] : real[heads, m] = affine(x[t])", {"W_hx": "heads, m, n", "b_h": "heads, m"}),
    ("h : real[m] = affine(x[T], c)", {"W_hx": "m, n", "W_hc": "m, m", "b_h": "m"}),
    ("h0[t] = x[t]\nfor l in 1..2 {\n  h{l}[t] : real[n] = affine(h{l-1}[t])\n}\nh[t] = h2[t]",
     {"W_h1h0": "n, n", "b_h1": "n", "W_h2h1": "n, n", "b_h2": "n"}),
    ("h[t] = z[t] * affine(x[t])", {"W_hx": "m, n", "b_h": "m"}),
    ("param R : real[m, n]\nh[t] = R @ affine(z[t])", {"R": "m, n", "W_hz": "n, m", "b_h": "n"}),
    ("param R : real[m, n]\nh[t] = affine(x[t]) @ R", {"R": "m, n", "W_hx": "m, n", "b_h": "m"}),
    ("h[t] : real[m] = layer_norm(affine(x[t]))", {"W_hx": "m, n", "b_h": "m"}),
    ("u[t] = lstm(x[t], m)\nh[t] : real[n] = affine(u[t], u.c[t-1])",
     {"W_hu": "n, m", "W_hu_c": "n, m", "b_h": "n"}),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "wanted"), NAMES)
def test_names_and_shapes(statements: str, wanted: dict[str, str | None]) -> None:
    found = params(program(f"{HEADER}{statements}\noutput h\n"))
    for name, shape in wanted.items():
        assert found.pop(name, None) == shape
    assert not [name for name in found if not name.startswith("u.")]


def test_of_a_head_after_its_target() -> None:
    found = program(f"{HEADER}head y[t] : token(k) ~ categorical(affine(x[t]))\n")
    assert params(found) == {"W_yx": "k, n", "b_y": "k"}


def test_of_a_head_with_two_arguments() -> None:
    found = program(f"{HEADER}head y[t] : real[m] ~ normal(affine(x[t]), softplus(affine(x[t])))\n")
    assert params(found) == {"W_yx": "m, n", "b_y": "m", "W_yx_2": "m, n", "b_y_2": "m"}


def test_of_a_loss() -> None:
    assert params(program(f"{HEADER}loss r[t] = square(affine(x[t]))\n")) == {"W_rx": "n", "b_r": ""}


# Statements in which `affine` is wrong, and the code they give.
WRONG = [
    ("h[t] = sum(affine(x[t]))", "RNN306"),
    ("h[t] = where(affine(x[t]) > 0, x[t], 0)", "RNN306"),
    ("h[t] = lstm(affine(x[t]), m)", "RNN306"),
    ("h[t] = tanh(affine(x[t]))", "RNN304"),
    ("h[t] : real[m] = affine(w[t])", "RNN305"),
    ("h[t] : real[m] = affine()", "RNN203"),
    ("h[t] : real[m] = affine(x[t], scale = 2)", "RNN207"),
    ("param W_hx : real[m, n]\nh[t] : real[m] = affine(x[t]) + W_hx @ x[t]", "RNN211"),
    ("hx[t] : real[m] = affine(x[t], bias = none)\nh[t] : real[m] = affine(xx[t], bias = none) + hx[t]\n"
     "xx[t] = x[t]", "RNN211"),
    ("h[0] = tanh(affine(c))\nh[t] : real[m] = tanh(affine(h[t-1]))", "RNN211"),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "code"), WRONG)
def test_wrong_uses(statements: str, code: str) -> None:
    assert codes(f"{HEADER}{statements}\noutput h\n") == [code]


def test_a_made_parameter_can_be_read_elsewhere() -> None:
    text = f"{HEADER}loss weights = sum(sum(square(W_hx)))\nh[t] : real[m] = affine(x[t])\noutput h\n"
    assert params(program(text)) == {"W_hx": "m, n", "b_h": "m"}


def test_starts() -> None:
    text = f"{HEADER}h[t] : real[m] = affine(x[t], bias = 1)\ng[t] : real[m] = affine(H[t])\noutput h, g\n"
    inits = {p.name: p.init for p in program(text).params}
    assert inits["W_hx"].op == "glorot"
    assert (inits["b_h"].op, inits["b_h"].value) == ("number", 1.0)
    assert [arg.value for arg in inits["W_gH"].args] == [1]  # glorot, where all sizes but the first are one


def test_weights_of_several_sizes_start_by_all_sizes_of_each_side() -> None:
    module = loads("dim a = 3, b = 4\naxis t = 1..T\ninput H[t] : real[a, b]\n"
                   "h[t] : real = affine(H[t])\ng[t] : real[a, b] = affine(h[t], H[t])\noutput g\n")  # fmt: skip
    params = module.init(seed=0, dtype="float64", a=30, b=40)
    fans = {"W_hH": 1 + 1200, "W_gh": 1200 + 1, "W_gH": 1200 + 1200}
    for name, fan in fans.items():
        assert np.abs(params[name]).max() == pytest.approx(np.sqrt(6 / fan), rel=0.02)


def test_the_start_of_a_weight_is_one_short_line() -> None:
    module = loads("dim heads = 2, n = 3\naxis t = 1..T\ninput x[t] : real[n]\n"
                          "q[t] : real[heads, n] = affine(x[t])\noutput q\n")  # fmt: skip
    [line] = [
        line
        for line in inspect.getsource(module.init).splitlines()
        if line.lstrip().startswith("'W_qx': init")
    ]
    assert len(line) < 90
