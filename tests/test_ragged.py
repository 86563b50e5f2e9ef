"""What `loss_and_grad` does with sequences of unequal lengths: steps that are nobody's are left out.

That groups of rows add up to the batch is asked of every random spec (`oracles.trains_as_it_goes_back`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import close_all
from oracles import at_every_end
from rnnc.compiler.driver import Options

LSTM = Path(__file__).resolve().parent.parent / "benchmarks" / "specs" / "lstm.rnn"
ALONE = """dim n = 3
axis t = 1..T
input x[t] : real[n]
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
loss l[t] = sum(square(h[t]))
loss decay = 1e-2 * sum(square(b_h))
"""


def batch(steps: int, lengths: Any, wide: int = 128) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((steps, len(lengths), n)) for n in (64, wide))
    return {"x": x, "y": y, "T": np.asarray(lengths)}


@pytest.fixture(scope="module")
def lstm() -> Any:
    return rnnc.load(LSTM)


@pytest.fixture(scope="module")
def params(lstm: Any) -> Any:
    return lstm.init(dtype="float64", input=64, hidden=128)


def steps_of_rows(m: Any, params: Any, wide: int, lengths: Any) -> int:
    """How many steps, of all rows together, are computed: in groups of rows, or in stretches of the steps."""
    call = m._called(params, batch(max(lengths), lengths, wide), None, True, 0, True, None)
    found = m._groups(call) if hasattr(m, "_cuts") else m._groups(call, m._alike)
    assert sorted(row for rows in found for row in rows) == [*range(len(lengths))] or not found
    if hasattr(m, "_cuts") and found:
        return sum((end - begin) * rows for begin, end, rows in m._cuts(call, call.lengths["t"][found[0]]))
    parts = [m._rows(call, rows, number) for number, rows in enumerate(found)] or [call]
    assert all(part.inputs["x"].shape[:2] == (part.longest["t"], part.B) for part in parts)
    return sum(part.longest["t"] * part.B for part in parts)


@pytest.fixture(scope="module", params=["lstm", "bilstm2"])
def either(request: pytest.FixtureRequest) -> tuple[Any, Any, int]:
    """A network that runs step by step, and one that does not; how wide their targets are."""
    m = rnnc.load(LSTM.parent / f"{request.param}.rnn")
    return m, m.init(dtype="float64", input=64, hidden=128), {"lstm": 128, "bilstm2": 256}[request.param]


def test_a_ragged_batch_is_computed_in_parts(either: tuple[Any, Any, int]) -> None:
    lengths = np.random.default_rng(0).integers(1, 101, 64)
    steps = steps_of_rows(*either, lengths)
    assert steps < 1.35 * lengths.sum() < 0.75 * 64 * 100
    assert steps < 1.15 * lengths.sum() or not hasattr(either[0], "_cuts")


@pytest.mark.parametrize("lengths", [[50] * 32, [50] * 31 + [49], [7]])
def test_one_of_about_equal_lengths_is_not(either: tuple[Any, Any, int], lengths: list[int]) -> None:
    assert steps_of_rows(*either, lengths) == max(lengths) * len(lengths)


def test_the_same_parts_use_the_same_buffers(either: tuple[Any, Any, int]) -> None:
    m, params, wide = either
    space: dict[Any, Any] = {}
    given = batch(90, [90, 3, 88, 2, 1, 90, 89, 4], wide)
    first = m.loss_and_grad(params, given, workspace=space)
    parts = [part for part in space if isinstance(part, (int, tuple))]
    kept = {name: id(space[part][name]) for part in parts for name in space[part]}
    assert len(parts) == 2 and {*space} == {*parts, "module", "as before", "calls so far"}
    again = m.loss_and_grad(params, given, workspace=space)
    assert {name: id(space[part][name]) for part in parts for name in space[part]} == kept
    assert first[0] == again[0]
    for name, gradient in first[1].items():
        assert gradient.tobytes() == again[1][name].tobytes()


@pytest.mark.parametrize("lengths", [[9, 7, 7, 4, 4, 4, 0], [5, 5, 1], [0, 3, 0], [6, 6], [0]])
def test_cuts_leave_nothing_out(lstm: Any, params: Any, lengths: list[int]) -> None:
    call = lstm._called(params, batch(max(9, *lengths), lengths), None, True, 0, True, None)
    call.params = {"W": np.zeros(10**9 if len(lengths) % 2 else 1, np.int8)}  # a part costs little, or much
    done = np.zeros((max(lengths), len(lengths)), int)
    before = 0
    for begin, end, rows in lstm._cuts(call, np.array(sorted(lengths, reverse=True))):
        assert begin == before <= end and rows <= len(lengths)
        done[begin:end, :rows] += 1
        before = end
    assert before == max(lengths)
    for row, length in enumerate(sorted(lengths, reverse=True)):
        assert (done[:length, row] == 1).all()


@pytest.mark.parametrize("level", [0, 2])
def test_steps_past_the_longest_sequence_are_not_computed(level: int) -> None:
    m = rnnc.load(LSTM, Options(level=level))
    params, space = m.init(dtype="float64", input=64, hidden=128), {}
    given, short = batch(30, [5, 4]), batch(30, [5, 4])
    short = {**short, "x": short["x"][:5], "y": short["y"][:5]}
    loss, grads = m.loss_and_grad(params, given, workspace=space)
    wanted = m.loss_and_grad(params, short)
    assert loss == wanted[0] and all((grads[name] == wanted[1][name]).all() for name in grads)
    assert level == 0 or space[0, 0]["h"].size == 6 * 2 * 128 + 64 // 8  # from a multiple of 64 bytes on


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(
    "lengths", [[2, 5, 0, 4], [40, 3, 38, 2, 1, 40, 39, 4]], ids=["one group", "several"]
)
def test_what_is_in_the_padding_goes_nowhere(level: int, lengths: list[int]) -> None:
    m = rnnc.load(LSTM, Options(level=level))
    params = m.init(dtype="float64", input=64, hidden=128)
    given = batch(max(lengths), lengths)
    past = np.arange(max(lengths))[:, None] >= given["T"]
    spoilt = {**given, **{name: np.where(past[..., None], np.nan, given[name]) for name in ("x", "y")}}
    loss, grads = m.loss_and_grad(params, spoilt)
    wanted = m.loss_and_grad(params, given)
    assert np.isnan(spoilt["x"]).any() and loss == wanted[0]
    assert all((grads[name] == wanted[1][name]).all() for name in grads)


@pytest.mark.parametrize("lengths", [[5, 3, 3, 0], [3, 5, 0, 3], [4, 4], [0, 0]])
def test_rows_that_have_ended(lstm: Any, params: Any, lengths: list[int]) -> None:
    call = lstm._called(params, batch(5, lengths), None, True, 0, True, None)
    _, ended = call.ended("t")
    past = call.past("t")
    for step, rows in enumerate(past):
        marked = np.zeros(len(lengths), bool)
        if rows is not None:
            marked[rows] = True
        assert (marked == ended[step]).all() and (rows is not None) == ended[step].any()
    in_order = sorted(lengths, reverse=True) == lengths
    assert all(isinstance(rows, slice) == in_order for rows in past if rows is not None)


def in_many(m: Any) -> Any:
    """Rows by rows, and each group in as many stretches as it has different lengths."""
    m._cuts = at_every_end
    return m._in_stretches


@pytest.mark.parametrize("share", [lambda m: m._in_stretches, in_many], ids=["groups", "stretches"])
def test_terms_of_the_parameters_alone_count_once(share: Any) -> None:
    m = rnnc.loads(ALONE)
    params = m.init(dtype="float64")
    given = {"x": np.ones((6, 4, 3)), "T": np.array([6, 1, 5, 2])}
    call = m._called(params, given, None, True, 0, True, None)
    loss, grads = m._in_groups(call, [np.array([0, 2]), np.array([3, 1])], True, share(m))
    run = m.forward(params, given)
    wanted, _, _ = m.backward(params, run)
    assert abs(loss - run.loss) < 1e-15
    for name in grads:
        np.testing.assert_allclose(grads[name], wanted[name], rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["lstm", "gru", "linear", "lru", "bilstm2", "attention"])
def test_where_all_are_equally_long_nobody_looks_at_ends(name: str) -> None:
    """Which steps are past an end is not even written down: whatever stands there changes nothing."""
    m = rnnc.load(LSTM.parent / f"{name}.rnn")
    params, rng = m.init(seed=0, dtype="float64"), np.random.default_rng(0)
    shapes = m._shapes(m.DIMS)
    batch = {
        key: rng.standard_normal((5,) * len(axes) + (3, *shapes[key])) for key, (axes, *_) in m.INPUTS.items()
    }
    kept = m.workspace(params, batch)
    loss, grads = m.loss_and_grad(params, batch, workspace=kept)
    found = [key for key in kept if isinstance(key, str) and key.startswith("past ")]
    assert found
    for key in found:
        kept[key][...] = True
    again, again_grads = m.loss_and_grad(params, batch, workspace=kept)
    assert again == loss
    close_all(again_grads, grads, 0)
