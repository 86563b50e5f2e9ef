"""What `tools/figures.py` counts, batch by batch: each kind is a function from a batch's number to counts.

A batch depends on its number alone. What fails is told with the number that brings it back."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import mutate
from damage import SMALL, outcome
from generate import labels_of, specification
from oracles import Subject
from rnnc.spec.diagnostics import SpecError
from wordings import check_some

Counts = dict[str, float]
Found = tuple[Counts, list[str]]


@dataclass(frozen=True)
class Kind:
    """``rows`` are lines of the README's table: what, how many, of these."""

    batches: int
    batch: Callable[[int], Found]
    rows: Callable[[Counts], list[tuple[str, str, str]]]
    again: Callable[[int], None]


def told(number: int, error: BaseException) -> str:
    return f"{number}: {type(error).__name__}: {str(error)[:500]}"


# ------------------------------------------------------------------------------------ random specs

SPECS_IN_A_BATCH = 20


def random_subject(seed: int) -> Subject:
    text = specification(seed)
    return Subject(text, seed, labels=labels_of(text))


def random_specs(number: int) -> Found:
    """Compiled at both levels, executed, held against the oracles."""
    counts: Counts = dict.fromkeys(("specs", "refused", "mismatches", "gradients", "worst"), 0)
    failures = []
    for seed in range(number * SPECS_IN_A_BATCH, (number + 1) * SPECS_IN_A_BATCH):
        counts["specs"] += 1
        try:
            subject = random_subject(seed)
        except SpecError as error:
            counts["refused"] += 1
            failures.append(told(seed, error))
            continue
        except Exception as error:
            counts["mismatches"] += 1
            failures.append(told(seed, error))
            continue
        try:
            check_some(subject)
        except Exception as error:
            counts["mismatches"] += 1
            failures.append(told(seed, error))
        counts["gradients"] += subject.directions
        counts["worst"] = max(counts["worst"], subject.worst)
    return counts, failures


def spec_again(seed: int) -> None:
    print(specification(seed))
    check_some(random_subject(seed))


def spec_rows(counts: Counts) -> list[tuple[str, str, str]]:
    return [
        (
            "random specs compiled at `-O0` and `-O2` and executed",
            f"{counts['specs'] - counts['refused']:,.0f}",
            f"{counts['mismatches']:,.0f} mismatches",
        ),
        (
            "their gradients by complex step",
            f"{counts['gradients']:,.0f}",
            f"largest difference {counts['worst']:.2g} of what is tolerated",
        ),
    ]


# -------------------------------------------------------------------------------- malformed inputs

INPUTS_IN_A_BATCH = 1000
WHOLE = 50  # every so many goes through the whole compiler


def damaged(number: int) -> list[bytes]:
    return list(mutate.mutants(SMALL, INPUTS_IN_A_BATCH, seed=number))


def malformed(number: int) -> Found:
    """Checked; a diagnostic with a place, or a program; never a traceback, never more than a second."""
    counts: Counts = dict.fromkeys(("inputs", "diagnostics", "module", "tracebacks", "slow", "worst"), 0)
    failures = []
    for place, data in enumerate(damaged(number)):
        began = time.process_time()
        counts["inputs"] += 1
        try:
            counts[outcome(data, whole=place % WHOLE == 0)] += 1
        except Exception as error:
            counts["tracebacks"] += 1
            failures.append(told(number * INPUTS_IN_A_BATCH + place, error))
        seconds = time.process_time() - began
        counts["worst"] = max(counts["worst"], seconds)
        if seconds > 1:
            counts["slow"] += 1
            failures.append(f"{number * INPUTS_IN_A_BATCH + place}: {seconds:.1f} s")
    return counts, failures


def malformed_again(number: int) -> None:
    data = damaged(number // INPUTS_IN_A_BATCH)[number % INPUTS_IN_A_BATCH]
    print(data.decode("utf-8", "backslashreplace"))
    print(outcome(data, whole=number % INPUTS_IN_A_BATCH % WHOLE == 0))


def malformed_rows(counts: Counts) -> list[tuple[str, str, str]]:
    found = f"{counts['tracebacks']:,.0f} tracebacks, {counts['slow']:,.0f} over one second"
    return [("malformed inputs", f"{counts['inputs']:,.0f}", found)]


def trace(run: Callable[[int], None], number: int) -> None:
    """One case again, with its traceback."""
    try:
        run(number)
    except Exception:
        traceback.print_exc()


KINDS = {
    "specs": Kind(20_000 // SPECS_IN_A_BATCH, random_specs, spec_rows, lambda n: trace(spec_again, n)),
    "malformed": Kind(
        1_000_000 // INPUTS_IN_A_BATCH, malformed, malformed_rows, lambda n: trace(malformed_again, n)
    ),
}
