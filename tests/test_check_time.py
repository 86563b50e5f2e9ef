"""Indices, ends, delays; which recurrences are legal, and how an illegal one is drawn."""

from __future__ import annotations

import pytest
from checked import attempt, codes, program

HEADER = """\
dim n = 3, k = 2
axis t = 1..T
axis s = 1..S
input x[t] : real[n], z[s] : real[n], c : real[n], w[t,s] : real[n]
"""

# What may stand in the index of a quantity over t, read at step t.
INDICES = ["t", "t-1", "t+1", "t-k", "t+2*k", "1", "T", "0", "T+1", "t-0", "t-k+1", "k-1"]


@pytest.mark.parametrize("index", INDICES)
def test_legal_indices(index: str) -> None:
    assert codes(f"{HEADER}y[t] = x[{index}]\noutput y\n") == []


WRONG_INDICES = [
    ("2", "RNN401"),
    ("T-1", "RNN401"),
    ("2*t", "RNN401"),
    ("t/2", "RNN401"),
    ("T-t", "RNN401"),
    ("t+T", "RNN401"),
    ("s", "RNN401"),
    ("S", "RNN401"),
    ("t-x[t]", "RNN401"),
    ("t-1.5", "RNN401"),
    ("t-d", "RNN201"),
    ("t-1025", "RNN407"),
    ("t,s", "RNN403"),
]


@pytest.mark.parametrize(("index", "code"), WRONG_INDICES)
def test_illegal_indices(index: str, code: str) -> None:
    assert codes(f"{HEADER}y[t] = x[{index}]\noutput y\n") == [code]


# Equations of h and whatever it needs, all legal.
LEGAL = [
    "h[t] = tanh(x[t] + h[t-1])",
    "h[t] = tanh(x[t] + h[t+1])",
    "h[t] = tanh(x[t] + h[t-1] + h[t-3])",
    "h[t] = tanh(x[t] + g[t-1])\ng[t] = tanh(h[t])",
    "h[t] = tanh(x[t] + h[t-1] + g[t])\ng[t] = tanh(x[t] + g[t+1])",
    "h[t] = tanh(x[t] + h[t-1] + x[T])",
    "a[s] = z[s] + a[s-1]\nh[t] = x[t] + a[S] + h[t-1]",
    "h[t,s] = w[t,s] + h[t-1,s] + h[t,s-1]",
    "h[t,s] = w[t,s] + h[t-1,s+1] + h[t,s-1]",
    "h[t,s] = w[t,s] + h[t,s-1] + g[s]\ng[s] = h[T,s-1]",
    "h[t] = sum[s](softmax[s](dot(z[s], h[t-1])) * z[s]) + x[t]".replace(
        "softmax[s](dot(z[s], h[t-1]))", "e[t,s]"
    )
    + "\ne[t,s] = softmax[s](dot(z[s], h[t-1]))",
    "h[t] = x[t] + h[t-1]\nh[0] = g[1]\ng[t] = x[t] + g[t+1]",
    "h = c + x[T]",
]


@pytest.mark.parametrize("equations", LEGAL)
def test_legal_recurrences(equations: str) -> None:
    assert codes(f"{HEADER}{equations}\noutput h\n") == []


# Equations with one illegal cycle, its code, and the reads that draw it.
CYCLES = [
    ("h[t] = tanh(x[t] + h[t])", "RNN404", ["h[t]"]),
    ("h[t] = x[t] + g[t]\ng[t] = tanh(f[t])\nf[t] = 2 * h[t] + f[t-1]", "RNN404", ["g[t]", "f[t]", "h[t]"]),
    ("h = c + g\ng = 2 * h", "RNN404", ["g", "h"]),
    ("h[t] = x[t] + h[t-1] + h[t+1]", "RNN405", ["h[t-1]", "h[t+1]"]),
    ("h[t] = x[t] + g[t-1]\ng[t] = tanh(h[t+2])", "RNN405", ["g[t-1]", "h[t+2]"]),
    ("h[t] = x[t] + h[t-1] + h[T]", "RNN406", ["h[T]"]),
    ("h[t] = x[t] + h[t-1] * e\ne = sum[t](h[t])", "RNN406", ["h[t]", "e"]),
    ("h[t,s] = w[t,s] + h[t-1,s+1] + h[t+1,s-1]", "RNN405", ["h[t-1,s+1]", "h[t+1,s-1]"]),
    ("h[t,s] = w[t,s] + h[t-1,s+1] + h[t,s-1] + h[t,s+1]", "RNN405", ["h[t,s-1]", "h[t,s+1]"]),
    ("h[t] = x[t] + h[t-1]\nh[0] = h[T]", "RNN406", ["h[T]", "h[0]"]),
]


@pytest.mark.parametrize(("equations", "code", "reads"), CYCLES)
def test_an_illegal_cycle_is_drawn_edge_by_edge(equations: str, code: str, reads: list[str]) -> None:
    (mistake,) = attempt(f"{HEADER}{equations}\noutput h\n")[1]
    assert mistake.code == code
    places = [mistake.span.text, *(label.span.text for label in mistake.labels)]
    assert sorted(places) == sorted(reads)
    assert all(" needs " in text for text in (mistake.note, *(label.text for label in mistake.labels)))


HEADS = [
    ("h[t] = tanh(x[t] + y[t-1])", None),
    ("h[t] = tanh(x[t] + y[t])", "RNN506"),
    ("h[t] = tanh(x[t] + y[t+1])", "RNN507"),
    ("h[t] = tanh(x[t] + g[t])\ng[t] = tanh(y[t-1] + g[t+1])", "RNN507"),
    ("h[t] = tanh(x[t] + y[T])", "RNN406"),
    ("h[t] = tanh(x[t])\nhead v[t] : real[n] ~ normal(h[t] + y[t])", None),
    ("h[t] = tanh(x[t] + v[t])\nhead v[t] : real[n] ~ normal(x[t] + y[t-1])", None),
    ("h[t] = tanh(x[t] + v[t])\nhead v[t] : real[n] ~ normal(x[t] + y[t])", "RNN506"),
]


@pytest.mark.parametrize(("equations", "code"), HEADS)
def test_what_a_head_may_depend_on(equations: str, code: str | None) -> None:
    found = codes(f"{HEADER}{equations}\nhead y[t] : real[n] ~ normal(h[t])\n")
    assert found == ([code] if code else [])


ENDS = [
    ("h[0] = c", None),
    ("h[0] = 0\nh[T+1] = 1", None),
    ("h[1] = c", "RNN409"),
    ("h[T] = c", "RNN409"),
    ("h[t-1] = c", "RNN409"),
    ("h[0] = c\nh[0] = 1", "RNN202"),
    ("h[0] = x[t]", "RNN402"),
    ("h[0] = sum(c)", None),
    ("h[0] = w[1,1]", None),
    ("g[0] = c", "RNN201"),
    ("c[0] = h[1]", "RNN403"),
    ("x[0] = c", None),
    ("h[0] = outer(c, c)", "RNN309"),
]


@pytest.mark.parametrize(("ends", "code"), ENDS)
def test_ends(ends: str, code: str | None) -> None:
    assert codes(f"{HEADER}h[t] = x[t] + h[t-1]\n{ends}\noutput h\n") == ([code] if code else [])


@pytest.mark.parametrize("text", ["h[q] = 1\noutput h\n", "input h[q] : real\noutput h\n"])
def test_the_index_of_no_axis(text: str) -> None:
    """The axis was forgotten; the name on the left is told as no unknown one."""
    _, diagnostics = attempt(text)
    assert [(d.code, d.help) for d in diagnostics] == [
        ("RNN409", "`axis q = 1..Q` declares an axis with this index")
    ]


AXES = [
    ("axis u = 1..U", None),
    ("axis u = 0..U", "RNN408"),
    ("axis u = 1..5", "RNN408"),
    ("axis t = 1..U", "RNN202"),
    ("axis u = 1..T", "RNN202"),
    ("axis u = 1..u", "RNN202"),
]


@pytest.mark.parametrize(("axis", "code"), AXES)
def test_axes(axis: str, code: str | None) -> None:
    assert codes(f"{HEADER}{axis}\noutput x\n") == ([code] if code else [])


@pytest.mark.parametrize("edge", ["", "h[0, s] = 1\n"], ids=["not given", "given"])
@pytest.mark.parametrize("read", ["sum[s](h[0, s-1])", "h[0, S]"])
def test_what_reads_an_end_needs_its_corners(edge: str, read: str) -> None:
    """`h[0, s-1]` is the corner at the first s, `h[0, S]` without steps."""
    start = (
        "axis t = 1..T\naxis s = 1..S\ninput x[t, s] : real\noutput h\nh[t, s] : real = x[t, s] + h[t-1, s]\n"
    )
    (found,) = codes(f"{start}{edge}h[0, 0] = z\nz : real = {read}\n")
    assert found in ("RNN404", "RNN406")
    assert codes(f"{start}{edge}h[0, 0] = 0.5\nz : real = {read}\noutput z\n") == []


STREAMS = [
    ("h[t] = x[t] + h[t-1] + h[t-3]", ""),
    ("h[t] = where(t == 1, x[t], h[t-1])", ""),
    ("h[t] = x[t] + x[t+1]", "h reads x[t+1]"),
    ("h[t] = x[t] - x[T]", "h reads x[T]"),
    ("h[t] = x[t] - x[1]", "h reads x[1]"),
    ("h[t] = x[t] * (T - t)", "h reads T"),
    ("h[t] = x[t] - mean[t](x[t])", "h reduces over t"),
]


@pytest.mark.parametrize(("equation", "why"), STREAMS)
def test_what_can_be_stepped(equation: str, why: str) -> None:
    found = program(f"axis t = 1..T\ninput x[t] : real\n{equation}\noutput h\n")
    assert found.stream == (None if why else "t")
    assert found.no_stream.startswith(why) and bool(found.no_stream) == bool(why)


def test_the_heads_axis_is_the_stream() -> None:
    found = program(f"{HEADER}a[s] = z[s] + a[s-1]\nhead y[t] : real[n] ~ normal(x[t] + a[S] + y[t-1])\n")
    assert found.stream == "t"
    assert [state.key for state in found.states] == ["y"]
