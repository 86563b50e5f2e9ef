"""A step after a step: what the first found out about its arguments holds for the next as long as they are the
same, and not a step longer. `tests/test_examples.py` holds that steps equal the whole, for all examples."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.compiler.driver import Options

HEAD = "dim n = 3, m = 2, k = 4, c = 5\naxis t = 1..T\n"
NETWORKS = {
    "a plain recurrence": HEAD
    + "input x[t] : real[m]\nh[t] : real[n] = tanh(affine(x[t], h[t-1]))\noutput h\n",
    "three steps back, and counted": HEAD
    + "input x[t] : real[m]\nh[t] : real[n] = tanh(affine(x[t], h[t-1], h[t-3])) / t\no[t] = x[t]\noutput o\n",
    "tokens, its own fed back": HEAD
    + "input x[t] : token(k)\nparam E : real[k, n], F : real[c, n]\n"
    + "h[t] : real[n] = tanh(E[x[t]] + F[y[t-1]] + affine(h[t-1]))\n"
    + "head y[t] : token(c) ~ categorical(affine(h[t]))\n",
    "an encoder, and what it says at every step": HEAD.replace("axis t", "axis s = 1..S\naxis t")
    + "input x[t] : real[m], z[s] : real[m]\ng[s] : real[n] = tanh(affine(z[s], g[s-1]))\n"
    + "w[t,s] = softmax[s](dot(g[s], h[t-1]))\nv[t] = sum[s](w[t,s] * g[s])\n"
    + "h[0] = g[S]\nh[t] : real[n] = tanh(affine(x[t], v[t]))\nhead y[t] : real[n] ~ normal(h[t])\n",
    "a state along another axis": HEAD.replace("axis t", "axis s = 1..S\naxis t")
    + "input x[t] : real[m], z[s] : real[m]\nq[t,s] : real[n] = tanh(affine(x[t], z[s], q[t-1,s]))\n"
    + "head y[t] : real[n] ~ normal(sum[s](q[t-1,s]))\n",
    "noise": HEAD
    + "noise e[t] : real[n] ~ normal(0, 1)\ninput x[t] : real[m]\n"
    + "h[t] : real[n] = tanh(affine(x[t], h[t-1]) + e[t])\no[t] = stop_gradient(h[t])\noutput o\n",
}
PLAIN = NETWORKS["a plain recurrence"]
TOKENS = NETWORKS["tokens, its own fed back"]
LENGTHS = np.array([3, 1])
every_network = pytest.mark.parametrize("name", list(NETWORKS))
every_level = pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])


def compiled(spec: str, level: int = 2) -> Any:
    return rnnc.loads(spec, Options(level=level))


def context(m: Any, rows: int) -> dict[str, Any]:
    """What `start` is given: the encoder's input, of several lengths."""
    z = np.random.default_rng(3).standard_normal((3, rows, 2))
    return {"z": z, "S": LENGTHS[:rows]} if "z" in m.INPUTS else {}


def stream(m: Any, rows: int, dtype: Any = "float64") -> tuple[Any, Any, list[dict[str, Any]]]:
    """Parameters, a state before the first step, and the inputs of five steps."""
    rng = np.random.default_rng(rows)
    x = rng.integers(0, 4, (5, rows)) if m.INPUTS["x"][2] == "token" else rng.standard_normal((5, rows, 2))
    inputs = [{"x": x[t] if x.dtype.kind == "i" else x[t].astype(dtype)} for t in range(5)]
    if "y" in m.INPUTS and "y" not in m.OPTIONAL:
        inputs = [{**now, "y": rng.integers(0, 5, rows)} for now in inputs]
    params = m.init(seed=1, dtype=dtype)
    return params, m.start(params, rows, context(m, rows)), inputs


def known(m: Any, rows: int = 1, dtype: Any = "float64") -> tuple[Any, Any, dict[str, Any]]:
    """The same after a step, which has looked at everything; the inputs of the next."""
    params, state, inputs = stream(m, rows, dtype)
    state, _ = m.step(params, state, inputs[0])
    return params, state, inputs[1]


def same(found: Any, wanted: Any) -> None:
    """State and outputs, bit by bit."""
    for a, b in zip(found, wanted, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert a[key].dtype == b[key].dtype and np.array_equal(a[key], b[key]), key


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as caught:
        call()
    return str(caught.value)


@every_level
@every_network
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_a_known_state_goes_on_as_a_plain_one(name: str, level: int, rows: int, dtype: str) -> None:
    """A plain dict is looked at in full each time. Nothing given is written to."""
    m = compiled(NETWORKS[name], level)
    params, state, inputs = stream(m, rows, dtype)
    plain = state
    for now in inputs:
        before = copy.deepcopy((params, dict(state), now))
        found, wanted = m.step(params, state, now), m.step(params, dict(plain), now)
        same(found, wanted)
        same((params, state, now), before)
        assert all(found[0][key].dtype == dtype for key, (_, kind) in m.STATES.items() if kind == "real")
        state, plain = found[0], wanted[0]


@every_level
@every_network
def test_no_two_results_share_memory(name: str, level: int) -> None:
    m = compiled(NETWORKS[name], level)
    params, state, now = known(m, 2)
    after, outputs = m.step(params, state, now)
    results = [*after.values(), *outputs.values()]
    for result, other in itertools.product(results, [*state.values(), *now.values(), *params.values()]):
        assert not np.shares_memory(result, other)
    for one, other in itertools.combinations(results, 2):
        assert not np.shares_memory(one, other)
    assert all(type(value) is np.ndarray and value.flags.writeable for value in results)


@every_network
def test_saved_and_read_again(name: str) -> None:
    m = compiled(NETWORKS[name])
    params, state, now = known(m, 2)
    wanted = m.step(params, state, now)
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    same(m.step(params, dict(np.load(file)), now), wanted)
    for again in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state), copy.copy(state)):
        assert type(again) is dict
        same(m.step(params, again, now), wanted)


@every_network
@pytest.mark.parametrize("way", ["replaced", "in place"])
def test_an_edited_state_counts(name: str, way: str) -> None:
    m = compiled(NETWORKS[name])
    params, state, now = known(m, 2)
    before = m.step(params, state, now)[0]
    for key in m.STATES:
        other = (state[key] + 1) % 4  # of a token another token
        if way == "replaced":
            state[key] = other
        else:
            state[key][...] = other
    after = m.step(params, state, now)
    same(after, m.step(params, dict(state), now))
    assert any(not np.array_equal(after[0][key], before[key]) for key in m.STATES)


def test_lengths_that_were_edited_count() -> None:
    m = compiled(NETWORKS["an encoder, and what it says at every step"])
    params, state, now = known(m, 2)
    before = m.step(params, state, now)
    state["S"][0] = 2
    after = m.step(params, state, now)
    same(after, m.step(params, dict(state), now))
    assert not np.array_equal(after[1]["y"], before[1]["y"])


def test_what_is_past_a_sequences_end_is_never_met() -> None:
    m = compiled(NETWORKS["a state along another axis"])
    params, state, now = known(m, 2)
    wanted = m.step(params, state, now)
    state["q"][1:, 1] = np.nan
    same(m.step(params, state, now), wanted)


def other_dict(params: Any) -> Any:
    return {name: value * 2 for name, value in params.items()}


def same_arrays_in_another_order(params: Any) -> Any:
    return dict(reversed(params.items()))


def other_array(params: Any) -> Any:
    params["W_hh"] = params["W_hh"] * 2
    return params


def in_place(params: Any) -> Any:
    params["W_hh"] *= 2
    return params


def names_exchanged(params: Any) -> Any:
    """The same arrays in the same order, under each other's names."""
    params["W_hx"] = params["W_hh"].copy()
    first, second = params.pop("W_hx"), params.pop("W_hh")
    return {"W_hh": first, "W_hx": second[:, :2], **params}


@pytest.mark.parametrize(
    "change", [other_dict, same_arrays_in_another_order, other_array, in_place, names_exchanged]
)
def test_changed_parameters_count(change: Callable[[Any], Any]) -> None:
    m = compiled(PLAIN)
    params, state, now = known(m)
    before = m.step(params, state, now)
    params = change(params)
    after = m.step(params, state, now)
    same(after, m.step(params, dict(state), now))
    assert np.array_equal(after[1]["h"], before[1]["h"]) == (change is same_arrays_in_another_order)


def test_exchanged_arrays_are_exchanged() -> None:
    m = compiled(
        HEAD
        + "input x[t] : real[n]\nparam A : real[n], C : real[n]\nh[t] = A * h[t-1] + C * x[t]\no[t] = h[t]\noutput o\n"
    )
    params = {"A": np.array([1.0, 2, 3]), "C": np.array([4.0, 5, 6])}
    x = np.ones((1, 3))
    state, _ = m.step(params, m.start(params), {"x": x})
    a, c = params.pop("A"), params.pop("C")
    params["C"], params["A"] = a, c
    same(m.step(params, state, {"x": x}), m.step(params, dict(state), {"x": x}))


WRONG: dict[str, tuple[Callable[[Any, Any, Any], Any], str]] = {
    "a shape": (
        lambda p, s, now: now.update(x=np.zeros((2, 2))),
        "inputs['x']: expected shape (B, m) = (1, 2)",
    ),
    "no such input": (lambda p, s, now: now.update(z=1), "inputs: unknown ['z']"),
    "missing": (lambda p, s, now: now.pop("x"), "inputs: missing 'x'"),
    "none": (lambda p, s, now: now.update(x=None), "inputs: missing 'x'"),
    "text": (lambda p, s, now: now.update(x=np.array([["a", "b"]])), "expected real numbers"),
    "a parameter less": (lambda p, s, now: p.pop("b_h"), "params: missing ['b_h']"),
    "a parameter more": (lambda p, s, now: p.update(z=p["b_h"]), "params: unknown ['z']"),
    "a parameter's shape": (lambda p, s, now: p.update(b_h=np.zeros(4)), "params['b_h']"),
    "a parameter's dtype": (
        lambda p, s, now: p.update(b_h=np.zeros(3, object)),
        "params['b_h']: expected real",
    ),
    "a state's shape": (lambda p, s, now: s.update(h=np.zeros((1, 4))), "state['h']: expected shape (1, 3)"),
    "a state less": (lambda p, s, now: s.pop("h"), "state: missing ['h']"),
    "no count": (lambda p, s, now: s.pop("t"), "state: expected what start returned"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_is_wrong_after_a_good_step_is_told_as_ever(what: str) -> None:
    m, (change, message) = compiled(PLAIN), WRONG[what]
    params, state, now = known(m)
    change(params, state, now)
    found = told(lambda: m.step(params, state, now))
    assert message in found
    assert found == told(lambda: m.step(params, dict(state), now))


@pytest.mark.parametrize("inputs", [None, [1], 3])
def test_inputs_that_are_no_dict(inputs: Any) -> None:
    m = compiled(PLAIN)
    params, state, _ = known(m)
    assert "inputs: expected a dict of arrays, got" in told(lambda: m.step(params, state, inputs))


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("token", [-1, 4])
def test_tokens_that_there_are_not(rows: int, token: int) -> None:
    m = compiled(TOKENS)
    params, state, now = known(m, rows)
    now["x"][-1] = token
    assert "expected tokens 0 to k - 1 = 3" in told(lambda: m.step(params, state, now))


def test_other_kinds_of_numbers() -> None:
    """Real inputs take the parameters' dtype, complex ones make all complex, and a complex state stays so."""
    m = compiled(PLAIN)
    params, state, now = known(m, dtype="float32")
    x = now["x"]
    wanted = m.step(params, state, now)
    for alike in (x.astype(float), x.tolist(), np.asfortranarray(x), x.view(type("Own", (np.ndarray,), {}))):
        same(m.step(params, state, {"x": alike}), wanted)
    after, outputs = m.step(params, state, {"x": x + 1j})
    assert after["h"].dtype == outputs["h"].dtype == np.complex64
    again, _ = m.step(params, after, {"x": x})
    assert again["h"].dtype == np.complex64 and np.any(again["h"].imag)
    same((again, {}), (m.step(params, dict(after), {"x": x})[0], {}))
    assert all(value.dtype == np.float32 for value in params.values())


def test_parameters_of_several_dtypes() -> None:
    """They are converted at every step, so that what is written into them counts."""
    m = compiled(PLAIN)
    params, state, now = known(m)
    params["W_hh"] = params["W_hh"].astype("float32")
    state, _ = m.step(params, state, now)
    before = m.step(params, state, now)
    params["W_hh"] *= 2
    after = m.step(params, state, now)
    assert not np.array_equal(after[1]["h"], before[1]["h"])


def test_threads_go_on_from_one_state() -> None:
    m = compiled(TOKENS)
    params, state, now = known(m)
    several = [{name: value * (1 + k) for name, value in params.items()} for k in range(8)]
    wanted = [m.step(m_params, dict(state), now) for m_params in several]

    def work(k: int) -> None:
        for _ in range(50):
            same(m.step(several[k], state, now), wanted[k])
            after = m.step(several[k], state, now)[0]
            same(m.step(several[k], after, now), m.step(several[k], dict(after), now))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


ENCODED = NETWORKS["an encoder, and what it says at every step"]
WRONG_CONTEXT: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "lengths of other sequences": ("S", lambda S: S[:1], "expected shape (B=2,), got (1,)"),
    "lengths that are no integers": ("S", lambda S: S.astype(str), "expected integers"),
    "lengths past the context": ("S", lambda S: S + 1, "expected 0 to 3, got 2 to 4"),
    "no longest": ("S.max", lambda most: np.array([3, 3]), "expected a whole number"),
    "a negative longest": ("S.max", lambda most: -most, "expected a whole number"),
    "the context of one sequence": ("g", lambda g: g[:, :1], "expected shape (3, 2, 3), got (3, 1, 3)"),
    "a context of text": ("g", lambda g: g.astype(str), "expected real numbers"),
}


@every_level
@pytest.mark.parametrize("what", WRONG_CONTEXT)
def test_what_start_made_of_the_context_is_looked_at(what: str, level: int) -> None:
    m, (name, change, said) = compiled(ENCODED, level), WRONG_CONTEXT[what]
    params, state, (now, *_) = stream(m, 2)
    wrong = {**state, name: change(state[name])}
    assert f"state[{name!r}]: {said}" in told(lambda: m.step(params, wrong, now))
    missing = {key: value for key, value in state.items() if key != name}
    assert f"state: missing ['{name}']; begin with start" in told(lambda: m.step(params, missing, now))


@every_level
def test_a_state_that_was_kept_in_other_dtypes(level: int) -> None:
    """What a file or a list makes of it: parameters decide, and counts are counts."""
    m = compiled(ENCODED, level)
    params, state, (now, *_) = stream(m, 2, "float32")
    kinds = {"f": "float64", "i": "uint64"}
    kept = {name: value.astype(kinds[value.dtype.kind]) for name, value in state.items()}
    same(m.step(params, kept, now), m.step(params, dict(state), now))
