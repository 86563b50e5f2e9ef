"""``rnnc test``: property tests derived from a spec."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .. import api, testing
from ..bisecting import Bisection, as_json, bisect
from ..compiler.driver import Options
from ..failure import FINE, USAGE, WRONG, Failure, reason
from ..files import check_replaceable
from ..runtime.files import write_text
from ..runtime.properties import report
from ..runtime.properties.report import Tested
from ..runtime.properties.subject import Subject
from ..runtime.properties.table import NAMES, PROPERTIES
from ..spec.diagnostics import SpecError
from ..terminal import show_diagnostics
from ..testing import Settings
from .options import add_compile_options, compile_options, whole

FOLDER = "rnnc-failures"


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("specs", nargs="*", metavar="F.rnn", help="`-` is standard input")
    command.add_argument("--examples", type=whole(1), default=10, metavar="N",
                         help="random cases for each property (default 10)")  # fmt: skip
    command.add_argument("--seed", type=whole(0), default=0, metavar="S", help="another seed, other cases")
    command.add_argument("--property", action="append", default=[], choices=NAMES, metavar="P",
                         help="only this one (may be repeated); --list tells them")  # fmt: skip
    command.add_argument("--list", action="store_true", help="every property with its statement")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--junit", metavar="FILE", help="write JUnit XML too")
    command.add_argument(
        "--force", action="store_true", help="let --junit overwrite a file that is none of its own"
    )
    command.add_argument("--case", metavar="F.npz", help="try just the case that a failure left behind")
    command.add_argument("--bisect", action="store_true",
                         help="where -O0, -O2 and the reference evaluator differ: which pass of the compiler, or which "
                              "part of the printer, is to blame (for --case, or where it fails)")  # fmt: skip
    command.add_argument("--save", metavar="DIR", default=FOLDER,
                         help=f"where failing cases go (default {FOLDER})")  # fmt: skip
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _list()
    if not arguments.specs:
        raise Failure("nothing to test: name a spec")
    if arguments.bisect and (arguments.junit or arguments.property):
        raise Failure("--bisect asks no properties: leave out --property and --junit")
    if arguments.junit:  # before the tests have run for minutes
        check_replaceable(arguments.junit, "<testsuite", arguments.force)
    _need_hypothesis()
    tested: list[Tested | Bisection] = []
    status = FINE
    for path in arguments.specs:
        try:
            tested.append(_test(path, arguments))
        except SpecError as error:
            show_diagnostics(error.diagnostics)
            status = max(status, WRONG)
        except OSError as error:
            print(f"rnnc: {reason(error)}", file=sys.stderr)
            status = USAGE
    if arguments.format == "json":
        print(json.dumps([_json(item) for item in tested], indent=2))
    if arguments.junit:
        write_text(arguments.junit, report.junit(item for item in tested if isinstance(item, Tested)))
    return max(status, WRONG if any(item.failed for item in tested) else FINE)


def _list() -> int:
    for item in PROPERTIES:
        print(f"{item.name}  ({item.tolerance})\n    {item.statement}")
    return FINE


def _need_hypothesis() -> None:
    try:
        import hypothesis  # noqa: F401
    except ImportError:
        message = "rnnc test draws its cases with Hypothesis, which is not installed: pip install hypothesis"
        raise Failure(message) from None


def _test(path: str, arguments: argparse.Namespace) -> Tested | Bisection:
    """One spec, told at once if it is told in text."""
    options = compile_options(arguments)
    compiled = api.compile_file(path, options)
    show_diagnostics(compiled.warnings)
    subject = testing.from_compiled(compiled, dict(options.dims))
    settings = Settings(arguments.examples, arguments.seed, Path(arguments.save), compile_words(options))
    tested = _asked(subject, path, settings, arguments)
    if arguments.format == "text":
        print(tested, flush=True)
    return tested


def _asked(
    subject: Subject, path: str, settings: Settings, arguments: argparse.Namespace
) -> Tested | Bisection:
    case = Path(arguments.case) if arguments.case else None
    if arguments.bisect:
        found = testing.case_of(case)[1] if case else None
        return bisect(subject, path, settings.examples, settings.seed, found)
    if case:
        return testing.replayed(subject, path, case, settings)
    return testing.tested(subject, path, arguments.property or NAMES, settings)


def _json(item: Tested | Bisection) -> dict[str, Any]:
    return report.as_json(item) if isinstance(item, Tested) else as_json(item)


def compile_words(options: Options) -> str:
    """Options as they are written on a command line."""
    words = [f"--dim {name}={size}" for name, size in options.dims.items()]
    words += [f"-O{options.level}"] if options.level != Options().level else []
    return " ".join([*words, *(f"--skip {name}" for name in sorted(options.skip))])
