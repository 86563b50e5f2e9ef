"""``rnnc bench``: times a spec's module, beside its own equations in other libraries."""

from __future__ import annotations

import argparse
import os
import sys

from .. import api
from ..compiler.driver import Compiled
from ..failure import FINE, WRONG, Failure
from ..terminal import show_diagnostics
from .options import add_compile_options, at_least_zero, compile_options, whole

STEPS, ROWS, SECONDS = 100, 16, 2.0
KNOWN = ("torch", "jax")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn", help="`-` is standard input")
    command.add_argument("--against", type=peers, default=[], metavar="A,…",
                         help=f"run the equations by these too: {', '.join(KNOWN)}")  # fmt: skip
    command.add_argument("--batch", type=whole(1), default=ROWS, metavar="B",
                         help=f"how many sequences (default {ROWS})")  # fmt: skip
    command.add_argument("--steps", type=steps, default=[("", STEPS)], metavar="N",
                         help=f"how many steps; `100,U=20` where axes differ (default {STEPS})")  # fmt: skip
    command.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    command.add_argument("--seconds", type=at_least_zero, default=SECONDS, metavar="S",
                         help=f"for each line of the table (default {SECONDS:g})")  # fmt: skip
    command.add_argument("--seed", type=whole(0), default=0, help="of starting weights and data")
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    # XLA reads it when it is imported.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    from ..benching import bench
    from ..measured import Measured

    compiled = api.compile_file(arguments.spec, compile_options(arguments))
    show_diagnostics(compiled.warnings)
    lengths = _lengths(compiled, arguments.steps)
    measured = Measured(compiled, lengths, arguments.batch, arguments.dtype, arguments.seed)
    found = bench(compiled, measured, arguments.against, arguments.seconds)
    sys.stdout.write(str(found))
    return WRONG if found.wrong or found.unable else FINE


def _lengths(compiled: Compiled, wanted: list[tuple[str, int]]) -> dict[str, int]:
    """By axis; what is named is its length (``T``) or its index (``t``)."""
    axes = {axis.index: axis.length for axis in compiled.program.forward.axes if axis.length}
    found = dict.fromkeys(axes, next((count for name, count in wanted if not name), STEPS))
    for name, count in wanted:
        named = [axis for axis, length in axes.items() if name in (axis, length)]
        if name and not named:
            raise Failure(f"--steps {name}={count}: the lengths are {', '.join(axes.values()) or 'none'}")
        found.update(dict.fromkeys(named, count))
    return found


def peers(text: str) -> list[str]:
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in KNOWN:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(KNOWN)}, got {name!r}")
    return names


def steps(text: str) -> list[tuple[str, int]]:
    """``100``, ``U=20`` or both."""
    found = []
    for part in text.split(","):
        name, _, count = part.strip().rpartition("=")
        found.append((name.strip(), whole(1)(count.strip())))
    return found
