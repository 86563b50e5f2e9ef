"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from ..compiler.driver import Options
from ..compiler.passes import NAMES


def add_compile_options(command: argparse.ArgumentParser) -> None:
    """What every command that compiles takes."""
    group = command.add_argument_group("how to compile")
    group.add_argument("--dim", action="append", default=[], type=dim, metavar="NAME=N",
                       help="a dim's value instead of the spec's (may be repeated)")  # fmt: skip
    group.add_argument("-O", dest="level", type=int, choices=(0, 2), default=2,
                       help="0: textbook code, one statement per equation; 2: fast (default)")  # fmt: skip
    group.add_argument("--skip", action="append", default=[], choices=NAMES, metavar="PASS",
                       help=f"leave out a pass ({', '.join(NAMES)})")  # fmt: skip


def compile_options(arguments: argparse.Namespace) -> Options:
    return Options(
        level=arguments.level,
        dims=dict(arguments.dim),
        unroll=getattr(arguments, "unroll", None),
        skip=frozenset(arguments.skip),
    )


def dim(text: str) -> tuple[str, int]:
    """``n=64``."""
    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not _digits(value):
        raise argparse.ArgumentTypeError(f"expected NAME=N like hidden=64, got {text!r}")
    return name, int(value)


def whole(least: int) -> Callable[[str], int]:
    """A whole number, not below `least`."""

    def parse(text: str) -> int:
        if not _digits(text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
        return int(text)

    return parse


def at_least_zero(text: str) -> float:
    """A number that is neither negative, infinite nor NaN."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value >= 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expected a number from 0 up, got {text!r}")
    return value


def probability(text: str) -> float:
    """A number above 0, 1 at most."""
    value = at_least_zero(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a probability above 0, got {text!r}")
    return value


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 15
