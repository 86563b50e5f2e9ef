"""The properties of `rnnc test`: right modules have them, whatever kind of network; what fails is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from right_models import RELU
from rnnc import testing
from rnnc.properties import NotApplicable, check_property
from stopping_models import SYMBOL, WAYS

CORNER = """\
axis t = 1..T
axis s = 1..S
input x[t,s] : real
a[0,0] = 1.0
a[t,s] : real = x[t,s] + 0.5 * a[t-1,s] * a[t-1,s-1]
output a
"""
GRID = """\
dim n = 2
axis t = 1..T
axis s = 1..S
input x[t,s] : real[n]
h[t,s] : real[n] = tanh(affine(x[t,s], h[t-1,s], h[t,s-1]))
output h
"""
COUNTER = "axis t = 1..T\na[t] : real = 0.5 * a[t-1] + t\noutput a\n"


def holds(text: str, *names: str, examples: int = 4) -> None:
    m: Any = rnnc.loads(text)
    for name in names:
        check_property(m, name, examples=examples)


def test_slots_beside_a_corner_are_zero() -> None:
    holds(CORNER, "levels", "determinism", "gradient")


def test_a_state_with_steps_of_another_axis_has_padding_too() -> None:
    holds(GRID, "padding", "more-padding")


@pytest.mark.parametrize("way", ["length", "poisson"])
def test_an_empty_chunk_hands_gradients_back_where_the_length_is_an_output(way: str) -> None:
    holds(WAYS[way], "chunks", "weight-sharing")


@pytest.mark.parametrize("way", ["symbol", "event"])
def test_a_stopping_rule_is_no_equation_of_the_results(way: str) -> None:
    """Nor is what the compiler writes for it: whether a step is the last of its sequence."""
    holds(WAYS[way], "time-shift", "nan")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (COUNTER, "an equation reads the number t"),
        (SYMBOL.replace("y[t] == 0", "y[t] == 0 or t == 6"), "the stopping rule reads the number t"),
        (WAYS["poisson"], "the length T is an output, so a state tells how long the whole is"),
    ],
    ids=["equation", "rule", "length"],
)
def test_who_reads_the_number_of_the_step_is_told(text: str, why: str) -> None:
    with pytest.raises(NotApplicable, match=f"time-shift: not applicable: {why}"):
        check_property(rnnc.loads(text), "time-shift")


def test_a_network_without_a_loss_has_gradients() -> None:
    holds(COUNTER, "short", "contract", "no-aliasing", "files")


LENGTH_ONLY = """\
dim k = 3
input c : real[2]
axis t = 1..T
head T : token(k) ~ categorical(affine(c))
"""
LENGTH_BEHIND = """\
dim n = 3, k = 4
axis t = 1..T
input x : real[n]
q[t] : real[n] = tanh(affine(x, q[t+1]))
head y[t] : token(k) ~ categorical(affine(q[t]))
head T : token(k) ~ categorical(affine(x))
"""
LOSS_ONLY = """\
dim n = 2
axis t = 1..T
input x[t] : real[n]
h[t] : real[n] = clip(affine(h[t-1], x[t]), -0.5, 0.5)
loss spread[t] = max(h[t]) - min(h[t])
"""


@pytest.mark.parametrize("text", [LENGTH_ONLY, LENGTH_BEHIND], ids=["alone", "of what runs backwards"])
def test_a_length_is_an_output_where_nothing_is_stepped(text: str) -> None:
    holds(text, "gradient", "contract", "padding", "files")


def test_a_spec_with_nothing_along_its_axis_says_why_it_has_no_steps() -> None:
    with pytest.raises(NotImplementedError, match="nothing runs along t"):
        rnnc.loads(LENGTH_ONLY).sample({}, None)


def test_single_steps_are_asked_about_where_there_are_outputs() -> None:
    holds(LOSS_ONLY, "gradient", "causality")
    with pytest.raises(NotApplicable, match="no real output runs along t"):
        check_property(rnnc.loads(LOSS_ONLY), "causal-gradient")


def test_logarithms_of_zero_keep_their_shares() -> None:
    """The sum of two impossible ways moves with their mean, whatever number stands for the logarithm of 0."""
    m = rnnc.loads(
        "axis t = 1..T\ninput a[t] : real, b[t] : real\n"
        "q[t] : real = logaddexp(-1e30 + a[t], -1e30 + b[t])\noutput q\n"
    )
    zeros = np.zeros((1, 1))
    _, d_batch, _ = m.backward({}, m.forward({}, {"a": zeros, "b": zeros}), {"q": np.ones((1, 1))})
    assert d_batch["a"] == d_batch["b"] == 0.5


def test_a_saturated_network_that_leaves_the_range_of_numbers_is_tried_with_its_own_weights() -> None:
    holds(RELU, "gradient", "linear-backward", "causal-gradient", examples=30)


WAITING = """\
use gru
dim n = 3
axis t = 1..T
input wait[t] : real
h[t] = gru(concat(expand(log(wait[t]), 1), expand(log1p(y[t-1]), 1)), n)
head y[t] : int ~ poisson(affine(h[t]) + log(wait[t]))
"""
SECOND_ORDER = """\
dim n = 3, m = 2
axis t = 1..T
input x[t] : real[m]
param A : real[n, n, m], b : real[n]
h[t] = tanh(einsum("ijk,j,k->i", A, h[t-1], x[t]) + b)
output h
"""


def test_inputs_are_positive_where_others_have_no_logarithm() -> None:
    holds(WAITING, "gradient", "cone", "short", "sums-to-one", examples=2)
    subject = testing.known(rnnc.loads(WAITING))
    assert "real inputs are drawn positive" in str(testing.tested(subject, "w.rnn", ["contract"]))


def test_what_is_multiplied_with_nothing_need_not_matter() -> None:
    """The first state is told by the bias alone, whatever the first input is."""
    holds(SECOND_ORDER, "cone")
