"""``rnnc check``: what is wrong with specs, and nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import api
from ..compiler.driver import Options
from ..failure import FINE, USAGE, WRONG, reason
from ..spec.diagnostics import Diagnostic, SpecError
from ..spec.render import to_json
from ..terminal import show_diagnostics
from .options import dim


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("specs", nargs="+", metavar="F.rnn", help="`-` is standard input")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--dim", action="append", default=[], type=dim, metavar="NAME=N",
                         help="a dim's value instead of the spec's (may be repeated)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    found: list[Diagnostic] = []
    unreadable: list[str] = []
    for path in arguments.specs:
        try:
            found += diagnose(path, Options(dims=dict(arguments.dim), stop_after="check"))
        except OSError as error:
            unreadable.append(reason(error))
    if arguments.format == "json":
        print(to_json(found))
    else:
        show_diagnostics(found)
    for message in unreadable:
        print(f"rnnc: {message}", file=sys.stderr)
    failed = any(item.severity == "error" for item in found)
    return USAGE if unreadable else WRONG if failed else FINE


def diagnose(path: str, options: Options) -> Sequence[Diagnostic]:
    """Every mistake and warning of a spec."""
    try:
        return api.compile_file(path, options).warnings
    except SpecError as error:
        return error.diagnostics
