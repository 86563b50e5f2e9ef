"""The benchmarks measure what they say: every contender computes the same, tables hold what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import aims, calls, compiling, page, pairs, training
from benchmarks.__main__ import PARTS, parser
from benchmarks.cases import CELLS, Case, Size, size_for
from benchmarks.contenders import agree, computed, make
from benchmarks.contenders.contender import Contender, Disagreement
from benchmarks.contenders.networks import pack, unpack
from benchmarks.handwritten import HANDWRITTEN, common
from benchmarks.lengths import peak_above
from benchmarks.picture import picture

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
        assert agree("hand", computed(compiled), written, tolerance=1e-13) < 1e-13


def test_a_gradient_that_differs_stops_the_benchmark() -> None:
    good = make("O2", Case("skip", SMALL, "float64"))
    assert isinstance(good, Contender)

    def wrong(result: Any) -> Any:
        loss, grads = good.result(result)
        return loss, {name: grad * (1.01 if name == "W_hh_2" else 1.0) for name, grad in grads.items()}

    with pytest.raises(Disagreement, match="gradient of W_hh_2 differs by 0.01"):
        agree("bad", computed(good), replace(good, result=wrong))


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


def test_checkpoints_compute_the_same() -> None:
    case = Case("lstm", SMALL, "float64")
    assert agree("checkpoint", computed(make("O2", case)), make("checkpoint", case), 1e-12) < 1e-12


def test_memory_is_what_a_run_adds() -> None:
    size = 1 << 25
    assert 0.9 * size < peak_above(lambda: np.ones(size, np.int8)) < 1.5 * size


def test_a_peer_that_fails_is_told_of_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(case: Case) -> None:
        raise RuntimeError("out of luck\nand more")

    monkeypatch.setattr("benchmarks.contenders.with_jax.scan", failing)
    row = training.row_of(Case("skip", SMALL), ["O2", "jax scan"], 0.0, 60.0, "wall")
    assert row.absent["jax scan"] == ("fails", "RuntimeError: out of luck") and set(row.seconds) == {"O2"}


def test_attention_is_shorter_where_it_would_not_fit() -> None:
    assert size_for("attention", "long").T == 250 and size_for("lstm", "long").T == 1000


ROW = {
    "cell": "lstm",
    "size": "small",
    "shape": "(16, 100, 32, 64)",
    "seconds": {"O2": 0.004, "hand": 0.003, "jax scan": 0.006},
    "compile_seconds": {"O2": 0.1, "jax scan": 0.6},
    "absent": {"torch.nn": ("not installed", "torch is not installed: pip install 'rnnc[bench]'")},
    "difference": 1e-6,
    "bound": 0.002,
}


def result(part: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"part": part, "threads": 1, "clock": "wall", "peaks": "peaks", "rows": rows}


def test_the_page_keeps_what_was_not_measured(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- training 1 -->\nold\n<!-- end of training 1 -->\nb\n", encoding="utf-8")
    page.write(result("training", [ROW]), readme)
    page.write(result("ablation", [{"cell": "gru", "size": "tiny", "without": {"join": 1.5}}]), readme)
    text = readme.read_text(encoding="utf-8")
    assert "old" not in text and text.startswith("a\n<!-- training 1 -->\n") and "\nb\n" in text
    row = "| LSTM | small (16, 100, 32, 64) | **4.00** | 2.0 | 3.00 (×0.75) | 6.00 (×1.50) | not installed |"
    assert f"{row} 1.50 (jax scan) |" in text
    assert "| small | 1.50 | 0.75 |" in text, "the geometric means"
    assert "* torch.nn, not installed: torch is not installed" in text
    assert "| join | 1.50 |" in text
    page.write(
        result("hand", [{"cell": "gru", "size": size, "speed": 1.2} for size in ("tiny", "small")]), readme
    )
    assert "| GRU | 1.20 | 1.20 |" in (text := readme.read_text(encoding="utf-8"))
    assert "| GRU at small to long: each | 0.91 | 1.20 |" in text
    times = {"seconds": {"O2": 0.004, "hand": 0.003}, "calls": {"O2": {"tanh 8": [2, 1e-3]}, "hand": {}}}
    page.write(result("calls", [{**ROW, **times}]), readme)
    assert "| LSTM, small (16, 100, 32, 64) | -O2: calls | -O2: µs each |" in readme.read_text(
        encoding="utf-8"
    )


def test_two_ways_are_compared_alone_in_turn() -> None:
    """Each is made first as often, and the figure is how many times as long the other takes."""
    made: list[str] = []

    def waiting(name: str, seconds: float) -> Callable[[], Contender]:
        def make() -> Contender:
            made.append(name)
            return Contender(lambda: time.sleep(seconds), lambda: np.ones(2), lambda result: (1.0, {}))

        return make

    found = pairs.ratio("slow", waiting("one", 0.002), waiting("other", 0.006), 0.1, "wall")
    assert made == ["one", "other", "other", "one"] * 2
    assert 2 < found < 4


def test_the_picture_has_a_dot_for_each_time() -> None:
    root = ElementTree.fromstring(picture([ROW]))
    dots = [dot for dot in root.iter() if dot.tag.endswith("circle") and len(dot)]
    left, right = sorted(float(dot.attrib["cx"]) for dot in dots)
    line = next(x for x in root.iter() if x.tag.endswith("line") and x.attrib.get("stroke") == "#222")
    assert left < float(line.attrib["x1"]) < right


def test_every_call_of_a_step_is_timed() -> None:
    """By hand: one product a step forward and one backward, one for the inputs, two for the weights."""
    case = Case("lstm", SMALL)
    row = calls.row_of(case, 0.05, "wall")
    by_hand = row.calls["hand"]
    B, T, D, H = SMALL.B, SMALL.T, SMALL.D, SMALL.H
    products = {what: count for what, (count, _) in by_hand.items() if what.startswith("product")}
    assert products[f"product {B} × {H} × {4 * H}"] == products[f"product {B} × {4 * H} × {H}"] == T
    assert products[f"product {T * B} × {D} × {4 * H}"] == 1
    assert products[f"product {4 * H} × {T * B} × {H}"] == products[f"product {4 * H} × {T * B} × {D}"] == 1
    assert by_hand[f"tanh {B * 4 * H}"][0] == T
    ours = row.calls["O2"]
    assert ours[f"product {B} × {H} × {4 * H}"][0] == T, "gates are joined"
    assert all(seconds >= 0 for found in row.calls.values() for _, seconds in found.values())


def test_the_calls_of_a_table_add_up_to_the_step() -> None:
    found = {"tanh 8": (10, 0.003), "add 8": (20, 0.005), "where 1": (1, 1e-6), "less 1": (1, 2e-6)}
    row = {"seconds": {"O2": 0.01}, "calls": {"O2": found}}
    assert calls.lines(row) == [
        ["add 8", "20", "250.00", "5.00", "50%"],
        ["tanh 8", "10", "300.00", "3.00", "30%"],
        ["2 other kinds of call", "2", "1.50", "0.00", "0%"],
        ["Python between the calls", "", "", "2.00", "20%"],
        ["a training step", "", "", "10.00", "100%"],
    ]


def test_aims_stand_beside_what_was_found() -> None:
    def row(cell: str, size: str, **times: float) -> dict[str, Any]:
        return {"cell": cell, "size": size, "seconds": {"O2": 1.0, "hand": 0.5} | times}

    rows = [
        row("gru", "small", torch=2.0, jax=0.5),
        row("vanilla", "long", jax=2.0),
        row("lstm", "tiny", jax=9.0),
    ]
    found = {what: (least, here) for what, least, here in aims.lines(rows, aims.TRAINING)}
    each = "vanilla, GRU, layer-normalised, skip at small to long: each, fastest peer"
    assert found[each] == ("0.95", "0.50") and found["the same, geometric mean"] == ("1.20", "1.00")
    assert found["GRU at small to long: each, NumPy by hand"] == ("0.91", "0.50")
    assert not any(what.startswith("LSTM") for what in found), "tiny alone was measured"
    assert "| LSTM, small: fastest peer | 0.93 | 1.50 |" in page.training([ROW])
    step = {"cell": "gru", "H": 32, "seconds": {"O2": 2e-6, "ONNX Runtime": 1e-6}, "absent": {}}
    assert "| a step: each, ONNX Runtime | 1.00 | 0.50 |" in page.streaming([step])


def test_slow_peers_are_measured_at_few_sizes_unless_asked_for() -> None:
    names = ["O2", "autograd"]
    (row,) = training.measure(["skip"], ["tiny"], names, 0.0, 60.0, "wall", everywhere=False)
    assert row["absent"] == {"autograd": ("–", "measured at small")} and set(row["seconds"]) == {"O2"}


def test_every_part_has_its_place_in_the_page() -> None:
    text = page.README.read_text(encoding="utf-8")
    assert set(page.TABLES) == set(PARTS.split(","))
    assert all(f"<!-- {part} 1 -->" in text and f"<!-- end of {part} 1 -->" in text for part in page.TABLES)


def test_names_are_chosen_whole_or_by_their_first_word() -> None:
    assert parser().parse_args(["--peers", "torch,hand"]).peers == [
        "hand",
        "torch.nn",
        "torch loop",
        "torch.compile",
    ]
    with pytest.raises(SystemExit):
        parser().parse_args(["--cells", "lstn"])


def test_times_of_the_compiler_stand_beside_their_aims_and_their_growth() -> None:
    single, grows = (
        compiling.Row("small", 3.0, {"": 1.5}),
        compiling.Row("layers", None, {"1": 0.5, "2": 1.25}),
    )
    text = page.compiling([asdict(single), asdict(grows)])
    assert "| small | 3.00 | 1.500 |" in text
    assert "| layers | 1 | 2 |\n| --- | ---: | ---: |\n| seconds | 0.50 | 1.25 |\n" in text
    assert "| times the one before |  | 2.50 |" in text
    assert 0 < compiling._compile(compiling.layers(1), 2) < 60 and compiling._compile(
        compiling.recurrences(2), None
    )
