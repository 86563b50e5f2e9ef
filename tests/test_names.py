"""A spec may call its quantities what it likes: no name means something else in the printed module."""

from __future__ import annotations

import ast
import keyword
import re

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES, check_gradient
from rnnc.compiler.driver import Options, compile_source
from rnnc.properties import check_property
from rnnc.spec.source import Source

LEGAL = re.compile(r"(?!.*__)[A-Za-z][A-Za-z0-9_]{0,63}\Z")
RESERVED = {"and", "or", "not", "reverse"}


def names_in(text: str) -> set[str]:
    """Every name that a printed module gives to anything, or takes from elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def hostile() -> list[str]:
    """Python's keywords, some builtins, and whatever stands in a module printed in either way."""
    found = {*keyword.kwlist, "len", "zip", "type", "print", "ValueError"}
    for level in (0, 2):
        found |= names_in(rnnc.compile(EXAMPLES / "vanilla.rnn", Options(level=level)))
    return sorted(name for name in found - RESERVED if LEGAL.match(name))


def spec(names: list[str]) -> str:
    """Every name as a parameter, then as a state; dims, axis, input and head have hostile ones too."""
    total = " + ".join(f"{name} * shape[call]" for name in names)
    return (
        "dim buffer = 2\n"
        "axis call = 1..tape\n"
        "input shape[call] : real[buffer]\n"
        f"param {', '.join(f'{name} : real ~ normal(0.1)' for name in names)}\n"
        f"cotangents[call] = tanh({total} + cotangents[call-1])\n"
        "head state[call] : real[buffer] ~ normal(cotangents[call])\n"
    )


NAMES = [n for n in hostile() if n not in {"buffer", "call", "tape", "shape", "cotangents", "state"}]
GROUPS = [NAMES[start::10] for start in range(10)]  # a long sum is slow to compile


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_no_name_is_in_the_way(group: int, level: int) -> None:
    m = rnnc.loads(spec(GROUPS[group]), Options(level=level))
    rng = np.random.default_rng(0)
    params = m.init(seed=3, dtype="float64")
    batch = {
        "shape": rng.standard_normal((4, 2, 2)),
        "state": rng.standard_normal((4, 2, 2)),
        "tape": np.array([4, 2]),
    }
    _, grads = m.loss_and_grad(params, batch)
    names = sorted(params)[::7]
    check_gradient(lambda p: m.forward(p, batch).loss, params, {name: grads[name] for name in names})
    _, d_batch, _ = m.backward(params, m.forward(params, batch))
    assert d_batch.keys() == {"shape", "state"}
    state = m.start(params, batch_size=2)
    for t in range(2):
        state, out = m.step(params, state, {"shape": batch["shape"][t]})
    assert np.allclose(out["state"], m.forward(params, batch).outputs["state"][1], atol=1e-14)
    assert m.sample(params, rng, batch_size=2, context={"shape": batch["shape"]}).state.shape == (4, 2, 2)


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
def test_states_of_any_name(level: int) -> None:
    """The printer's own variables, each the name of a state."""
    states = ["call", "tape", "buffer", "T_max", "dtype", "np", "keep", "len", "zip", "x_t", "after", "drawn"]
    lines = [f"{n}[t] = tanh({n}[t-1] + v * x[t])\n" for n in states]
    text = "axis t = 1..T\ninput x[t] : real\nparam v : real ~ normal(1)\n" + "".join(lines)
    m = rnnc.loads(
        text + f"head y[t] : real ~ normal({' + '.join(f'{n}[t]' for n in states)})\n", Options(level=level)
    )
    rng = np.random.default_rng(1)
    params = m.init(dtype="float64")
    batch = {"x": rng.standard_normal((3, 2)), "y": rng.standard_normal((3, 2)), "T": np.array([3, 1])}
    _, grads = m.loss_and_grad(params, batch)
    check_gradient(lambda p: m.forward(p, batch).loss, params, grads)


@pytest.mark.parametrize("level", [0, 2])
def test_the_name_of_a_file_stays_in_its_comment(level: int) -> None:
    """A file's name stands in comments: a newline in it must not end them."""
    name = "x\n    raise SystemExit('run')  #\x0b\x1c\u2028.rnn"
    text = "axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n"
    printed = compile_source(Source(name, text), Options(level=level), lambda path, span: None).text
    assert printed.isascii()
    assert "SystemExit" not in {
        node.id for node in ast.walk(ast.parse(printed)) if isinstance(node, ast.Name)
    }


def test_a_state_called_loss_is_not_taken_for_it() -> None:
    m = rnnc.loads(
        "axis t = 1..T\ninput loss[t] : real\nh[t] : real = tanh(affine(loss[t-1], h[t-1]))\n"
        "head y[t] : real ~ normal(h[t])\n"
    )
    assert m.COTANGENTS["loss"] == "loss" and m.COTANGENTS["state.loss"] == "state:loss"
    check_property(m, "gradient")


def test_dims_named_like_the_arguments_of_init() -> None:
    """They have the values that they were compiled with; `init` draws from its seed, in its dtype."""
    text = "dim seed = 2, dtype = 3\naxis t = 1..T\ninput x[t] : real[seed]\nparam W : real[dtype, seed]\n"
    m = rnnc.loads(text + "y[t] = W @ x[t]\noutput y\n", seed=4)
    assert m.init(seed=1, dtype="float64")["W"].shape == (3, 4)
    assert not rnnc.test(m, examples=1).failed
