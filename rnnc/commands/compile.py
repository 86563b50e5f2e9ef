"""``rnnc compile``: writes a module."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .. import api
from ..compiler.driver import STAGES, Compiled
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
                         help="where the module goes; `-` is standard output (default: F.py beside the spec)")  # fmt: skip
    command.add_argument("--force", action="store_true", help="overwrite a file that rnnc did not write")
    command.add_argument("--target", choices=("numpy",), default="numpy")
    command.add_argument("--unroll", type=whole(1), metavar="K",
                         help="print K steps one after the other, with no loop")  # fmt: skip
    command.add_argument("--dump", action="append", default=[], choices=STAGES, metavar="STAGE",
                         help=f"print what a stage made ({', '.join(STAGES)})")  # fmt: skip
    command.add_argument("--stop-after", choices=STAGES, default=STAGES[-1], metavar="STAGE",
                         help="go no further; no module is written")  # fmt: skip
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    options = replace(compile_options(arguments), stop_after=arguments.stop_after)
    late = [stage for stage in arguments.dump if STAGES.index(stage) > STAGES.index(options.stop_after)]
    if late:
        raise Failure(f"--dump {late[0]}: nothing is made of it with --stop-after {options.stop_after}")
    out = arguments.out or (STDOUT if arguments.spec == STDIN else Path(arguments.spec).with_suffix(".py"))
    check_replaceable(out, MARK, arguments.force)
    compiled = api.compile_file(arguments.spec, options)
    show_diagnostics(compiled.warnings)
    for stage in arguments.dump:
        sys.stdout.write(compiled.dumps[stage])
    if options.stop_after == STAGES[-1]:
        _write(compiled, out)
    return FINE


def _write(compiled: Compiled, out: str | Path) -> None:
    if out == STDOUT:
        sys.stdout.write(compiled.text)
    else:
        write_text(out, compiled.text)
