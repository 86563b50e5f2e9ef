"""The reference evaluator against plain loops, and what equations mean at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.reference import EvaluationError, Evaluator, Shaken
from systems import DIMS, SKIP, VANILLA, Case, evaluator, material

AXES = """
axis t = 1..T
axis s = 1..S
axis u = 1..2
axis @
x[t,@] : real = input() {name: "x"}
"""
X = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]])  # (T, B)
BATCH = {"x": X, "T": np.array([3, 0, 2]), "S": np.array([2, 1, 0])}


def values(lines: str, name: str = "a", **options: object) -> np.ndarray:
    """The array of a quantity defined by some lines."""
    batch = options.pop("batch", BATCH)
    return Evaluator(parse_system(AXES + lines), {}, batch, {"n": 2}, **options).array(name)  # type: ignore[arg-type]


def test_a_recurrent_network_against_a_loop() -> None:
    case = Case("vanilla", VANILLA)
    given = material(case)
    p, b = given.params, given.batch
    nll = 0.0
    for row, length in enumerate(b["T"]):
        h = np.zeros(DIMS["m"])
        for t in range(length):
            h = np.tanh(p["b"] + p["W"] @ h + p["U"] @ b["x"][t, row])
            z = p["V"] @ h
            nll += np.log(np.exp(z).sum()) - z[b["y"][t, row]]
            np.testing.assert_allclose(evaluator(case.system, given).array("z")[t, row], z)
    loss = evaluator(case.system, given).loss
    np.testing.assert_allclose(loss, nll / b["T"].sum(), rtol=1e-13)


def test_long_delays_start_in_the_carried_state() -> None:
    case = Case("skip", SKIP, ("h",))
    given = material(case, carried=True)
    assert given.state is not None
    p, b = given.params, given.batch
    last = evaluator(case.system, given).output("state:h")
    for row, length in enumerate(b["T"]):
        h = list(given.state["h"][:, row])
        for t in range(length):
            h.append(np.tanh(p["W"] @ h[-3] + p["R"] @ h[-1] + b["x"][t, row]))
        np.testing.assert_allclose(last[:, row], h[-3:])


def test_a_thousand_steps_need_no_deep_stack() -> None:
    steps = 1000
    lines = "a.1[t,@] : real = mul(a[t-1,@], x[t,@])\na[t,@] : real = add(a.1[t,@], x[t,@])"
    found = values(lines, batch={"x": np.full((steps, 1), 0.5)})
    np.testing.assert_allclose(found[-1], 1.0)


@pytest.mark.parametrize(
    "read, wanted",
    [
        ("x[t-1,@]", [[0, 0, 0], [1, 0, 100], [2, 0, 0]]),
        ("x[t+1,@]", [[2, 0, 200], [3, 0, 0], [0, 0, 0]]),
        ("x[T,@]", [[3, 0, 200], [3, 0, 200], [3, 0, 0]]),
        ("x[1,@]", [[1, 0, 100], [1, 0, 100], [1, 0, 0]]),
    ],
)
def test_positions_and_outside(read: str, wanted: list[list[float]]) -> None:
    found = values(f"a[t,@] : real = copy({read})")
    np.testing.assert_array_equal(found, wanted)


def test_boundaries_on_both_sides_and_without_steps() -> None:
    lines = """
b[t,@] : real = copy(x[t,@]) before t: low; after t: high
low[@] : real = copy(seven)
high[u,@] : real = position() {axis: "u"}
seven : real = number() {value: 7.0}
"""
    ahead = values(lines + "a[t,@] : real = copy(b[t+2,@])")
    np.testing.assert_array_equal(ahead, [[3, 0, 1], [1, 0, 2], [2, 0, 0]])
    before = values(lines + "a[t,@] : real = copy(b[t-1,@])")
    np.testing.assert_array_equal(before, [[7, 0, 7], [1, 0, 100], [2, 0, 0]])
    ends = values(lines + "a[@] : real = copy(b[T,@])")
    np.testing.assert_array_equal(ends, [3, 7, 200])  # without steps the end is the start
    starts = values(lines + "a[@] : real = copy(b[1,@])")
    np.testing.assert_array_equal(starts, [1, 1, 100])


def test_reductions_see_valid_steps_only() -> None:
    np.testing.assert_array_equal(values("a[@] : real = sum_over(x[t,@])"), [6, 0, 300])
    np.testing.assert_array_equal(values("a : real = sum_over(x[t,@])"), 306)
    np.testing.assert_array_equal(values("a[@] : real = mean_over(x[t,@])"), [2, 0, 150])
    np.testing.assert_array_equal(values("a[@] : real = max_over(x[t,@])"), [3, -np.inf, 200])
    lse = values("a[@] : real = logsumexp_over(x[t,@])")
    np.testing.assert_allclose(lse, [np.log(np.exp([1, 2, 3]).sum()), -np.inf, 200])
    soft = values('a[t,@] : real = softmax_over(x[t,@]) {axis: "t"}')
    np.testing.assert_allclose(soft.sum(0), [1, 0, 1])
    two = values("b[t,s,@] : real = copy(x[t,@])\na[@] : real = sum_over(b[t,s,@])")
    np.testing.assert_array_equal(two, [12, 0, 0])


def test_the_first_of_the_largest() -> None:
    ties = {**BATCH, "x": np.array([[1.0, 5, 2], [3, 5, 2], [3, 5, 2]])}
    found = values('a[t,@] : bool = first_max_over(x[t,@]) {axis: "t"}', batch=ties)
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])


def test_counts_lengths_and_indices() -> None:
    assert values('a : real = count() {axes: ("t")}') == 5
    assert values('a : real = count() {axes: ("t", "s")}') == 6
    assert values("a : real = count() {axes: ()}") == 3
    np.testing.assert_array_equal(values('a[@] : int = length() {axis: "s"}'), [2, 1, 0])
    np.testing.assert_array_equal(
        values('a[t,@] : int = index() {axis: "t"}'), [[1, 0, 1], [2, 0, 2], [3, 0, 0]]
    )
    later = values('a[t,@] : int = index() {axis: "t"}', state={"t": np.array([10, 20, 30])})
    np.testing.assert_array_equal(later, [[11, 0, 31], [12, 0, 32], [13, 0, 0]])
    assert values("a : real = dim() {size: <2*n + 1>}") == 5


def test_placing_is_reading_turned_round() -> None:
    lines = (
        'b[@] : real = copy(x[1,@])\na[t,@] : real = place(b[@]) {axis: "t", ends: 1, of: "t", offset: -1}'
    )
    np.testing.assert_array_equal(values(lines), [[0, 0, 100], [1, 0, 0], [0, 0, 0]])


def test_carried_or_fresh() -> None:
    carried = 'one : real = number() {value: 1.0}\na[@] : real = carry(one) {key: "h"}'
    fresh = 'one : real = number() {value: 1.0}\na[@] : real = fresh(one) {key: "h"}'
    state = {"h": np.array([4.0, 5.0, 6.0])}
    np.testing.assert_array_equal(values(carried), [1, 1, 1])
    np.testing.assert_array_equal(values(carried, state=state), [4, 5, 6])
    np.testing.assert_array_equal(values(fresh), [1, 1, 1])
    np.testing.assert_array_equal(values(fresh, state=state), [0, 0, 0])


def test_a_quantity_that_needs_itself_is_told() -> None:
    with pytest.raises(EvaluationError, match="needs itself"):
        values("b[t,@] : real = copy(a[t,@])\na[t,@] : real = copy(b[t,@])")
    with pytest.raises(EvaluationError, match="needs itself"):
        values("a[t,@] : real = copy(a[t,@])")


def test_an_input_that_is_missing_is_told() -> None:
    lines = 'y[t,@] : real = input() {name: "y"}\na[t,@] : real = copy(y[t,@])'
    with pytest.raises(EvaluationError, match="the batch has no y"):
        values(lines)


def test_the_dtype_of_the_params_and_inputs_is_kept() -> None:
    lines = "half : real = number() {value: 0.5}\na[t,@] : real = mul(x[t,@], half)"
    single = {**BATCH, "x": X.astype("float32")}
    assert values(lines, batch=single).dtype == "float32"
    assert values(lines, batch={**BATCH, "x": X + 0j}).dtype == "complex128"
    assert values(lines).dtype == "float64"


def test_padding_is_never_read() -> None:
    padded = X.copy()
    padded[2, 2] = np.nan
    padded[:, 1] = np.nan
    lines = "b[t,@] : real = tanh(x[t+1,@])\na : real = sum_over(b[t,@])"
    clean = values(lines)
    np.testing.assert_array_equal(values(lines, batch={**BATCH, "x": padded}), clean)


def test_an_exponent_that_is_a_whole_number_stays_one() -> None:
    """A negative number has no power a last bit beside it."""
    lines = (
        "two : real = number() {value: 2.0}\none : real = number() {value: 1.0}\n"
        "e : real = sub(two, one)\nn[t,@] : real = neg(x[t,@])\na[t,@] : real = pow(n[t,@], e)"
    )
    shaken = Shaken(parse_system(AXES + lines), {}, BATCH, {"n": 2}, seed=1)
    assert np.isfinite(shaken.array("a")).all()
