"""Times compiled modules beside other ways to run the same equations.

python -m benchmarks --quick --write     training beside the fast peers, streaming, by hand, calls: nine minutes
python -m benchmarks --write             every table for one thread, twenty minutes
python -m benchmarks --cells lstm --sizes small --peers torch --seconds 20
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import threads

CELLS = "vanilla,lstm,gru,lstm_norm_peephole,skip,mingru,lru,linear,attention,bilstm2"
SIZES = "tiny,small,medium,large,long"
PEERS = "O0,hand,torch.nn,torch loop,torch.compile,jax scan,jax associative,autograd"
PARTS = "training,streaming,lengths,batches,ragged,ablation,hand,calls,compiling"
QUICK_PEERS = "hand,torch.nn,torch loop,jax scan,jax associative"
QUICK_PARTS = "training,streaming,hand,calls"


def main(words: Sequence[str]) -> int:
    arguments = parser().parse_args(words)
    if arguments.here:
        return measure(arguments)
    command = [sys.executable, "-m", "benchmarks", *words, "--here"]
    statuses = [subprocess.run(command, env=threads.environment(n)).returncode for n in arguments.threads]
    return max(statuses)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, known in (("cells", CELLS), ("sizes", SIZES), ("peers", PEERS), ("parts", PARTS)):
        top.add_argument(f"--{name}", type=chosen(known), metavar="A,…", help=f"of {known}")
    top.add_argument("--threads", type=counts, default=[1], metavar="N,…", help="default: 1")
    top.add_argument(
        "--seconds", type=float, help="for each row of a table (default: 3, quick 2)", default=None
    )
    top.add_argument("--slow", type=float, default=6.0,
                     help="a step that takes longer is not repeated (default: 6 s)")  # fmt: skip
    top.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                     help="cpu: the time of this process alone, for a busy machine and one thread")  # fmt: skip
    top.add_argument("--quick", action="store_true",
                     help=f"only {QUICK_PARTS}, beside {QUICK_PEERS}, unless told otherwise; "
                          "with several threads so, and training alone")  # fmt: skip
    top.add_argument(
        "--write", action="store_true", help="put the tables and the picture into benchmarks/README.md"
    )
    top.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in a process of its own
    return top


def counts(text: str) -> list[int]:
    found = [int(part) for part in text.split(",") if part.isdecimal() and int(part)]
    if not found or len(found) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"expected numbers of threads like 1,2, got {text!r}")
    return found


def chosen(known: str) -> Callable[[str], list[str]]:
    """Names out of a list, separated by commas; the first word of a name stands for all that begin with it."""
    names = known.split(",")

    def parse(text: str) -> list[str]:
        wanted = [part.strip() for part in text.split(",") if part.strip()]
        unknown = [word for word in wanted if not any(_means(word, name) for name in names)]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {known}")
        return [name for name in names if any(_means(word, name) for word in wanted)]

    return parse


def _means(word: str, name: str) -> bool:
    return name == word or name.startswith((f"{word}.", f"{word} "))


def measure(arguments: argparse.Namespace) -> int:
    """What the process does that measures: its environment has settled the number of threads."""
    from rnnc.machine import measure_peaks

    from .contenders import Disagreement
    from .page import write

    threads.settle()
    several = threads.count() > 1
    quick = arguments.quick or several
    parts = arguments.parts or ("training" if several else QUICK_PARTS if quick else PARTS).split(",")
    peaks = measure_peaks()
    print(f"{threads.count()} thread(s); at best {peaks}", flush=True)
    head = {"threads": threads.count(), "clock": arguments.clock, "peaks": str(peaks)}
    try:
        for part in parts:
            begin = time.perf_counter()
            rows = _rows(part, arguments, quick, peaks)
            print(f"-- {part} took {time.perf_counter() - begin:.0f} s", flush=True)
            if arguments.write and rows:
                write({"part": part, **head, "rows": rows})
    except Disagreement as error:
        print(f"no more is timed: {error}", file=sys.stderr)
        return 1
    return 0


def _rows(part: str, arguments: argparse.Namespace, quick: bool, peaks: Any) -> list[dict[str, Any]]:
    from . import ablation, batches, by_hand, calls, compiling, lengths, ragged, streaming, training

    cells = arguments.cells or CELLS.split(",")
    sizes = arguments.sizes or SIZES.split(",")
    names = ["O2", *(arguments.peers or (QUICK_PEERS if quick else PEERS).split(","))]
    seconds = arguments.seconds or (2.0 if quick else 3.0)
    slow, clock = arguments.slow, arguments.clock
    print(f"-- {part}", flush=True)
    if part == "training":
        chosen = bool(arguments.peers)
        return training.measure(cells, sizes, names, seconds, slow, clock, peaks, everywhere=chosen)
    if part == "streaming":
        return streaming.measure(cells, seconds / 3, clock)
    if part == "lengths":
        return lengths.measure(["O2", "checkpoint", *(n for n in names if n in lengths.BESIDE)], clock)
    if part == "batches":
        return batches.measure([n for n in names if n in ("O2", *batches.BESIDE)], seconds, slow, clock)
    if part == "ragged":
        return ragged.measure(cells, seconds, clock)
    if part == "calls":
        told = arguments.cells or arguments.sizes
        cases = [(cell, size) for cell in cells for size in sizes] if told else calls.CASES
        return calls.measure(cases, seconds, clock)
    if part == "hand":
        return by_hand.measure(cells, sizes, seconds, clock)
    if part == "compiling":
        return compiling.measure()
    return ablation.measure(cells, sizes, seconds, clock)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
