"""``rnnc new``: a spec to start from."""

from __future__ import annotations

import argparse
import os
import sys

from ..failure import FINE, Failure
from ..files import check_replaceable
from ..runtime.files import write_text
from ..spec.starts import kinds, start


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="writes NAME.rnn; `-` is standard output")
    command.add_argument("--kind", choices=kinds(), default="text", help="of task (default: text)")
    command.add_argument("--force", action="store_true", help="overwrite a file")


def run(arguments: argparse.Namespace) -> int:
    text = start(arguments.kind)
    if arguments.name == "-":
        sys.stdout.write(text)
        return FINE
    path = arguments.name.removesuffix(".rnn") + ".rnn"
    if not os.path.basename(arguments.name.removesuffix(".rnn")):
        raise Failure(f"{arguments.name!r} names no file")
    check_replaceable(path, None, arguments.force)
    write_text(path, text)
    print(f"{path}: {text.partition(chr(10))[0].lstrip('# ')}", file=sys.stderr)
    return FINE
