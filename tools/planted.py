"""How sharp `rnnc test` is: faults planted in compiled modules that it catches, and mutants of a printed backward
pass that it catches. How quiet it is about modules that are right, `tools/figures.py alarms` counts.

    python tools/planted.py                # all faults, all mutants: some minutes
    python tools/planted.py --mutants-every 10
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import backward_mutants
import planted
from rnnc.runtime.properties.run import FAILED, run_one
from rnnc.runtime.properties.table import PROPERTIES


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants-every", type=int, default=1, metavar="K", help="only every K-th mutant")
    arguments = parser.parse_args()
    return 1 if faults() + mutants(arguments.mutants_every) else 0


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


if __name__ == "__main__":
    sys.exit(main())
