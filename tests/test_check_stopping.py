"""Noise, and the three ways for a sequence to end: what is legal, and that probabilities sum to 1."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from checked import codes, lines, typed
from rnnc.compiler.lower import lower
from rnnc.compiler.program import Program
from rnnc.compiler.reference import Evaluator
from rnnc.compiler.validate import validate

HEADER = "dim k = 2, n = 3\naxis t = 1..T\nparam E : real[k, n] ~ normal(1)\n"
NETWORK = (
    "h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1]))\nhead y[t] : token(k) ~ categorical(affine(h[t]))\n"
)
DIMS = {"k": 2, "n": 3}


def lowered(text: str) -> Program:
    """The program, whether or not it can be printed yet."""
    found = lower(typed(text))
    validate(found.forward)
    return found


def parameters(found: Program) -> Mapping[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {p.name: rng.normal(size=[size.value(DIMS) for size in p.shape]) for p in found.params}


def sequences(length: int) -> np.ndarray:
    """Every sequence of so many tokens, one a column."""
    return np.array(list(itertools.product(range(DIMS["k"]), repeat=length)), int).T.reshape(
        length, DIMS["k"] ** length
    )


def evaluated(found: Program, y: np.ndarray) -> Evaluator:
    batch = {"y": y, "T": np.full(y.shape[1], len(y))}
    return Evaluator(found.forward, parameters(found), batch, DIMS)


def log_density(values: Evaluator, heads: str) -> np.ndarray:
    return -sum(values.output(f"nll:{head}") for head in heads)


LONGEST = 4


def test_an_end_symbol() -> None:
    """Sequences that end by it, of up to N steps, and those that have not ended by then."""
    found = lowered(HEADER + NETWORK + "stop when y[t] == 0\n")
    total = 0.0
    for length in range(1, LONGEST + 1):
        y = sequences(length)
        values = evaluated(found, y)
        ends = values.output("stop")
        goes_on = ~ends[:-1].any(axis=0) & (ends[-1] | (length == LONGEST))
        total += np.exp(log_density(values, "y"))[goes_on].sum()
    assert total == pytest.approx(1, abs=1e-12)


def test_an_event() -> None:
    text = HEADER + NETWORK + "head z[t] : bool ~ bernoulli(affine(h[t], E[y[t]]))\nstop when z[t]\n"
    found = lowered(text)
    assert [(head.name, head.given) for head in found.heads] == [("y", True), ("z", False)]
    total = 0.0
    for length in range(1, LONGEST + 1):
        values = evaluated(found, sequences(length))
        total += np.exp(log_density(values, "yz")).sum()
    survival = -np.logaddexp(0, values.output("output:z")).sum(axis=0)  # no event up to the last step
    total += np.exp(log_density(values, "y") + survival).sum()
    assert total == pytest.approx(1, abs=1e-12)


def test_a_length() -> None:
    found = lowered(HEADER + NETWORK + "param r : real[4]\nhead T : token(4) ~ categorical(r)\n")
    assert found.stream == "t" and not found.heads[1].given
    total = sum(np.exp(log_density(evaluated(found, sequences(n)), "yT")).sum() for n in range(4))
    assert total == pytest.approx(1, abs=1e-12)


def test_a_poisson_length_can_be_counted_down() -> None:
    found = lowered(
        HEADER + NETWORK + "param r : real\nhead T : int ~ poisson(r)\nleft[t] = T - t\noutput left\n"
    )
    assert found.stream == "t"
    assert lines(found, "T")[0] == 'T[@] : int = length() {axis: "t"}'
    rate = np.exp(parameters(found)["r"])
    values = [np.exp(-evaluated(found, sequences(n)).output("nll:T")[0]) for n in range(5)]
    np.testing.assert_allclose(values, [np.exp(-rate) * rate**n / np.prod(range(1, n + 1)) for n in range(5)])


WRONG = [
    ("stop when y[t] == 2", "RNN509"),
    ("stop when 1 == 2", "RNN509"),
    ("stop when E[y[t]] @ E[y[t]] > 0", "RNN302"),
    ("stop when y[t]", "RNN309"),
    ("stop when t == 9\nstop when t == 8", "RNN509"),
    ("stop when nothing[t]", "RNN201"),
    ("stop when y[t] == 0\nhead T : int ~ poisson(1)", "RNN509"),
    ("head T : int ~ poisson(sum(h[T]))", "RNN510"),
    ("head T : int ~ poisson(1 / T)", "RNN510"),
    ("head T : real ~ normal(1)", "RNN510"),
    ("head T : int ~ poisson(1)\nhead T : int ~ poisson(2)", "RNN202"),
    ("noise m[t] : bool ~ bernoulli(0.5)\noutput m", "RNN508"),
    ("noise m[t] : real ~ bernoulli(2)\noutput m", "RNN508"),
    ("noise m[t] : real ~ bernoulli(sum(h[1]))\noutput m", "RNN508"),
    ("noise m[t] : real ~ normal(1)\noutput m", "RNN508"),
    ("noise m[t] : real ~ gauss(0, 1)\noutput m", "RNN508"),
    ("v[t] = dropout(h[t], 1)\noutput v", "RNN508"),
    ("v[t] = dropout(y[t-1], 0.5)\noutput v", "RNN305"),
    ("v[t] = dropout(h[t])\noutput v", "RNN203"),
]


@pytest.mark.parametrize(("statements", "code"), WRONG)
def test_wrong_rules(statements: str, code: str) -> None:
    assert codes(f"{HEADER}{NETWORK}{statements}\n") == [code]


NOISES = """\
noise keep[t] : real[n] ~ bernoulli(0.9)
noise once : real[n] ~ normal(0, 2 * 0.5)
cell zone(x[t] : real[d], p : real = 0.2) -> h[t] : real[d] {
  noise m[t] : real[d] ~ bernoulli(1 - p)
  h[t] = m[t] * h[t-1] + (1 - m[t]) * tanh(dropout(affine(x[t]), p))
}
u[t] = zone(keep[t] * h[t] + once, 0.25)
output u
"""


def test_noise_is_a_leaf_with_its_distribution() -> None:
    found = lowered(HEADER + NETWORK + NOISES)
    assert {noise.name: (noise.distribution, noise.args, noise.axes) for noise in found.noises} == {
        "keep": ("bernoulli", (0.9,), ("t",)),
        "once": ("normal", (0.0, 1.0), ()),
        "u.m": ("bernoulli", (0.75,), ("t",)),
        "u.dropout": ("bernoulli", (0.75,), ("t",)),
    }
    assert lines(found, "once") == ['once[@] : real[n] = noise() {name: "once"}']


NEVER = ["y[t] == 0 and y[t] == 1", "not (y[t] == 0 or y[t] == 1)", "y[t] > 1", "y[t] == 0 and y[t] != 0"]


@pytest.mark.parametrize("rule", NEVER)
def test_a_rule_that_no_symbol_fulfils(rule: str) -> None:
    assert codes(f"{HEADER}{NETWORK}stop when {rule}\n") == ["RNN509"]


@pytest.mark.parametrize(
    "rule", ["y[t] == 0 or y[t] == 1", "not y[t] == 0", "y[t] == 1 and t > 2", "y[t] < 1"]
)
def test_a_rule_that_can_come_true(rule: str) -> None:
    assert codes(f"{HEADER}{NETWORK}stop when {rule}\n") == []


def test_what_reads_later_steps_cannot_end_by_a_rule() -> None:
    ahead = "input x[t] : real[n]\ng[t] : real[n] = tanh(affine(x[t], g[t+1]))\n"
    head = "head y[t] : token(k) ~ categorical(affine(g[t]))\n"
    assert codes(f"{HEADER}{ahead}{head}stop when y[t] == 0\n") == ["RNN511"]
    assert codes(f"{HEADER}{ahead}{head}") == []
