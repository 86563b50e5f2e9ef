"""Equations in LaTeX."""

from __future__ import annotations

import re

import pytest
from checked import program
from compiled import EXAMPLES
from rnnc.latex import latex, symbol
from rnnc.spec.cells import library
from test_cells import spec

BOOK = """
dim input = 8, hidden = 32, classes = 5
axis t = 1..T
input x[t] : real[input]
param U : real[hidden, input], W : real[hidden, hidden], b : real[hidden], V : real[classes, hidden]
h[0] = b / sqrt(hidden)
h[t] = tanh(b + W @ h[t-1] + U @ x[t])
head y[t] : token(classes) ~ categorical(V @ h[t])
"""


def test_as_the_book_prints_it():
    h, y = r"\boldsymbol{h}", r"\boldsymbol{V} \boldsymbol{h}^{(t)}"
    total = rf"\boldsymbol{{b}} + \boldsymbol{{W}} {h}^{{(t-1)}} + \boldsymbol{{U}} \boldsymbol{{x}}^{{(t)}}"
    assert latex(program(BOOK)).split("\n") == [
        "% for t = 1..T",
        r"\begin{align*}",
        rf"  {h}^{{(0)}} &= \frac{{\boldsymbol{{b}}}}{{\sqrt{{\mathrm{{hidden}}}}}} \\",
        rf"  {h}^{{(t)}} &= \tanh\left({total}\right) \\",
        rf"  y^{{(t)}} &\sim \mathrm{{Categorical}}\left(\mathrm{{softmax}}\left({y}\right)\right)",
        r"\end{align*}",
        "",
    ]


WRITTEN = {
    "a * b": r"\boldsymbol{a}^{(t)} \odot \boldsymbol{b}^{(t)}",
    "2 * a": r"2 \, \boldsymbol{a}^{(t)}",
    "dot(a, b) * b": r"{\boldsymbol{a}^{(t)}}^\top \boldsymbol{b}^{(t)} \, \boldsymbol{b}^{(t)}",
    "(a + b) * a": r"(\boldsymbol{a}^{(t)} + \boldsymbol{b}^{(t)}) \odot \boldsymbol{a}^{(t)}",
    "1e-5 * square(a)": r"10^{-5} \, \left(\boldsymbol{a}^{(t)}\right)^{2}",
    "sum[t](a)": r"\sum_{t=1}^{T} \boldsymbol{a}^{(t)}",
    "max(a, b)": r"\max\left(\boldsymbol{a}^{(t)}, \boldsymbol{b}^{(t)}\right)",
    "where(a > 0, a, b)": r"\begin{cases} \boldsymbol{a}^{(t)} & \text{if } \boldsymbol{a}^{(t)} > 0 "
    r"\\ \boldsymbol{b}^{(t)} & \text{otherwise} \end{cases}",
    "abs(a) / sqrt(b)": r"\frac{\left| \boldsymbol{a}^{(t)} \right|}{\sqrt{\boldsymbol{b}^{(t)}}}",
    "a @ outer(a, b)": r"{\boldsymbol{a}^{(t)}}^\top (\boldsymbol{a}^{(t)} {\boldsymbol{b}^{(t)}}^\top)",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_expressions(text):
    whole = "[t]" not in text
    left = "y[t]" if whole else "y"
    expression = re.sub(r"\b([ab])\b(?!\()", r"\1[t]", text)
    inputs = "dim n = 3\naxis t = 1..T\ninput a[t] : real[n], b[t] : real[n]\n"
    assert WRITTEN[text] in latex(program(f"{inputs}{left} : real[n] = {expression}\noutput y\n"))


def test_a_mixture_is_a_sum_of_its_parts():
    text = "dim k = 3\naxis t = 1..T\nparam w : real[k], m : real[k], s : real[k] = 1\n"
    shown = latex(program(text + "head y[t] : real ~ normal_mixture(w, m, s)\n"))
    part = r"\mathcal{N}\left(\left[\boldsymbol{m}\right]_k, \left[\boldsymbol{s}\right]_k^2\right)"
    assert rf"\sum_k \mathrm{{softmax}}\left(\boldsymbol{{w}}\right)_k \, {part}" in shown


@pytest.mark.parametrize("name", ["h", "h1", "W_ix", "alpha", "h1.W_ix", "hidden", "a1_0", "s1.b_g2", "x2y"])
def test_symbols_can_be_typeset(name):
    shown = symbol(name, 1)
    assert shown.count("{") == shown.count("}") and not re.search(r"(?<!\\)_[^{]", shown.replace("_{", ""))


@pytest.mark.parametrize("name", library())
def test_every_cell_can_be_written(name):
    balanced(latex(program(spec(name))))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.rnn")), ids=lambda path: path.stem)
def test_every_example_can_be_written(path):
    balanced(latex(program(path.read_text())))


def balanced(text):
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert not re.search(r"\^\{[^{}]*\}\^", text)  # TeX refuses two superscripts in a row
    assert text.isascii() and "@" not in text
