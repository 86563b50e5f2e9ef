"""What the pass `gather` puts together at a single step, and what it leaves apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.compiler.ir import System
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.passes import SINGLE
from rnnc.compiler.passes.gather import gather
from rnnc.compiler.validate import validate
from systems import run_passes

HEAD = "axis @\n" + "".join(f'{name}[@] : real[n] = input() {{name: "{name}"}}\n' for name in "abc")
PARAMS = "".join(f'{name} : real[n] = param() {{name: "{name}"}}\n' for name in "pq")


def gathered(text: str, outputs: str) -> System:
    text = HEAD + PARAMS + text + "".join(f"output output:{name} = {name}\n" for name in outputs)
    system = validate(parse_system(text))
    return run_passes(system, SINGLE, once=True)


def stacks(system: System) -> list[tuple[str, ...]]:
    return [tuple(r.name for r in e.reads) for e in system.equations if e.op == "stack"]


def ops(system: System) -> dict[str, int]:
    names = [e.op for e in system.equations]
    return {op: names.count(op) for op in names}


def test_what_depends_on_another_stays_apart() -> None:
    """f is made of sigmoid(a), which is what b's sigmoid would stand beside."""
    system = gathered(
        "f[@] : real[n] = sigmoid(a[@])\nd[@] : real[n] = mul(f[@], b[@])\ng[@] : real[n] = sigmoid(d[@])\n",
        "fg",
    )
    assert stacks(system) == [] and ops(system)["sigmoid"] == 2


def test_a_chain_is_gathered_up_to_a_parameter() -> None:
    system = gathered(
        "f.1[@] : real[n] = sigmoid(a[@])\nf.2[@] : real[n] = square(f.1[@])\nf[@] : real[n] = mul(p, f.2[@])\n"
        "g.1[@] : real[n] = sigmoid(b[@])\ng.2[@] : real[n] = square(g.1[@])\ng[@] : real[n] = mul(q, g.2[@])\n",
        "fg",
    )
    assert stacks(system) == [("a", "b")]
    assert (ops(system)["sigmoid"], ops(system)["square"], ops(system)["mul"]) == (1, 1, 2)


def test_what_all_read_may_be_anything() -> None:
    system = gathered(
        "f.1[@] : real[n] = sigmoid(a[@])\nf[@] : real[n] = mul(f.1[@], c[@])\n"
        "g.1[@] : real[n] = sigmoid(b[@])\ng[@] : real[n] = mul(g.1[@], c[@])\n",
        "fg",
    )
    assert (ops(system)["sigmoid"], ops(system)["mul"]) == (1, 1)


def test_nothing_is_gathered_that_saves_no_calls() -> None:
    text = "f[@] : real[n] = tanh(a[@])\ng[@] : real[n] = tanh(b[@])\nh[@] : real[n] = sigmoid(c[@])\n"
    system = validate(
        parse_system(HEAD + text + "output output:f = f\noutput output:g = g\noutput output:h = h\n")
    )
    assert gather(system) is system


NORMED = """dim n = 3
axis t = 1..T
input x[t] : real[n]
a[t] : real[n] = affine(x[t], h[t-1])
b[t] : real[n] = affine(x[t], h[t-1])
c[t] : real[n] = affine(x[t], d[t])
d[t] = sigmoid(layer_norm(a[t])) + sum(x[t])
h[t] = sigmoid(layer_norm(b[t])) * sigmoid(layer_norm(c[t])) * softmax(d[t])
output h, d, c
"""


@pytest.mark.parametrize("rows", [1, 3])
def test_a_step_with_gathered_norms_is_the_whole(rows: int) -> None:
    m: Any = rnnc.loads(NORMED)
    params = m.init(seed=0, dtype="float64")
    x = np.random.default_rng(1).standard_normal((4, rows, 3))
    run, state = m.forward(params, {"x": x}), m.start(params, rows)
    for t in range(4):
        state, out = m.step(params, state, {"x": x[t]})
        for key in "hdc":
            np.testing.assert_allclose(out[key], run.outputs[key][t], rtol=0, atol=1e-13)
