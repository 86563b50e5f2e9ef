"""The benchmarks measure what they say: every contender computes the same, tables hold what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import training
from benchmarks.cases import CELLS, Case, Size, size_for
from benchmarks.contenders import agree, make
from benchmarks.contenders.contender import Contender, Disagreement
from benchmarks.contenders.networks import pack, unpack
from benchmarks.handwritten import HANDWRITTEN, common

SMALL = Size("small", 3, 9, 4, 5)


@pytest.mark.parametrize("cell", HANDWRITTEN)
@pytest.mark.parametrize("stretch", [1, 1 << 20], ids=["a step at a time", "all steps at once"])
def test_what_is_written_by_hand_computes_what_is_compiled(
    cell: str, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "CHUNK_BYTES", stretch)
    case = Case(cell, SMALL, "float64")
    compiled, written = make("O2", case), make("hand", case)
    for _ in range(2):  # buffers hold what the first call left
        assert agree("hand", compiled, written, tolerance=1e-13) < 1e-13


def test_a_gradient_that_differs_stops_the_benchmark() -> None:
    good = make("O2", Case("skip", SMALL, "float64"))
    assert isinstance(good, Contender)

    def wrong(result: Any) -> Any:
        loss, grads = good.result(result)
        return loss, {name: grad * (1.01 if name == "W_hh_2" else 1.0) for name, grad in grads.items()}

    with pytest.raises(Disagreement, match="gradient of W_hh_2 differs by 0.01"):
        agree("bad", good, replace(good, result=wrong))


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_joined_for_the_peers_come_apart_again(cell: str) -> None:
    params = Case(cell, SMALL).params
    apart = unpack(cell, pack(cell, params))
    assert set(apart) == set(params)
    assert all(np.array_equal(apart[name], params[name]) for name in params)


def test_a_row_has_a_time_for_each_contender_and_a_reason_for_each_that_is_missing() -> None:
    (row,) = training.measure(["mingru"], ["tiny"], ["O2", "O0", "hand"], 0.0, 60.0, "wall")
    assert set(row["seconds"]) == {"O2", "O0"} and min(row["seconds"].values()) > 0
    assert row["absent"] == {"hand": ("–", "written by hand for five of the cells")}
    assert row["difference"] < 1e-3


def test_attention_is_shorter_where_it_would_not_fit() -> None:
    assert size_for("attention", "long").T == 250 and size_for("lstm", "long").T == 1000
