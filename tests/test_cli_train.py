"""`rnnc train` and `rnnc sample`, in this process, with a hand-written model in the compiler's place."""

from __future__ import annotations

import csv
import io
import os
import signal
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from doubles import char_lstm, compiler
from rnnc import api
from rnnc.__main__ import main
from rnnc.compiler.program import Program
from rnnc.failure import Failure
from rnnc.roles import text_roles
from rnnc.runtime import archive
from rnnc.runtime.trainer import Trainer
from rnnc.spec.sizes import Size
from rnnc.training import Settings

TEXT = "the cat sat on the mat; the dog sat on the log.\n" * 60
FILES = ["best.npz", "curve.csv", "curve.svg", "lstm.py", "state.npz"]
QUICK = [
    "--steps",
    "12",
    "--batch",
    "4",
    "--chunk",
    "10",
    "--dim",
    "hidden=8",
    "--dim",
    "embed=4",
    "--length",
    "30",
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a spec and a text, and the double as its compiler."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "compile_file", compiler.compile_file)
    (tmp_path / "lstm.rnn").write_text(char_lstm.SPEC)
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


def train(*words):
    return main(["train", "lstm.rnn", "--text", "text.txt", *QUICK, *words])


def arrays(path):
    return archive.read(path, lambda headers, meta: None).arrays


def same(a, b, skip=()):
    assert a.keys() == b.keys()
    return all(np.array_equal(a[name], b[name], equal_nan=True) for name in a if name not in skip)


def test_a_run_leaves_everything(folder, capsys):
    assert train() == 0
    out, err = capsys.readouterr()
    assert sorted(os.listdir("runs/lstm")) == FILES
    assert "bits per character" in out and "zlib" in out and "order-0" in out and "sample" in out
    assert "parameters" in err and "left" in err and "\r" not in err
    sample = out.split("temperature 0.8:\n\n")[1].split("\n\nin runs")[0]
    assert len(sample) >= 30 and set(sample) <= set(TEXT)
    assert (folder / "runs/lstm/lstm.py").read_text().startswith('"""A character model')


def test_the_curve(capsys):
    assert train() == 0
    with open("runs/lstm/curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 13))
    assert all(float(row["held_out_bits_per_character"]) > 0 for row in rows)
    root = ElementTree.parse("runs/lstm/curve.svg").getroot()
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "bits per character" in words and "training steps" in words and "lstm" in words


def test_the_weights_are_the_modules(capsys):
    assert train() == 0
    best, meta = arrays("runs/lstm/best.npz"), archive.read_meta("runs/lstm/best.npz")
    assert meta["dims"] == {"vocab": len(set(TEXT)) + 1, "embed": 4, "hidden": 8}
    assert meta["vocabulary"] == "".join(sorted(set(TEXT)))
    assert set(best) == set(char_lstm.PARAMS) and best["h.W_ih"].shape == (8, 8)


def interrupt(monkeypatch, step, how):
    """Has `how` happen when training has done `step` steps."""
    original = Trainer.advance

    def advance(self):
        original(self)
        if self.step == step:
            how()

    monkeypatch.setattr(Trainer, "advance", advance)


def control_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [control_c, lambda: signal.raise_signal(signal.SIGINT)])
def test_interrupted_then_resumed_is_as_if_never(monkeypatch, capsys, how):
    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in a shell's background
    assert train("--out", "whole") == 0
    with monkeypatch.context() as patch:
        interrupt(patch, 5, how)
        assert train("--out", "parts") == 0
    out = capsys.readouterr().out
    assert "interrupted after" in out and sorted(os.listdir("parts")) == FILES
    assert (
        main(["train", "lstm.rnn", "--text", "text.txt", "--out", "parts", "--resume", "--length", "0"]) == 0
    )
    assert "going on from step" in capsys.readouterr().err
    assert same(arrays("whole/best.npz"), arrays("parts/best.npz"))
    assert same(arrays("whole/state.npz"), arrays("parts/state.npz"), skip=("curve", "times"))
    with open("parts/curve.csv", newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == sorted(steps) and steps[0] == 1 and steps[-1] == 12
    assert signal.getsignal(signal.SIGINT) is before


def test_a_complete_run_can_be_lengthened(capsys):
    assert train() == 0 and train("--resume") == 0
    assert "the run is complete" in capsys.readouterr().err
    assert main(["train", "lstm.rnn", "--resume", "--text", "text.txt", "--steps", "15"]) == 0
    assert "15 steps" in capsys.readouterr().out


def test_a_run_is_not_overwritten_by_accident(capsys):
    assert train() == 0
    before = arrays("runs/lstm/state.npz")
    assert train("--seed", "1") == 2
    assert "--resume goes on with it, --force starts over" in capsys.readouterr().err
    assert same(before, arrays("runs/lstm/state.npz"))
    assert train("--seed", "1", "--force") == 0
    assert not same(before, arrays("runs/lstm/state.npz"))


def test_nothing_to_resume(capsys):
    assert train("--resume") == 2
    assert "no run to resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--text", "other.txt"], "another data"), (["--dim", "hidden=9"], "another dims")],
)
def test_a_run_is_resumed_with_what_it_was_begun(folder, capsys, words, said):
    (folder / "other.txt").write_text(TEXT[::-1])
    assert train() == 0
    assert main(["train", "lstm.rnn", "--text", "text.txt", "--resume", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_broken_state_is_no_traceback(folder, capsys):
    assert train() == 0
    state = folder / "runs/lstm/state.npz"
    meta = archive.read_meta(state)
    archive.write(state, {"counts": np.zeros(2)}, meta)
    assert train("--resume") == 2
    archive.write(
        state, {"counts": np.zeros(2)}, {**meta, "settings": {"rate": "x", "dim": 3, "chunk": None}}
    )
    assert train("--resume") == 2
    state.write_bytes(b"PK nonsense")
    assert train("--resume") == 2
    assert capsys.readouterr().err.count("state.npz: ") == 3


def test_numbers_that_blow_up_end_the_run(monkeypatch, capsys):
    original = Trainer._gradients

    def gradients(self, batch, options):
        loss, grads, carried = original(self, batch, options)
        if self.step == 6:
            grads["h.W_oh"][1, 2] = np.nan
        return loss, grads, carried

    monkeypatch.setattr(Trainer, "_gradients", gradients)
    assert train() == 1
    err = capsys.readouterr().err
    assert "step 7: gradient of h.W_oh is not finite (nan at [1, 2])" in err and "best.npz" in err
    assert sorted(os.listdir("runs/lstm")) == FILES


def test_unknown_characters_are_one_symbol(folder, capsys):
    (folder / "text.txt").write_text(TEXT + "ÄÖÜ" * 20)
    assert train() == 0
    assert "60 held out unknown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("none.txt", None, "no such file"),
        ("short.txt", b"abc", "too few"),
        ("binary.bin", b"\x80\x81" * 50, "not a text in UTF-8"),
        ("folder", "folder", "is a directory"),
    ],
)
def test_texts_that_are_none(folder, capsys, name, data, said):
    if data == "folder":
        (folder / name).mkdir()
    elif data is not None:
        (folder / name).write_bytes(data)
    assert main(["train", "lstm.rnn", "--text", name]) == 2
    err = capsys.readouterr().err
    assert name in err and said in err and err.count("\n") == 1


def write_data(path="data.npz", rows=20, **change):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (2, 7, rows))
    data = {"x": x, "y": y, "T": rng.integers(0, 8, rows), **change}
    np.savez(path, **{name: value for name, value in data.items() if value is not None})


def test_any_spec_trains_on_arrays(capsys):
    write_data()
    small = ["--dim", "vocab=5", "--dim", "hidden=4", "--dim", "embed=2", "--steps", "20"]
    assert main(["train", "lstm.rnn", "--data", "data.npz", *small]) == 0
    out, err = capsys.readouterr()
    assert "18 sequences to train on, 2 held out" in err and "held out:" in out and "loss" in out
    assert "vocabulary" not in archive.read_meta("runs/lstm/best.npz")
    assert main(["train", "lstm.rnn", "--resume", "--data", "data.npz", "--steps", "30"]) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"z": np.zeros(3)}, "'z' is nothing the spec reads; it reads x, y, T"),
        ({"x": None}, "'x' is missing"),
        ({"y": None}, "targets are needed"),
        ({"x": np.zeros((7, 20))}, "expected integers"),
        ({"x": np.full((7, 20), 99)}, "vocab"),
        ({"T": np.zeros(3, int)}, "different numbers of sequences"),
        ({"x": np.array([["a"]], object)}, "Python objects"),
    ],
)
def test_arrays_that_do_not_fit(capsys, change, said):
    write_data(**change)
    assert main(["train", "lstm.rnn", "--data", "data.npz", "--dim", "vocab=5"]) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith("rnnc: data.npz: ") and err.count("\n") == 1


def sample(*words):
    return main(["sample", "lstm.rnn", "--params", "runs/lstm/best.npz", *words])


def test_samples(capsys):
    assert train() == 0
    capsys.readouterr()
    drawn = []
    for words in (["--seed", "1"], ["--seed", "1"], ["--seed", "2"], ["--temperature", "0"]):
        assert sample("--length", "50", *words) == 0
        drawn.append(capsys.readouterr().out)
    assert all(len(text) == 51 and set(text) <= set(TEXT) for text in drawn)
    assert drawn[0] == drawn[1] != drawn[2]
    assert sample("--prime", "the cat", "--length", "5") == 0
    primed, said = capsys.readouterr()
    assert primed.startswith("the cat") and len(primed) == 13 and not said
    assert sample("--prime", "the Çat", "--length", "5") == 0
    assert capsys.readouterr().err == "rnnc: the model never saw 'Ç' of --prime\n"


def test_weights_that_do_not_fit(folder, capsys):
    assert train() == 0
    best = folder / "runs/lstm/best.npz"
    good, meta = arrays(best), archive.read_meta(best)
    capsys.readouterr()
    wrong = [
        (good, {**meta, "vocabulary": "ba"}, "vocabulary"),
        (good, {**meta, "vocabulary": 3}, "vocabulary"),
        (good, {**meta, "vocabulary": "".join(map(chr, range(40, 99)))}, "59 characters"),
        (good, {**meta, "dims": {**meta["dims"], "hidden": 10**6}}, "expected shape"),
        ({**good, "b_y": good["b_y"][1:]}, meta, "'b_y': expected shape"),
        ({"b_y": good["b_y"]}, meta, "is missing"),
    ]
    for values, noted, said in wrong:
        archive.write(best, values, noted)
        assert sample() == 2
        out, err = capsys.readouterr()
        assert said in err and "best.npz: " in err and err.count("\n") == 1 and not out
    best.write_bytes(b"no zip")
    assert sample() == 2
    assert main(["sample", "lstm.rnn", "--params", "nowhere.npz"]) == 2
    assert main(["sample", "lstm.rnn", "--params", "runs"]) == 2


def test_the_progress_line_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert train("--steps", "300") == 0
    shown = terminal.getvalue()
    assert shown.count("\r") > 2 and "left" in shown and "held out" in shown
    assert shown.rstrip(" ").endswith("\r")


def test_settings_are_merged():
    assert Settings.merged({}, {}).seconds == 60
    assert Settings.merged({"steps": 5}, {}) == Settings(steps=5)
    noted = {"steps": 9, "seconds": None, "rate": 0.5, "dim": [["n", 3]], "chunk": "7", "other": 1}
    assert Settings.merged({"seconds": 1.5}, noted) == Settings(seconds=1.5, rate=0.5, dim=(("n", 3),))
    assert Settings.merged({"dim": [("n", 4)]}, noted) == Settings(steps=9, rate=0.5, dim=(("n", 4),))


def described(case: str) -> Program:
    program = compiler.program()
    head, x = program.heads[0], program.inputs[0]
    makers = {
        "two heads": {"heads": (head, head)},
        "no token": {"heads": (replace(head, distribution="normal"),)},
        "other input": {"inputs": (replace(x, kind="real"),)},
        "other count": {"inputs": (replace(x, count=Size.of("words")),)},
        "no stream": {"stream": None, "no_stream": "h reads g[t+1]"},
        "not along": {"heads": (replace(head, target=replace(head.target, axes=())),)},
        "two inputs": {"inputs": (x, replace(x, name="z"))},
        "nothing fed": {"inputs": ()},
        "fed back": {"inputs": (), "heads": (replace(head, fed_back=True),)},
    }
    return replace(program, **makers[case])


def test_models_of_text():
    assert text_roles(described("fed back")).fields.input is None
    others = "two heads, no token, other input, other count, no stream, not along, two inputs, nothing fed"
    for case in others.split(", "):
        with pytest.raises(Failure, match="a.rnn is no model of text"):
            text_roles(described(case))
