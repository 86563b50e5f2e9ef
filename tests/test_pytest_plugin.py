"""Specs as tests of pytest: names, places, selection, what is told; nothing is imported before a test runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rnnc.properties import NAMES

ROOT = Path(__file__).resolve().parent.parent
RUN = "import sys, pytest; status = pytest.main(sys.argv[1:]); "
LOADED = (
    "print('loaded:', [m for m in ('numpy', 'lark', 'rnnc.compiler') if m in sys.modules]); sys.exit(status)"
)


def run(folder: Path, *words: str, status: int = 0) -> str:
    command = [
        sys.executable,
        "-c",
        RUN + LOADED,
        "-p",
        "rnnc.pytest_plugin",
        "-p",
        "no:cacheprovider",
        *words,
    ]
    # Where CI or BUILD_NUMBER is set, pytest repeats whole messages in its summary.
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "vanilla.rnn", tmp_path / "vanilla.rnn")
    return tmp_path


def test_every_property_is_an_item_and_collecting_imports_nothing(folder: Path) -> None:
    out = run(folder, "--collect-only", "-q")
    assert [line for line in out.splitlines() if "::" in line] == [f"vanilla.rnn::{name}" for name in NAMES]
    assert "loaded: []" in out


def test_k_selects_and_reasons_are_told(folder: Path) -> None:
    shutil.copy(ROOT / "examples" / "bidirectional.rnn", folder / "both.rnn")
    out = run(folder, "-v", "-rs", "-k", "contract or streaming", "-o", "rnnc_examples=2")
    assert "vanilla.rnn::contract PASSED" in out and "vanilla.rnn::streaming PASSED" in out
    assert "both.rnn::streaming SKIPPED" in out and "not applicable: " in out


def test_a_spec_that_is_wrong_is_told_once_in_full(folder: Path) -> None:
    (folder / "vanilla.rnn").write_text("axis t = 1..T\nh[t] = 2 *\n", encoding="utf-8")
    out = run(folder, "-q", "-k", "gradient", status=1)
    assert out.count("expected a value") == 1
    assert out.count("vanilla.rnn:2:11: error[RNN116]") >= 2


def test_a_failure_begins_with_its_place(folder: Path) -> None:
    fault = "import rnnc.runtime.properties.gradient as g\nright = g.backward\n"
    fault += "def wrong(*args, **options):\n    found = right(*args, **options)\n"
    fault += "    return {**found, 'grad.W': found['grad.W'] * 1.001}\ng.backward = wrong\n"
    (folder / "conftest.py").write_text(fault, encoding="utf-8")
    out = run(folder, "-q", "-k", "vanilla.rnn and gradient and not causal", status=1)
    assert "\nvanilla.rnn:5: gradient does not hold\n" in out
    assert "line 5: param U : real[hidden, input], W : real[hidden, hidden]" in out
    assert "B = 1, input = 1, hidden = 1, classes = 1" in out
    assert (folder / "rnnc-failures" / "vanilla.gradient.npz").is_file()
