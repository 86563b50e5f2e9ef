"""Cells: copies, names, dims bound from arguments, starts, reversal, shared parameters, imports."""

from __future__ import annotations

import pytest
from checked import attempt, codes, lines, params, program, typed

HEADER = """\
use lstm
dim n = 3, m = 4
axis s = 1..S
axis t = 1..T
input x[t] : real[n], q[s] : real[n], c : real[m]
cell leaky(x[i] : real[k], a : real = 0.9) -> h[i] : real[k] {
  h[i] = a * h[i-1] + (1 - a) * x[i]
}
"""


def test_inner_names_belong_to_the_copy() -> None:
    found = typed(f"{HEADER}h1[t] = lstm(x[t], m)\nh2[t] = lstm(h1[t], m)\nlast = h1.c[T]\noutput h2, last\n")
    assert str(found.types["h1"]) == str(found.types["h1.c"]) == str(found.types["last"]) == "real[m]"
    assert found.params["h1.W_ix"].type.shape != found.params["h2.W_ix"].type.shape


def test_dims_are_bound_from_the_arguments() -> None:
    found = program(f"{HEADER}h[t] = lstm(concat(x[t], c), m)\noutput h\n")
    assert params(found)["h.W_ix"] == "m, m + n"


def test_index_and_length_are_the_callers() -> None:
    found = program(f"{HEADER}h[s] = leaky(q[s])\noutput h\n")
    assert "h.2[s,@] : real[n] = mul(h.1, h[s-1,@])" in lines(found, "h")


def test_a_default_and_a_given_value() -> None:
    found = program(
        f"{HEADER}param r : real\ng[t] = leaky(x[t])\nh[t] = leaky(x[t], sigmoid(r))\noutput g, h\n"
    )
    assert lines(found, "g.a") == ["g.a : real = number() {value: 0.9}"]
    assert lines(found, "h.a") == ["h.a : real = sigmoid(r)"]


def test_arguments_by_name() -> None:
    found = program(f"{HEADER}h[t] = leaky(a = 0.5, x = x[t])\noutput h\n")
    assert lines(found, "h.a") == ["h.a : real = number() {value: 0.5}"]


def test_an_argument_read_as_it_stands_makes_no_equation() -> None:
    assert lines(program(f"{HEADER}h[t] = leaky(x[t])\noutput h\n"), "h.x") == []


def test_an_argument_read_at_a_delay_is_0_before_the_first_step() -> None:
    text = f"{HEADER}cell tap(x[t] : real[k]) -> h[t] : real[k] {{\n  h[t] = x[t-1]\n}}\n"
    found = program(f"{text}g[0] = 1\ng[t] = leaky(x[t])\nh[t] = tap(g[t])\noutput h\n")
    assert lines(found, "h.x")[-2:] == [
        "h.x[t,@] : real[n] = copy(g[t,@]) before t: h.x.past",
        "h.x.state[@] : real[n] = copy(h.x[T,@])",
    ]


def test_the_callers_start_overrides_the_cells_own() -> None:
    text = (
        "axis t = 1..T\ninput x[t] : real\ncell sums(x[t] : real) -> h[t] : real {\n"
        "  h[0] = 1\n  h[t] = h[t-1] + x[t]\n}\n"
    )
    own = program(f"{text}g[t] = sums(x[t])\noutput g\n")
    assert lines(own, "g.start")[0] == "g.start.1 : real = number() {value: 1.0}"
    given = program(f"{text}g[t] = sums(x[t])\ng[0] = 5\noutput g\n")
    assert lines(given, "g.start")[0] == "g.start.1 : real = number() {value: 5.0}"


def test_inner_quantities_can_be_started() -> None:
    found = program(f"{HEADER}h[t] = lstm(x[t], m)\nh.c[0] = c\noutput h\n")
    assert lines(found, "h.c.start") == ["h.c.start[@] : real[m] = copy(c[@])"]


def test_reverse_turns_every_index_round() -> None:
    text = (
        "axis t = 1..T\ninput x[t] : real\ncell all(x[i] : real) -> h[i] : real {\n"
        "  h[0] = 3\n  h[i] = h[i-1] + x[i+2] * x[1] + x[I] + i - I\n}\n"
    )
    found = program(f"{text}g[t] = reverse all(x[t])\noutput g\n")
    text = "\n".join(lines(found, "g"))
    assert "after t: g.end" in text
    assert "g[t+1,@]" in text
    assert "x[t-2,@]" in text
    assert "mul(g.x[t-2,@], g.x[T,@])" in text
    assert "g.x[1,@]" in text
    assert "sub(g.6[@], g.7[t,@])" in text  # the number i is T + 1 - t


def test_reverse_in_reverse_is_forward() -> None:
    text = (
        f"{HEADER}cell back(x[t] : real[k]) -> h[t] : real[k] {{\n  h[t] = reverse leaky(x[t])\n}}\n"
        "f[t] = back(x[t])\nb[t] = reverse back(x[t])\noutput f, b\n"
    )
    found = program(text)
    assert "f[t+1,@]" in "".join(lines(found, "f"))
    assert "b[t-1,@]" in "".join(lines(found, "b"))


def test_sharing_uses_the_same_parameters() -> None:
    found = program(f"{HEADER}a[t] = lstm(x[t], m) sharing b\nb[t] = lstm(x[t-1], m)\noutput a, b\n")
    assert {name.partition(".")[0] for name in params(found)} == {"b"}
    assert any("einsum(b.W_ix, x[t,@])" in line for line in lines(found, "a.i"))


def test_sharing_wants_equal_shapes() -> None:
    assert codes(f"{HEADER}a[t] = lstm(x[t], m)\nb[t] = lstm(a[t], m) sharing a\noutput b\n") == ["RNN210"]


def test_cells_in_cells() -> None:
    text = (
        f"{HEADER}cell stack(x[t] : real[k], d) -> h[t] : real[d] {{\n"
        "  c[t] = lstm(x[t], d)\n  h[t] = lstm(c[t], d)\n}\n"
        "u[t] = stack(x[t], m)\nv[t] = stack(u[t], m) sharing u\noutput v\n"
    )
    found = typed(
        text.replace("k], d)", "k], d)").replace("stack(u[t], m) sharing u", "stack(x[t-1], m) sharing u")
    )
    assert str(found.types["u.c.c"]) == str(found.types["u.h.c"]) == "real[m]"
    assert str(found.params["u.h.W_ih"].type) == "real[m, m]"
    assert not [name for name in found.params if name.startswith("v.")]


def test_a_loop_inside_a_cell() -> None:
    text = (
        f"{HEADER}cell deep(x[t] : real[k], depth) -> h[t] : real[k] {{\n  s0[t] = h[t-1] + x[t]\n"
        "  for l in 1..depth {\n    s{l}[t] : real[k] = tanh(affine(s{l-1}[t]))\n  }\n"
        "  h[t] = s{depth}[t]\n}\n"
        "h[t] = deep(x[t], 3)\noutput h\n"
    )
    assert [name for name in params(program(text)) if ".W_" in name] == ["h.W_s1s0", "h.W_s2s1", "h.W_s3s2"]


def test_several_outputs() -> None:
    text = (
        f"{HEADER}cell two(x[t] : real[k]) -> h[t] : real[k], g[t] : real[k] {{\n"
        "  h[t] = tanh(x[t])\n  g[t] = 2 * h[t]\n}\nu[t] = two(x[t])\ny[t] = u[t] + u.g[t]\noutput y\n"
    )
    assert str(typed(text).types["y"]) == "real[n]"


def test_an_import_brings_the_cells_of_the_file() -> None:
    files = {
        "cells.rnn": "use lstm\ncell mine(x[t] : real[k], n) -> h[t] : real[n] {\n  h[t] = lstm(x[t], n)\n}\n"
    }
    text = (
        'import "cells.rnn"\ndim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = mine(x[t], n)\noutput h\n'
    )
    assert "h.h.W_ix" in params(program(text, files=files))
    assert codes(text.replace("mine(x[t], n)", "lstm(x[t], n)"), files) == ["RNN204"]


def test_a_mistake_in_an_imported_cell_is_shown_at_its_place_and_at_the_call() -> None:
    files = {"cells.rnn": "cell mine(x[t] : real[k]) -> h[t] : real[k] {\n  h[t] = tanh(xx[t])\n}\n"}
    text = 'import "cells.rnn"\naxis t = 1..T\ninput x[t] : real[3]\n'
    text += "h[t] = mine(x[t])\ng[t] = mine(h[t])\noutput g\n"
    (mistake,) = attempt(text, None, files)[1]
    assert mistake.span.source.path == "cells.rnn"
    assert mistake.span.text == "xx"
    assert [(label.span.source.path, label.span.text) for label in mistake.labels] == [
        ("spec.rnn", "mine(x[t])")
    ]


# Statements about cells that are wrong, and the code they give.
WRONG = [
    ("h[t] = lstm(x[t])", "RNN203"),
    ("h[t] = lstm(x[t], m, m)", "RNN203"),
    ("h[t] = lstm(x[t], m, n = m)", "RNN207"),
    ("h[t] = lstm(x[t], width = m)", "RNN207"),
    ("h = lstm(x[T], m)", "RNN403"),
    ("h[t] = lstm(c + 1, n + x)", "RNN301"),
    ("h[t] = lstm(q[s], m)", "RNN402"),
    ("h[t] = leaky(sum(x[t]))", "RNN311"),
    ("h[t] = leaky(x[t], c)", "RNN309"),
    ("h[t] = leaky(x[t], x[t])", "RNN402"),
    ("h[t] = 1 + leaky(x[t])", "RNN205"),
    ("h[t] = reverse tanh(x[t])", "RNN205"),
    ("h[t] = leaky(x[t]) sharing x", "RNN210"),
    ("h[t] = gru(x[t], m)", "RNN204"),
    ("h[t] = leaky(x[t])\nh.h[0] = 1", "RNN201"),
    ("h[t] = leaky(x[t])\nh.a[t] = 1", "RNN209"),
    ("cell tanh(x[t] : real) -> h[t] : real {\n  h[t] = x[t]\n}\nh[t] = x[t]", "RNN202"),
    ("cell leaky(x[t] : real) -> h[t] : real {\n  h[t] = x[t]\n}\nh[t] = x[t]", "RNN202"),
    ("cell none(x[t] : real[k]) -> g[t] : real[k] {\n  h[t] = x[t]\n}\nh[t] = none(x[t])", "RNN206"),
    ("cell sees(x[t] : real[k]) -> g[t] : real[k] {\n  g[t] = q[t]\n}\nh[t] = sees(x[t])", "RNN201"),
    (
        "cell two(x[t] : real[k], y[u] : real) -> g[t] : real[k] {\n  g[t] = x[t]\n}\nh[t] = two(x[t], 1)",
        "RNN206",
    ),
]


@pytest.mark.parametrize(("statements", "code"), WRONG)
def test_wrong_calls(statements: str, code: str) -> None:
    assert codes(f"{HEADER}{statements}\noutput h\n") == [code]
