"""Random parameters, batches, states and cotangents for a module, all from one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .subject import Observed, Subject, is_real

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Data:
    """The arguments of `forward` and `backward`. Cotangents are of all outputs, last states and the loss."""

    case: Case
    params: Arrays
    batch: Arrays
    state: Arrays | None = None
    cotangents: Arrays = field(default_factory=dict)

    def with_batch(self, entries: Arrays) -> Data:
        return replace(self, batch={**self.batch, **entries})

    def with_params(self, entries: Arrays) -> Data:
        return replace(self, params={**self.params, **entries})


def draw(subject: Subject, case: Case, ragged: bool = True, least: int | None = None) -> Data:
    """Parameters off their starts, inputs and targets; a sequence that is whole and one that is not, none
    with fewer steps than `least`."""
    rng = np.random.default_rng([case.seed, 1])
    least = subject.least_length if least is None else least
    data = Data(case, parameters(subject, case, rng), batch(subject, case, rng, ragged, least))
    data = _accepted(subject, data, rng) if subject.refuses else data
    if case.scale > 1 and subject.grows and not _within_range(subject, data):
        return draw(subject, replace(case, scale=1.0), ragged, least)
    return data


FAR = 1e50


def _within_range(subject: Subject, data: Data) -> bool:
    """Whether all results and gradients are numbers that can be squared and multiplied."""
    from .observe import everything

    with np.errstate(all="ignore"):
        found = everything(subject, data).values()
        return all(bool(np.all(np.abs(value) < FAR)) for value in found if is_real(value))


TRIES = 30


def _accepted(subject: Subject, data: Data, rng: Rng) -> Data:
    """Targets under which no sequence ends too early: redrawn, and where that does not do, cut."""
    drawn = [name for name in subject.module.HEADS if name in subject.inputs]
    length = subject.ending
    found = {name: value.copy() for name, value in data.batch.items()}
    for row in range(data.case.rows):
        tries = 0
        while not _accepts(subject, replace(data, batch=found), row):
            tries += 1
            if tries > TRIES:
                found[length][row] -= 1
            for name in drawn:
                here = (slice(None),) * len(subject.inputs[name].axes) + (row,)
                found[name][here] = values(subject, subject.inputs[name], data.case, rng)[here]
    return replace(data, batch=found)


def _accepts(subject: Subject, data: Data, row: int) -> bool:
    try:
        one = rows(subject, data, np.array([row]))
        subject.module.forward(one.params, one.batch, state=one.state)
    except (ValueError, IndexError):
        if not data.batch[subject.ending][row]:
            raise
        return False
    return True


def parameters(subject: Subject, case: Case, rng: Rng) -> Arrays:
    """What `init` draws, with the weights scaled, and nothing left at 0 or at a value all share."""
    dims = {name: count for name, count in subject.sizes(case).items() if name not in subject.module.FIXED}
    start = subject.module.init(seed=case.seed, dtype="float64", **dims)
    return {
        name: _moved(value, rng, case.scale) if name in subject.trained else value
        for name, value in start.items()
    }


def _moved(value: Array, rng: Rng, scale: float) -> Array:
    """Away from a constant start, on its side of 0. Other vectors stay: a decay may have to remain one."""
    if value.size and np.all(value == value.flat[0]):
        if value.flat[0] == 0:
            return away_from_zero(rng, value.shape)
        return np.asarray(value * rng.uniform(0.75, 1.25, value.shape))
    if value.ndim < 2:
        return value
    return np.asarray(scale * (value + 0.05 * rng.standard_normal(value.shape)))


def away_from_zero(rng: Rng, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.uniform(0.1, 0.6, shape) * rng.choice([-1.0, 1.0], shape))


def batch(subject: Subject, case: Case, rng: Rng, ragged: bool = True, least: int = 0) -> Arrays:
    """Every input and target, and every axis's lengths (all full ones if not `ragged`)."""
    found = {name: values(subject, item, case, rng) for name, item in subject.inputs.items()}
    extents = dict(case.steps)
    for axis, length in subject.axes.items():
        full = np.full(case.rows, extents[axis], np.intp)
        found[length] = lengths(rng, extents[axis], case.rows, least) if ragged else full
    return found


def lengths(rng: Rng, longest: int, rows: int, least: int = 0) -> Array:
    """One sequence as long as can be, one shorter if there are two; the others anything from `least`, one of
    them `least` every second time."""
    least = min(least, longest)
    found = rng.integers(least, longest + 1, rows)
    if rows > 2 and rng.random() < 0.5:
        found[1] = least
    found[:1] = longest
    if rows > 1 and longest > least:
        found[-1] = rng.integers(max(longest - 2, least), longest)
    return np.asarray(found, np.intp)


def values(subject: Subject, item: Observed, case: Case, rng: Rng) -> Array:
    """One input, by its kind."""
    extents = dict(case.steps)
    sizes = tuple(subject.number(symbol, case) for symbol in item.shape)
    shape = (*(extents[axis] for axis in item.axes), case.rows, *sizes)
    if item.kind == "real":
        drawn = np.asarray(rng.standard_normal(shape))
        return np.abs(drawn) + 0.1 if subject.positive else drawn
    if item.kind == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    count = subject.number(item.count, case) if item.count else 5
    return np.asarray(rng.integers(0, max(count, 1), shape), np.intp)


def without_steps(data: Data, length: str) -> Data:
    """The same sequences with no steps at all along one axis."""
    return data.with_batch({length: np.zeros(data.case.rows, np.intp)})


def argument_axes(subject: Subject, name: str) -> tuple[str, ...]:
    """The leading dimensions of an input, a state (``state.h``) or the cotangent of an output."""
    if name.startswith("state."):
        return subject.state_axes(name.removeprefix("state."))
    if name in subject.inputs:
        return (*subject.inputs[name].axes, "@")
    return ("@",) if name in subject.axes.values() else ()


def cotangent_axes(subject: Subject, key: str) -> tuple[str, ...]:
    return argument_axes(subject, key) if key.startswith("state.") else subject.layouts.get(key, ())


def with_state(subject: Subject, data: Data) -> Data:
    """Going on after other sequences of the same batch size: a state the network can be in."""
    rng = np.random.default_rng([data.case.seed, 2])
    if subject.counted:
        state = subject.module.start(data.params, data.case.rows, context(subject, data))
    else:
        before = draw(subject, replace(data.case, seed=data.case.seed + 1)).batch
        state = subject.module.forward(data.params, {**before, **context(subject, data)}).state
    return replace(data, state={key: _shaken(state[key], rng) for key in subject.carried})


def context(subject: Subject, data: Data) -> Arrays:
    """What is given once for all steps of the streaming axis."""
    timed = [name for name, item in subject.inputs.items() if subject.stream in item.axes]
    if not subject.counted:
        timed.append(subject.axes[str(subject.stream)])
    return {name: value for name, value in data.batch.items() if name not in timed}


def _shaken(value: Array, rng: Rng) -> Array:
    """Moved, keeping its signs; what is 0, where a kink or a tie may be, goes up."""
    if not is_real(value):
        return value
    return np.where(
        value == 0, rng.uniform(0.05, 0.2, value.shape), value * rng.uniform(0.8, 1.25, value.shape)
    )


def with_cotangents(
    subject: Subject, data: Data, keys: tuple[str, ...] = ("loss", "outputs", "state")
) -> Data:
    """Random cotangents of the loss, the real outputs and the real final states."""
    rng = np.random.default_rng([data.case.seed, 3])
    run = subject.module.forward(data.params, data.batch, state=data.state)
    found: Arrays = {}
    if "loss" in keys and run.loss is not None:
        found["loss"] = np.asarray(rng.uniform(0.5, 1.5))
    if "outputs" in keys:
        found |= {name: rng.standard_normal(v.shape) for name, v in run.outputs.items() if is_real(v)}
    if "state" in keys:
        found |= {f"state.{key}": rng.standard_normal(run.state[key].shape) for key in subject.real_states}
    return replace(data, cotangents=found)


def full(subject: Subject, case: Case) -> Data:
    """Ragged, with cotangents of everything; every second seed goes on from a state."""
    data = draw(subject, case)
    if subject.stream and case.seed % 2:
        data = with_state(subject, data)
        if subject.refuses:  # a rule may count the steps before
            data = _accepted(subject, data, np.random.default_rng([case.seed, 15]))
    data = with_cotangents(subject, data)
    if data.case.scale > 1 and subject.grows and not _within_range(subject, data):
        return full(subject, replace(case, scale=1.0))
    return data


def garbage(array: Array) -> Any:
    """What no sequence could hold: not a number, not a token."""
    return np.nan if is_real(array) else (np.array(True) if array.dtype == bool else 10**6)


def past_end(array: Array, axes: tuple[str, ...], ends: Mapping[str, Array]) -> Array:
    """True at the places of an array (axes first, then the batch) that are past a sequence's own end."""
    mask = np.zeros(array.shape[: len(axes) + 1], bool)
    for position, axis in enumerate(axes):
        steps = np.arange(1, array.shape[position] + 1).reshape((-1,) + (1,) * (len(axes) - position))
        mask |= steps > ends[axis]
    return np.broadcast_to(mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim)), array.shape)


def ends(subject: Subject, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The lengths of a batch by axis."""
    return {axis: arrays[length] for axis, length in subject.axes.items()}


def rows(subject: Subject, data: Data, chosen: Array) -> Data:
    """Some rows of a batch, in the order given, with their state; cotangents are left behind."""

    def pick(name: str, value: Array) -> Array:
        return np.take(value, chosen, len(subject.inputs[name].axes) if name in subject.inputs else 0)

    state = data.state
    if state is not None:
        state = {k: np.take(v, chosen, subject.state_axes(k).index("@")) for k, v in state.items()}
    picked = {name: pick(name, value) for name, value in data.batch.items()}
    return replace(data, batch=picked, state=state, cotangents={})


def generator(seed: int) -> Rng:
    return np.random.default_rng(seed)
