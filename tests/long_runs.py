"""What `tools/figures.py` counts, batch by batch: each kind is a function from a batch's number to counts.

A batch depends on its number alone. What fails is told with the number that brings it back."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import all_mutants
import cell_peers
import mutate
import numpy as np
import test_hostile
from damage import SMALL, outcome
from generate import labels_of, specification
from oracles import Subject
from right_models import MODELS, alarms, right
from rnnc.benching import largest
from rnnc.runtime.properties.table import PROPERTIES
from rnnc.spec.cells import library
from wordings import check_some

warnings.simplefilter("error", np.exceptions.ComplexWarning)  # as in the tests

Counts = dict[str, float]
Found = tuple[Counts, list[str]]


@dataclass(frozen=True)
class Kind:
    """``rows`` are lines of the README's table: what, how many, of these. ``packages``: what has to be installed."""

    batches: int
    batch: Callable[[int], Found]
    rows: Callable[[Counts], list[tuple[str, str, str]]]
    again: Callable[[int], bool]
    packages: str = ""


def told(number: int, error: BaseException) -> str:
    return f"{number}: {type(error).__name__}: {str(error)[:500]}"


# ------------------------------------------------------------------------------------ random specs

SPECS_IN_A_BATCH = 20


def random_subject(seed: int) -> Subject:
    text = specification(seed)
    return Subject(text, seed, labels=labels_of(text))


def random_specs(number: int) -> Found:
    """Compiled at both levels, executed, held against the oracles."""
    counts: Counts = dict.fromkeys(("specs", "failures", "gradients", "worst"), 0)
    failures = []
    for seed in range(number * SPECS_IN_A_BATCH, (number + 1) * SPECS_IN_A_BATCH):
        counts["specs"] += 1
        try:
            subject = random_subject(seed)
            check_some(subject)
        except Exception as error:
            counts["failures"] += 1
            failures.append(told(seed, error))
            continue
        counts["gradients"] += subject.directions
        counts["worst"] = max(counts["worst"], subject.worst)
    return counts, failures


def spec_again(seed: int) -> bool:
    print(specification(seed))
    return holds(lambda: check_some(random_subject(seed)))


def spec_rows(counts: Counts) -> list[tuple[str, str, str]]:
    mended = f"; {counts['mended']:,.0f} found on the way, mended, run again" if counts.get("mended") else ""
    return [
        (
            "random specs compiled at `-O0` and `-O2`, executed, held against the oracles",
            f"{counts['specs']:,.0f}",
            f"{counts['failures']:,.0f} mismatches{mended}",
        ),
        (
            "their gradients against complex steps",
            f"{counts['gradients']:,.0f}",
            f"0 failures; largest difference {counts['worst']:.2g} of what is tolerated",
        ),
    ]


# -------------------------------------------------------------------------------- malformed inputs

INPUTS_IN_A_BATCH = 1000
WHOLE = 50  # every so many goes through the whole compiler


def damaged(number: int) -> list[bytes]:
    return list(mutate.mutants(SMALL, INPUTS_IN_A_BATCH, seed=number))


def malformed(number: int) -> Found:
    """Checked; a diagnostic with a place, or a program; never a traceback, never more than a second."""
    counts: Counts = dict.fromkeys(
        ("inputs", "diagnostics", "module", "tracebacks", "slow", "failures", "worst"), 0
    )
    failures = []
    for place, data in enumerate(damaged(number)):
        began = time.process_time()
        counts["inputs"] += 1
        case = number * INPUTS_IN_A_BATCH + place
        try:
            counts[outcome(data, whole=place % WHOLE == 0)] += 1
        except Exception as error:
            counts["tracebacks"] += 1
            failures.append(told(case, error))
        seconds = time.process_time() - began
        counts["worst"] = max(counts["worst"], seconds)
        if seconds > 1:
            counts["slow"] += 1
            failures.append(f"{case}: {seconds:.1f} s")
    return {**counts, "failures": len(failures)}, failures


def malformed_again(number: int) -> bool:
    data = damaged(number // INPUTS_IN_A_BATCH)[number % INPUTS_IN_A_BATCH]
    print(data.decode("utf-8", "backslashreplace"))
    return holds(lambda: outcome(data, whole=number % INPUTS_IN_A_BATCH % WHOLE == 0))


def malformed_rows(counts: Counts) -> list[tuple[str, str, str]]:
    found = f"{counts['tracebacks']:,.0f} tracebacks, {counts['slow']:,.0f} over one second"
    return [("malformed inputs", f"{counts['inputs']:,.0f}", found)]


# ------------------------------------------------------------------------------------------ mutants

MUTANT_BATCHES = 40


def mutants(number: int) -> Found:
    """Every fortieth slip in rules, adjoints, schedules and fast plans."""
    found = all_mutants.verdicts(number, MUTANT_BATCHES)
    alive = [
        f"{name}: {verdict}"
        for name, verdict in found
        if verdict not in (all_mutants.KILLED, all_mutants.NAMED)
    ]
    named = sum(verdict == all_mutants.NAMED for _, verdict in found)
    counts: Counts = {"mutants": len(found), "equivalent": named, "killed": len(found) - named - len(alive)}
    return {**counts, "failures": len(alive)}, alive


def mutants_again(number: int) -> bool:
    found = all_mutants.verdicts(number, len(all_mutants.cases()))
    print(*(" ".join(verdict) for verdict in found))
    return all(verdict in (all_mutants.KILLED, all_mutants.NAMED) for _, verdict in found)


def mutant_rows(counts: Counts) -> list[tuple[str, str, str]]:
    killed, equivalent = f"{counts['killed']:,.0f} killed", f"{counts['equivalent']:,.0f} equivalent, by name"
    return [
        (
            "slips in derivative rules, adjoint systems, schedules, buffers and masks of `-O2`",
            f"{counts['mutants']:,.0f}",
            f"{killed}, {equivalent}, {counts['failures']:,.0f} survived",
        )
    ]


# ------------------------------------------------------------------------------------------ hostile


def hostile(number: int) -> Found:
    """Every spec of the corpus compiled, and its module run, while Python tells of all that is executed."""
    files = [path for path in test_hostile.FILES if path.parent.name != "structure"]
    command = [sys.executable, "-W", "ignore", "-c", test_hostile.WATCH, *map(str, files)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        left = os.listdir(folder)
    executed = done.stdout.splitlines() + left + ([done.stderr] if done.returncode else [])
    return {"inputs": len(files), "executed": len(executed), "failures": len(executed)}, executed


def hostile_again(number: int) -> bool:
    counts, executed = hostile(number)
    print(*executed, sep="\n")
    return not executed


def hostile_rows(counts: Counts) -> list[tuple[str, str, str]]:
    return [
        ("hostile specs, watched", f"{counts['inputs']:,.0f}", f"{counts['executed']:,.0f} executed anything")
    ]


# ------------------------------------------------------------------------------- cells beside a peer

CELL = "worst "  # before a cell's name: the key of its largest difference


def cells_beside(peer: str, computed: str) -> Kind:
    """A batch is a cell of the library."""

    def batch(number: int) -> Found:
        name = library()[number]
        counts: Counts = {"cells": 1, "failures": 0}
        try:
            worst, what = max((size, what) for what, size in cell_peers.differences(name, peer).items())
        except Exception as error:
            return {**counts, "failures": 1}, [told(number, error)]
        counts[CELL + name] = worst
        if worst <= cell_peers.TOLERANCE:
            return counts, []
        return {**counts, "failures": 1}, [f"{number}: {name}: {what} differs by {worst:.1e}"]

    def again(number: int) -> bool:
        name = library()[number]
        for what, size in cell_peers.differences(name, peer).items():
            print(f"{name}: {what}: {size:.1e}")
        return batch(number)[0]["failures"] == 0

    def rows(counts: Counts) -> list[tuple[str, str, str]]:
        worst, key = max((value, key) for key, value in counts.items() if key.startswith(CELL))
        found = f"{counts['failures']:,.0f} differ; at most by {worst:.1e} (`{key.removeprefix(CELL)}`)"
        return [(f"cells of the library beside {peer}: {computed}", f"{counts['cells']:,.0f}", found)]

    return Kind(len(library()), batch, rows, again, cell_peers.PEERS[peer][0])


# ------------------------------------------------------------------------------------ right modules

RUNS = 500
EXAMPLES = 3  # cases of each property in a run: one typical, two random, saturated every third time


def quiet(number: int) -> Found:
    """Every property of one right module: nothing may fail, and nothing be left open."""
    name, seed = list(MODELS)[number % len(MODELS)], number // len(MODELS)
    found = "; ".join(
        f"{a.property.name} {a.status} {a.reason} {a.failure} {a.case}"
        for a in alarms(name, seed, EXAMPLES, apart=seed == 0)
    )
    properties = sum(item.applies(right(name)) is None for item in PROPERTIES)
    failed = [f"{number}: {name}, seed {seed}: {found}"] if found else []
    return {"runs": 1, "properties": properties, "failures": len(failed)}, failed


def quiet_again(number: int) -> bool:
    _, found = quiet(number)
    print(*found, sep="\n")
    return not found


def quiet_rows(counts: Counts) -> list[tuple[str, str, str]]:
    mended = f"; {counts['mended']:,.0f} found on the way, mended, run again" if counts.get("mended") else ""
    found = f"{counts['properties']:,.0f} properties; {counts['failures']:,.0f} false alarms{mended}"
    return [
        (
            "runs of `rnnc test` on right modules, three cases of each property",
            f"{counts['runs']:,.0f}",
            found,
        )
    ]


def random_specs_by_torch(number: int) -> Found:
    counts: Counts = dict.fromkeys(("specs", "failures", "worst"), 0)
    failures = []
    for seed in range(number * SPECS_IN_A_BATCH, (number + 1) * SPECS_IN_A_BATCH):
        counts["specs"] += 1
        try:
            worst, what = largest(cell_peers.random_differences(seed))
        except Exception as error:
            failures.append(told(seed, error))
            continue
        if worst <= RANDOM_TOLERANCE:
            counts["worst"] = max(counts["worst"], worst)
        else:
            failures.append(f"{seed}: {what} differs by {worst:.1e}")
    return {**counts, "failures": len(failures)}, failures


RANDOM_TOLERANCE = 1e-9


def by_torch_again(seed: int) -> bool:
    print(specification(seed))
    worst, what = largest(cell_peers.random_differences(seed))
    print(f"{what} differs by {worst:.1e}")
    return worst <= RANDOM_TOLERANCE


def by_torch_rows(counts: Counts) -> list[tuple[str, str, str]]:
    mended = f"; {counts['mended']:,.0f} found on the way, mended, run again" if counts.get("mended") else ""
    found = f"{counts['failures']:,.0f} differ; the others at most by {counts['worst']:.1e}{mended}"
    return [("random specs beside PyTorch, which differentiates by itself", f"{counts['specs']:,.0f}", found)]


def holds(run: Callable[[], object]) -> bool:
    """Whether nothing is raised; the traceback is shown."""
    try:
        run()
    except Exception:
        traceback.print_exc()
        return False
    return True


PEER_KINDS = {
    "torch": cells_beside("PyTorch", "outputs, loss, all gradients"),
    "jax": cells_beside("JAX", "outputs, loss, all gradients"),
    "onnx": cells_beside("ONNX Runtime", "outputs, loss"),
}
KINDS = {
    "specs": Kind(24_000 // SPECS_IN_A_BATCH, random_specs, spec_rows, spec_again),
    "mutants": Kind(MUTANT_BATCHES, mutants, mutant_rows, mutants_again),
    "alarms": Kind(RUNS, quiet, quiet_rows, quiet_again),
    "hostile": Kind(1, hostile, hostile_rows, hostile_again),
    **PEER_KINDS,
    "autograd": Kind(2000 // SPECS_IN_A_BATCH, random_specs_by_torch, by_torch_rows, by_torch_again, "torch"),
    "malformed": Kind(1_000_000 // INPUTS_IN_A_BATCH, malformed, malformed_rows, malformed_again),
}
