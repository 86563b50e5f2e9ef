"""The formatter: the same tree, every comment, and nothing left to do on the second run."""

from __future__ import annotations

import random
import re
from pathlib import Path

import golden_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.formatter import format_spec
from rnnc.spec.parser import parse
from rnnc.spec.source import Source
from rnnc.spec.syntax import Spec
from syntax_trees import bare, random_spec

ROOT = Path(__file__).resolve().parent.parent
GOLDENS = sorted((golden_files.FOLDER / "format").glob("*.golden"))


def parsed(text: str) -> Spec:
    diagnostics = Diagnostics()
    spec = parse(Source("spec.rnn", text), diagnostics)
    assert spec is not None, diagnostics.items
    return spec


SEEDS, DEPTHS = st.integers(0, 2**32), st.integers(0, 4)


@settings(max_examples=500)
@given(SEEDS, DEPTHS)
def test_round_trip_of_trees(seed: int, size: int) -> None:
    spec = random_spec(seed, size)
    text = format_spec(spec)
    again = parsed(text)
    assert bare(again.statements) == bare(spec.statements)
    assert format_spec(again) == text


TOKEN = re.compile(r'"[^"\n]*"|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\w[\w.]*|\*\*|[=!<>]=|\.\.|->|\s|.')


def commented(text: str, rng: random.Random) -> tuple[str, list[str]]:
    """Comments, blank lines and newlines put where a line may end: all of them, in order."""
    comments: list[str] = []
    parts: list[str] = []
    brackets = [""]
    for token in TOKEN.findall(text):
        if token in ("(", "[", "{"):
            family = brackets[-1] == "family" or (token == "{" and parts[-1] != " ")
            brackets.append("family" if family else token)
        elif token in (")", "]", "}"):
            brackets.pop()
        parts.append(token)
        inside = brackets[-1] in ("(", "[") and token in ("(", "[", ",", " ")
        if rng.random() < 0.3 and (inside or token == "\n"):
            comments.append(f"# {len(comments)}")
            parts += [
                rng.choice(["", "\n", "\n\n\n", "  "]) * inside,
                comments[-1],
                rng.choice(["\n", "\n\n\n"]),
            ]
    return "".join(parts), comments


@settings(max_examples=500)
@given(SEEDS, DEPTHS)
def test_comments_survive(seed: int, size: int) -> None:
    spec = random_spec(seed, size)
    text, comments = commented(format_spec(spec), random.Random(seed))
    before = parsed(text)
    formatted = format_spec(before)
    after = parsed(formatted)
    assert [comment.span.text for comment in after.comments] == comments
    assert bare(after.statements) == bare(spec.statements)
    assert format_spec(after) == formatted


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_layout(path: Path, request: pytest.FixtureRequest) -> None:
    given_text = golden_files.given(path)
    formatted = format_spec(parsed(given_text))
    golden_files.check(path, given_text, formatted, request)
    assert format_spec(parsed(formatted)) == formatted


def test_cells_and_examples_are_as_it_writes_them() -> None:
    paths = [*(ROOT / "spec" / "cells").glob("*.rnn"), *(ROOT / "examples").glob("*.rnn")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    assert len(texts) > 80
    assert [name for name, text in texts.items() if format_spec(parsed(text)) != text] == []
