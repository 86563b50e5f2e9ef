"""The command line: finds the command, runs it, and turns whatever goes wrong into a line and a status."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from .failure import FINE, INTERNAL, INTERRUPTED, USAGE, WRONG, Failure, reason
from .spec.diagnostics import SpecError
from .terminal import show_diagnostics

COMMANDS = {
    "compile": "write a module",
    "check": "only look for mistakes",
    "test": "derive properties from a spec and test them",
    "train": "train a spec on text or arrays",
    "sample": "draw from a trained model",
    "bench": "time a module, beside its equations in other libraries",
    "show": "explain a spec: equations, sizes, what runs where",
    "fmt": "lay specs out in the one way",
    "explain": "an error code, with a wrong and a right example",
    "ops": "the operators",
    "cells": "the library of cells",
    "new": "a spec to start from",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; never raises. Without ``argv`` it has the process to itself, and may
    end it."""
    if argv is None:
        _settle()
    words = list(sys.argv[1:] if argv is None else argv)
    status = FINE
    try:
        status = _attempt(words)
        sys.stdout.flush()
        sys.stderr.flush()  # argparse goes on when it cannot write
    except BrokenPipeError:  # who reads us has had enough
        _drop_output()
    except OSError as error:
        status = _say(reason(error), USAGE)
        _drop_output()
    if argv is None:  # the process ends, and all is written
        gc.freeze()  # a last look for garbage would go through all that is left
        if "compile" in words:
            os._exit(status)  # Python would take apart, piece by piece, what a compilation made
    return status


def _attempt(words: list[str]) -> int:
    """The status of a command, whatever went wrong having been said."""
    try:
        if any("\0" in word for word in words):
            raise Failure("a null character is part of no name")
        return _run(words)
    except SystemExit as stop:  # argparse's way to end
        return stop.code if isinstance(stop.code, int) else USAGE
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except SpecError as error:
        show_diagnostics(error.diagnostics)
        return WRONG
    except Failure as failure:
        return _say(str(failure), failure.status)
    except OSError as error:
        return _say(reason(error), USAGE)
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
        first = (str(error).splitlines() or [""])[0]
        return _say(
            f"internal error: {type(error).__name__}: {first} (--debug shows the traceback)", INTERNAL
        )


def _run(words: list[str]) -> int:
    arguments = parser(words).parse_args(words)
    command = importlib.import_module(f".commands.{arguments.command}", __package__)
    status: int = command.run(arguments)
    return status


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The command that the first word names, or all; only those named among the words are imported for their
    arguments."""
    top = argparse.ArgumentParser(prog="rnnc", description="Recurrent networks written as equations.")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = [name for name in words[:1] if name in COMMANDS]
    for name in named or COMMANDS:
        summary = COMMANDS[name]
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        command.add_argument("--debug", action="store_true", help="show the traceback of an internal error")
        if name in words:
            importlib.import_module(f".commands.{name}", __package__).add_arguments(command)
    return top


class _Version(argparse.Action):
    """Looked up when asked for: `importlib.metadata` loads fifty modules."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print("rnnc", version("rnnc"))
        except PackageNotFoundError:
            print("rnnc (a checkout, not installed)")
        parser.exit()


def _say(message: str, status: int) -> int:
    print(f"rnnc: {message}", file=sys.stderr)
    return status


def _settle() -> None:
    """What may be changed only in a process of our own."""
    # The products of one step are too small to share among threads, which lose more by waiting for each
    # other, above all on a busy machine. Whoever trains large networks sets these.
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # A compilation keeps nearly all it makes to its end: looking for garbage finds none, and takes a fifth of it.
    if "compile" in sys.argv[1:]:
        gc.disable()
    # A terminal that cannot show a character gets a substitute.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """After a closed pipe, on a full disk: what is still buffered must not fail again at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
