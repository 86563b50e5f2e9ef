"""Properties of a probabilistic model: its heads, its loss and its samples are one distribution."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import GOOD, Comparison, Verdict, agree, failed
from .data import Data, draw
from .subject import Observed, Subject

SEQUENCES = 4096  # enumerated at most
DRAWN = 4000
GRID = np.linspace(-60.0, 60.0, 6001)
COUNTS = 400


def heads_of(subject: Subject) -> list[Observed]:
    """The targets that a batch gives."""
    return [subject.inputs[name] for name in subject.module.HEADS if name in subject.inputs]


def no_samples(subject: Subject) -> str | None:
    """Why nothing can be drawn."""
    if subject.no_stream:
        return subject.no_stream
    return None if subject.module.HEADS else "the spec has no head"


def draws(subject: Subject, data: Data, rows: int, steps: int, seed: int) -> Any:
    """Samples, given the inputs of the data's first rows."""
    targets = {*subject.module.HEADS, subject.axes[str(subject.stream)]}
    context = {name: value for name, value in data.batch.items() if name not in targets}
    rng = np.random.default_rng(seed)
    return subject.module.sample(data.params, rng, batch_size=rows, max_steps=steps, context=context)


def check_samples(subject: Subject, case: Case) -> Verdict:
    """The log-probability that comes with a sample is what the model gives it as a target."""

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        seq = draws(subject, data, case.rows, steps_of(subject, case), case.seed)
        last = {} if subject.counted else {"last": seq.ended}
        run = subject.module.forward(data.params, as_batch(subject, data, seq), **last)
        # Of a length that was drawn but not reached only the beginning's probability is told.
        told = seq.ended | (subject.axes[str(subject.stream)] not in subject.module.HEADS)
        sides = (seq.log_prob, -np.asarray(sum(run.nll.values())))
        found, wanted = ({"log_prob": np.where(told, side, 0.0)} for side in sides)
        return found, wanted

    return agree(subject, draw(subject, case, ragged=False), pair, ("drawn with", "as a target"))


def steps_of(subject: Subject, case: Case) -> int:
    return dict(case.steps)[str(subject.stream)]


def as_batch(subject: Subject, data: Data, seq: Any) -> Arrays:
    """A sample as the batch that would have taught it."""
    drawn = {item.name: np.asarray(getattr(seq, item.name)) for item in heads_of(subject)}
    found = {**data.batch, subject.axes[str(subject.stream)]: np.asarray(seq.T), **drawn}
    count = int(np.max(seq.T, initial=0))
    for name, item in subject.inputs.items():
        if name not in drawn and subject.stream in item.axes:
            found[name] = np.take(found[name], np.arange(count), item.axes.index(str(subject.stream)))
    return found


# --------------------------------------------------------------------------------------- sums to one


def not_summable(subject: Subject) -> str | None:
    """Why all the values of the targets cannot be gone through."""
    reason = no_samples(subject)
    if reason is not None:
        return reason
    if subject.axes[str(subject.stream)] in subject.module.HEADS:
        return "the length is an output"
    odd = [item.name for item in heads_of(subject) if set(item.axes) != {subject.stream}]
    if odd:
        return f"{odd[0]} is not drawn along {subject.stream} alone"
    kinds = [item.kind for item in heads_of(subject)]
    if all(kind in ("token", "bool") for kind in kinds):
        return None
    return None if len(kinds) == 1 and kinds[0] in ("real", "int") else "several targets that are not tokens"


def check_sum(subject: Subject, case: Case) -> Verdict:
    """Over everything that can be drawn in two steps the probabilities sum to 1, what ended after one
    among it; densities of a single number are integrated over a grid."""
    dims = tuple((name, min(size, 3)) for name, size in case.dims)
    data = draw(subject, replace(case, rows=1, scale=min(case.scale, 1.0), dims=dims), ragged=False)
    items = heads_of(subject)
    if items[0].kind in ("real", "int"):
        return _density(subject, data, items[0])
    every = _sequences(subject, data.case, items)
    if len(every) > SEQUENCES:
        return GOOD
    event = bool(set(subject.module.HEADS) - set(subject.inputs))
    total = _total(subject, data, items, every, last=False)
    if event:
        total += _total(subject, data, items, every, last=True)
    total += _total(subject, data, items, _ended(subject, data, items, every), last=True)
    return _is_one(subject, total, f"{len(every)} sequences")


Sequence = tuple[Any, ...]  # for each step, for each target, its components


def _sequences(subject: Subject, case: Case, items: list[Observed]) -> list[Sequence]:
    """All of two steps."""
    counts = [range(_values(subject, item, case)) for item in items]
    single = [product(count, repeat=_width(subject, item, case)) for item, count in zip(items, counts)]
    return list(product(list(product(*single)), repeat=2))


def _ended(subject: Subject, data: Data, items: list[Observed], every: list[Sequence]) -> list[Sequence]:
    """The sequences of one step after which there is no other; after each there may be none, if an event ends
    them."""
    ones = list(dict.fromkeys(sequence[:1] for sequence in every))
    if set(subject.module.HEADS) - set(subject.inputs):
        return ones
    goes_on = {sequence[:1] for sequence in every if not _refused(subject, data, items, sequence)}
    return [one for one in ones if one not in goes_on]


def _refused(subject: Subject, data: Data, items: list[Observed], sequence: Sequence) -> bool:
    """Whether the sequence should have ended before."""
    if not subject.refuses:
        return False
    try:
        subject.module.forward(data.params, _batch_of(subject, data, items, [sequence]))
    except ValueError:
        return True
    return False


def _total(subject: Subject, data: Data, items: list[Observed], every: list[Sequence], last: bool) -> float:
    """The probability of all these sequences together, as the rows of one batch."""
    kept = [sequence for sequence in every if not _refused(subject, data, items, sequence)]
    if not kept:
        return 0.0
    run = subject.module.forward(data.params, _batch_of(subject, data, items, kept), last=last)
    return float(np.exp(-np.asarray(sum(run.nll.values()))).sum())


def _batch_of(subject: Subject, data: Data, items: list[Observed], every: list[Sequence]) -> Arrays:
    steps = len(every[0])
    batch = _repeated(subject, data, len(every), steps)
    for place, item in enumerate(items):
        shape = (steps, len(every), *(subject.number(s, data.case) for s in item.shape))
        values = np.array([[step[place] for step in sequence] for sequence in every]).swapaxes(0, 1)
        batch[item.name] = values.reshape(shape).astype(bool if item.kind == "bool" else np.intp)
    return batch


def _values(subject: Subject, item: Observed, case: Case) -> int:
    return 2 if item.kind == "bool" else subject.number(str(item.count), case)


def _width(subject: Subject, item: Observed, case: Case) -> int:
    return int(np.prod([subject.number(s, case) for s in item.shape], dtype=int))


def _repeated(subject: Subject, data: Data, rows: int, steps: int) -> Arrays:
    """The first row's inputs for every row, cut to the first steps."""
    found: Arrays = {}
    for name, value in data.batch.items():
        axes = subject.inputs[name].axes if name in subject.inputs else ()
        found[name] = np.repeat(np.take(value, [0], len(axes)), rows, len(axes))
        if subject.stream in axes:
            found[name] = np.take(found[name], np.arange(steps), axes.index(str(subject.stream)))
    found[subject.axes[str(subject.stream)]] = np.full(rows, steps, np.intp)
    return found


def _density(subject: Subject, data: Data, item: Observed) -> Verdict:
    """One step: a grid of values in the first component, the others at one value each."""
    if _width(subject, item, data.case) != 1:
        return GOOD
    values = GRID if item.kind == "real" else np.arange(COUNTS)
    batch = _repeated(subject, data, len(values), 1)
    batch[item.name] = values.reshape(1, len(values), *(1 for _ in item.shape))
    step = GRID[1] - GRID[0] if item.kind == "real" else 1.0
    run = subject.module.forward(data.params, batch)
    total = step * np.exp(-np.asarray(sum(run.nll.values()))).sum()
    return _is_one(subject, float(total), f"{len(values)} values of {item.name}")


def _is_one(subject: Subject, total: float, what: str) -> Verdict:
    comparison = Comparison(subject, (f"sum over {what}", "one"), 1e-10)
    return comparison.of({"probability": np.asarray(total)}, {"probability": np.asarray(1.0)})


# ---------------------------------------------------------------------------------------- frequencies


def not_countable(subject: Subject) -> str | None:
    reason = not_summable(subject)
    if reason is not None:
        return reason
    kinds = [item for item in heads_of(subject) if item.kind in ("token", "bool") and not item.shape]
    return None if kinds else "no target is a single token or truth value"


def check_frequencies(subject: Subject, case: Case) -> Verdict:
    """How often each first value is drawn, within six standard deviations."""
    dims = tuple((name, max(size, 3)) for name, size in case.dims)
    case = replace(case, rows=1, scale=min(case.scale, 1.0), dims=dims)
    data = draw(subject, case, ragged=False)
    item = next(item for item in heads_of(subject) if item.kind in ("token", "bool") and not item.shape)
    given = replace(data, batch=_repeated(subject, data, DRAWN, 1))
    seq = draws(subject, given, DRAWN, 1, case.seed)
    drawn = np.asarray(getattr(seq, item.name))[0].astype(int)
    return _frequencies(subject, data, item, drawn)


def _frequencies(subject: Subject, data: Data, item: Observed, drawn: Array) -> Verdict:
    """The probability of each value is that of the head alone: other heads' terms are left out."""
    count = _values(subject, item, data.case)
    batch = _repeated(subject, data, count, 1)
    batch[item.name] = np.arange(count)[None].astype(batch[item.name].dtype)
    expected = np.exp(-np.asarray(subject.module.forward(data.params, batch).nll[item.name]))
    if not np.isclose(expected.sum(), 1):
        return GOOD  # another target read by this head differs from row to row
    found = np.bincount(drawn, minlength=count) / DRAWN
    slack = 6 * np.sqrt(expected * (1 - expected) / DRAWN) + 4 / DRAWN
    worst = int((np.abs(found - expected) / slack).argmax())
    error = abs(found[worst] - expected[worst]) / slack[worst]
    if error <= 1:
        return Verdict(float(error))
    message = (
        f"value {worst} is drawn with frequency {found[worst]:.4f}, its probability is {expected[worst]:.4f}"
    )
    return failed(f"drawn.{item.name}", message)
