"""Properties of the batch: its rows know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import GOOD, Comparison, Verdict, agree
from .data import Data, argument_axes, batch, cotangent_axes, full, past_end, rows
from .observe import GRADIENTS, axes_of, everything, only
from .subject import Subject, is_real


def row_of(subject: Subject, name: str) -> int | None:
    """Where the batch stands among a result's dimensions; None for what is summed over it."""
    axes = axes_of(subject, name)
    return axes.index("@") if "@" in axes else None


def chosen(subject: Subject, arrays: Arrays, order: Array) -> Arrays:
    """Some rows of every result that has rows, in the order given; the others as they are."""
    places = {name: row_of(subject, name) for name in arrays}
    return {n: v if places[n] is None else np.take(v, order, places[n]) for n, v in arrays.items()}


def some(subject: Subject, data: Data, order: Array) -> Data:
    """Some rows of a batch and of its cotangents."""
    named = {_result(key): value for key, value in data.cotangents.items()}
    kept = dict(zip(data.cotangents, chosen(subject, named, order).values()))
    return replace(rows(subject, data, order), cotangents=kept)


def _result(key: str) -> str:
    """A cotangent's key as the name of the result it belongs to."""
    return key if key == "loss" or key.startswith("state.") else f"outputs.{key}"


def is_grad(name: str) -> bool:
    return name.startswith(GRADIENTS)


def weighed(data: Data) -> Data:
    """With cotangents of outputs and last states alone, and not of the loss."""
    return replace(data, cotangents={k: v for k, v in data.cotangents.items() if k != "loss"})


def check_order(subject: Subject, case: Case) -> Verdict:
    """The rows in another order: the results in that order."""
    order = np.random.default_rng([case.seed, 9]).permutation(case.rows)

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return everything(subject, some(subject, data, order)), chosen(
            subject, everything(subject, data), order
        )

    return agree(subject, full(subject, case), pair, ("rows in another order", "in the first"))


def check_independence(subject: Subject, case: Case) -> Verdict:
    """NaN, other tokens and another length in one row: the others keep every bit. The loss is left out: it
    is a mean over all rows."""
    data = weighed(full(subject, case))
    row = case.seed % case.rows
    others = np.delete(np.arange(case.rows), row)
    spoilt = replace(data, batch=_spoilt_row(subject, data, row))
    found, wanted = (chosen(subject, everything(subject, d), others) for d in (spoilt, data))
    per_row = [n for n in wanted if row_of(subject, n) is not None and (data.cotangents or not is_grad(n))]
    comparison = Comparison(subject, (f"with NaN in row {row}", "without"))
    return comparison.of({n: found[n] for n in per_row}, {n: wanted[n] for n in per_row})


def _spoilt_row(subject: Subject, data: Data, row: int) -> Arrays:
    other = batch(subject, data.case, np.random.default_rng([data.case.seed, 10]))
    found = {name: value.copy() for name, value in data.batch.items()}
    kept = {*subject.module.HEADS, *subject.axes.values()} if subject.refuses else set()
    for name, value in found.items():
        if name in kept:
            continue
        place = len(subject.inputs[name].axes) if name in subject.inputs else 0
        here = (slice(None),) * place + (row,)
        value[here] = np.nan if is_real(value) else other[name][here]
    return found


def check_singles(subject: Subject, case: Case) -> Verdict:
    """Every row by itself at its own lengths, with no padding; gradients of parameters add up."""

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        data = weighed(data)
        wanted = _comparable(subject, data, everything(subject, data))
        return _singles(subject, data, wanted), wanted

    data = full(subject, case)
    return agree(subject, data, pair, ("one by one", "as a batch")).join(_trained(subject, data))


def _trained(subject: Subject, data: Data) -> Verdict:
    """`loss_and_grad` may take the rows of a ragged batch in groups, and leave out from some step on those that have
    ended; here, each row is a group, and rows are left out wherever one ends."""
    if subject.module.LOSS is None:
        return GOOD

    def found(data: Data, **chosen: Callable[..., list[Any]]) -> Arrays:
        module = subject.module
        kept = {name: getattr(module, name) for name in chosen if hasattr(module, name)}
        try:
            for name in kept:
                setattr(module, name, chosen[name])
            loss, grads = module.loss_and_grad(data.params, data.batch, state=data.state)
        finally:
            for name, function in kept.items():
                setattr(module, name, function)
        return {"loss": np.asarray(loss), **{f"grad.{name}": value for name, value in grads.items()}}

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        each = found(data, _groups=lambda call, *_: list(np.arange(call.B)[:, None]))
        return each, found(data, _groups=lambda *_: [])

    def cut(data: Data) -> tuple[Arrays, Arrays]:
        return found(data, _cuts=_every_end), found(data, _groups=lambda *_: [])

    groups = agree(subject, data, pair, ("rows in groups", "all at once"))
    return groups.join(agree(subject, data, cut, ("in stretches", "all at once")))


def _every_end(call: Any, lengths: Array) -> list[tuple[int, int, int]]:
    """Stretches that end wherever a row does."""
    steps = [0, *map(int, np.unique(lengths[lengths > 0]))]
    cuts = [(begin, end, int((lengths > begin).sum())) for begin, end in zip(steps, steps[1:])]
    return cuts or [(0, 0, len(lengths))]


def _comparable(subject: Subject, data: Data, whole: Arrays) -> Arrays:
    """Without the loss, a mean over all rows, nor what an output holds past a sequence's end."""
    found = only(whole, "outputs", "nll", "state", *(GRADIENTS if data.cotangents else ()))
    for name in only(found, "outputs"):
        axes = axes_of(subject, name)
        if "@" in axes and found[name].size:
            ends = {axis: data.batch[length] for axis, length in subject.axes.items()}
            past = past_end(found[name], axes[: axes.index("@")], ends)
            found[name] = np.where(past, np.zeros((), found[name].dtype), found[name])
    return found


def _singles(subject: Subject, data: Data, like: Arrays) -> Arrays:
    """What the rows give one by one, put together."""
    found = {name: np.zeros_like(value) for name, value in like.items()}
    for row in range(data.case.rows):
        part = everything(subject, single(subject, data, row))
        for name, value in found.items():
            place = row_of(subject, name)
            if place is not None:
                shape = part[name].shape
                value[tuple(slice(n) for n in shape[:place]) + (slice(row, row + 1),)] = part[name]
            elif is_grad(name):
                value += part[name]
            else:
                value[...] = part[name]
    return found


def single(subject: Subject, data: Data, row: int) -> Data:
    """One row, cut to its own lengths. What has no rows gets its cotangent with the first."""
    part = some(subject, data, np.array([row]))
    ends = {axis: int(part.batch[length][0]) for axis, length in subject.axes.items()}

    def cut(value: Array, axes: tuple[str, ...]) -> Array:
        return value[tuple(slice(ends.get(axis)) for axis in axes)]

    inputs = {name: cut(value, argument_axes(subject, name)) for name, value in part.batch.items()}
    state = part.state and {n: cut(v, argument_axes(subject, f"state.{n}")) for n, v in part.state.items()}
    cotangents = {}
    for key, value in part.cotangents.items():
        axes = cotangent_axes(subject, key)
        cotangents[key] = cut(value, axes) if "@" in axes or row == 0 else np.zeros_like(value)
    return replace(part, batch=inputs, state=state, cotangents=cotangents)
