"""Products that a joined sum of a recurrence adds are one: which sums they are, and that nothing else changes."""

from __future__ import annotations

import pytest
from oracles import Subject
from rnnc.compiler.driver import Options, compile_source
from rnnc.compiler.ir import System
from rnnc.spec.source import Source
from wordings import check_all

HEAD = "dim n = 8, m = 2\naxis t = 1..T\ninput x[t] : real[m], c : real[m]\noutput h\n"
GATES = "i[t] : real[n] = sigmoid(%s)\ng[t] : real[n] = tanh(%s)\nh[t] = i[t] * g[t] + 0.5 * h[t-1]\n"
SUMS = {
    "an input, a bias": "affine(x[t], h[t-1])",
    "no bias": "affine(x[t], h[t-1], bias = none)",
    "two states, differences": "affine(x[t], h[t-1]) - affine(sin(h[t-2]))",
    "what is given once": "affine(c, h[t-1], x[t])",
    "an input at other steps": "affine(x[t-1], h[t-1]) - affine(x[t+1], bias = none)",
    "a state as it is made": "affine(h[t-1], bias = none) + affine(tanh(h[t-1]))",
}
OTHERS = {  # with the products that are left at each step
    "a wide input": ("affine(concat(x[t], sin(x[t]), c), h[t-1])", 2),
    "another term": ("affine(x[t], h[t-1]) + h[t-1]", 2),
    "one product": ("affine(h[t-1], bias = none)", 1),
    "inputs alone": ("affine(x[t], c)", 2),
}


def forward(spec: str, **dims: int) -> System:
    return compile_source(Source("spec.rnn", spec), Options(dims=dims), lambda path, span: None).forward


def spec_of(sum_: str) -> str:
    return HEAD + GATES % (sum_, sum_)


def widened(system: System) -> int:
    return sum(e.op == "concat" and "@" in e.axes for e in system.equations)


@pytest.mark.parametrize("sum_", SUMS.values(), ids=SUMS)
def test_a_joined_sum_of_products_is_one(sum_: str) -> None:
    system = forward(spec_of(sum_))
    assert [e.op for e in system.equations].count("einsum") == 1
    check_all(Subject(spec_of(sum_), 0))


@pytest.mark.parametrize(("sum_", "products"), OTHERS.values(), ids=OTHERS)
def test_other_sums_stay(sum_: str, products: int) -> None:
    found = forward(spec_of(sum_)).equations
    assert [e.op for e in found].count("einsum") == products
    assert not any(e.op == "number" and e.attr("value") == 1.0 for e in found)


def test_how_wide_an_input_may_be() -> None:
    """Half of what the recurrence multiplies, of the sizes that are known when a module is made."""
    spec = spec_of("affine(x[t], h[t-1])")
    assert widened(forward(spec)) == widened(forward(spec, n=6, m=3)) == 1
    assert widened(forward(spec, m=5)) == widened(forward(spec, n=3)) == 0


def test_one_gate_keeps_its_products() -> None:
    """The sum of all inputs is an array whose steps lie side by side: adding one is quick."""
    assert widened(forward(HEAD + "h[t] : real[n] = tanh(affine(x[t], h[t-1]))\n")) == 0
