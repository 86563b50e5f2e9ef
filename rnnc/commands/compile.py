"""``rnnc compile``: writes a module."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from .. import api
from ..compiler.driver import EXTRAS, STAGES, Compiled
from ..compiler.printing.page import MARK
from ..failure import FINE, Failure
from ..files import STDIN, check_replaceable
from ..runtime.files import write_text
from ..terminal import show_diagnostics
from .options import add_compile_options, compile_options, whole

STDOUT = "-"


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn", help="`-` is standard input")
    command.add_argument("-o", dest="out", metavar="OUT.py",
                         help="where to; `-` is standard output (default: beside the spec)")  # fmt: skip
    command.add_argument("--force", action="store_true", help="overwrite a file that rnnc did not write")
    command.add_argument("--target", choices=("numpy",), default="numpy")
    command.add_argument("--unroll", type=whole(1), metavar="K",
                         help="print K steps one after the other, with no loop")  # fmt: skip
    command.add_argument("--dump", action="append", default=[], choices=STAGES, metavar="STAGE",
                         help=f"print what a stage made ({', '.join(STAGES)})")  # fmt: skip
    command.add_argument("--stop-after", choices=STAGES, default=STAGES[-1], metavar="STAGE",
                         help="go no further; no module is written")  # fmt: skip
    command.add_argument("--with", dest="extras", type=extras, default=frozenset(), metavar="PART,…",
                         help=f"print further sections into the module ({', '.join(EXTRAS)})")  # fmt: skip
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    options = replace(compile_options(arguments), stop_after=arguments.stop_after, extras=arguments.extras)
    late = [stage for stage in arguments.dump if STAGES.index(stage) > STAGES.index(options.stop_after)]
    if late:
        raise Failure(f"--dump {late[0]}: nothing is made of it with --stop-after {options.stop_after}")
    compiled = api.compile_file(arguments.spec, options)
    show_diagnostics(compiled.warnings)
    for stage in arguments.dump:
        sys.stdout.write(compiled.dump(stage))
    if options.stop_after == STAGES[-1]:
        _write(compiled, _place(arguments), arguments.force)
    return FINE


def extras(text: str) -> frozenset[str]:
    """``jvp,selfcheck``."""
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in EXTRAS:
            raise argparse.ArgumentTypeError(f"there is no {name!r} to print; there are {', '.join(EXTRAS)}")
    return frozenset(names)


def _place(arguments: argparse.Namespace) -> str:
    """Where the module goes: never over the spec."""
    if arguments.out is None and arguments.spec == STDIN:
        return STDOUT
    out = arguments.out or os.path.splitext(arguments.spec)[0] + ".py"
    if os.path.exists(out) and arguments.spec != STDIN and os.path.samefile(out, arguments.spec):
        raise Failure(f"{out}: that is the spec itself; name another file with -o")
    return str(out)


def _write(compiled: Compiled, out: str, force: bool) -> None:
    if out == STDOUT:
        sys.stdout.write(compiled.text)
    else:
        check_replaceable(out, MARK, force)
        write_text(out, compiled.text)
