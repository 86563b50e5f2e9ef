"""python -m benchmarks: everything, or a part of it; CONTRIBUTING.md says how it is used."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

THREADS = "RNNC_BENCHMARK_THREADS"  # set in the process that measures
LIBRARIES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NPROC")
XLA_ONE = "--xla_cpu_multi_thread_eigen=false"
CELLS = "vanilla,lstm,gru,lstm_norm_peephole,skip,mingru,lru,attention,bilstm2"
SIZES = "tiny,small,medium,large,long"
PEERS = "O0,hand,torch.nn,torch loop,torch.compile,jax scan,autograd"


def main(words: Sequence[str]) -> int:
    arguments = parser().parse_args(words)
    if THREADS in os.environ:
        return measure(arguments)
    results: list[dict[str, Any]] = []
    for threads in arguments.threads:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "results.json"
            environment = os.environ | dict.fromkeys((THREADS, *LIBRARIES), threads)
            if threads == "1":
                environment["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {XLA_ONE}".strip()
            command = [sys.executable, "-m", "benchmarks", *words, "--out", str(out)]
            status = subprocess.run(command, env=environment).returncode
            if status:
                return status
            results += json.loads(out.read_text(encoding="utf-8"))
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    top.add_argument("--cells", type=chosen(CELLS), default=CELLS.split(","), help=f"of {CELLS}")
    top.add_argument("--sizes", type=chosen(SIZES), default=SIZES.split(","), help=f"of {SIZES}")
    top.add_argument(
        "--peers", type=chosen(PEERS), default=PEERS.split(","), help=f"of {PEERS}; `torch` means all of its"
    )
    top.add_argument(
        "--threads", type=lambda text: text.split(","), default=["1"], metavar="N,…", help="default: 1"
    )
    top.add_argument("--seconds", type=float, default=10.0, help="for each cell and size")
    top.add_argument("--slow", type=float, default=12.0, help="leave out what takes longer for a step")
    top.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: time of this process; for a busy machine and one thread",
    )
    top.add_argument("--out", help=argparse.SUPPRESS)
    return top


def chosen(all_names: str) -> Any:
    """Names out of a list, separated by commas; the first word of a name stands for all that begin with it."""
    names = all_names.split(",")

    def parse(text: str) -> list[str]:
        wanted = [part.strip() for part in text.split(",") if part.strip()]
        unknown = [w for w in wanted if not any(_means(w, name) for name in names)]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {all_names}")
        return [name for name in names if any(_means(w, name) for w in wanted)]

    return parse


def _means(word: str, name: str) -> bool:
    return word == name or name.startswith((word + ".", word + " "))


def measure(arguments: argparse.Namespace) -> int:
    """What the child process does: threads are settled by its environment."""
    from . import training

    threads = os.environ[THREADS]
    limit_threads(int(threads))
    rows = training.measure(
        arguments.cells,
        arguments.sizes,
        ["O2", *arguments.peers],
        arguments.seconds,
        arguments.slow,
        arguments.clock,
    )
    results = [{"part": "training", "threads": int(threads), "rows": rows}]
    Path(arguments.out).write_text(json.dumps(results), encoding="utf-8")
    return 0


def limit_threads(count: int) -> None:
    """What no environment variable does: one core for one thread, where the system can bind a process."""
    from importlib.util import find_spec

    if find_spec("torch"):
        import torch

        torch.set_num_threads(count)
        torch.set_num_interop_threads(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
