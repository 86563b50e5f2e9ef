"""The order of statements means nothing: a shuffled spec gives the same equations."""

from __future__ import annotations

from pathlib import Path

from checked import program
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.compiler.ir_text import equation_text
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.parser import parse
from rnnc.spec.source import Source

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.rnn"))
OWN = """\
dim n = 3
dim twice = 2 * n
axis s = 1..S
axis t = 1..T
cell deep(x[t] : real[m], d) -> h[t] : real[d] {
  h[t] = lstm(a[t], d)
  a[t] = lstm(x[t], d)
}
use lstm
input x[t] : real[twice], z[s] : real[n]
f[t] = deep(x[t], n)
f.a.c[0] = start
start = tanh(W @ b[1])
b[s] = reverse deep(z[s], n) sharing g
g[s] = deep(z[s-1], n)
g[0] = 1
W : real[n, n] = R @ transpose(R)
param R : real[n, n]
e[t,s] = softmax[s](dot(f[t], b[s]))
head y[t] : real[n] ~ normal(sum[s](e[t,s] * b[s]))
loss small = sum(sum(square(R))) + sum(b_v)
v[t] : real[n] = affine(f[t], x[t])
output v
"""
SPECS = [OWN, *(path.read_text() for path in EXAMPLES)]


def equations(text: str) -> set[str]:
    """All but those that add up the terms of the loss, which is done in the order written."""
    found = program(text)
    lengths = {axis.index: axis.length for axis in found.forward.axes}
    total = [name for key, name in found.forward.outputs if key == "loss"]
    return {
        equation_text(equation, lengths)
        for equation in found.forward.equations
        if not (equation.name in total or equation.name.startswith("loss."))
    }


@settings(max_examples=40)
@given(st.sampled_from(SPECS), st.randoms(use_true_random=False))
def test_shuffled_statements_give_the_same_equations(text: str, random: object) -> None:
    spec = parse(Source("spec.rnn", text), Diagnostics())
    assert spec is not None
    statements = [statement.span.text for statement in spec.statements]
    axes = [statement for statement in statements if statement.startswith("axis")]
    others = [statement for statement in statements if not statement.startswith("axis")]
    random.shuffle(others)  # type: ignore[attr-defined]
    assert equations("\n".join([*axes, *others]) + "\n") == equations(text)
