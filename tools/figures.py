"""The long figures: random specs, malformed and hostile inputs, mutants, false alarms.

python tools/figures.py --minutes 10              all that has not been done yet, for so long
python tools/figures.py specs malformed           only these
python tools/figures.py torch jax onnx autograd   cells and random specs beside other libraries
python tools/figures.py --table                   writes README.md's table and docs/agreement.md's
python tools/figures.py --again specs:1234        one case by its number, with the traceback
python tools/figures.py --retry specs             all cases that failed, after the compiler was mended

What was done is kept in `.figures/`, a file for each kind, and goes on where it ended. Every case follows
from its number alone, so any failure can be had again."""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from long_runs import CELL, KINDS, PEER_KINDS, Counts  # noqa: E402
from rnnc.runtime.files import write_text  # noqa: E402
from rnnc.spec.cells import library  # noqa: E402

STATE = ROOT / ".figures"
KEPT = 1000  # failures told in full


class Record:
    """What has been counted of one kind. ``next`` is the first batch not yet handed out; ``open`` are those
    handed out and not counted, which an earlier run may have left."""

    def __init__(self, kind: str) -> None:
        self.path, self.versions = STATE / f"{kind}.json", versions(KINDS[kind].packages)
        found = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.next: int = found.get("next", 0)
        self.left: list[int] = found.get("open", [])
        self.open: set[int] = set()
        self.counts: Counts = found.get("counts", {})
        self.failures: list[str] = found.get("failures", [])
        self.seconds: float = found.get("seconds", 0.0)

    def hand_out(self, most: int) -> int | None:
        """A batch to do."""
        if not self.left and self.next >= most:
            return None
        if not self.left:
            self.left, self.next = [self.next], self.next + 1
        number = self.left.pop(0)
        self.open.add(number)
        return number

    def add(self, number: int, counts: Counts, failures: list[str], seconds: float) -> None:
        for key, value in counts.items():
            old = self.counts.get(key, 0)
            self.counts[key] = max(old, value) if key.startswith("worst") else old + value
        self.failures = (self.failures + failures)[:KEPT]
        self.seconds += seconds
        self.open.discard(number)

    def save(self) -> None:
        STATE.mkdir(exist_ok=True)
        content = {
            "date": datetime.date.today().isoformat(),
            "next": self.next,
            "open": sorted(self.open | {*self.left}),
            "counts": self.counts,
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
            "versions": self.versions,
        }
        write_text(self.path, json.dumps(content, indent=1) + "\n")


def versions(packages: str) -> str:
    """Of all of them, by name; nothing where one is not installed."""
    try:
        return ", ".join(f"{package} {version(package)}" for package in packages.split())
    except PackageNotFoundError:
        return ""


def run(kind: str, ends: float, processes: int) -> None:
    """Batch after batch until the time is over or there is no more to do; saved after each."""
    record, packages = Record(kind), KINDS[kind].packages
    if packages and not record.versions:
        need = packages.replace(" ", " and ")
        print(
            f"{kind}: needs {need}, not installed; old figures stay. pip install 'rnnc[bench]' for all peers"
        )
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
        waiting = {pool.submit(_timed, kind, number) for number in _numbers(record, kind, processes, ends)}
        while waiting:
            done, waiting = concurrent.futures.wait(waiting, return_when="FIRST_COMPLETED")
            for future in done:
                record.add(*future.result())
            waiting |= {pool.submit(_timed, kind, n) for n in _numbers(record, kind, len(done), ends)}
            record.save()
    print(f"{kind}: {record.counts}")
    for failure in record.failures:
        print("  " + failure.replace("\n", "\n  "))


def _numbers(record: Record, kind: str, count: int, ends: float) -> Iterator[int]:
    """The next batches, while there is time and something left."""
    for _ in range(count):
        number = record.hand_out(KINDS[kind].batches) if time.monotonic() < ends else None
        if number is not None:
            yield number


def _timed(kind: str, number: int) -> tuple[int, Counts, list[str], float]:
    began = time.process_time()
    counts, failures = KINDS[kind].batch(number)
    return number, counts, failures, time.process_time() - began


def retry(kind: str) -> None:
    """Cases that failed and hold now are failures no more, but stay counted as mended."""
    record = Record(kind)
    still = [told for told in record.failures if not KINDS[kind].again(int(told.partition(":")[0]))]
    mended = len(record.failures) - len(still)
    record.counts["mended"] = record.counts.get("mended", 0) + mended
    record.counts["failures"] -= mended
    record.failures = still
    record.save()
    print(f"{kind}: {mended} hold now, {len(still)} do not")


# ---------------------------------------------------------------------------------------- README

BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


PAGE = ROOT / "docs" / "agreement.md"
Rows = list[list[str]]


def figures() -> tuple[str, Rows]:
    """What has been counted here, and until when."""
    rows, dates = [["what", "how many", "of these"]], []
    for name, kind in KINDS.items():
        if found := counted(name):
            dates.append(found["date"])
            beside = f"; {found['versions']}" if found.get("versions") else ""
            rows += [[*row[:2], row[2] + beside] for row in kind.rows(found["counts"])]
    day = max(dates, default="")
    return f"Counted by `tools/figures.py` up to {day}; every case follows from its number, from 0 on.", rows


def agreement() -> Rows:
    """Every cell beside every library; blank where it was not counted here."""
    found = [counted(kind) for kind in PEER_KINDS]
    heads = [f"{one['versions']}, {one['date']}" if one else "" for one in found]
    cells = [
        [f"{one['counts'][CELL + name]:.2g}" if one and CELL + name in one["counts"] else "" for one in found]
        for name in library()
    ]
    return [["cell", *heads], *([f"`{name}`", *row] for name, row in zip(library(), cells))]


def counted(kind: str) -> dict[str, Any]:
    path = STATE / f"{kind}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found if found.get("counts") else {}


def merged(old: Rows, new: Rows) -> Rows:
    """Rows by their first cell. What is blank now, or is not there, stays as it was."""
    found = {row[0]: row for row in old}
    for row in new:
        before = found.get(row[0], [""] * len(row))
        found[row[0]] = [cell or was for cell, was in zip(row, before)]
    return list(found.values())


def write_table(page: Path, new: Rows, said: str = "") -> None:
    """Between the markers of a page, over what stood there; nothing where nothing was counted here."""
    if not any(any(row[1:]) for row in new[1:]):
        return
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    lines = [line for line in inside.splitlines() if line.startswith("| ")]
    old = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    head, *rows = merged(old, new)
    text = "".join(f"| {' | '.join(row)} |\n" for row in [head, *rows])
    top, _, body = text.partition("\n")
    rule = "|" + "---|" * len(head)
    words = f"{said}\n\n" if said else ""
    write_text(page, f"{before}{BEGIN}{words}{top}\n{rule}\n{body}{END}{after}")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument(
        "--minutes", type=float, default=5.0, metavar="N", help="for all together (default 5)"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="P")
    parser.add_argument("--table", action="store_true", help="write the tables and do nothing else")
    parser.add_argument("--again", metavar="KIND:NUMBER", help="one case again")
    parser.add_argument(
        "--retry", metavar="KIND", help="what failed, once more: what holds now is counted as well"
    )
    arguments = parser.parse_args(words)
    unknown = [kind for kind in arguments.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"there is no kind {unknown[0]}; there are {', '.join(KINDS)}")
    if arguments.table:
        said, rows = figures()
        write_table(ROOT / "README.md", rows, said)
        write_table(PAGE, agreement())
    elif arguments.again:
        kind, _, number = arguments.again.partition(":")
        return int(not KINDS[kind].again(int(number)))
    elif arguments.retry:
        retry(arguments.retry)
    else:
        os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        kinds = arguments.kinds or [*KINDS]
        for place, kind in enumerate(kinds):
            left = arguments.minutes * 60 * (place + 1) / len(kinds)
            run(kind, START + left, arguments.processes)
    return 0


START = time.monotonic()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
