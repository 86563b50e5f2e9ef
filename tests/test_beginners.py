"""Mistakes of a first week with the language: one message each, which says what to write.

Each case is a few lines after `START`, the code that must come first, and what the help must say. A habit brought
along (an index as LaTeX writes it, a softmax before the loss) is answered as such, not as its parts fail to parse."""

from __future__ import annotations

import pytest
from checked import attempt
from rnnc import loads
from rnnc.spec.diagnostics import Diagnostic

START = """dim n = 4, m = 3, k = 5
axis t = 1..T
input x[t] : real[m]
"""
WEIGHTS = "param W : real[n, n], U : real[n, m]\n"


def errors(text: str) -> list[Diagnostic]:
    return [item for item in attempt(START + text)[1] if item.severity == "error"]


INDICES = [
    (WEIGHTS + "h_t = tanh(W @ h_{t-1} + U @ x[t])", "RNN110", "write `h[t-1]`"),
    ("h[t] = tanh(x_t)", "RNN201", "the value at step t is `x[t]`"),
    ("h^(t) = tanh(x^(t))", "RNN105", "an index stands in square brackets: `h[t]`"),
    ("h[i] = tanh(x[i])", "RNN409", "write `h[t]`"),
    ("h[t] = tanh(x[i])", "RNN201", "write `t`, `t-k` or `t+k`"),
    ("h[1] = 0\nh[t] = x[t] + h[t-1]", "RNN409", "`h[0] = …`"),
    ("h[-1] = 0\nh[t] = x[t] + h[t-1]", "RNN401", "what stands before the first step is `0`"),
    ("h[t] = x[-1]", "RNN401", "the last step is `T`"),
    ("h[t] = x[T-1]", "RNN401", "`u[t] = x[t-1]`, then read `u[T]`"),
    ("h[t] = x[t-0.5]", "RNN401", "`t-k`"),
    ("h[t] = x[t,0]", "RNN403", "`pick(x[t], 0)`"),
    ("h[t+1] = x[t] + h[t]", "RNN409", "`h[t] = … h[t-1] …`"),
    ("s = s + sum[t](x[t])", "RNN404", "give it an index"),
    ("head y : token(m) ~ categorical(x[t])", "RNN402", "`[T]`"),
    ("for t in 1..T {\n  h[t] = tanh(x[t])\n}", "RNN301", "holds at every step by itself"),
    ("for t in range(T):\n  h[t] = tanh(x[t])", "RNN119", "holds at every step by itself"),
    ("h[t] = x[t][0:2]", "RNN105", "slice(a, start, size)"),
]

NAMES = [
    ("h[t] = tanh(W @ x[t])", "RNN201", "`param W : real[…]`"),
    ("param U : real[hidden, m]\nh[t] = tanh(U @ x[t])", "RNN201", "`dim hidden = …`"),
    ("h[t] = np.tanh(x[t])", "RNN204", "write `tanh(…)`"),
    ("h[t] = torch.matmul(x[t], x[t])", "RNN204", "`W @ h`"),
    ("h[0] = zeros(m)\nh[t] = x[t] + h[t-1]", "RNN204", "write `0`"),
    ("h[t] = x[t] / sqrt(2 * pi)", "RNN201", "3.14159"),
    ("h[t] = e ** x[t]", "RNN201", "`exp(a)`"),
    ("def h(t):", "RNN111", "`cell f("),
    ("let a = 0.9", "RNN111", "`a = 0.9`"),
    ("h = 0\noutput h, z", "RNN201", "its equation, `z[t] = …`"),
    ("import numpy", "RNN119", "functions are built in"),
    ("const a = 0.9", "RNN113", "`a : real = 0.9`"),
]

SHAPES = [
    ("param b : real[3]\nh[t] = x[t] + b", "RNN303", "by name"),
    ("param W : real[n][n]\nh[t] = W @ x[t]", "RNN113", "`real[n, n]`"),
    ("h[t] = lstm(x[t], h[t-1])", "RNN311", "keeps its own past"),
    ("h[t], c[t] = lstm(x[t], n)", "RNN119", "`h.c[t]`"),
]

CELLS = [
    ("cell f(z[t] : real[m], n) -> h[t] : real[n] {\n  h[t] = W @ z[t]\n}\nparam W : real[n, m]\nh[t] = f(x[t], n)",
     "RNN201", "nothing outside a cell"),
    ("u[t] = lstm(x[t], n)\nh[t] = u.h[t]", "RNN201", "`u` itself"),
    ("u[t] = lstm(x[t], n)\nh[t] = u.cell[t]", "RNN201", "`u.c`"),
    ("u[t] = tanh(x[t])\nh[t] = u.c[t]", "RNN201", "`u` is no copy"),
    ("h[t] = lstm(x[t], n, num_layers = 2)", "RNN207", "`for l in 1..2 {`"),
    ("h[t] = lstm(x[t], n, bidirectional = 1)", "RNN207", "`reverse lstm(…)`"),
    ("input w[t] : token(k)\nh[t] = lstm(w[t], n)", "RNN311", "`E[w[t]]`"),
    ("for l in 1..2 {\n  s{l}[t] = lstm(s{l-1}[t], n)\n}", "RNN201", "before the loop"),
    ("s0[t] = x[t]\nfor l in 1..2 {\n  s {l}[t] = lstm(s{l-1}[t], n)\n}", "RNN119", "`s{l}`"),
    ("s0[t] = x[t]\nfor l in 1..2 {\n  s[l][t] = lstm(s{l-1}[t], n)\n}", "RNN119", "`s{l}[t]`"),
]  # fmt: skip

TWO = "axis s = 1..S\ninput h[s] : real[n], d[t] : real[n]\n"
AXES = [
    (TWO + "a[t,s] = softmax(dot(d[t], h[s]))", "RNN307", "`softmax[s](…)`"),
    (TWO + "a[t,s] = dot(d[t], h[s])\nc[t] = sum[s](a[s,t] * h[s])", "RNN401", "`a[t,s]`"),
    (TWO + "g[0] = h[T]\ng[t] = d[t] + g[t-1]", "RNN401", "`[S]`"),
    (TWO + "g[0] = h\ng[t] = d[t] + g[t-1]", "RNN403", "`h[S]`"),
    ("param b[t] : real[m]\nh[t] = x[t] + b[t]", "RNN119", "`b : TYPE`"),
    ("h[t] = sum(x[t], axis = 0)", "RNN207", "the last size"),
    ("h[t] = x[t] + h[t-d]", "RNN201", "`dim d = …`"),
]

VALUES = [
    ('h[t] = x[t] + "a"', "RNN305", "`einsum`"),
    ('h[t] = where(x[t] == "a", 1, 0)', "RNN305", "`einsum`"),
    ("h[t] = where(true, x[t], 0)", "RNN201", "`1 == 1`"),
    ("h[t] = max(x[t], -inf)", "RNN201", "`1e30`"),
    ("h[t] = dropout(0.5, x[t])", "RNN203", "`dropout(v, p)`"),
    ("param W : real[m, m] ~ normal(0, 0.1)\nh[t] = W @ x[t]", "RNN312", "`normal(std)`"),
    ("h[t] = grad(sum(x[t]), x[t])", "RNN204", "`backward`"),
    ("real h[t] = x[t]", "RNN111", "`h[t] : real = …`"),
]

HEADS = [
    ("head y[t] : real[m] ~ mse(x[t])", "RNN501", "`normal(…)`"),
    ("head y[t] : real[m] ~ N(x[t], 1)", "RNN501", "`normal(…)`"),
    ("head y[t] ~ normal(x[t])", "RNN113", "`y[t] : real[...]`"),
    ("head y[t] : real[m] ~ x[t]", "RNN118", "`~ normal(…)`"),
    ("head y[t] : real[m] ~ 2 * x[t]", "RNN118", "`~ normal(…)`"),
    ("head y[t] : real[m] ~ normal(x[t]) * 0.5", "RNN119", "`weight 0.5`"),
    ("head y[t] : token ~ categorical(x[t])", "RNN113", "`token(n)`"),
    ("head y[t] : token(m) ~ categorical(x[t])\nstop if y[t] == 0", "RNN119", "`stop when y[t] == 0`"),
    ("head y[t] : token(m) = softmax(x[t])", "RNN118", "`~ categorical(…)`"),
    ("head y[t] : bool = sigmoid(sum(x[t]))", "RNN118", "`~ bernoulli(…)`"),
    ("head y[t] : real[m] = 2 * x[t]", "RNN118", "`~ normal(…)`"),
    ("head y[t] : token(m) ~ softmax(x[t])", "RNN501", "`categorical(…)`"),
    ("head y[t] : real[m] ~ categorical(x[t])", "RNN502", "`normal`"),
    ("head y[t] : token(m) ~ normal(x[t])", "RNN502", "`categorical`"),
    ("loss = sum[t](x[t])", "RNN119", "`loss NAME = …`"),
    ("loss e[t] = x[t] ** 2", "RNN309", "`sum(…)` or `mean(…)`"),
    ("h[t] = x[t]\nstop when h[t] > 0\noutput h", "RNN509", "`head z[t] : bool ~ bernoulli(…)`"),
]

SIGNS = [
    ("h[t] = x[t] +\n  x[t]", "RNN116", "inside `( )`"),
    ("h[t] = x[t] + \\\n  x[t]", "RNN105", "inside `( )`"),
    ("param W : real[n, m]\nh[t] = W · x[t]", "RNN006", "`@`"),
]


@pytest.mark.parametrize(
    ("text", "code", "told"), INDICES + NAMES + SHAPES + CELLS + AXES + VALUES + HEADS + SIGNS
)
def test_the_help_says_what_to_write(text: str, code: str, told: str) -> None:
    text = "use lstm\n" + text if "lstm(" in text else text
    first = errors(text)[0]
    assert first.code == code
    assert told in first.help


ONCE = [
    "param U : real[hidden, m]\nh[t] = tanh(U @ x[t])",
    "input z[t] : real[hidden]\nh[t] = tanh(z[t]) + h[t-1]",
    "h[t] = mean((x[i] - x[t-1]) ** 2)",
    "a[t] = 2 * x[i]\nh[t] = mean(a[t]) + a[t]",
    "h[t] = x[t] +\n  x[t]",
    "h[t] = x[t]²",
    "for t in 1..T {\n  h[t] = tanh(x[t])\n}\noutput h",
    "h = 0\noutput h, n",
]


@pytest.mark.parametrize("text", ONCE)
def test_one_mistake_gives_one_message(text: str) -> None:
    assert len(errors(text)) == 1


def test_a_dim_that_is_none_is_told_which_there_are():
    text = START + "h[t] = x[t]\noutput h\n"
    [wrong] = [item for item in attempt(text, {"hidden": 3})[1] if item.severity == "error"]
    assert wrong.help == "there are `n`, `m` and `k`"
    [wrong] = [
        item for item in attempt(text.replace("n =", "hidden ="), {"hiden": 3})[1] if item.severity == "error"
    ]
    assert wrong.help == "did you mean `hidden`?"


def test_a_dim_in_python_is_a_whole_number():
    with pytest.raises(TypeError, match=r"dim n: expected a whole number, got '3'"):
        loads(START, n="3")  # type: ignore[arg-type]


def warnings(text: str, code: str = "RNN907") -> list[Diagnostic]:
    start = ("use gru\n" if "gru(" in text else "") + START
    return [item for item in attempt(start + "output x\n" + text)[1] if item.code == code]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("h[t] = reverse gru(x[t], n)\nh[0] = 1\noutput h", "`h[T+1] = …`"),
        ("h[t] = gru(x[t], n)\nh[T+1] = 1\noutput h", "`h[0] = …`"),
        ("h[t] = tanh(x[t])\nh[0] = 1\noutput h", "`h[t-1]`"),
    ],
)
def test_a_start_that_nothing_reads_is_noticed(text: str, told: str) -> None:
    [warning] = warnings(text, "RNN908")
    assert told in warning.help


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = reverse gru(x[t], n)\nh[T+1] = 1\noutput h",
        "h[t] = tanh(x[t])\nh[0] = 1\ns = h[T]\noutput s",  # of no steps the last is the start
        "h[t] = tanh(x[t])\nh[T+1] = 1\ng[t] = h[t+1]\noutput g",
        "h[0] = 1\nh[t] = tanh(x[t] + h[t-2])\noutput h",
    ],
)
def test_a_start_that_is_read_is_not(text: str) -> None:
    assert warnings(text, "RNN908") == []


@pytest.mark.parametrize(
    "text",
    [
        "head y[t] : token(m) ~ categorical(softmax(x[t]))",
        "p[t] = softmax(x[t])\nhead y[t] : token(m) ~ categorical(p[t])",
        "head y[t] : bool[m] ~ bernoulli(sigmoid(x[t]))",
        "head y[t] : int[m] ~ poisson(exp(x[t]))",
    ],
)
def test_probabilities_where_logits_belong_are_noticed(text: str) -> None:
    [warning] = warnings(text)
    assert "twice" in warning.message


@pytest.mark.parametrize(
    "text",
    [
        "head y[t] : token(m) ~ categorical(log_softmax(x[t]))",
        "p[t] = softmax(x[t])\nhead y[t] : token(m) ~ categorical(2 * p[t])",
        "head y[t] : real[m] ~ normal(sigmoid(x[t]))",
    ],
)
def test_what_may_be_meant_is_not(text: str) -> None:
    assert warnings(text) == []
