"""Every code from names to warnings: its wrong example gives it alone, its right one compiles clean."""

from __future__ import annotations

import pytest
from checked import attempt
from rnnc.spec.catalogue import ENTRIES, Entry

# RNN283 is reported by whoever reads files, not by the checker.
MEANING = [entry for entry in ENTRIES if entry.code >= "RNN200" and entry.code != "RNN283"]


@pytest.mark.parametrize("entry", MEANING, ids=lambda entry: entry.code)
def test_wrong_example_gives_its_code_alone(entry: Entry) -> None:
    found, reported = attempt(entry.wrong)
    assert {item.code for item in reported} == {entry.code}
    assert (found is None) == (entry.severity == "error")


@pytest.mark.parametrize("entry", MEANING, ids=lambda entry: entry.code)
def test_right_example_compiles_clean(entry: Entry) -> None:
    found, reported = attempt(entry.right)
    assert found is not None
    assert reported == []


def test_codes_are_in_order() -> None:
    found = [entry.code for entry in ENTRIES]
    assert found == sorted(found)
    assert len(set(found)) == len(found)
