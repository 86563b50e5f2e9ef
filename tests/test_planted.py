"""Every property can fail: each fault of the table is caught by the property that should catch it; every property
has one; and nothing is said of what is right. `tools/planted.py` runs all of it, at length."""

from __future__ import annotations

import planted
import pytest
import rnnc
from backward_mutants import fate, mutants
from right_models import MODELS, alarms, right
from rnnc.runtime.properties.case import Case
from rnnc.runtime.properties.data import full
from rnnc.runtime.properties.run import FAILED, PASSED, run_case, run_one
from rnnc.runtime.properties.subject import subject
from rnnc.runtime.properties.table import NAMES, PROPERTIES

BY_NAME = {item.name: item for item in PROPERTIES}
EVERY = 30  # of the mutants


@pytest.mark.parametrize("fault", planted.FAULTS, ids=lambda fault: fault.name)
def test_is_caught(fault: planted.Fault) -> None:
    result = run_one(planted.planted(fault), BY_NAME[fault.property], shrink=False)
    assert result.status == FAILED, f"{fault.property} says: {result.status} {result.reason}"


def test_every_property_has_a_fault() -> None:
    assert set(NAMES) == {fault.property for fault in planted.FAULTS}


def test_mutants_of_a_backward_pass_are_caught() -> None:
    subject = planted.planted(planted.Fault("none", "gradient", level=0))
    found = list(mutants(subject.module))
    assert len(found) > 200
    assert [mutant.name for mutant in found[::EVERY] if fate(subject, mutant) == "missed"] == []


def test_a_saturated_state_that_leaves_the_range_of_numbers_is_no_alarm() -> None:
    case = Case((("t", 6),), 2, (("m", 2), ("n", 1)), seed=219, scale=8.0)
    for name in ("gradient", "forward-mode", "linear-backward"):
        assert run_case(right("relu"), BY_NAME[name], case).status == PASSED


def test_outputs_of_a_saturated_state_on_the_way_are_no_alarm() -> None:
    case = Case((("t", 3),), 2, (("m", 2), ("n", 2)), seed=219, scale=8.0)
    assert run_case(right("unwritten"), BY_NAME["forward-mode"], case).status == PASSED


def test_long_sequences_of_a_high_rate_are_summed_too() -> None:
    case = Case((("t", 3),), 2, (("k", 3), ("n", 3)), seed=130)
    assert run_case(right("poisson"), BY_NAME["sums-to-one"], case).status == PASSED


def test_a_rule_that_counts_the_steps_before_is_given_sequences_that_it_lets_through() -> None:
    made = rnnc.loads(
        "dim k = 3\naxis t = 1..T\nhead y[t] : token(k) ~ categorical(affine(onehot(y[t-1])))\n"
        "stop when y[t] == 0 and t % 2 == 0\n"
    )
    for seed in (1, 3, 5, 7, 9):
        data = full(subject(made), Case((("t", 4),), 3, (), seed))
        made.forward(data.params, data.batch, state=data.state)


@pytest.mark.parametrize("name", MODELS)
def test_right_models_raise_no_alarm(name: str) -> None:
    assert alarms(name, seed=1, examples=1) == []
