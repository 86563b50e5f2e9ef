"""What `rnnc show` says is what the spec says, in words that a reader of the spec knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rnnc
from checked import program
from rnnc.__main__ import main
from rnnc.equations import equations
from rnnc.latex import latex
from rnnc.spec.diagnostics import SpecError

EVENT = """dim k = 5, n = 8
axis t = 1..T
param E : real[k, n]
h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1]))
head y[t] : token(k) ~ categorical(affine(h[t]))
head z[t] : bool ~ bernoulli(affine(h[t]))
stop when z[t]
"""
LINEAR = """dim n = 4
axis t = 1..T
input x[t] : real[n]
param U : real[n, n], W : real[n, n], V : real[n, n]
h[t] = tanh(U @ x[t] + W @ h[t-1])
o[t] = V @ h[t]
head y[t] : real[n] ~ normal(o[t])
"""


def schedule(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The names of the quantities under each title."""
    (tmp_path / "a.rnn").write_text(text, "utf-8")
    assert main(["show", "--schedule", str(tmp_path / "a.rnn")]) == 0
    parts: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith((" ", "#")) and line:
            parts[line] = found = []
        elif " = " in line and not line.lstrip().startswith("for "):
            found.append(line.split()[0].partition("[")[0])
    return parts


def test_the_parts_of_a_schedule_are_called_what_they_are(tmp_path, capsys):
    parts = schedule(LINEAR, tmp_path, capsys)
    assert parts["backward, for gradients of inputs"] == ["~y", "~x"]
    assert "~h.past" in parts["backward, for gradients of the starting state"]
    assert "y.nll.total" in parts["forward, for outputs"]


def test_a_schedule_says_what_its_signs_mean(tmp_path, capsys):
    (tmp_path / "a.rnn").write_text(LINEAR, "utf-8")
    assert main(["show", "--schedule", str(tmp_path / "a.rnn")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("# ") and "`@`" in last and "`~h`" in last


def test_a_rule_to_stop_is_shown_as_it_is_written():
    shown = equations(program(EVENT))
    assert "  stop when z[t]\n" in shown
    assert "last" not in shown and "position" not in shown
    assert r"\text{stop} &\;\text{when}\; z^{(t)}" in latex(program(EVENT))


def test_an_end_symbol_is_shown_as_it_is_written():
    text = EVENT.replace("head z[t] : bool ~ bernoulli(affine(h[t]))\n", "").replace("z[t]", "y[t] == 0")
    assert "  stop when y[t] == 0\n" in equations(program(text))


def test_a_length_that_is_drawn_is_no_equation_of_its_own():
    text = "dim k = 5\naxis t = 1..T\nparam r : real[k]\nhead y[t] : token(k) ~ categorical(r)\n"
    shown = equations(program(text + "head T : token(9) ~ categorical(q)\nparam q : real[9]\n"))
    assert "T ~ categorical(q)" in shown and "T : int" not in shown


def test_a_term_of_the_loss_is_called_so():
    text = LINEAR + "loss small[t] = dot(h[t], h[t]) weight 0.1\nloss decay = sum(sum(square(W)))\n"
    shown = equations(program(text))
    assert "  loss small[t] = dot(h[t], h[t]) weight 0.1\n" in shown
    assert "  loss decay = sum(sum(square(W)))\n" in shown
    written = latex(program(text))
    assert r"\mathcal{L}_{\mathrm{small}}^{(t)} &= 0.1 \, " in written
    assert r"\mathcal{L}_{\mathrm{decay}} &= " in written


def test_what_is_missing_is_said_without_what_is_not():
    module = rnnc.loads(LINEAR)
    with pytest.raises(ValueError, match=r"context: missing \['x'\], which every step reads"):
        module.sample(module.init(), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"context: unknown \['z'\]; expected \['x', 'y', 'T'\]"):
        module.sample(module.init(), np.random.default_rng(0), context={"x": np.zeros((2, 1, 4)), "z": 1})


def test_a_wrong_spec_is_shown_with_its_place():
    with pytest.raises(SpecError) as caught:
        rnnc.loads("axis t = 1..T\nh[t] = q\noutput h\n")
    assert "2 | h[t] = q" in str(caught.value) and "RNN201" in str(caught.value)


COMPOUNDS = """dim n = 4
axis t = 1..T
input x[t] : real[n]
param a : real[n], W : real[n, n]
g[t] : real[n] = layer_norm(W @ h[t-1] + x[t])
S[t] : real[n, n] = layer_norm(outer(g[t], x[t]))
h[t] : real[n] = tanh(a * rms_norm(S[t] @ g[t])) + silu(g[t]) - gelu(x[t]) / norm(g[t] + 1)
u[t] : real = gelu(sum(x[t])) + silu(norm(x[t]))
v[t] : real[n] = (x[t] - mean(x[t])) / sqrt(mean(square(g[t] - mean(g[t]))) + 1e-05)
head y[t] : token(n) ~ categorical(log_softmax(h[t] * v[t]))
"""


def test_functions_made_of_several_operators_are_called_by_their_names():
    lines = [line.strip() for line in equations(program(COMPOUNDS)).splitlines()]
    written = [line.removeprefix("head ") for line in COMPOUNDS.splitlines()[4:]]
    assert lines[1:] == [line.replace(" : token(n)", "") for line in written]


def test_functions_are_called_by_their_names_in_latex():
    text = latex(program(COMPOUNDS))
    assert r"\mathrm{layer\_norm}\left(\boldsymbol{W} \boldsymbol{h}^{(t-1)}" in text
    assert r"\left\| \boldsymbol{g}^{(t)} + 1 \right\|" in text
