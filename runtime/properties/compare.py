"""Two answers compared, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .data import Data
from .equations import shaken, spreads
from .observe import GRADIENTS, line_of, only, place_of
from .subject import Subject

EPS = 2.0**-52
EXACT = 0.0  # a tolerance: bit for bit
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Failure:
    """A difference at one number. ``labels`` tell what was compared; ``line`` is the spec's."""

    name: str
    message: str = "differs"
    index: tuple[int, ...] = ()
    place: str = ""
    found: float | None = None
    wanted: float | None = None
    labels: tuple[str, str] = ("found", "wanted")
    tolerance: float | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``worst`` is the largest error over its tolerance; ``doubt`` says why nothing can be judged."""

    worst: float = 0.0
    failure: Failure | None = None
    doubt: str = ""

    def join(self, other: Verdict) -> Verdict:
        """Both: the first failure, the larger error."""
        worst = max(self.worst, other.worst)
        return Verdict(worst, self.failure or other.failure, self.doubt or other.doubt)


GOOD = Verdict()


def failed(name: str, message: str, line: int | None = None) -> Verdict:
    return Verdict(np.inf, Failure(name, message, line=line))


def joined(verdicts: Iterable[Verdict]) -> Verdict:
    """All, up to the first failure."""
    result = GOOD
    for verdict in verdicts:
        result = result.join(verdict)
        if result.failure:
            break
    return result


@dataclass(frozen=True)
class Comparison:
    """Equal bit for bit, or within ``tolerance`` times an array's largest value plus ``slack``. The labels
    tell the two sides."""

    subject: Subject
    labels: tuple[str, str]
    tolerance: float = EXACT
    slack: Mapping[str, Any] = field(default_factory=dict)

    def of(self, found: Mapping[str, Array], wanted: Mapping[str, Array]) -> Verdict:
        odd = sorted(set(found) ^ set(wanted))
        if odd:
            only_in = self.labels[odd[0] in wanted]
            return failed(odd[0], f"is there {only_in}, but not the other way")
        return joined(self._array(name, found[name], wanted[name]) for name in wanted)

    def _array(self, name: str, found: Array, wanted: Array) -> Verdict:
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            sides = zip(self.labels, (found, wanted))
            shown = "; ".join(f"{label}: {value.dtype} {value.shape}" for label, value in sides)
            return failed(name, shown, line_of(self.subject, name))
        if found.tobytes() == wanted.tobytes():
            return GOOD
        with np.errstate(invalid="ignore"):
            error = np.abs(found - wanted) if found.dtype.kind in "fc" else (found != wanted).astype(float)
        error = np.where((found == wanted) | ((found != found) & (wanted != wanted)), 0.0, error)
        error = np.where(np.isnan(error), np.inf, error)
        return self._judge(name, error, found, wanted)

    def _judge(self, name: str, error: Array, found: Array, wanted: Array) -> Verdict:
        exact = self.tolerance == EXACT or found.dtype.kind not in "fc"
        allowed = 0.0 if exact else self.tolerance * largest(found, wanted) + self.slack.get(name, 0.0)
        worst = float(error.max(initial=0.0))
        if worst <= allowed:
            return Verdict(worst / allowed if allowed else 0.0)
        index = tuple(int(i) for i in np.argwhere(error == worst)[0])
        one, other = _number(found[index]), _number(wanted[index])
        place, line = place_of(self.subject, name, index), line_of(self.subject, name)
        failure = Failure(name, "differs", index, place, one, other, self.labels, allowed, line)
        return Verdict(worst / allowed if allowed else np.inf, failure)


def largest(*arrays: Array) -> float:
    """The largest finite value of all."""
    return max(float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in arrays)


def _number(value: Any) -> float:
    return float(abs(value)) if np.iscomplexobj(value) else float(value)


# --------------------------------------------------------------------------------- agreement to rounding


Pair = Callable[[Data], tuple[Arrays, Arrays]]
Shakes = Callable[[Subject, Data], list[Arrays]]


def agree(
    subject: Subject,
    data: Data,
    pair: Pair,
    labels: tuple[str, str],
    tolerance: float = ROUNDING,
    shakes: Shakes = shaken,
) -> Verdict:
    """Two ways to the same numbers, equal to rounding.

    Where they differ by more, both ways are asked again with every argument off by its last bit: what such
    a change does to the numbers no way of computing them can know. Ten times that is allowed on top; and then
    as much of what comes of every number on the way being off, as in the evaluations that ``shakes`` gives."""
    found, wanted = pair(data)
    floor = rounding(data, only(wanted, *GRADIENTS))
    comparison = Comparison(subject, labels, tolerance, dict.fromkeys(wanted, floor))
    verdict = comparison.of(found, wanted)
    if verdict.failure is None or verdict.failure.found is None:
        return verdict
    slack = {name: max(floor, 10 * size) for name, size in sensitivity(data, pair, found, wanted).items()}
    verdict = replace(comparison, slack=slack).of(found, wanted)
    if verdict.failure is None:
        return verdict
    moves = spreads(shakes(subject, data))
    slack = {name: max(size, 10 * moves.get(name, 0.0)) for name, size in slack.items()}
    return replace(comparison, slack=slack).of(found, wanted)


def sensitivity(data: Data, pair: Pair, found: Arrays, wanted: Arrays, size: float = EPS) -> dict[str, float]:
    """By how much each result moves when every argument moves by its last bit."""
    moves = dict.fromkeys(wanted, 0.0)
    for seed in range(4):
        for again, once in zip(pair(jittered(data, seed, size)), (found, wanted)):
            for name in wanted:
                moves[name] = max(moves[name], _move(again[name], once[name]))
    return moves


def _move(again: Array, once: Array) -> float:
    return largest(again - once) if again.shape == once.shape and again.dtype.kind in "fc" else 0.0


def rounding(data: Data, grads: Mapping[str, Array]) -> float:
    """What rounding may do to any gradient: a few last bits of the largest one, more with large weights.

    In a saturated unit 1 - h ** 2 keeps no more of the digits than that, however small the gradient."""
    values = (*data.cotangents.values(), *grads.values())
    return 1e-14 * max(1.0, data.case.scale) * max(map(largest, values), default=0.0)


def jittered(data: Data, seed: int, size: float = EPS) -> Data:
    """Every real argument off by its last bit or so, at random."""
    rng = np.random.default_rng([data.case.seed, 4, seed])

    def off(arrays: Mapping[str, Array]) -> Arrays:
        return {
            name: value * (1 + size * rng.integers(-1, 2, value.shape)) if value.dtype.kind in "fc" else value
            for name, value in arrays.items()
        }

    state = None if data.state is None else off(data.state)
    return replace(
        data, params=off(data.params), batch=off(data.batch), state=state, cotangents=off(data.cotangents)
    )
