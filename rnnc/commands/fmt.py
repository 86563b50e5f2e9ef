"""``rnnc fmt``: the canonical layout."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator

from ..failure import FINE, USAGE, WRONG, reason
from ..files import STDIN, read_bytes, to_source
from ..runtime.files import write_text
from ..spec.diagnostics import Diagnostics, SpecError
from ..spec.formatter import format_spec
from ..spec.parser import parse
from ..terminal import show_diagnostics


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "specs", nargs="+", metavar="F.rnn", help="`-` formats standard input to standard output"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="change nothing; name the files that would change")
    how.add_argument("--diff", action="store_true", help="change nothing; show what would change")


def run(arguments: argparse.Namespace) -> int:
    statuses = [FINE]
    for path in arguments.specs:
        try:
            statuses.append(_format(path, arguments))
        except SpecError as error:
            show_diagnostics(error.diagnostics)
            statuses.append(WRONG)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            print(f"rnnc: {reason(error)}", file=sys.stderr)
            statuses.append(USAGE)
    return max(statuses)


def _format(path: str, arguments: argparse.Namespace) -> int:
    data = read_bytes(path)
    after = formatted(path, data)
    if arguments.diff:
        sys.stdout.writelines(difference(path, data, after))
    elif path == STDIN and not arguments.check:
        sys.stdout.write(after)
    if after.encode() == data:
        return FINE
    if arguments.check:
        print(f"would change {path}", file=sys.stderr)
    elif path != STDIN and not arguments.diff:
        write_text(path, after)
        print(f"changed {path}", file=sys.stderr)
    return WRONG if arguments.check or arguments.diff else FINE


def formatted(path: str, data: bytes) -> str:
    """The canonical text; SpecError when there is no tree to write."""
    diagnostics = Diagnostics()
    spec = parse(to_source(path, data), diagnostics)
    if spec is None or diagnostics.failed:
        raise SpecError(diagnostics.items)
    return format_spec(spec)


def difference(path: str, before: bytes, after: str) -> Iterator[str]:
    old, new = (text.splitlines(keepends=True) for text in (before.decode("utf-8", "replace"), after))
    for line in difflib.unified_diff(old, new, path, f"{path} (formatted)"):
        yield line if line.endswith("\n") else line + "\n\\ no newline at the end\n"
