"""Frozen parameters: what they are, and a step with them. `tests/test_examples.py` and the oracles of random specs
hold that such steps equal the whole, for all examples."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES, close_all
from rnnc.compiler.driver import Options
from rnnc.runtime.trainer import Trainer
from test_streaming import (
    HEAD,
    NETWORKS,
    PLAIN,
    TOKENS,
    compiled,
    every_level,
    every_network,
    known,
    same,
    stream,
)

TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "complex128": 1e-12}


@every_level
@every_network
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_a_step_with_frozen_parameters(name: str, level: int, rows: int, dtype: str) -> None:
    """Known states and plain ones, of steps with either kind of parameters."""
    m = compiled(NETWORKS[name], level)
    params, state, inputs = stream(m, rows, dtype)
    frozen, wanted = m.freeze(params), state
    for given, way in zip(itertools.cycle([frozen, frozen, params, dict(frozen)]), inputs * 2, strict=False):
        wanted, outputs = m.step(params, wanted, way)
        same(m.step(given, state, way), m.step(given, dict(state), way))
        state, found = m.step(given, state, way)
        close_all(found, outputs, TOLERANCE[dtype])
        close_all(state, wanted, TOLERANCE[dtype])
        assert all(state[key].dtype == wanted[key].dtype for key in wanted)
        results = [*state.values(), *found.values()]
        assert all(value.flags.writeable for value in results)
        kept = [value for value in frozen.prepared or [] if isinstance(value, np.ndarray)]
        for result, other in itertools.product(results, [*frozen.values(), *kept]):
            assert not np.shares_memory(result, other)


@every_level
def test_frozen_parameters_go_wherever_parameters_go(level: int) -> None:
    m = rnnc.load(EXAMPLES / "stop_symbol.rnn", Options(level=level, extras=frozenset({"rtrl", "jvp"})))
    params = m.init(seed=1, dtype="float64")
    frozen = m.freeze(params)
    drawn = [m.sample(p, np.random.default_rng(0), batch_size=3, max_steps=9) for p in (params, frozen)]
    assert np.array_equal(drawn[0].y, drawn[1].y)
    same([vars(m.beam(params, 2, max_steps=4))], [vars(m.beam(frozen, 2, max_steps=4))])
    batch = {"y": np.where(np.arange(4)[:, None] == 3, 0, 1 + drawn[0].y[:1] * 0), "T": np.full(3, 4)}
    same([vars(m.forward(frozen, batch))["outputs"]], [m.forward(params, batch).outputs])
    losses = [m.loss_and_grad(p, batch, workspace=m.workspace(p, batch)) for p in (params, frozen)]
    assert losses[0][0] == losses[1][0]
    same([losses[0][1]], [losses[1][1]])
    learned = [m.learn_step(p, m.learn_start(p, 3), {"y": batch["y"][0]}) for p in (params, frozen)]
    same([learned[0][2]], [learned[1][2]])


def test_what_it_was_made_of_may_change() -> None:
    m = compiled(PLAIN)
    params, state, now = known(m)
    frozen = m.freeze(params)
    before = m.step(frozen, state, now)
    for value in params.values():
        value *= 2
    same(m.step(frozen, state, now), before)
    assert not np.array_equal(m.step(params, state, now)[1]["h"], before[1]["h"])
    assert not np.array_equal(m.step(m.freeze(params), state, now)[1]["h"], before[1]["h"])


CHANGES: dict[str, Callable[[Any], Any]] = {
    "an entry": lambda p: p.__setitem__("b_h", np.zeros(3)),
    "an entry less": lambda p: p.__delitem__("b_h"),
    "update": lambda p: p.update(b_h=np.zeros(3)),
    "update with a dict": lambda p: p.update({"b_h": np.zeros(3)}),
    "or": lambda p: p.__ior__({"b_h": np.zeros(3)}),
    "pop": lambda p: p.pop("b_h"),
    "pop of nothing": lambda p: p.pop("z", None),
    "popitem": lambda p: p.popitem(),
    "clear": lambda p: p.clear(),
    "setdefault": lambda p: p.setdefault("z"),
}


@every_level
@pytest.mark.parametrize("change", list(CHANGES))
def test_nothing_can_be_exchanged(change: str, level: int) -> None:
    m = compiled(PLAIN, level)
    frozen = m.freeze(m.init())
    before = dict(frozen)
    with pytest.raises(TypeError, match="params: frozen"):
        CHANGES[change](frozen)
    assert list(frozen) == list(before) and all(frozen[name] is before[name] for name in before)


def test_nothing_can_be_written() -> None:
    m = compiled(PLAIN)
    frozen = m.freeze(m.init())
    for value in frozen.values():
        with pytest.raises(ValueError, match="read-only"):
            value += 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            value.flags.writeable = True


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_matrices_lie_on_lines_of_the_cache(dtype: str) -> None:
    m = compiled(PLAIN)
    frozen = m.freeze(m.init(dtype=dtype, n=5))
    matrices = [value for value in [*frozen.values(), *frozen.prepared] if value.ndim == 2 and len(value) > 1]
    assert len(matrices) == 3 and all(value.ctypes.data % 64 == 0 for value in matrices)


def test_a_trainer_says_so() -> None:
    m = compiled(PLAIN)
    given = SimpleNamespace()
    with pytest.raises(
        ValueError, match=r"params\['W_hx'\]: training writes to parameters, and this one is frozen"
    ):
        Trainer(m, m.freeze(m.init()), given, given, given)  # type: ignore[arg-type]  # refused before it reads them


def test_frozen_once_and_for_all() -> None:
    m = compiled(PLAIN)
    frozen = m.freeze(m.init())
    assert m.freeze(frozen) is frozen


@pytest.mark.parametrize(
    "way", [lambda p: pickle.loads(pickle.dumps(p)), copy.copy, copy.deepcopy, dict, lambda p: p.copy()]
)
def test_a_copy_is_a_plain_dict(way: Callable[[Any], Any]) -> None:
    m = compiled(PLAIN)
    params, state, now = known(m)
    frozen = m.freeze(params)
    copied = way(frozen)
    assert type(copied) is dict
    same([copied], [params])
    close_all(m.step(copied, state, now)[1], m.step(frozen, state, now)[1])


def test_a_saved_copy_can_be_written() -> None:
    m = compiled(PLAIN)
    for way in (lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy):
        way(m.freeze(m.init()))["b_h"] += 1


def test_parameters_that_are_wrong() -> None:
    m = compiled(PLAIN)
    params = m.init()
    for wrong, message in (
        ([], "params: expected a dict of arrays, got list"),
        ({"z": params["b_h"], **params}, "params: unknown ['z']"),
        ({**params, "b_h": np.zeros(4)}, "params['b_h']: expected shape (n,) = (3,), got (4,)"),
        ({**params, "b_h": np.zeros(3, object)}, "params['b_h']: expected real numbers"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            m.freeze(wrong)


def test_those_of_another_module_are_parameters_like_others() -> None:
    """Of other names or sizes they are refused, with what was expected; of the same they are used as they are."""
    m, other = compiled(PLAIN), compiled(PLAIN.replace("output h", "o[t] = h[t]\noutput h, o"))
    params, state, now = known(m)
    same(m.step(other.freeze(params), state, now), m.step(params, state, now))
    with pytest.raises(ValueError, match="params: missing"):
        m.step(compiled(TOKENS).freeze(compiled(TOKENS).init()), state, now)
    with pytest.raises(ValueError, match=r"state\['h'\]: expected shape \(1, 7\)"):
        m.step(m.freeze(m.init(n=7)), state, now)


def test_complex_numbers_beside_real_parameters() -> None:
    """A step with them takes the parameters as they are."""
    m = compiled(PLAIN)
    params, state, now = known(m)
    frozen, now = m.freeze(params), {"x": now["x"] + 1j}
    after, wanted = m.step(frozen, state, now), m.step(params, state, now)
    same(after, wanted)
    same(m.step(frozen, after[0], now), m.step(params, wanted[0], now))


def test_a_network_without_steps() -> None:
    m = compiled(HEAD + "input x[t] : real[m]\ng[t] : real[n] = tanh(affine(x[t], g[t+1]))\noutput g\n")
    with pytest.raises(NotImplementedError, match=re.escape("g reads g[t+1]")):
        m.freeze(m.init())


@every_level
@pytest.mark.parametrize("size", [0, 1])
def test_sizes_at_the_edge(size: int, level: int) -> None:
    spec = "use lstm\ndim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = lstm(x[t], n)\noutput h\n"
    m = compiled(spec, level)
    params = m.init(dtype="float64", n=size)
    frozen, state, now = m.freeze(params), m.start(params, 2), {"x": np.ones((2, size))}
    close_all(m.step(frozen, state, now)[1], m.step(params, state, now)[1])


# --------------------------------------------------------------------------------------- few calls


def body(path: Path) -> str:
    """The step with frozen parameters as it is printed, without comments."""
    found = re.search(r"^def _prepared_step\(.*?(?=\n\n\n)", rnnc.compile(path), re.DOTALL | re.MULTILINE)
    assert found
    return re.sub(r"#.*", "", found.group())


@pytest.mark.parametrize(
    ("cell", "products", "functions"),
    [("vanilla", 1, 1), ("lstm", 1, 2), ("gru", 2, 2), ("skip", 1, 1), ("mingru", 1, 1), ("lru", 2, 0)],
)
def test_products_and_functions_are_as_few_as_can_be(cell: str, products: int, functions: int) -> None:
    text = body(Path(__file__).parent.parent / "benchmarks" / "specs" / f"{cell}.rnn")
    assert text.count(".dot(") == products
    assert len(re.findall(r"np\.(tanh|exp|cos|sin|sqrt)", text)) == functions
    assert "np.stack" not in text and "np.array([" not in text and "sigmoid" not in text


def test_peepholes_are_joined_with_their_gates() -> None:
    text = body(EXAMPLES / "lstm_peephole.rnn")
    assert text.count(".dot(") == 2 and text.count("np.tanh(") == 4


def test_what_only_parameters_are_needed_for_is_not_in_the_step() -> None:
    text = body(EXAMPLES / "orthogonal_exp.rnn")
    assert text.count(".dot(") == 2 and "expm" not in text


def test_a_term_that_a_sum_has_twice_stays_so() -> None:
    m = rnnc.loads("axis t = 1..T\ninput x[t] : real\nh[t] = tanh(h[t-1] + x[t] + h[t-1])\noutput h\n")
    params, x = m.init(), np.array([0.5])
    _, got = m.step(m.freeze(params), m.step(params, m.start(params, 1), {"x": x})[0], {"x": x})
    np.testing.assert_allclose(got["h"], np.tanh(2 * np.tanh(x) + x), rtol=1e-6)


def test_what_is_made_once_of_what_is_made_once() -> None:
    """A row of numbers between two bounds: the bounds are numbers made once too, and nobody else reads them."""
    m = rnnc.loads(
        "dim n = 3\naxis t = 1..T\nparam b : real[n]\n"
        "h[t] : real[n] = 0.25 * h[t-1] + clip(slice(expand(1 / n, 2 * n), 0, n), -1.3, 1.7)\noutput h\n"
    )
    params, state = m.init(), m.start(m.init(), 1)
    _, got = m.step(m.freeze(params), m.step(params, state, {})[0], {})
    np.testing.assert_allclose(got["h"], np.full((1, 3), 1.25 / 3), rtol=1e-6)
