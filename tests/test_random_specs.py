"""Random specs of the whole language, compiled at both levels and held against every kind of oracle.

`tools/figures.py specs` tries thousands; any of them comes back by its seed."""

from __future__ import annotations

import pytest
from generate import LATER, WIDE, specification
from long_runs import random_subject
from oracles import Subject
from wordings import check_all, check_some

MANY = 24  # some oracles each
SEEDS = [LATER + MANY * k for k in range(1, 3)]  # all oracles each


@pytest.mark.parametrize("start", range(6))
def test_random_specs(start: int) -> None:
    for seed in range(LATER + start, LATER + MANY, 6):
        try:
            check_some(random_subject(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}:\n{specification(seed)}") from error


@pytest.mark.parametrize("seed", [974, 1780, 1929, 2113])
def test_a_spec_that_was_judged_wrongly(seed: int) -> None:
    """A saturated unit's gradient; a cell's length renamed; a noise in a part with another name; a head ahead."""
    check_some(random_subject(seed))


CHAOTIC = """
dim n = 4, lag = 1
axis t = 1..T
param w2 : real ~ uniform(0.1, 0.9)
param w3 : real[n] ~ uniform(0.1, 0.9)
const r1 : real[n, n] = 0.3
output g, dh
input call[t] : real[n]
input h[t] : real[n]
g[t] : real[n] = (r1 @ ((1 / (n)) - h[t]))
ended_T[t] : token(n)[n] = ended_T[t-3]
dh[t] : real[n] = 0.5 * dh[t-1] + sin(affine(einsum("ac,,b->a", expand(dh[t-2], n), w2, dh[t-lag]),
  onehot(ended_T[t-1]), mean(dh[t-1]), bias = 0.5))
ended_T[0] = 1
ended_T[T+1] = 1
"""
ROUNDED = """
dim n = 3, m = 4
axis t = 1..T
param w1 : real[m] = 0.3
param w2 : real[m]
param w3 : real[2*n, 2*n] ~ log(range)
param w4 : real[2*n] ~ uniform(0.1, 0.9)
param w5 : real[2*n]
param w6 : real[2*n]
param w7 : real[2*n, n] ~ normal(0.5)
param w8 : real[n, n]
param w9 : real[2*n, n] ~ uniform(0.1, 0.9)
param w11 : real[n] ~ normal(0.5)
param w12 : real
const r10 : real[2*m] = 0.3
output d
input v[t] : real[m]
v[0] = 0.4
input u[t] : int
a[t] : real[n] = sigmoid(dot(w4, w5)) * a[t-2] + tanh((clip(affine(pick(w3, (u[t] % 2)),
  where((t != (u[t] + u[t])), 2, 2)), -2.0, 2.5) ** 3))
head c[t] : token(2*n) ~ categorical(where((w5 <= w5 + 0.1731), affine(v[t-1]),
  (expand((0.1 * t), 2*n) + w6))) weight 0.47
d[t] : real[2*n] = cos(einsum("a,cb,ac->a", max(expand(d[t-1], n) + w7),
  where(((u[t] % 3) <= u[t-1]), expand(a[t], n), w8), (-w9)))
p[t] : int = p[t-5] + 1
head C[t] : bool ~ bernoulli((+mean(d[t]))) weight 0.45
stop when C[t]
loss o = pick(slice(r10, m, m), (u[0] % 2))
loss out = pick((min(w11, w12 - 0.0913)), (p[0] % 2))
"""


@pytest.mark.parametrize("seed, text", [(50001, CHAOTIC), (50676, ROUNDED)], ids=["chaotic", "rounded"])
def test_what_nobody_can_know_exactly(seed: int, text: str) -> None:
    """A chaotic network; a whole number's last bit in an exponent."""
    check_some(Subject(text, seed))


@pytest.mark.parametrize("seed", [3889, 3935])
def test_a_spec_that_was_printed_wrongly(seed: int) -> None:
    """A truth value past its end; an input without steps beside a loop."""
    check_some(random_subject(seed))


@pytest.mark.parametrize("seed", [WIDE + 62, WIDE + 74, WIDE + 202])
def test_gates_over_several_axes(seed: int) -> None:
    """Wrong when one of them was not made right past the ends inside its loop."""
    check_some(random_subject(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_spec_against_every_oracle(seed: int) -> None:
    check_all(random_subject(seed))
