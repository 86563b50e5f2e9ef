"""Every example of the language page compiles, or gives the very error it is there to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.compiler.checking.functions import FUNCTIONS
from rnnc.runtime.properties.case import Case
from rnnc.runtime.properties.data import draw
from rnnc.runtime.properties.observe import cotangents
from rnnc.runtime.properties.subject import Subject
from rnnc.spec.diagnostics import SpecError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "language.md"
BLOCK = re.compile(r"^```rnn(?:-error (RNN\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[object]:
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        found.append(pytest.param(match[2], match[1], id=f"line{line}-{match[1] or 'compiles'}"))
    return found


@pytest.mark.parametrize("spec, code", examples())
def test_example(spec: str, code: str | None) -> None:
    if code is None:
        module = rnnc.loads(spec)
        assert module.SPEC == spec
        run_once(module)
        return
    with pytest.raises(SpecError) as caught:
        rnnc.loads(spec)
    assert {d.code for d in caught.value.diagnostics if d.severity == "error"} == {code}


def run_once(module: Any) -> None:
    """Forward and backward on a random batch."""
    subject = Subject(module)
    data = draw(subject, Case(tuple((axis, 5) for axis in subject.axes), 2, ()), least=1)
    run = module.forward(data.params, data.batch)
    grads, _, _ = module.backward(data.params, run, cotangents(module, data))
    assert all(np.isfinite(value).all() for value in grads.values())


def test_the_page_has_examples_of_both_kinds() -> None:
    codes = [match[1] for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    assert len([c for c in codes if c is None]) >= 10
    assert len([c for c in codes if c]) >= 5


def test_every_function_is_on_the_page() -> None:
    names = [name for name in FUNCTIONS if name.isidentifier() and not name.endswith("_")]
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []
