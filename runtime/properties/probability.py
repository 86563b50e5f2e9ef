"""Properties of a probabilistic model: its heads, its loss and its samples are one distribution."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import Comparison, Verdict, agree, failed
from .data import Data, draw
from .subject import Observed, Subject

SEQUENCES = 20_000  # enumerated at most
DRAWN = 4000
POINTS = 6001
FARTHEST = 1e6  # where a density is looked for
DEEP = 60.0  # exp(-60) of its highest value does not show
COUNTS = (400, 8_000, 160_000)
LONGEST = 60  # steps at least, where the length is drawn from all numbers
BINS = 16


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
    items, case = heads_of(subject), smallest(subject)
    odd = [item.name for item in items if set(item.axes) != {subject.stream}]
    if odd:
        return f"{odd[0]} is not drawn along {subject.stream} alone"
    if all(item.kind in ("token", "bool") for item in items):
        count = _count(subject, case, items)
        return f"{count:,} values at every step are too many" if count**2 > SEQUENCES else None
    if len(items) > 1 or _ends(subject):
        return "a target that is no token stands beside others"
    return f"{items[0].name} has several components" if _width(subject, items[0], case) > 1 else None


def smallest(subject: Subject, seed: int = 0) -> Case:
    """One sequence, as few values as can be (but for tokens of one kind alone)."""
    dims = tuple(
        (name, size if _is_width(subject, name) else max(size, 3)) for name, size in subject.smallest
    )
    return Case(tuple((axis, subject.delay + 3) for axis in subject.axes), 1, dims, seed)


def _is_width(subject: Subject, dim: str) -> bool:
    """Whether a dim says how many numbers a target has."""
    return any(dim in symbol for item in heads_of(subject) for symbol in item.shape)


def _ends(subject: Subject) -> bool:
    """Whether something drawn says where a sequence ends."""
    return subject.refuses or bool(_given_by_lengths(subject))


def _given_by_lengths(subject: Subject) -> set[str]:
    """Heads whose targets are made from the lengths: an event, or the length itself."""
    return set(subject.module.HEADS) - set(subject.inputs)


def length_head(subject: Subject) -> str | None:
    """The name of the length that is an output."""
    length = subject.axes[str(subject.stream)]
    return length if length in subject.module.HEADS else None


def check_sum(subject: Subject, case: Case) -> Verdict:
    """Over everything that can be drawn in two steps the probabilities sum to 1, what ended after one
    among it; densities of a single number are integrated over a grid. Where the length is drawn, first the
    lengths' probabilities sum to 1, then those of all sequences of a length to that length's."""
    data = draw(subject, smallest(subject, case.seed), ragged=False)
    items = heads_of(subject)
    if length_head(subject):
        return _by_length(subject, case.seed, items)
    if items and items[0].kind in ("real", "int"):
        values, density = density_of(subject, data, items[0])
        return _is_one(subject, float(density.sum()), f"{len(values)} values of {items[0].name}")
    every = _sequences(subject, data.case, items, 2)
    total = _total(subject, data, items, every, last=False)
    if _given_by_lengths(subject):
        total += _total(subject, data, items, every, last=True)
    total += _total(subject, data, items, _ended(subject, data, items, every), last=True)
    return _is_one(subject, total, f"{len(every)} sequences")


def _by_length(subject: Subject, seed: int, items: list[Observed]) -> Verdict:
    lengths = length_probabilities(subject, seed)
    verdict = _is_one(subject, float(lengths.sum()), f"{len(lengths)} lengths")
    data = draw(subject, smallest(subject, seed), ragged=False)
    for steps in range(min(3, len(lengths))):
        every = _sequences(subject, data.case, items, steps)
        total = _total(subject, data, items, every, last=True)
        verdict = verdict.join(_is_one(subject, total / lengths[steps], f"sequences of {steps} steps"))
    return verdict


def length_probabilities(subject: Subject, seed: int) -> Array:
    """The probability of every length (of the short ones, where any number can be drawn)."""
    name, small = str(length_head(subject)), smallest(subject, seed)
    shown = draw(subject, small, ragged=False)
    output = subject.module.forward(shown.params, shown.batch).outputs[name]
    longest = output.shape[-1] - 1 if output.ndim > 1 else _far(float(np.exp(output.max(initial=0.0))))
    data = draw(subject, small.with_steps(str(subject.stream), longest), ragged=False)
    batch = _repeated(subject, data, longest + 1, longest)
    batch[name] = np.arange(longest + 1)
    return np.asarray(np.exp(-np.asarray(subject.module.forward(data.params, batch).nll[name])))


def _far(rate: float) -> int:
    """A number above which a Poisson distribution of this rate, or of a lower one, has nothing that shows."""
    return max(LONGEST, int(rate + 12 * np.sqrt(rate) + 20))


Sequence = tuple[Any, ...]  # for each step, for each target, its components


def _sequences(subject: Subject, case: Case, items: list[Observed], steps: int) -> list[Sequence]:
    """All of so many steps."""
    counts = [range(_values(subject, item, case)) for item in items]
    single = [product(count, repeat=_width(subject, item, case)) for item, count in zip(items, counts)]
    return list(product(list(product(*single)), repeat=steps))


def _ended(subject: Subject, data: Data, items: list[Observed], every: list[Sequence]) -> list[Sequence]:
    """The sequences of one step after which there is no other; after each there may be none, if an event ends
    them."""
    ones = list(dict.fromkeys(sequence[:1] for sequence in every))
    if _given_by_lengths(subject):
        return ones
    goes_on = {sequence[:1] for sequence in every if not _refused(subject, data, items, sequence)}
    return [one for one in ones if one not in goes_on]


def _refused(subject: Subject, data: Data, items: list[Observed], sequence: Sequence) -> bool:
    """Whether the sequence should have ended before."""
    if not subject.refuses or length_head(subject):
        return False
    try:
        subject.module.forward(data.params, _batch_of(subject, data, items, [sequence]))
    except ValueError:
        return True
    return False


def _total(subject: Subject, data: Data, items: list[Observed], every: list[Sequence], last: bool) -> float:
    """The probability of all these sequences together, as the rows of one batch."""
    kept = [sequence for sequence in every if not _refused(subject, data, items, sequence)]
    return float(probabilities(subject, data, items, kept, last).sum()) if kept else 0.0


def probabilities(
    subject: Subject, data: Data, items: list[Observed], every: list[Sequence], last: bool
) -> Array:
    run = subject.module.forward(data.params, _batch_of(subject, data, items, every), last=last)
    return np.asarray(np.exp(-np.asarray(sum(run.nll.values()))))


def _batch_of(subject: Subject, data: Data, items: list[Observed], every: list[Sequence]) -> Arrays:
    steps = len(every[0])
    batch = _repeated(subject, data, len(every), steps)
    for place, item in enumerate(items):
        shape = (steps, len(every), *(subject.number(s, data.case) for s in item.shape))
        values = np.array([step[place] for sequence in every for step in sequence])
        ordered = np.moveaxis(values.reshape((len(every), *shape[:1], *shape[2:])), 0, 1)
        batch[item.name] = ordered.astype(bool if item.kind == "bool" else np.intp)
    return batch


def _count(subject: Subject, case: Case, items: list[Observed]) -> int:
    """How many values there are at a step."""
    return int(np.prod([_values(subject, i, case) ** _width(subject, i, case) for i in items], dtype=int))


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


def density_of(subject: Subject, data: Data, item: Observed) -> tuple[Array, Array]:
    """Values of a single number's first step, and how probable each is: a grid where its density shows, or as many
    counts as it takes."""
    grids = map(np.arange, COUNTS) if item.kind == "int" else [_where_it_shows(subject, data, item)]
    found = ((values, _density_on(subject, data, item, values)) for values in grids)
    return min(found, key=lambda pair: _far_from_one(pair[1]))


def _where_it_shows(subject: Subject, data: Data, item: Observed) -> Array:
    """A grid that holds a density, however narrow and wherever: its logarithm leads there from afar."""
    low, high = -FARTHEST, FARTHEST
    while True:
        values = np.linspace(low, high, POINTS)
        logs = _log_density(subject, data, item, values)
        most = np.max(logs, where=np.isfinite(logs), initial=-np.inf)
        shown = np.flatnonzero(logs > most - DEEP)
        if not 0 < len(shown) < POINTS / 2:
            return values
        low, high = values[max(shown[0] - 1, 0)], values[min(shown[-1] + 1, POINTS - 1)]


def _far_from_one(density: Array) -> float:
    total = float(density.sum())
    return abs(total - 1) if np.isfinite(total) else np.inf


def _density_on(subject: Subject, data: Data, item: Observed, values: Array) -> Array:
    return np.asarray(np.ptp(values) / (len(values) - 1) * np.exp(_log_density(subject, data, item, values)))


def _log_density(subject: Subject, data: Data, item: Observed, values: Array) -> Array:
    batch = _repeated(subject, data, len(values), 1)
    batch[item.name] = values.reshape(1, len(values), *(1 for _ in item.shape))
    run = subject.module.forward(data.params, batch)
    return -np.asarray(sum(run.nll.values()))


def _is_one(subject: Subject, total: float, what: str) -> Verdict:
    comparison = Comparison(subject, (f"sum over {what}", "one"), 1e-10)
    return comparison.of({"probability": np.asarray(total)}, {"probability": np.asarray(1.0)})


# ---------------------------------------------------------------------------------------- frequencies


def check_frequencies(subject: Subject, case: Case) -> Verdict:
    """How often each first value is drawn (each length, where that is drawn), within six standard deviations;
    numbers are sorted into bins first."""
    if length_head(subject):
        expected = length_probabilities(subject, case.seed)
        drawn = _drawn(subject, case.seed, len(expected)).T
        return _as_often(f"{length_head(subject)} = {{}}", drawn, expected)
    data = draw(subject, smallest(subject, case.seed), ragged=False)
    seq, items = _drawn(subject, case.seed, 1), heads_of(subject)
    if items and items[0].kind in ("real", "int"):
        return _binned(
            items[0], np.ravel(getattr(seq, items[0].name)[0]), *density_of(subject, data, items[0])
        )
    every = _sequences(subject, data.case, items, 1)
    expected = probabilities(subject, data, items, every, last=False)
    number = {sequence[0]: place for place, sequence in enumerate(every)}
    found = np.array([number[_cell(seq, items, row)] for row in range(DRAWN)])
    if _given_by_lengths(subject):
        expected = np.concatenate([expected, probabilities(subject, data, items, every, last=True)])
        found += len(every) * np.asarray(seq.ended)
    names = ", ".join(item.name for item in items)
    return _as_often(f"value {{}} of {names}", found, expected)


def _drawn(subject: Subject, seed: int, steps: int) -> Any:
    """Many samples, all with the same inputs."""
    small = smallest(subject, seed)
    long = small.with_steps(str(subject.stream), max(steps, 1))
    data = draw(subject, long if length_head(subject) else small, ragged=False)
    given = replace(data, batch=_repeated(subject, data, DRAWN, steps))
    return draws(subject, given, DRAWN, steps, seed)


def _cell(seq: Any, items: list[Observed], row: int) -> tuple[tuple[int, ...], ...]:
    """The first values of a sample's targets, as `_sequences` has them."""
    return tuple(tuple(int(v) for v in np.ravel(getattr(seq, item.name)[0, row])) for item in items)


def _binned(item: Observed, drawn: Array, values: Array, density: Array) -> Verdict:
    """Bins between values at which the distribution function has risen by equal amounts."""
    below = np.cumsum(density)
    cuts = np.unique(np.searchsorted(below[:-1], np.arange(1, BINS) / BINS))
    width = values[1] - values[0]
    edges = values[cuts] + width / 2
    expected = np.diff(np.concatenate([[0.0], below[cuts], [1.0]]))
    places = np.searchsorted(edges, drawn)
    return _as_often(f"bin {{}} of {len(expected)} of {item.name}", places, expected)


def _as_often(what: str, drawn: Array, expected: Array) -> Verdict:
    """Values drawn as often as they should be; ``what`` names one by its number."""
    count = len(drawn)
    found = np.bincount(drawn, minlength=len(expected))[: len(expected)] / count
    slack = 6 * np.sqrt(expected * (1 - np.minimum(expected, 1)) / count) + 4 / count
    worst = int((np.abs(found - expected) / slack).argmax())
    error = abs(found[worst] - expected[worst]) / slack[worst]
    if error <= 1:
        return Verdict(float(error))
    seen, sure = f"{found[worst]:.4f}", f"{expected[worst]:.4f}"
    return failed("drawn", f"{what.format(worst)} is drawn with frequency {seen}, its probability is {sure}")
