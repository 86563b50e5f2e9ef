"""How sharp and how quiet `rnnc test` is: faults planted in compiled modules that it catches, mutants of a printed
backward pass that it catches, and alarms about modules that are right.

    python tools/planted.py                # all faults, all mutants, 500 runs on right modules: some minutes
    python tools/planted.py --runs 50 --mutants-every 10
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import backward_mutants
import planted
from right_models import MODELS, alarms
from rnnc.runtime.properties.run import FAILED, run_one
from rnnc.runtime.properties.table import PROPERTIES

EXAMPLES = 3  # cases of each property in a run on a right module: one typical, two random


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500, help="runs on right modules")
    parser.add_argument("--seed", type=int, default=0, help="the first of their seeds")
    parser.add_argument("--mutants-every", type=int, default=1, metavar="K", help="only every K-th mutant")
    arguments = parser.parse_args()
    bad = faults() + mutants(arguments.mutants_every) + false_alarms(arguments.runs, arguments.seed)
    return 1 if bad else 0


def faults() -> int:
    by_name = {item.name: item for item in PROPERTIES}
    missed = []
    for fault in planted.FAULTS:
        if run_one(planted.planted(fault), by_name[fault.property], shrink=False).status != FAILED:
            missed.append(fault)
            print(f"  missed: {fault.name} ({fault.property})", flush=True)
    count = len(planted.FAULTS)
    print(
        f"planted faults: {count}, caught by the property meant for each: {count - len(missed)}", flush=True
    )
    return len(missed)


def mutants(every: int) -> int:
    subject = planted.planted(planted.Fault("none", "gradient", level=0))
    found = list(backward_mutants.mutants(subject.module))[::every]
    fates: Counter[str] = Counter()
    for mutant in found:
        fate = backward_mutants.fate(subject, mutant)
        fates[fate] += 1
        if fate == "missed":
            print(f"  missed: {mutant.name}", flush=True)
    print(f"mutants of a backward pass: {len(found)}, equivalent: {fates['equivalent']}, "
          f"caught by `gradient`: {fates['caught']}, missed: {fates['missed']}", flush=True)  # fmt: skip
    return fates["missed"]


def false_alarms(runs: int, first: int) -> int:
    began, found = time.perf_counter(), 0
    for run in range(runs):
        name, seed = list(MODELS)[run % len(MODELS)], first + run // len(MODELS)
        for result in alarms(name, seed, EXAMPLES, apart=seed == first):
            found += 1
            print(f"  alarm: {name}, seed {seed}: {result.property.name} {result.status} {result.reason} "
                  f"{result.failure} {result.case}", flush=True)  # fmt: skip
    seconds = time.perf_counter() - began
    print(f"runs on right modules: {runs}, of {len(PROPERTIES)} properties each; false alarms: {found} "
          f"({seconds:.0f} s)", flush=True)  # fmt: skip
    return found


if __name__ == "__main__":
    sys.exit(main())
