"""`rnnc test --bisect` names who makes numbers differ: a pass, forward or backward; a derivative; a printed line;
rounding; nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from rnnc import stages
from rnnc.__main__ import main
from rnnc.compiler import passes
from rnnc.compiler.driver import Options, compile_source
from rnnc.compiler.ir import Equation, System
from rnnc.compiler.operators import TABLE
from rnnc.compiler.passes import ORDERS, Order, Pass, Run
from rnnc.spec.source import Source

SPEC = """\
dim m = 2, n = 2
axis t = 1..T
input x[t] : real[m]
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
g[t] : real[n] = h[t] * h[t] + 0
head y[t] : real[n] ~ normal(affine(g[t]), 1)
"""
WORDS = ["test", "f.rnn", "--bisect", "--examples", "2"]
Change = Callable[[System], System]


@pytest.fixture(autouse=True)
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.rnn").write_text(SPEC, encoding="utf-8")


def plant(monkeypatch: pytest.MonkeyPatch, name: str, part: str, wrong: Change, level: int = 2) -> None:
    """In one part of a level's order a pass is followed by a fault."""

    def broken(one: Pass) -> Pass:
        return replace(one, run=lambda system: wrong(one.run(system))) if one.name == name else one

    def run(each: Run) -> Run:
        return replace(each, passes=tuple(map(broken, each.passes)))

    right = ORDERS[level]
    order = {f.name: getattr(right, f.name) for f in fields(Order)}
    order[part] = tuple(map(run, order[part]))
    monkeypatch.setitem(passes.ORDERS, level, Order(**order))


def change(fits: Callable[[Equation], bool], **changes: object) -> Change:
    """The first equation that fits, changed."""

    def wrong(system: System) -> System:
        found = next((e for e in system.equations if fits(e)), None)
        if found is None:
            return system
        return system.with_equations(replace(e, **changes) if e is found else e for e in system.equations)  # type: ignore[arg-type]

    return wrong


def test_a_pass_that_changes_what_the_network_computes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, "contract", "small", change(lambda e: e.op == "tanh", op="sin"))
    assert main(WORDS) == 1
    out = capsys.readouterr().out
    assert "-O0: agrees with the reference evaluator" in out
    assert "-O2: the pass `contract` on the forward equations changes the numbers" in out
    assert "after it " in out and "before it " in out
    assert "it is gone with --skip contract" in out


def test_a_pass_that_changes_the_gradient(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, "regroup", "gradient", change(lambda e: e.op == "sub", op="add"))
    assert main([*WORDS, "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    good, bad = found["levels"]
    assert (good["level"], good["kind"]) == (0, "nothing")
    assert (bad["level"], bad["kind"], bad["pass"]) == (2, "pass", "regroup")
    assert bad["part"] == "the gradient's equations"
    assert bad["difference"]["name"].startswith(("grad.", "dbatch.", "dstate."))


def test_a_pass_of_the_textbook_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, "move", "gradient", change(lambda e: e.op == "sub", op="add"), level=0)
    assert main(WORDS) == 1
    out = capsys.readouterr().out
    assert "-O0: the pass `move` on the gradient's equations changes the numbers" in out
    assert "-O2: agrees" in out


def test_a_derivative_that_only_the_passes_equations_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    square = replace(TABLE["square"], derivative=TABLE["tanh"].derivative)
    monkeypatch.setitem(TABLE, "square", square)
    assert main(WORDS) == 1
    out = capsys.readouterr().out
    assert "-O2: the pass `simplify` on the forward equations keeps the numbers, and the gradient" in out


def test_a_printed_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(TABLE, "tanh", replace(TABLE["tanh"], out="np.sin({0}, {1})"))
    assert main(WORDS) == 1
    out = capsys.readouterr().out
    assert "-O0: agrees" in out
    assert "-O2: every pass keeps the numbers, the module does not: the schedule or the printer of -O2" in out
    assert "in the forward half" in out
    assert "the first quantity that is wrong when all are returned: h, line 4: h[t]" in out


def test_a_printed_line_of_the_backward_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The square in the derivative of tanh; the network itself squares nothing."""
    monkeypatch.setitem(TABLE, "square", replace(TABLE["square"], out="np.square(1.1 * {0}, {1})"))
    head = "head y[t] : bool ~ bernoulli(sum(g[t]))"
    lines = [line for line in SPEC.replace("h[t] * h[t] + 0", "2 * h[t]").splitlines() if "head" not in line]
    Path("f.rnn").write_text("\n".join([*lines, head]), encoding="utf-8")
    assert main(WORDS) == 1
    out = capsys.readouterr().out
    assert "-O0: agrees" in out
    assert "the schedule or the printer of -O2 is wrong, in the backward half" in out
    assert "the first quantity, going back, whose gradient is wrong: h.4, line 4: h[t]" in out


def test_rounding_is_told_from_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    Path("f.rnn").write_text(CANCELLING, encoding="utf-8")
    assert main(WORDS) == 0
    assert "rounding explains it" in capsys.readouterr().out


def test_nobody_is_to_blame(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(WORDS) == 0
    out = capsys.readouterr().out
    assert out.count("agrees with the reference evaluator") == 2
    assert main([*WORDS, "--property", "gradient"]) == 2


@pytest.mark.parametrize("level", [0, 2])
def test_the_equations_followed_are_those_that_are_printed(level: int) -> None:
    made = compile_source(Source("f.rnn", SPEC), Options(level), lambda path, span: None)
    steps = list(stages.steps(made))
    gradient = [step for step in steps if step.part == stages.GRADIENT][-1].after.system
    assert gradient.equations == made.adjoint.equations
    forward = {e.name: e for e in made.forward.equations}
    last = [step for step in steps if step.part == stages.FORWARD][-1].after.system
    assert {e.name: e for e in last.equations if e.name in forward} == forward


CANCELLING = """\
dim n = 3
axis t = 1..T
input x[t] : real[n]
param w : real[n]
a[t] : real = sum(1e9 * x[t]) + sum(1e9 * w)
b[t] : real = mean(3e9 * (x[t] + w))
o[t] = a[t] - b[t]
output o
"""
