"""Damaged specs through the whole compiler: a diagnostic or a module, never a traceback, never a hang.

python -m pytest tests/test_damaged_specs.py --mutants 20000"""

from __future__ import annotations

import time

import mutate
import pytest
from damage import SPECS, outcome

SECONDS = 2.0  # of processor time; the machine may be busy


def test_damaged_specs(request: pytest.FixtureRequest) -> None:
    asked = request.config.getoption("--mutants")
    count = asked if asked > 1000 else asked // 4  # compiling takes longer than parsing
    found = {"module": 0, "diagnostics": 0}
    for number, data in enumerate(mutate.mutants(SPECS, count, seed=7)):
        began = time.process_time()
        try:
            found[outcome(data)] += 1
        except Exception as error:
            raise AssertionError(f"mutant {number}: {error!r}\n{data!r}") from error
        assert time.process_time() - began < SECONDS, f"mutant {number} took too long: {data!r}"
    # Most damage is seen, some is harmless (a comment, a default, a name throughout).
    assert found["diagnostics"] > found["module"] > 0
