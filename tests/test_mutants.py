"""Slips in rules, adjoint systems, schedules and fast plans are noticed; `tools/figures.py mutants` tries them all."""

from __future__ import annotations

import pytest
from all_mutants import KILLED, NAMED, cases, verdicts

SHARE = 24  # one in so many


@pytest.mark.parametrize("start", range(2))
def test_every_mutant_is_noticed_or_named(start: int) -> None:
    found = verdicts(start * 7, SHARE)
    assert len(found) > 50
    assert [(name, verdict) for name, verdict in found if verdict not in (KILLED, NAMED)] == []


def test_mutants_have_different_names_and_are_many() -> None:
    assert len(cases()) > 1000
