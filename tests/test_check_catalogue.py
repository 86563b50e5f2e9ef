"""Every code from names to warnings: its wrong example gives it alone, its right one compiles clean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checked import attempt
from rnnc.spec.catalogue import ENTRIES, Entry

ROOT = Path(__file__).resolve().parent.parent

# RNN283 is reported by whoever reads files, not by the checker.
MEANING = [entry for entry in ENTRIES if entry.code >= "RNN200" and entry.code != "RNN283"]


@pytest.mark.parametrize("entry", MEANING, ids=lambda entry: entry.code)
def test_wrong_example_gives_its_code_alone(entry: Entry) -> None:
    found, reported = attempt(entry.wrong)
    assert {item.code for item in reported} == {entry.code}
    assert (found is None) == (entry.code < "RNN900")


@pytest.mark.parametrize("entry", MEANING, ids=lambda entry: entry.code)
def test_right_example_compiles_clean(entry: Entry) -> None:
    found, reported = attempt(entry.right)
    assert found is not None
    assert reported == []


def test_codes_are_in_order() -> None:
    found = [entry.code for entry in ENTRIES]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


def test_every_code_that_is_reported_is_in_the_catalogue() -> None:
    sources = (path for folder in ("spec", "compiler", "rnnc") for path in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\bRNN\d{3}\b", "".join(path.read_text("utf-8") for path in sources)))
    assert named - {entry.code for entry in ENTRIES} == set()
