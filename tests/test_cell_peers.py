"""Some cells beside other libraries, and the tables that say how far all of them differ (`tools/figures.py`)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import cell_peers
import in_onnx
import numpy as np
import pytest
from references.cells import CELLS
from rnnc.spec.cells import library

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tools/figures.py`, with its counts in a folder of the test."""
    found = importlib.util.spec_from_file_location("figures", ROOT / "tools" / "figures.py")
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setattr(module, "STATE", tmp_path)
    return module


@pytest.mark.parametrize(
    "peer, name", [("PyTorch", "gru"), ("PyTorch", "slstm"), ("JAX", "ugrnn"), ("ONNX Runtime", "retention")]
)
def test_a_cell_is_what_the_peer_makes_of_it(peer: str, name: str) -> None:
    for package in cell_peers.PEERS[peer][0].split():
        pytest.importorskip(package)
    found = cell_peers.differences(name, peer)
    assert max(found.values()) < cell_peers.TOLERANCE
    assert {what.split(",")[0] for what in found} >= {"output", "loss"}


def test_what_onnx_is_not_told_of_is_named() -> None:
    symbol = in_onnx.Symbol(in_onnx.Graph("float64"), "x", np.ones((2, 3)))
    for function in (np.roll, np.arctan2):
        with pytest.raises(NotImplementedError, match=f"ONNX is not told of `{function.__name__}`"):
            function(symbol, 1)


def test_random_specs_are_what_torch_makes_of_them() -> None:
    pytest.importorskip("torch")
    for seed in range(5):
        assert max(cell_peers.random_differences(seed).values(), default=0) < 1e-9


def test_a_peer_that_computes_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is the module, with one gradient a millionth too large."""

    def peer(cell: cell_peers.Cell) -> list[Any]:
        grad = cell.ours["the gradient of h.W_hh"]
        return [cell_peers.Computed("imitated", {**cell.ours, "the gradient of h.W_hh": grad * (1 + 1e-6)})]

    monkeypatch.setitem(cell_peers.PEERS, "PyTorch", ("numpy", peer))
    found = cell_peers.differences("vanilla", "PyTorch")
    assert found.pop("the gradient of h.W_hh, imitated") == pytest.approx(1e-6, rel=1e-6)
    assert max(found.values()) == 0


def test_the_cells_by_hand_run_over_the_functions_of_another_library() -> None:
    class Counting:
        def __init__(self) -> None:
            self.asked: set[str] = set()

        def __getattr__(self, name: str) -> Any:
            self.asked.add(name)
            return getattr(np, name)

    other = Counting()
    x, p = np.ones((2, 3)), {"W_hx": np.ones((4, 3)), "W_hh": np.ones((4, 4)), "b_h": np.ones(4)}
    assert np.array_equal(cell_peers.written_for(other).CELLS["vanilla"](p, x), CELLS["vanilla"](p, x))
    assert other.asked == {"zeros_like", "tanh", "array"}


def test_a_library_that_is_missing_is_named_and_nothing_is_counted(
    figures: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(figures, "versions", lambda packages: "")
    figures.run("onnx", float("inf"), 1)
    assert "onnx: needs onnxruntime and onnx, not installed; old figures stay. pip" in capsys.readouterr().out
    assert not figures.counted("onnx")


def test_what_was_not_counted_stays_in_the_table(figures: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    start, end = figures.BEGIN, figures.END
    page.write_text(
        f"a\n{start}old\n\n| cell | A | B |\n|---|---|---|\n| x | 1 | 2 |\n| y | 3 | 4 |\n{end}b\n"
    )
    figures.write_table(page, [["cell", "", ""], ["x", "", ""]])
    assert "| x | 1 | 2 |" in page.read_text() and "old" in page.read_text()
    figures.write_table(page, [["cell", "A2", ""], ["y", "5", ""], ["z", "6", ""]], "new")
    rows = "| cell | A2 | B |\n|---|---|---|\n| x | 1 | 2 |\n| y | 5 | 4 |\n| z | 6 |  |\n"
    assert page.read_text() == f"a\n{start}new\n\n{rows}{end}b\n"


def test_the_figures_of_a_kind_become_a_row(figures: ModuleType) -> None:
    record = figures.Record("jax")
    record.add(0, {"cells": 1, "failures": 0, "worst gru": 2e-16}, [], 1.0)
    record.add(1, {"cells": 1, "failures": 1, "worst lstm": 3e-3}, ["1: lstm: loss differs by 3.0e-03"], 1.0)
    record.versions = "jax 1.2"
    record.save()
    _, (_, row) = figures.figures()
    assert row[0].startswith("cells of the library beside JAX") and row[1] == "2"
    assert row[2] == "1 differ; at most by 3.0e-03 (`lstm`); jax 1.2"
    cells = {row[0]: row[2] for row in figures.agreement()}
    assert cells["`gru`"] == "2e-16" and cells["`lstm`"] == "0.003" and cells["`sru`"] == ""


def test_the_page_has_every_cell() -> None:
    text = (ROOT / "docs" / "agreement.md").read_text(encoding="utf-8")
    assert [name for name in library() if f"| `{name}` | " not in text] == []
