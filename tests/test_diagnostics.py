"""Diagnostics: the catalogue's examples, how they are drawn, and what is suggested."""

from __future__ import annotations

import json

import pytest
from rnnc.spec.catalogue import CATALOGUE, ENTRIES, Entry
from rnnc.spec.diagnostics import Diagnostics, Label
from rnnc.spec.lexical import read_source
from rnnc.spec.parser import parse
from rnnc.spec.render import explain, render, to_json
from rnnc.spec.source import Source, Span
from rnnc.spec.suggest import distance, suggest

TEXTUAL = [entry for entry in ENTRIES if entry.code < "RNN200"]


def parsed(text: str) -> Diagnostics:
    """What reading and parsing report; lone surrogates stand for bytes that are not UTF-8."""
    diagnostics = Diagnostics()
    source = read_source("spec.rnn", text.encode("utf-8", "surrogateescape"), diagnostics)
    if source is not None:
        parse(source, diagnostics)
    return diagnostics


@pytest.mark.parametrize("entry", TEXTUAL, ids=lambda entry: entry.code)
def test_wrong_example_gives_its_code_alone(entry: Entry) -> None:
    assert {item.code for item in parsed(entry.wrong).items} == {entry.code}


@pytest.mark.parametrize("entry", TEXTUAL, ids=lambda entry: entry.code)
def test_right_example_passes(entry: Entry) -> None:
    assert parsed(entry.right).items == []
