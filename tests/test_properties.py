"""The properties of `rnnc test`: right modules have them, whatever kind of network; what fails is told."""

from __future__ import annotations

from typing import Any

import pytest
import rnnc
from rnnc.runtime.properties import check_property
from stopping_models import WAYS

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


def test_a_network_without_a_loss_has_gradients() -> None:
    holds(COUNTER, "short", "contract", "no-aliasing", "files")
