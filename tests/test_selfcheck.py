"""A module compiled ``--with selfcheck`` checks itself where it runs, with NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rnnc
from compiled import EXAMPLES, module
from rnnc.api import module_from
from rnnc.compiler.driver import Options
from stopping_models import EVENT, LENGTH, SYMBOL

SELFCHECK = frozenset({"selfcheck"})

# `python -I FILE --selfcheck`, every import but NumPy's and the standard library's blocked
ALONE = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "numpy":
            raise ImportError("a printed module may import NumPy only, not " + name)

sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def compiled(path: Path, tmp_path: Path, **options: Any) -> Path:
    out = tmp_path / "network.py"
    out.write_text(rnnc.compile(path, Options(extras=SELFCHECK, **options)), encoding="utf-8")
    return out


def run(path: Path, *arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-I", "-c", ALONE, str(path), *arguments]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def verdicts(m: Any) -> dict[str, bool | None]:
    return {name: holds for name, holds, _ in m.selfcheck(m.SPEC_SHA256)}


def test_by_itself_it_says_a_line_for_each_check(tmp_path: Path) -> None:
    status, lines = run(compiled(EXAMPLES / "vanilla.rnn", tmp_path), "--selfcheck")
    assert status == 0, lines
    assert [line.partition(":")[0] for line in lines] == ["numpy", "spec", "gradient", "streaming", "padding"]
    assert all(": ok, " in line for line in lines[1:])


def test_what_does_not_apply_has_a_reason(tmp_path: Path) -> None:
    status, lines = run(compiled(EXAMPLES / "bidirectional.rnn", tmp_path), "--selfcheck")
    assert status == 0, lines
    assert "streaming: not applicable, g reads g[t+1]" in lines[3]


def test_other_arguments_are_told(tmp_path: Path) -> None:
    status, lines = run(compiled(EXAMPLES / "vanilla.rnn", tmp_path), "--help")
    assert status == 2
    assert lines == ["usage: --selfcheck: whether this module is right on this machine"]


FAULTS = {
    "spec": ("  # 10.9\\n", "  # 10.8\\n"),
    "gradient": ("dW += da[t].T @ h[t - 1]", "dW += da[t].T @ h[t]"),
    "streaming": ("    h = np.tanh(a)", "    h = np.tanh(1.0000001 * a)"),
    "padding": (
        "a.shape[place] + 1)[:, None] > call.lengths[axis]",
        "a.shape[place] + 1)[:, None] > call.lengths[axis] + 1",
    ),
}


@pytest.mark.parametrize("check", FAULTS)
def test_a_planted_fault_is_caught(check: str, tmp_path: Path) -> None:
    path = compiled(EXAMPLES / "vanilla.rnn", tmp_path, level=0)
    text = path.read_text(encoding="utf-8")
    right, wrong = FAULTS[check]
    assert right in text, text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    status, lines = run(path, "--selfcheck")
    assert status == 1
    failed = [line.partition(":")[0] for line in lines if "FAILED" in line]
    assert check in failed, lines


@pytest.mark.parametrize(
    "name",
    ["attention_dot", "grid", "lstm", "many_to_one", "mixture_density", "skip", "stop_length", "time_stamps"],
)
def test_right_modules_hold(name: str) -> None:
    path = EXAMPLES / f"{name}.rnn"
    found = verdicts(module_from(rnnc.compile(path, Options(extras=SELFCHECK)), path.stem))
    assert False not in found.values(), found


@pytest.mark.parametrize("text", [SYMBOL, EVENT, LENGTH])
@pytest.mark.parametrize("level", [0, 2])
def test_networks_that_end_are_given_sequences_that_may_end_there(text: str, level: int) -> None:
    found = verdicts(rnnc.loads(text, Options(level=level, extras=SELFCHECK)))
    assert found == {"spec": True, "gradient": True, "streaming": True, "padding": True}


def test_noise_is_drawn_and_several_axes_are_seen() -> None:
    text = """
dim n = 3, k = 2
axis t = 1..T
axis s = 1..S
input z[s] : real[n]
input x[t] : real[n]
noise m[t] : real[n] ~ bernoulli(0.8)
h[0] = sum[s](z[s])
h[t] : real[n] = tanh(affine(x[t] * m[t], h[t-2]))
e[t,s] = dot(h[t], z[s])
head y[t] : token(k) ~ categorical(affine(h[t], sum[s](softmax[s](e[t,s]) * z[s])))
output e
"""
    found = verdicts(rnnc.loads(text, Options(extras=SELFCHECK)))
    assert found == {"spec": True, "gradient": True, "streaming": True, "padding": True}


def test_an_unrolled_module_has_no_padding() -> None:
    m = rnnc.load(EXAMPLES / "vanilla.rnn", Options(extras=SELFCHECK, unroll=3))
    assert verdicts(m) == {"spec": True, "gradient": True, "streaming": True, "padding": None}


def test_without_asking_nothing_of_it_is_printed() -> None:
    m = module("vanilla", 2)
    assert not hasattr(m, "selfcheck") and not hasattr(m, "SPEC_SHA256")


def test_both_sections_go_together() -> None:
    m = rnnc.load(EXAMPLES / "vanilla.rnn", Options(extras=frozenset({"jvp", "selfcheck"})))
    assert hasattr(m, "jvp") and False not in verdicts(m).values()
