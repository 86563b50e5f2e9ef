"""Properties tried on cases that Hypothesis draws; what fails is shrunk."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

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
    return [run_one(subject, item, examples, seed) for item in properties]


def run_one(subject: Subject, item: Property, examples: int = 10, seed: int = 0) -> Result:
    """One property on so many cases; the first failure is shrunk and reported."""
    began = time.perf_counter()
    reason = item.applies(subject)
    if reason is not None:
        return Result(item, NOT_APPLICABLE, reason)
    trial = _Trial(subject, item)
    usual, case = typical(subject, seed), None
    if trial.fails(usual):
        case = _search(trial, SMALLER, seed) or usual
    elif not item.once:
        case = _search(trial, examples - 1, seed)
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

    def fails(self, case: Case) -> bool:
        if case not in self.verdicts:
            verdict = self.verdicts[case] = check(self.subject, self.item, case)
            self._note(verdict)
        return self.verdicts[case].failure is not None

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
