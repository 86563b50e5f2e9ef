"""``rnnc explain``: an error code, or all of them."""

from __future__ import annotations

import argparse

from ..failure import FINE, Failure
from ..spec.catalogue import CATALOGUE, ENTRIES, explain
from ..spec.suggest import suggest


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "code", nargs="?", metavar="CODE", help="such as RNN302; without one, all are listed"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.code is None:
        for entry in ENTRIES:
            print(f"{entry.code}  {entry.title}")
        return FINE
    code = f"RNN{arguments.code.upper().removeprefix('RNN')}"
    if code not in CATALOGUE:
        near = suggest(code, CATALOGUE)
        hint = f"did you mean {near}?" if near else "`rnnc explain` lists them all"
        raise Failure(f"there is no error {arguments.code}; {hint}")
    print(explain(code).rstrip("\n"))
    return FINE
