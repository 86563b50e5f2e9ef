"""The command line on whole networks: every example checked, shown, compiled, trained; text drawn."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from rnnc import api
from rnnc.__main__ import main
from rnnc.compiler.driver import Options
from rnnc.roles import batch_axes, observed
from rnnc.runtime.curve import BITS

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.rnn"))
# One of each kind; `test_chapter.py` has them all.
KINDS = """
    vanilla output_recurrence teacher_forcing many_to_one bidirectional char_lstm attention_dot ctc grid
    stop_symbol stop_event stop_length weighted_heads missing dropout
""".split()
every_kind = pytest.mark.parametrize(
    "spec", [path for path in EXAMPLES if path.stem in KINDS], ids=lambda path: path.stem
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *words):
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out, err


@every_kind
def test_checked_and_shown(capsys, spec):
    assert run(capsys, "check", spec) == ("", "")
    text = spec.read_text()
    equations, _ = run(capsys, "show", spec)
    assert re.search(r"^for (\w) = 1\.\.[A-Z]", equations, re.MULTILINE) and equations.count(" = ") >= 2
    assert ("~" in equations) == ("\nhead " in spec.read_text())
    params, _ = run(capsys, "show", "--params", spec)
    shapes, _ = run(capsys, "show", "--shapes", spec)
    schedule, _ = run(capsys, "show", "--schedule", spec)
    assert (
        "trained in all" in params
        and "dim " in shapes
        and schedule.startswith("forward\n")
        and "\nbackward\n" in schedule
    )
    assert spec.read_text() == text


def made_data(spec, rows=12, steps=6):
    """Arrays for everything a spec reads, and ragged lengths."""
    program = api.compile_file(spec, Options(stop_after="check")).program
    dims, rng, data = dict(program.dims), np.random.default_rng(0), {}
    heads = {head.name for head in program.heads}
    for name, axis in batch_axes(program).items():
        item = observed(program).get(name)
        if item is None:
            data[name] = rng.integers(0, steps + 1, rows)
            continue
        shape = (steps,) * axis + (rows,) + tuple(size.value(dims) for size in item.shape)
        drawn = {"real": rng.normal(size=shape), "bool": rng.random(shape) < 0.5}
        top = item.count.value(dims) if item.count is not None else 3
        ends = name in heads and program.stop is not None and not program.stop.event
        data[name] = drawn.get(item.kind, rng.integers(ends, top, shape))
    return data


@every_kind
def test_trained_on_arrays(capsys, spec):
    np.savez("data.npz", **made_data(spec))
    common = ("train", spec, "--data", "data.npz", "--out", "run")
    out, err = run(capsys, *common, "--steps", "8", "--batch", "5")
    assert "11 sequences to train on, 1 held out" in err and "held out:" in out
    run(capsys, *common, "--steps", "9", "--resume")
    assert len(Path("run/curve.csv").read_text().split("\n")) == 11


FED_BACK = """\
dim letters = 5, n = 12
axis t = 1..T
param E : real[letters, n] ~ normal(0.3)
h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1]))
head y[t] : token(letters) ~ categorical(affine(h[t]))
"""
SENTENCES = "abcd dcba " * 200


def test_text_without_an_input(capsys, folder):
    (folder / "fed.rnn").write_text(FED_BACK)
    (folder / "text.txt").write_text(SENTENCES)
    out, _ = run(capsys, "train", "fed.rnn", "--text", "text.txt", "--steps", "300", "--seed", "3")
    assert float(out.split("held out: ")[1].split()[0]) < 0.7
    draw = ("sample", "fed.rnn", "--params", "runs/fed/best.npz", "--length", "60", "--temperature", "0")
    sample, _ = run(capsys, *draw, "--prime", "abcd ")
    assert sample.startswith("abcd dcba abcd") and len(sample) == 66


def test_drawn_without_text(capsys, folder):
    (folder / "fed.rnn").write_text(FED_BACK)
    rng = np.random.default_rng(0)
    np.savez("data.npz", y=rng.integers(0, 5, (7, 20)))
    run(capsys, "train", "fed.rnn", "--data", "data.npz", "--steps", "5")
    out, _ = run(capsys, "sample", "fed.rnn", "--params", "runs/fed/best.npz", "--length", "9")
    title, head, *rows = out.rstrip("\n").split("\n")
    assert (
        title.startswith("# 1: 9 steps, ")
        and head == "y:"
        and len(rows) == 9
        and all(row in "01234" for row in rows)
    )


def test_the_character_model_learns(capsys, folder):
    (folder / "text.txt").write_text(SENTENCES)
    spec = next(path for path in EXAMPLES if path.stem == "char_lstm")
    small = ("--steps", "150", "--dim", "hidden=16", "--dim", "embed=6")
    out, err = run(capsys, "train", spec, "--text", "text.txt", *small)
    assert "5 different" in err and BITS.name in out
    assert float(out.split("held out: ")[1].split()[0]) < 0.7
