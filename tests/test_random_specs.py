"""Random specs of the whole language, compiled at both levels and held against every kind of oracle.

`tools/figures.py specs` tries thousands; any of them comes back by its seed."""

from __future__ import annotations

import pytest
from generate import specification
from long_runs import random_subject
from wordings import check_all, check_some

MANY = 24  # some oracles each
SEEDS = [MANY * k for k in range(1, 3)]  # all oracles each


@pytest.mark.parametrize("start", range(6))
def test_random_specs(start: int) -> None:
    for seed in range(start, MANY, 6):
        try:
            check_some(random_subject(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}:\n{specification(seed)}") from error


@pytest.mark.parametrize("seed", [974, 1780, 1929, 2113, 50001, 50676])
def test_a_spec_that_was_judged_wrongly(seed: int) -> None:
    """A saturated unit's gradient; a cell's length renamed; a noise in a part with another name; a head ahead; a
    chaotic network; a whole number's last bit in an exponent."""
    check_some(random_subject(seed))


@pytest.mark.parametrize("seed", [3889, 3935])
def test_a_spec_that_was_printed_wrongly(seed: int) -> None:
    """A truth value past its end; an input without steps beside a loop."""
    check_some(random_subject(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_spec_against_every_oracle(seed: int) -> None:
    check_all(random_subject(seed))
