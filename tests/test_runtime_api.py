"""Modules in memory: `rnnc.load`, `rnnc.loads`, `rnnc.compile`."""

from __future__ import annotations

import io
import sys
import traceback

import numpy as np
import pytest
import rnnc
from rnnc import api
from rnnc.compiler.driver import Options
from rnnc.spec.diagnostics import SpecError

HEAD = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n]\n"
SPEC = HEAD + "param W : real[n, n]\nh[t] = tanh(W @ h[t-1] + x[t])\noutput h\n"
CELL = "cell keep(x[t] : real[m]) -> h[t] : real[m] {{\n  h[t] = {} * h[t-1] + x[t]\n}}\n"
USES = 'import "cells.rnn"\n' + HEAD + "h[t] = keep(x[t])\noutput h\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "_cache", type(api._cache)())
    (tmp_path / "net.rnn").write_text(SPEC)
    return tmp_path


def test_load_gives_a_module_that_runs(folder):
    m = rnnc.load("net.rnn")
    run = m.forward(m.init(seed=1), {"x": np.ones((2, 4, 3))})
    assert run.outputs["h"].shape == (2, 4, 3) and m.SPEC == SPEC
    assert rnnc.load(folder / "net.rnn").SPEC == SPEC and rnnc.loads(SPEC).SPEC == SPEC


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"level": 1}, "level: expected 0, 2, got 1"),
        ({"skip": frozenset({"jion"})}, "skip: expected copies, .*, join, .*, got 'jion'"),
        ({"extras": frozenset({"jpv"})}, "extras: expected jvp, rtrl, selfcheck, got 'jpv'"),
        ({"stop_after": "end"}, "stop_after: expected check, .*, print, got 'end'"),
    ],
    ids=str,
)
def test_an_option_that_is_not_there_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Options(**wrong)


def test_dims_and_options():
    assert rnnc.load("net.rnn", n=7).DIMS["n"] == 7
    assert rnnc.loads(SPEC, Options(dims={"n": 5})).DIMS["n"] == 5
    assert rnnc.loads(SPEC, Options(dims={"n": 5}), n=6).DIMS["n"] == 6
    assert (
        rnnc.compile("net.rnn", n=7) != rnnc.compile("net.rnn") != rnnc.compile("net.rnn", Options(level=0))
    )


def test_the_same_content_is_compiled_once(folder):
    first = rnnc.load("net.rnn")
    assert rnnc.load("net.rnn") is first and rnnc.load("net.rnn", n=3) is not first
    (folder / "net.rnn").write_text(SPEC + "# changed\n")
    changed = rnnc.load("net.rnn")
    assert changed is not first
    (folder / "net.rnn").write_text(SPEC)
    assert rnnc.load("net.rnn") is first


def test_a_changed_import_counts(folder):
    (folder / "uses.rnn").write_text(USES)
    (folder / "cells.rnn").write_text(CELL.format("0.5"))
    first = rnnc.load("uses.rnn")
    assert rnnc.load("uses.rnn") is first
    (folder / "cells.rnn").write_text(CELL.format("0.25"))
    second = rnnc.load("uses.rnn")
    assert second is not first and rnnc.load("uses.rnn") is second
    x = np.ones((2, 1, 3))
    ends = [m.forward(m.init(), {"x": x}).outputs["h"][1, 0, 0] for m in (first, second)]
    assert ends == [1.5, 1.25]
    (folder / "cells.rnn").unlink()
    with pytest.raises(SpecError, match="RNN283"):
        rnnc.load("uses.rnn")


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(api, "CACHED", 2)
    first = rnnc.loads(SPEC)
    rnnc.loads(SPEC, n=4)
    assert rnnc.loads(SPEC) is first
    rnnc.loads(SPEC, n=5)
    assert len(api._cache) == 2 and rnnc.loads(SPEC) is first


def test_tracebacks_show_the_module():
    m = rnnc.load("net.rnn")
    with pytest.raises(ValueError) as caught:
        m.forward(m.init(), {"x": np.ones((2, 4, 5))})
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].filename.startswith("<rnnc net ") and "raise ValueError" in frames[-1].line


def test_modules_leave_nothing_behind():
    before = set(sys.modules)
    rnnc.load("net.rnn")
    assert not [name for name in set(sys.modules) - before if name.startswith("rnnc.modules")]


def test_what_cannot_be_compiled():
    with pytest.raises(SpecError, match="RNN2"):
        rnnc.loads(SPEC.replace("tanh", "tahn"))
    with pytest.raises(SpecError, match="RNN283.*not in a file"):
        rnnc.loads(USES)
    with pytest.raises(SpecError, match="RNN00"):
        rnnc.loads("dim n = 3 \ud800")
    with pytest.raises(FileNotFoundError):
        rnnc.load("none.rnn")


def test_a_file_that_names_itself_like_standard_input(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SPEC.encode())))
    assert rnnc.compile("-") == rnnc.compile("net.rnn").replace("net.rnn", "<stdin>")


@pytest.mark.parametrize(
    "name, said",
    [("jvp", "--with jvp"), ("learn_step", "--with rtrl"), ("beam", "end by a rule"), ("fit", "no `fit`")],
)
def test_a_module_says_why_it_lacks_what_others_have(name, said):
    m = rnnc.loads(SPEC)
    assert not hasattr(m, name)
    with pytest.raises(AttributeError, match=said):
        getattr(m, name)
