"""Every network of `examples/`: equal to the one by hand, right gradients, streams, chunks, padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from compiled import check_gradient, close, close_all, module
from references.cases import CASES, Case

RAGGED = [6, 1, 0, 4, 7]
STREAMING = [case for case in CASES if case.streams]


def name_of(case: Case) -> str:
    return case.name


every_level = pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
every_case = pytest.mark.parametrize("case", CASES, ids=name_of)
every_stream = pytest.mark.parametrize("case", STREAMING, ids=name_of)


def material(case: Case, lengths: list[int], seed: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return case.params(rng), case.batch(rng, lengths)


@every_level
@every_case
def test_equals_the_hand_written_network(case: Case, level: int) -> None:
    for seed in range(3):
        params, batch = material(case, RAGGED, seed)
        loss, grads = module(case.name, level).loss_and_grad(params, batch)
        wanted, wanted_grads = case.loss_and_grads(params, batch)
        close(loss, wanted)
        close_all(grads, wanted_grads)


@every_case
def test_parameters_are_those_of_the_hand_written_network(case: Case) -> None:
    params = module(case.name, 2).init(seed=0, dtype="float64", **case.dims)
    shapes = {name: tuple(case.dims[s] for s in shape) for name, shape in case.reference.SHAPES.items()}
    assert {name: value.shape for name, value in params.items()} == shapes


@every_level
@every_case
def test_gradient_by_complex_step(case: Case, level: int) -> None:
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    _, grads = m.loss_and_grad(params, batch)
    check_gradient(lambda p: m.forward(p, batch).loss, params, grads)


@every_level
@every_case
def test_gradient_of_random_cotangents(case: Case, level: int) -> None:
    """Any mixture of loss, outputs and last states, with respect to parameters, inputs and first states."""
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    rng = np.random.default_rng(5)
    state = random_state(m.forward(params, batch).state, rng) if case.streams else None
    run = m.forward(params, batch, state=state)
    cotangents = {"loss": 1.7, "y": rng.standard_normal(run.outputs["y"].shape)}
    carried = [key for key, value in run.state.items() if is_real(value)]
    cotangents |= {key: rng.standard_normal(run.state[key].shape) for key in carried}

    def weighed(p: Any, x: Any, s: Any) -> Any:
        again = m.forward(p, {**batch, "x": x}, state=s)
        total = 1.7 * again.loss + np.sum(cotangents["y"] * again.outputs["y"])
        return total + sum(np.sum(cotangents[k] * again.state[k]) for k in carried)

    grads, d_batch, d_state = m.backward(params, run, cotangents)
    check_gradient(lambda p: weighed(p, batch["x"], state), params, grads)
    assert ("x" in d_batch) == is_real(batch["x"])
    if "x" in d_batch:
        check_gradient(lambda b: weighed(params, b["x"], state), {"x": batch["x"]}, {"x": d_batch["x"]})
    if state is not None:
        assert set(carried) <= set(d_state)
        real = {key: d_state[key] for key in carried}
        check_gradient(lambda s: weighed(params, batch["x"], s), state, real)


def is_real(value: np.ndarray) -> bool:
    """Not a step count, not a token."""
    return np.issubdtype(value.dtype, np.inexact)


def random_state(state: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A state of the same shapes; whole numbers (step counts, tokens) as they were."""
    return {
        key: rng.standard_normal(value.shape) if is_real(value) else value for key, value in state.items()
    }


@every_level
@every_stream
def test_steps_equal_the_whole(case: Case, level: int) -> None:
    m = module(case.name, level)
    params, batch = material(case, [7, 7, 7])
    run = m.forward(params, batch)
    state = m.start(params, batch_size=3)
    for t in range(7):
        state, out = m.step(params, state, {"x": batch["x"][t], "y": batch["y"][t]})
        close(out["y"], run.outputs["y"][t], 1e-12)
    close_all(state, run.state, 1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if not case.streams], ids=name_of)
def test_no_steps_where_the_future_is_read(case: Case) -> None:
    """A network that needs the whole sequence says why it cannot go step by step."""
    m = module(case.name, 2)
    params, _ = material(case, [1])
    with pytest.raises(NotImplementedError, match=r"\[t\+1\]|\[T\]"):
        m.step(params, {}, {"x": np.zeros((1, case.dims["input"]))})


def chunks(batch: dict[str, Any], at: list[int]) -> Iterator[dict[str, Any]]:
    """The batch cut at the steps `at`; a sequence's length is what of it lies in the chunk."""
    edges = [0, *at, len(batch["x"])]
    for start, end in zip(edges, edges[1:], strict=False):
        lengths = np.clip(batch["T"] - start, 0, end - start)
        yield {"x": batch["x"][start:end], "y": batch["y"][start:end], "T": lengths}


@every_level
@every_stream
@pytest.mark.parametrize("at", [[3], [0, 1, 2], [2, 2, 5]], ids=str)
def test_chunks_equal_the_whole(case: Case, level: int, at: list[int]) -> None:
    """Forward chunk by chunk, backward through the states: the gradients add up to the whole's."""
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    whole = m.forward(params, batch)
    runs, state = [], None
    for chunk in chunks(batch, at):
        runs.append(m.forward(params, chunk, state=state))
        state = runs[-1].state
    close(np.concatenate([run.outputs["y"] for run in runs]), whole.outputs["y"], 1e-12)
    close(sum(run.nll["y"] for run in runs), whole.nll["y"], 1e-12)
    close_all(state, whole.state, 1e-12)

    weights = np.random.default_rng(3).standard_normal(whole.outputs["y"].shape)
    wanted, _, _ = m.backward(params, whole, {"y": weights})
    edges = [0, *at, len(batch["x"])]
    total, later = dict.fromkeys(wanted, 0.0), {}
    for run, start, end in reversed(list(zip(runs, edges, edges[1:], strict=False))):
        cotangents = {"y": weights[start:end], **later}
        grads, _, d_state = m.backward(params, run, cotangents)
        later = {key: value for key, value in d_state.items() if is_real(value)}
        total = {name: total[name] + grads[name] for name in total}
    close_all(total, wanted, 1e-12)


def garbage(values: np.ndarray) -> Any:
    """What no sequence could hold: not a number, not a token."""
    return np.nan if is_real(values) else 10**6


def spoilt_past(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Garbage at every step past a sequence's own end."""
    past = np.arange(len(values))[:, None] >= lengths
    return np.where(past.reshape(past.shape + (1,) * (values.ndim - 2)), garbage(values), values)


@every_level
@every_case
def test_padding_changes_nothing(case: Case, level: int) -> None:
    """Whatever stands past a sequence's end: loss, outputs, state and gradients are the same to the bit."""
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    dirty = {**batch, "x": spoilt_past(batch["x"], batch["T"])}
    if case.per_step:
        dirty["y"] = spoilt_past(batch["y"], batch["T"])
    clean, spoilt = m.forward(params, batch), m.forward(params, dirty)
    assert clean.loss == spoilt.loss
    for part in ("outputs", "nll", "state"):
        assert bits(getattr(clean, part)) == bits(getattr(spoilt, part)), part
    for one, other in zip(m.backward(params, clean), m.backward(params, spoilt), strict=True):
        assert bits(one) == bits(other)


def bits(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in arrays.items()}


def longer(values: np.ndarray) -> np.ndarray:
    """Three steps of garbage more."""
    return np.concatenate([values, np.full((3, *values.shape[1:]), garbage(values), values.dtype)])


@every_level
@every_case
def test_more_padding_changes_nothing(case: Case, level: int) -> None:
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    more = {**batch, "x": longer(batch["x"])}
    if case.per_step:
        more["y"] = longer(batch["y"])
    loss, grads = m.loss_and_grad(params, batch)
    loss_more, grads_more = m.loss_and_grad(params, more)
    close(loss_more, loss, 1e-12)
    close_all(grads_more, grads, 1e-12)


@every_level
@every_case
def test_single_precision_stays_single(case: Case, level: int) -> None:
    m = module(case.name, level)
    params, batch = material(case, RAGGED)
    small = {name: value.astype(np.float32) for name, value in params.items()}
    run = m.forward(small, batch)
    grads, d_batch, d_state = m.backward(small, run)
    arrays = [*run.outputs.values(), *run.nll.values(), *run.state.values(), *grads.values()]
    arrays += [*d_batch.values(), *d_state.values()]
    assert {a.dtype for a in arrays if np.issubdtype(a.dtype, np.inexact)} == {np.dtype(np.float32)}
    loss, wanted = m.loss_and_grad(params, batch)
    close(run.loss, loss, 1e-5)
    close_all(grads, wanted, 1e-4)


@every_level
@every_case
@pytest.mark.parametrize("lengths", [[0, 0], [1], []], ids=["no steps", "one step", "no sequences"])
def test_shortest_batches(case: Case, level: int, lengths: list[int]) -> None:
    params, batch = material(case, lengths)
    loss, grads = module(case.name, level).loss_and_grad(params, batch)
    wanted, wanted_grads = case.loss_and_grads(params, batch)
    close(loss, wanted)
    close_all(grads, wanted_grads)
