"""Shapes and types: what each function gives, and the least solution over a whole spec."""

from __future__ import annotations

import pytest
from checked import attempt, codes, program, typed

HEADER = """\
dim n = 3, m = 4, k = 5, heads = 2
axis t = 1..T
axis s = 1..S
input x[t] : real[n], z[t] : real[m], a[t] : real, S2[t] : real[n, m], H[t] : real[heads, n]
input w[t] : token(k), v[t] : token(k), i[t] : int, b[t] : bool, q[s] : real[n], c : real[m]
input p[t] : token(k)[n], f[t] : real[heads]
param W : real[m, n], E : real[k, n], A : real[heads, n, m], r : real
"""

# An expression of a step, and its type.
SHAPES = [
    ("x[t] + x[t-1]", "real[n]"),
    ("2 * x[t]", "real[n]"),
    ("a[t] * x[t]", "real[n]"),
    ("x[t] ** 2", "real[n]"),
    ("-S2[t]", "real[n, m]"),
    ("i[t] + 1", "real"),
    ("b[t] * a[t]", "real"),
    ("a[t] > 0", "bool"),
    ("x[t] > 0", "bool[n]"),
    ("w[t] == v[t]", "bool"),
    ("w[t] == 0", "bool"),
    ("not (b[t] or t == 1)", "bool"),
    ("w[t-1]", "token(k)"),
    ("where(t == 1, w[t], v[t])", "token(k)"),
    ("where(b[t], x[t], 0)", "real[n]"),
    ("where(x[t] > 0, x[t], a[t])", "real[n]"),
    ("W @ x[t]", "real[m]"),
    ("z[t] @ W", "real[n]"),
    ("W @ S2[t]", "real[m, m]"),
    ("S2[t] @ c", "real[n]"),
    ("E[w[t]]", "real[n]"),
    ("E[p[t]]", "real[n, n]"),
    ("r * E[w[t]]", "real[n]"),
    ("pick(x[t], 1)", "real"),
    ("pick(onehot(w[t]), v[t])", "real"),
    ("onehot(w[t])", "real[k]"),
    ("onehot(p[t])", "real[n, k]"),
    ("sum(x[t])", "real"),
    ("mean(H[t])", "real[heads]"),
    ("max(x[t])", "real"),
    ("max(x[t], a[t])", "real[n]"),
    ("min(x[t], x[t-1])", "real[n]"),
    ("softmax(H[t])", "real[heads, n]"),
    ("layer_norm(x[t])", "real[n]"),
    ("cumsum(x[t])", "real[n]"),
    ("norm(H[t])", "real[heads]"),
    ("dot(x[t], x[t-1])", "real"),
    ("dot(H[t], H[t])", "real[heads]"),
    ("outer(x[t], z[t])", "real[n, m]"),
    ("concat(x[t], z[t])", "real[m + n]"),
    ("concat(x[t], x[t], c)", "real[m + 2*n]"),
    ("slice(concat(x[t], z[t]), n, m)", "real[m]"),
    ("slice(x[t], 0, 2)", "real[2]"),
    ("expand(f[t], n)", "real[heads, n]"),
    ("transpose(S2[t])", "real[m, n]"),
    ("roll(x[t], 1)", "real[n]"),
    ('einsum("hij,hi->hj", A, H[t])', "real[heads, m]"),
    ('einsum("ij->ji", S2[t])', "real[m, n]"),
    ("clip(x[t], 0, 1)", "real[n]"),
    ("gelu(x[t]) + silu(x[t])", "real[n]"),
    ("stop_gradient(w[t])", "token(k)"),
    ("sum[s](q[s])", "real[n]"),
    ("sum[s](dot(q[s], x[t]) * q[s])", "real[n]"),
    ("x[T] - x[1]", "real[n]"),
    ("x[t] / n", "real[n]"),
    ("T - t", "real"),
    ("x[t] / sqrt(n)", "real[n]"),
]


@pytest.mark.parametrize(("expression", "type"), SHAPES)
def test_type_of_an_expression(expression: str, type: str) -> None:
    found = typed(f"{HEADER}y[t] = {expression}\noutput y\n")
    assert str(found.types["y"]) == type


# An expression of a step that is wrong, and the code it gives.
MISFITS = [
    ("x[t] + z[t]", "RNN303"),
    ("onehot(where(b[t], w[t], 77))", "RNN305"),
    ("onehot(where(b[t], -1, w[t]))", "RNN305"),
    ("onehot(where(b[t], t - 1, w[t]))", "RNN305"),
    ("H[t] * f[t]", "RNN303"),
    ("W @ z[t]", "RNN302"),
    ("x[t] @ x[t]", "RNN302"),
    ("A @ x[t]", "RNN302"),
    ("a[t] @ x[t]", "RNN302"),
    ("w[t] + 1", "RNN305"),
    ("tanh(w[t])", "RNN305"),
    ("a[t] and b[t]", "RNN305"),
    ("where(a[t], 1, 0)", "RNN305"),
    ("w[t] == a[t]", "RNN305"),
    ("where(b[t], w[t], a[t])", "RNN305"),
    ("x[w[t]]", "RNN401"),
    ("W[w[t]]", "RNN308"),
    ("E[i[t]]", "RNN308"),
    ("pick(x[t], a[t])", "RNN308"),
    ("pick(x[t], w[t])", "RNN308"),
    ("pick(H[t], p[t])", "RNN308"),
    ("onehot(i[t])", "RNN308"),
    ("slice(x[t], 0, n + 1)", "RNN308"),
    ("slice(x[t], n, n)", "RNN308"),
    ("slice(x[t], n - 5, 2)", "RNN308"),
    ("slice(x[t], 3, 2)", "RNN308"),
    ("pick(x[t], 4)", "RNN308"),
    ("pick(x[t], -1)", "RNN308"),
    ("pick(x[t], 2 * 3 - 7)", "RNN308"),
    ("softmax(a[t])", "RNN307"),
    ("transpose(x[t])", "RNN307"),
    ("outer(S2[t], x[t])", "RNN307"),
    ("concat(x[t], S2[t])", "RNN303"),
    ('einsum("ij,k->ik", W, x[t], x[t])', "RNN310"),
    ('einsum("ij,j->k", W, x[t])', "RNN310"),
    ('einsum("ii,i->i", W, x[t])', "RNN310"),
    ('einsum("ij,i->j", W, x[t])', "RNN310"),
    ("expand(f[t], q)", "RNN301"),
    ("x[t] + tanh", "RNN201"),
    ("sum[s](x[s])", "RNN401"),
    ("q[s]", "RNN402"),
    ("softmax[s](dot(q[s], x[t]))", "RNN402"),
    ("min[s](q[s])", "RNN410"),
]


@pytest.mark.parametrize(("expression", "code"), MISFITS)
def test_misfit_is_reported_once(expression: str, code: str) -> None:
    assert codes(f"{HEADER}y[t] = {expression}\noutput y\n") == [code]


def test_a_literal_is_not_a_dim_of_the_same_value() -> None:
    assert codes(f"{HEADER}param V : real[3]\ny[t] = x[t] + V\noutput y\n") == ["RNN303"]


def test_sizes_are_equal_when_their_normal_forms_are() -> None:
    found = typed(f"{HEADER}param V : real[2 * (n + m) - m]\ny[t] = concat(x[t], z[t], x[t]) - V\noutput y\n")
    assert str(found.types["y"]) == "real[m + 2*n]"


def test_an_abbreviation_equals_what_it_abbreviates() -> None:
    found = typed("dim n = 3\ndim two = 2 * n\naxis t = 1..T\ninput x[t] : real[two]\nparam b : real[2 * n]\n"
                  "y[t] = x[t] + b\noutput y\n")  # fmt: skip
    assert str(found.types["y"]) == "real[2*n]"


def test_inference_goes_round_cycles_and_against_the_order_of_the_text() -> None:
    text = (
        f"{HEADER}y[t] = 0.5 * d[t]\nd[t] = 0.9 * d[t-1] + 0.1 * e[t]\ne[t] = tanh(x[t]) * a[t]\noutput y\n"
    )
    assert str(typed(text).types["d"]) == "real[n]"


def test_a_start_tells_the_shape() -> None:
    text = f"{HEADER}h[t] = tanh(h[t-1])\nh[0] = tanh(W @ x[1])\noutput h\n"
    assert str(typed(text).types["h"]) == "real[m]"


def test_a_number_beside_nothing_else_makes_a_scalar() -> None:
    text = f"{HEADER}h[t] = 0.9 * h[t-1] + 1\nexpanded[t] = expand(h[t], n) + x[t]\noutput expanded\n"
    found = typed(text)
    assert str(found.types["h"]) == "real"
    assert str(found.types["expanded"]) == "real[n]"


def test_one_untyped_cycle_is_one_mistake() -> None:
    text = f"{HEADER}g[t] = tanh(h[t-1])\nh[t] = tanh(g[t])\ny[t] = 2 * h[t] + x[t]\noutput y\n"
    assert codes(text) == ["RNN304"]


def test_a_mistake_does_not_spread() -> None:
    text = f"{HEADER}g[t] = x[t] + z[t]\nh[t] = tanh(g[t] + h[t-1])\ny[t] = W @ h[t]\noutput y\n"
    assert codes(text) == ["RNN303"]


# A mistake in a definition, which what reads it does not repeat.
ROOTS = [
    ("axis t = 1..100\ninput x[t] : real\nh[t] = x[t] + h[t-1]\nh[0] = 1\noutput h\n", "RNN408"),
    ("dim n = 4 / 2, m = n\naxis t = 1..T\ninput x[t] : real[n], z[t] : real[m]\noutput x, z\n", "RNN301"),
    ("axis t = 1..T\ninput x[t] : real\nh[t+1] = x[t] + h[t]\nhead y[t] : real ~ normal(h[t])\n", "RNN409"),
    ("axis t = 1..T\ninput x[t] : real\nh[2] = x[1]\nhead y[t] : real ~ normal(h[t])\n", "RNN409"),
    ("axis t = 1..T\ninput x[x] : real\nh[t] = tanh(x[t])\noutput h\n", "RNN409"),
    ("axis t = 1..T\ninput x[t] : real[k]\nh[t] = tanh(x[t])\noutput h\n", "RNN201"),
]


@pytest.mark.parametrize(("text", "code"), ROOTS)
def test_a_wrong_definition_is_the_only_mistake(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_all_mistakes_of_a_file_are_reported() -> None:
    text = f"{HEADER}g[t] = x[t] + z[t]\nh[t] = W @ z[t]\ny[t] = nothing[t]\noutput g, h, y\n"
    assert codes(text) == ["RNN201", "RNN303", "RNN302"]


# A declared type, a right side, and the code when it does not fit.
DECLARED = [
    ("real[n]", "0.5", None),
    ("real[n]", "a[t]", None),
    ("real", "x[t]", "RNN309"),
    ("real[m]", "x[t]", "RNN309"),
    ("real", "b[t]", None),
    ("int", "i[t] + 1", None),
    ("int", "t % 4", None),
    ("int", "a[t]", "RNN309"),
    ("bool", "a[t] > 0", None),
    ("bool", "a[t]", "RNN309"),
    ("token(k)", "w[t]", None),
    ("token(m)", "w[t]", "RNN309"),
    ("token(k)", "0", None),
    ("token(k)", "4", None),
    ("token(k)", "5", "RNN309"),
    ("token(k)", "where(b[t], 4, w[t])", None),
    ("token(k)", "i[t]", "RNN309"),
]


@pytest.mark.parametrize(("type", "expression", "code"), DECLARED)
def test_declared_type(type: str, expression: str, code: str | None) -> None:
    assert codes(f"{HEADER}y[t] : {type} = {expression}\noutput y\n") == ([code] if code else [])


def test_a_size_cannot_be_negative_by_override() -> None:
    text = "dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\noutput x\n"
    assert [item.code for item in attempt(text, {"n": -1})[1]] == ["RNN314"]
    assert program(text, {"n": 7}).dims == (("n", 7),)
    assert [item.code for item in attempt(text, {"m": 7})[1]] == ["RNN314"]


HEAD = "dim n = 4\naxis s = 1..S\naxis t = 1..T\ninput x[t] : real[n], z[t] : real, w[s] : real\n"


@pytest.mark.parametrize(
    "value", ["0.9 * h[t-1] + tanh(affine(x[t]))", "z[t] * affine(x[t])", "affine(x[t]) - 1"]
)
def test_an_affine_that_only_numbers_stand_beside_needs_a_type(value: str) -> None:
    """A number goes with every shape: it does not say which one."""
    assert codes(f"{HEAD}h[t] = {value}\noutput h\n") == ["RNN304"]
    assert codes(f"{HEAD}h[t] : real[n] = {value}\noutput h\n") == []


@pytest.mark.parametrize(
    "value", ["h[t-1] + 1", "0.9 * h[t-1] + z[t]", "0.9 * h[t-1] + tanh(affine(x[t]) + x[t])"]
)
def test_where_something_has_a_shape_no_type_is_needed(value: str) -> None:
    assert codes(f"{HEAD}h[t] = {value}\noutput h\n") == []


def test_a_reduction_over_an_axis_that_is_not_there() -> None:
    assert codes(f"{HEAD}h[t] = sum[i](x[t])\noutput h\n") == ["RNN410"]
    _, reported = attempt(f"{HEAD}h[t] = sum[s](z[t])\noutput h\n")
    assert [item.code for item in reported if item.code == "RNN906"]
    for legal in ("sum[s](1)", "sum[s](w[s] * z[t])", "sum[s](s * z[t])"):
        assert "RNN906" not in [item.code for item in attempt(f"{HEAD}h[t] = {legal}\noutput h\n")[1]]


def test_a_step_of_what_has_no_index() -> None:
    for index in ("t", "t-1", "T"):
        assert codes(f"{HEAD}noise m : real[n] ~ bernoulli(0.5)\nh[t] = m[{index}] * x[t]\noutput h\n") == [
            "RNN403"
        ]


@pytest.mark.parametrize("scale", ["0", "-1", "-0.5", "0.0"])
def test_a_deviation_that_is_not_above_0(scale: str) -> None:
    assert codes(f"{HEAD}head y[t] : real[n] ~ normal(x[t], {scale})\n") == ["RNN504"]
    assert codes(f"{HEAD}head y[t] : real[n] ~ normal(x[t], 0.5)\n") == []


@pytest.mark.parametrize(
    ("start", "right"),
    [
        *((start, False) for start in ("normal(-1)", "normal(1 - 3)", "uniform(1, -1)", "uniform(2)")),
        *((start, False) for start in ("sparse(2, 0.9)", "sparse(0.5, -1)", "log(uniform(5, 1))")),
        *((start, True) for start in ("normal(0)", "-normal(0.1)", "normal(1 / sqrt(n))", "sparse(1, 0)")),
        *((start, True) for start in ("uniform", "uniform(0.5)", "uniform(1, 1)", "uniform(-1 * n, 1)")),
    ],
)
def test_the_numbers_of_a_start_are_in_its_range(start: str, right: bool) -> None:
    """NumPy would say it without a place, when the parameters are drawn."""
    text = f"{HEADER}param V : real[n, n] ~ {start}\ny[t] = V @ x[t]\noutput y\n"
    assert codes(text) == ([] if right else ["RNN312"])


def test_a_component_is_picked() -> None:
    _, reported = attempt(f"{HEAD}h[t] = x[t][1]\noutput h\n")
    assert [item.help for item in reported if item.code == "RNN308"] == [
        "a component of a vector is `pick(x[t], 1)`"
    ]


def test_a_slice_is_inside_at_the_values_that_dims_have() -> None:
    text = "dim n = {}\naxis t = 1..T\ninput x[t] : real[n]\ny[t] = slice(x[t], n - 3, 3)\noutput y\n"
    assert codes(text.format(3)) == []
    _, reported = attempt(text.format(2))
    assert [item.message for item in reported] == [
        "a slice of 3 from n - 3 is not inside the last size n, with n = 2"
    ]
