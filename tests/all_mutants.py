"""Every mutant of derivative rules, adjoint systems, schedules and fast plans as one numbered list, each with its
verdict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container
from functools import cache, partial
from itertools import islice

import numpy as np
import plan_mutants
import rule_mutants
import system_mutants
from oracles import Subject
from rnnc.compiler.differentiate import differentiate
from systems import CASES, leaves

Case = tuple[str, Callable[[], str]]
KILLED, NAMED = "killed", "equivalent, by name"
NO_SLIP = "same"


@cache
def cases() -> tuple[Case, ...]:
    """What each mutant is, and how to have its verdict."""
    found: list[Case] = [(str(m), partial(_rule, m)) for m in rule_mutants.mutants()]
    for case in CASES:
        for slip in system_mutants.slips(differentiate(case.system, leaves(case.system))):
            found.append((f"{case.name}: {slip.name}", partial(_system, case, slip)))
    for disorder in system_mutants.all_disorders():
        found.append((f"schedule: {disorder.name}", partial(_schedule, disorder)))
    for mutant in plan_mutants.mutants():
        found.append((f"-O2 plan: {mutant}", partial(_plan, mutant)))
    return tuple(found)


def verdicts(start: int, step: int) -> list[tuple[str, str]]:
    """Of every so many mutants from one on: what it is, and whether it was noticed. What prints the right module,
    letter by letter, is none."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [(name, judge()) for name, judge in islice(cases(), start, None, step)]
    return [(name, verdict) for name, verdict in found if verdict != NO_SLIP]


def _rule(mutant: rule_mutants.Mutant) -> str:
    if rule_mutants.killed(mutant):
        return KILLED
    return NAMED if rule_mutants.equivalent(mutant) else "survived"


def _system(case: system_mutants.Case, slip: system_mutants.Slip) -> str:
    outcome = system_mutants.adjoint_outcome(case, slip)
    return _named(outcome, (case.name, slip.name))


@cache
def _subject() -> Subject:
    return Subject(system_mutants.SCHEDULED, 3)


def _schedule(disorder: system_mutants.Disorder) -> str:
    return _named(system_mutants.schedule_outcome(_subject(), disorder), ("schedule", disorder.name))


def _plan(mutant: plan_mutants.Mutant) -> str:
    return _named(plan_mutants.outcome(mutant), plan_mutants.plain(mutant), plan_mutants.EQUIVALENT)


def _named(
    outcome: str, key: str | tuple[str, str], named: Container[object] = system_mutants.EQUIVALENT
) -> str:
    """A mutant that changes nothing counts as equivalent only where its name and the reason are written down."""
    if outcome != "equivalent":
        return outcome
    return NAMED if key in named else "changes nothing, and nobody has said why"
