"""Unrolled networks: the numbers of the loop without the loop, readable names, sequences of exact length."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES, check_gradient, close, close_all
from golden_files import FOLDER, check
from references.cases import CASES as REFERENCES
from rnnc.api import compile_with
from rnnc.compiler.driver import Options
from rnnc.compiler.ir_text import parse_system, system_text
from rnnc.compiler.unroll import unroll, unrolled
from rnnc.compiler.validate import validate
from rnnc.files import Imports
from rnnc.spec.catalogue import CATALOGUE
from rnnc.spec.diagnostics import SpecError
from rnnc.spec.source import Source
from systems import (
    CASES,
    Case,
    Material,
    cotangents,
    differentiate,
    evaluator,
    gradients,
    leaves,
    material,
    run_passes,
)

# What a spec can say about time; K is smaller than some of the delays.
SPECS = {
    "clock": """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param W : real[n, n], s : real[n]
h[0] = s
h[t] = where(t % 2 == 0, tanh(W @ h[t-1] + x[t]), h[t-1]) * (1 + t / 10)
c[t] = c[t-2] + 1
k[t] : real[n] = h[t-4] + c[t]
head y[t] : real[n] ~ normal(k[t])
""",
    "ends": """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param W : real[n, n]
h[t] = tanh(W @ h[t-1] + x[t]) * (T - t + 1)
g[T+1] = x[1]
g[t] = tanh(W @ g[t+2] + h[T])
a[t] = softmax[t](sum(h[t]))
m : real[n] = sum[t](expand(a[t], n) * h[t]) + max[t](g[t]) + mean[t](h[t-1]) + logsumexp[t](h[t+1])
head y : real[n] ~ normal(m)
output a
output g
""",
    "attention": """
dim n = 3, m = 4, k = 5
axis s = 1..S
axis t = 1..T
input x[s] : real[n]
param v : real[m], Q : real[m, n], K : real[m, n]
h[s] : real[n] = tanh(affine(x[s], h[s-1]))
e[t,s] = dot(v, tanh(Q @ d[t-1] + K @ h[s]))
a[t,s] = softmax[s](e[t,s])
c[t] = sum[s](expand(a[t,s], n) * h[s])
d[0] = h[S]
d[t] : real[n] = tanh(affine(c[t], d[t-1]))
head y[t] : token(k) ~ categorical(affine(d[t]))
output a
""",
    "grid": """
axis t = 1..T
axis s = 1..S
input x[t] : real
input z[s] : real
param w : real
b[0,s] = z[s]
b[t,0] = x[t] * w
b[0,0] = w
b[t,s] : real = tanh(b[t-1,s] + w * b[t,s-1] - b[t-1,s-1] * x[t])
head y : real ~ normal(b[T,S])
output b
""",
    "pooled": """
axis s = 1..S
axis t = 1..T
input x[t,s] : real
param w : real
h[t,s] : real = tanh(w * h[t-1,s] + x[t,s] + sum[s](h[t-1,s] * h[t-1,s]) / S)
head y[t,s] : real ~ normal(h[t,s] * max[s](cos(h[t,s])))
output h
""",
    "names": """
axis t = 1..T
input x[t] : real
param zero : real
h_1[t] = 2 * x[t] * (x[t] + zero)
h[t] = tanh((h[t-1] + 1) * (h_1[t] + 2) * (h_1[t] + h[t-1] - h_2[t]))
h_2[t] : real = sin(h_2[t-1] + h[t-1])
head y[t] : real ~ normal(h[t])
""",
    "steps": """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param h_t1 : real[n], h_t2 : real[n], R : real[n, n]
h_t[0] = h_t2
h_t[t] = tanh(h_t[t-1] * h_t1 + x[t] - h_t[t-3])
h[t] : real[n] = tanh(h[t-1] + h_t[t] * h[t-2] + h_t1 * t)
g[t] : real[n] = sin(g[t+1] + g[t+2] * h[t]) + h[t-1]
k[t] : real[n] = tanh(where(R < expand(k[t-4], n), R, expand(k[t-1], n)) @ x[t] + k[t-3])
output g
head y[t] : real[n] ~ normal(h[t] + k[t])
""",
    "tokens": """
dim k = 4, n = 3
axis t = 1..T
input x[t] : token(k)
param E : real[k, n]
y[0] = 2
h[t] = tanh(E[y[t-1]] + E[x[t-1]] + E[y[t-3]])
p[t] : bool = sum(h[t]) > 0
q[t] = where(p[t-1], h[t], 0 * h[t-1])
head y[t] : token(k) ~ categorical(affine(q[t]))
""",
    "noise": """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param w : real[n]
noise m[t] : real[n] ~ bernoulli(0.7)
noise q : real[n] ~ normal(0, 1)
h[t] = tanh(x[t] * m[t] + h[t-1] * q * w)
head y[t] : real[n] ~ normal(h[t])
""",
    "stop": """
dim n = 3
axis t = 1..T
input c : real[n]
h[0] = c
h[t] : real[n] = tanh(affine(h[t-1]))
head y[t] : real[n] ~ normal(affine(h[t]))
head z[t] : bool ~ bernoulli(sum(h[t]))
stop when z[t]
""",
    "length": """
dim n = 3
axis t = 1..T
input c : real[n]
param w : real[n]
head T : int ~ poisson(dot(w, c))
h[0] = c
h[t] : real[n] = tanh(affine(h[t-1]) * (T - t))
head y[t] : real[n] ~ normal(h[t])
""",
}
TWO_AXES = ("attention", "grid", "pooled")
ROWS = 3
STREAMING = [case for case in REFERENCES if case.streams]

every_level = pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
every_example = pytest.mark.parametrize("case", REFERENCES, ids=lambda case: case.name)
every_stream = pytest.mark.parametrize("case", STREAMING, ids=lambda case: case.name)


def source(name: str) -> Source:
    text = SPECS[name] if name in SPECS else (EXAMPLES / f"{name}.rnn").read_text("utf-8")
    return Source(f"{name}.rnn", text)


@functools.cache
def module(name: str, level: int, steps: int | None = None) -> Any:
    return rnnc.loads(source(name).text, Options(level=level, unroll=steps))


def data(m: Any, axis: str, steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random parameters and a batch; along the other axis lengths differ."""
    rng = np.random.default_rng(steps)
    params = {k: 0.6 * rng.standard_normal(v.shape) for k, v in m.init(dtype="float64").items()}
    lengths = {a: np.full(ROWS, steps) if a == axis else np.array([3, 1, 2]) for a in m.AXES}
    batch: dict[str, Any] = {name: lengths[a] for a, name in m.AXES.items()}
    for name, (axes, sizes, kind, count) in m.INPUTS.items():
        shape = (*(lengths[a].max() for a in axes), ROWS, *(m.DIMS[size] for size in sizes))
        if name not in m.NOISES:
            real = kind == "real"
            batch[name] = rng.standard_normal(shape) if real else rng.integers(0, m.DIMS[count], shape)
    return params, batch


def same(one: Any, other: Any, params: Any, batch: Any, **options: Any) -> Any:
    """Two modules agree in everything a run has, and in all gradients of random cotangents; the first's run."""
    runs = [m.forward(params, batch, train=True, **options) for m in (one, other)]
    close(runs[1].loss, runs[0].loss, 1e-12)
    for part in ("outputs", "nll", "state"):
        close_all(getattr(runs[1], part), getattr(runs[0], part), 1e-12)
    rng = np.random.default_rng(1)
    arrays = {**runs[0].outputs, **{f"state.{k}": v for k, v in runs[0].state.items() if k in one.STATES}}
    real = {key: value for key, value in arrays.items() if value.dtype.kind == "f"}
    weights = {"loss": 1.7, **{key: rng.standard_normal(value.shape) for key, value in real.items()}}
    pairs = zip(*(m.backward(params, run, weights) for m, run in zip((one, other), runs)))
    for wanted, found in pairs:
        close_all(found, wanted, 1e-12)
    return runs[0]


# ------------------------------------------------------------------------------- the same numbers


@every_level
@every_example
@pytest.mark.parametrize("steps", [1, 4])
def test_examples_equal_their_loops(case: Any, level: int, steps: int) -> None:
    rng = np.random.default_rng(steps)
    params, batch = case.params(rng), case.batch(rng, [steps] * ROWS)
    same(module(case.name, level), module(case.name, level, steps), params, batch)


@every_level
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_specs_equal_their_loops(name: str, level: int, steps: int) -> None:
    m = module(name, level, steps)
    ((axis, count),) = m.UNROLL.items()
    assert count == steps
    params, batch = data(module(name, level), axis, steps)
    same(module(name, level), m, params, batch)
    small = {key: value.astype(np.float32) for key, value in params.items()}
    run = m.forward(small, batch)
    results = (run.outputs, run.state, *m.backward(small, run))
    arrays = [array for arrays in results for array in arrays.values()]
    assert {array.dtype for array in arrays if array.dtype.kind == "f"} == {np.dtype(np.float32)}


@every_level
@every_example
def test_gradient_by_complex_step(case: Any, level: int) -> None:
    m = module(case.name, level, 4)
    rng = np.random.default_rng(2)
    params, batch = case.params(rng), case.batch(rng, [4, 4])
    _, grads = m.loss_and_grad(params, batch)
    check_gradient(lambda p: m.forward(p, batch).loss, params, grads)


@every_level
@every_stream
def test_states_go_on(case: Any, level: int) -> None:
    """Two times K steps are 2K steps."""
    rng = np.random.default_rng(3)
    params, batch = case.params(rng), case.batch(rng, [8] * ROWS)
    halves = [{"x": batch["x"][i : i + 4], "y": batch["y"][i : i + 4]} for i in (0, 4)]
    loop, m = module(case.name, level), module(case.name, level, 4)
    first = same(loop, m, params, halves[0])
    second = same(loop, m, params, halves[1], state=first.state)
    close_all(second.state, loop.forward(params, batch).state, 1e-12)


@every_level
@pytest.mark.parametrize("name", ["clock", "tokens", "length"])
def test_the_index_goes_on_and_a_length_that_a_head_gives_is_the_whole(name: str, level: int) -> None:
    loop, m = module(name, level), module(name, level, 2)
    params, batch = data(loop, "t", 2)
    state = {**m.forward(params, batch).state, "t": np.array([2, 5, 3])}
    state |= {"T": np.array([4, 9, 5])} if name == "length" else {}
    same(loop, m, params, batch, state=state)


@every_stream
def test_steps_and_samples_are_those_of_the_loop(case: Any) -> None:
    rng = np.random.default_rng(4)
    params, batch = case.params(rng), case.batch(rng, [4] * ROWS)
    drawn = []
    for m in (module(case.name, 2), module(case.name, 2, 4)):
        state = m.start(params, batch_size=ROWS)
        for t in range(6):  # more than K
            state, out = m.step(params, state, {"x": batch["x"][t % 4], "y": batch["y"][t % 4]})
        sample = m.sample(params, np.random.default_rng(0), batch_size=ROWS, context={"x": batch["x"]})
        drawn.append({**state, **out, "drawn": sample.y, "log_prob": sample.log_prob})
    close_all(drawn[1], drawn[0], 1e-12)


# ------------------------------------------------------------------------------- exactly K steps


@pytest.mark.parametrize("lengths", [[3, 3], [5, 5], [4, 3], [0, 4], [0, 0]], ids=str)
def test_other_lengths_are_refused(lengths: list[int]) -> None:
    (case,) = (case for case in REFERENCES if case.name == "vanilla")
    rng = np.random.default_rng(5)
    params, batch = case.params(rng), case.batch(rng, lengths)
    m = module("vanilla", 2, 4)
    with pytest.raises(ValueError, match="T = 4 in every sequence"):
        m.forward(params, batch)
    with pytest.raises(ValueError, match="T = 4 in every sequence"):
        m.loss_and_grad(params, batch)


def test_no_sequences_at_all() -> None:
    (case,) = (case for case in REFERENCES if case.name == "vanilla")
    params = case.params(np.random.default_rng(6))
    batch = {"x": np.zeros((4, 0, case.dims["input"])), "y": np.zeros((4, 0), int)}
    same(module("vanilla", 2), module("vanilla", 2, 4), params, batch)


@pytest.mark.parametrize("steps", [0, -1])
def test_at_least_one_step(steps: int) -> None:
    program = compile_with(source("vanilla"), Options(), Imports(None)).program
    with pytest.raises(ValueError, match="from 1 up"):
        unroll(program, program.forward, steps)


def test_too_many_steps() -> None:
    entry = CATALOGUE["RNN014"]
    options = [
        Options(unroll=int(match[1]))
        for text in (entry.wrong, entry.right)
        if (match := re.search(r"--unroll (\d+)", text))
    ]
    with pytest.raises(SpecError) as caught:
        rnnc.loads(entry.wrong, options[0])
    assert [item.code for item in caught.value.diagnostics] == ["RNN014"]
    assert rnnc.loads(entry.right, options[1]).UNROLL == {"t": 10}


# ------------------------------------------------------------------------------- how it reads


LOOPS = (ast.For, ast.While, ast.ListComp, ast.DictComp, ast.GeneratorExp)


@every_level
@pytest.mark.parametrize("name", [*(c.name for c in REFERENCES), *(n for n in SPECS if n not in TWO_AXES)])
def test_no_loop(name: str, level: int) -> None:
    m = module(name, level, 5 if name in SPECS else 4)
    for function in (m._forward, m._backward):
        text = inspect.getsource(function)
        assert text.isascii()
        assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, LOOPS)], function.__name__


@pytest.mark.parametrize("golden, level", [("vanilla", 0), ("vanilla-O2", 2)])
def test_vanilla_as_a_textbook_shows_it_and_as_fast_code(
    golden: str, level: int, request: pytest.FixtureRequest
) -> None:
    m = rnnc.load(EXAMPLES / "vanilla.rnn", Options(level=level, unroll=2))
    produced = inspect.getsource(m._forward) + "\n\n" + inspect.getsource(m._backward)
    check(FOLDER / "unroll" / golden, source("vanilla").text, produced, request)


def test_the_steps_of_an_array_have_the_same_names_in_all_statements() -> None:
    """Whether a statement reads a step as its own or as one before, and whichever loop it stood in."""
    text = inspect.getsource(module("steps", 2, 3)._forward)
    (whole, part) = re.findall(r"^ *(h_tm?\d, .*) = h(?:\[.*)?$", text, re.MULTILINE)
    assert whole.split(", ") == ["h_tm1", "h_t0", "h_t1_2", "h_t2_2", "h_t3"]  # h_t1 and h_t2 are parameters
    assert part.split(", ") == ["h_t0", "h_t1_2", "h_t2_2", "h_t3"]


def test_what_is_given_for_the_last_step_is_added_there() -> None:
    text = inspect.getsource(rnnc.load(EXAMPLES / "lstm2.rnn", Options(unroll=4))._backward)
    added = re.findall(r"if (dh\w+_state) is not None: add", text)
    assert added and len(added) == len(set(added)), added


def test_the_schedule_says_what_is_written_out() -> None:
    for level in (0, 2):
        made = compile_with(source("vanilla"), Options(level=level), Imports(None)).dump("schedule")
        assert "for t = 1..T, step by step" in made
    made = compile_with(source("vanilla"), Options(unroll=7), Imports(None)).dump("schedule")
    assert "for t = 1..7, every step written out" in made and "for t = 7..1, every step written" in made


@every_level
def test_a_long_chain_is_no_deep_expression(level: int) -> None:
    text = (
        "axis t = 1..T\ninput x[t] : real\nparam w : real\nh[t] = w * h[t-1] + x[t]\nloss l = sum[t](h[t])\n"
    )
    steps = 250
    batch = {"x": np.random.default_rng(7).standard_normal((steps, 2))}
    modules = (rnnc.loads(text, Options(level=level, unroll=unroll)) for unroll in (None, steps))
    same(*modules, {"w": np.array(0.9)}, batch)


def test_weights_are_halved_once_for_all_steps() -> None:
    """What -O2 makes of weights when the steps are there already (`squash`) is made once."""
    text = "use lstm\ndim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = lstm(x[t], n)\noutput h\n"
    m = rnnc.loads(text, Options(unroll=4))
    halved = re.findall(r"(\w+) \* 0\.5\b", inspect.getsource(m._forward))
    assert len(halved) == len(set(halved)) >= 9


# ------------------------------------------------------------------------------- any system of equations

ALONG = [(case, axis.index) for case in CASES for axis in case.system.axes if axis.length]


def of_length(case: Case, axis: str, steps: int) -> tuple[Material, Case]:
    """The case with sequences of exactly so many steps along an axis."""
    length = case.system.axis(axis).length
    rows = len(next(iter(case.lengths.values())))
    case = replace(case, lengths={**case.lengths, length: [steps] * rows})
    given = material(case, carried=bool(case.carried))
    if given.state is not None:
        given.state[axis] = np.arange(rows) + 3
    return given, case


@pytest.mark.parametrize("case, axis", ALONG, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("steps", [1, 3])
def test_systems_equal_their_loops(case: Case, axis: str, steps: int) -> None:
    given, case = of_length(case, axis, steps)
    system = validate(unrolled(case.system, axis, steps, carried=True))
    assert parse_system(system_text(system)) == system
    weights = cotangents(case.system, given)
    outputs = evaluator(case.system, given).outputs()
    wanted = gradients(case.system, given, weights)
    for one in (system, validate(run_passes(system))):
        close_all(evaluator(one, given).outputs(), outputs, 1e-12)
        there = [key for key in leaves(one) if key in wanted]
        adjoint = validate(run_passes(differentiate(one, there)))
        found = evaluator(adjoint, given, cotangents=weights, forward=one).outputs()
        close_all({**{key: 0 * value for key, value in wanted.items()}, **found}, wanted, 1e-11)


def test_a_system_without_time_stays_as_it_is() -> None:
    text = "input c : real\nparam w : real\nhead y : real ~ normal(w * c)\n"
    made = compile_with(Source("still.rnn", text), Options(unroll=3), Imports(None))
    assert made.forward == compile_with(Source("still.rnn", text), Options(), Imports(None)).forward
    assert "UNROLL" not in made.text
