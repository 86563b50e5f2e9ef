"""Properties tried on cases that Hypothesis draws; what fails is shrunk."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from .case import Case
from .compare import Failure, Verdict, failed
from .subject import Subject
from .table import PROPERTIES, Property

SMALLER = 20  # cases among which one smaller than the typical one is looked for
PASSED, FAILED, NOT_APPLICABLE, UNDECIDED = "passed", "failed", "not applicable", "cannot judge"


@dataclass(frozen=True, slots=True)
class Result:
    """How a property fared: ``worst`` is the largest error over its tolerance, ``case`` the shrunk one."""

    property: Property
    status: str
    reason: str = ""
    examples: int = 0
    worst: float = 0.0
    failure: Failure | None = None
    case: Case | None = None
    seconds: float = 0.0


def run_all(
    subject: Subject, properties: Iterable[Property] = PROPERTIES, examples: int = 10, seed: int = 0
) -> list[Result]:
    """The properties one after the other; what waits for another process does so meanwhile."""
    items = list(properties)
    with ThreadPoolExecutor(1) as beside:
        waiting = {
            item: beside.submit(run_one, subject, item, examples, seed) for item in items if item.apart
        }
        found = {item: run_one(subject, item, examples, seed) for item in items if not item.apart}
        return [found[item] if item in found else waiting[item].result() for item in items]


def run_one(
    subject: Subject, item: Property, examples: int = 10, seed: int = 0, shrink: bool = True
) -> Result:
    """One property on so many cases; the first failure is shrunk and reported."""
    began = time.perf_counter()
    examples = 1 if item.once else max(1, examples // item.cost)
    reason = item.applies(subject)
    if reason is not None:
        return Result(item, NOT_APPLICABLE, reason)
    trial = _Trial(subject, item)
    usual, case = typical(subject, seed), None
    shrink = shrink and not item.apart
    if trial.fails(usual):
        case = (_search(trial, SMALLER, seed) if shrink else None) or usual
    else:
        case = _search(trial, examples - 1, seed)
    if case is not None and shrink:
        case = _shrunk(trial, case)
    seconds = time.perf_counter() - began
    if case is not None:
        verdict = trial.verdicts[case]
        return Result(item, FAILED, "", trial.tried, verdict.worst, verdict.failure, case, seconds)
    status = UNDECIDED if trial.doubt else PASSED
    return Result(item, status, trial.doubt, trial.tried, trial.worst, seconds=seconds)


def run_case(subject: Subject, item: Property, case: Case) -> Result:
    """One property on one case."""
    verdict = check(subject, item, case)
    status = FAILED if verdict.failure else UNDECIDED if verdict.doubt else PASSED
    return Result(item, status, verdict.doubt, 1, verdict.worst, verdict.failure, case)


def typical(subject: Subject, seed: int = 0) -> Case:
    """A middling size, tried first: three of everything, but for dims that want more."""
    steps = tuple((axis, subject.delay + 3) for axis in subject.axes)
    return Case(steps, 3, tuple((name, max(least, 2) + 1) for name, least in subject.smallest), seed)


class _Trial:
    """A property's verdicts so far."""

    def __init__(self, subject: Subject, item: Property) -> None:
        self.subject, self.item = subject, item
        self.verdicts: dict[Case, Verdict] = {}
        self.worst, self.doubt, self.tried, self.shrinking = 0.0, "", 0, False

    def fails(self, case: Case, name: str | None = None) -> bool:
        """Whether the property fails there (at the result of this name)."""
        if case not in self.verdicts:
            verdict = self.verdicts[case] = check(self.subject, self.item, case)
            self._note(verdict)
        failure = self.verdicts[case].failure
        return failure is not None and name in (None, failure.name)

    def named(self, case: Case) -> str | None:
        failure = self.verdicts[case].failure
        return failure.name if failure else None

    def _note(self, verdict: Verdict) -> None:
        self.shrinking |= verdict.failure is not None
        if not self.shrinking:
            self.worst = max(self.worst, verdict.worst)
            self.doubt = self.doubt or verdict.doubt
        self.tried += not self.shrinking


def check(subject: Subject, item: Property, case: Case) -> Verdict:
    """A property on one case; what a module raises is a failure too."""
    try:
        with np.errstate(all="ignore"):
            return item.check(subject, case)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return failed("", f"the module raised {type(error).__name__}: {first}")


def _shrunk(trial: _Trial, case: Case) -> Case:
    """Smaller than what is drawn: steps, rows and sizes go down for as long as the same thing fails."""
    name = trial.named(case)
    smaller: Case | None = case
    while smaller is not None:
        case = smaller
        smaller = next((one for one in _smaller(case, trial.subject) if trial.fails(one, name)), None)
    return case


def _smaller(case: Case, subject: Subject) -> Iterator[Case]:
    """Weights as they start, the first seed, and one number less, the large steps first."""
    if case.scale != 1:
        yield replace(case, scale=1.0)
    for rows in _less(case.rows, 1):
        yield replace(case, rows=rows)
    for axis, count in case.steps:
        yield from (case.with_steps(axis, less) for less in _less(count, 1))
    least = dict(subject.smallest)
    for name, count in case.dims:
        for less in _less(count, least[name]):
            yield replace(case, dims=tuple((n, less if n == name else size) for n, size in case.dims))
    if case.seed:
        yield replace(case, seed=0)


def _less(count: int, least: int) -> list[int]:
    return sorted({least, count - 1}) if count > least else []


def _search(trial: _Trial, examples: int, seed: int) -> Case | None:
    """The smallest failing case found, or None."""
    if not examples:
        return None
    import hypothesis
    from hypothesis.errors import NoSuchExample

    from .strategies import cases

    settings = hypothesis.settings(
        max_examples=examples, database=None, deadline=None, derandomize=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )  # fmt: skip
    try:
        found: Case = hypothesis.find(
            cases(trial.subject), trial.fails, settings=settings, random=random.Random(seed)
        )
    except NoSuchExample:
        return None
    return found
