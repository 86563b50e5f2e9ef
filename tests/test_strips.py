"""Strips: what a loop reads is made a few steps at a time, and any number of steps gives the same.

Batches of tests are shorter than a strip, so here strips have one step, or two."""

from __future__ import annotations

import re
from typing import Any

import pytest
import rnnc
from compiled import EXAMPLES, module
from rnnc.compiler.driver import Options
from rnnc.properties import check_property

SPECS = (
    "lstm",
    "gru",
    "bidirectional",
    "leaky_learned",
    "deep_skip",
    "output_recurrence",
    "attention_additive",
)
NAMES = ("gradient", "padding", "workspace")


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", SPECS)
def test_strips_of_any_length_give_the_same(name: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    m = module(name, 2)
    asked: list[int] = []

    def few(call: Any, whole: int, numbers: int) -> int:
        asked.append(numbers)
        return min(whole, steps)

    monkeypatch.setattr(m.Call, "few", few)
    for one in NAMES:
        check_property(m, one, examples=3)
    assert asked


def test_local_derivatives_have_no_array_of_all_steps() -> None:
    text = rnnc.compile(EXAMPLES / "lstm.rnn", Options())
    body = text[text.index("def _backward") :]
    strip = body[body.index("def local") : body.index("for (")]
    made = [line for line in body.splitlines() if "buffer" in line and "T_max" in line]
    written = {line.rpartition(", ")[2].partition("[")[0] for line in strip.splitlines() if "[here" in line}
    assert len(written) >= 5
    assert not [line for line in made for name in written if re.search(rf"\b{name}\b", line)]


def test_a_strip_fits_the_cache() -> None:
    m = module("lstm", 2)
    call = m.Call()
    call.dtype = m.init(0)["b_f"].dtype
    assert [call.few(100, n) for n in (1, 1000, 10**9)] == [100, 100, 1]
    assert 0.9 < call.few(10**6, 512) * 512 * 4 / 2**19 <= 1
