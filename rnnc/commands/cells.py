"""``rnnc cells``: the library of cells."""

from __future__ import annotations

import argparse
import itertools
import re

from ..failure import FINE, Failure
from ..spec.cells import cell_source, library
from ..spec.suggest import suggest


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", metavar="NAME", help="print this cell's equations")


def run(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        width = max(map(len, library()))
        for name in library():
            print(f"{name:<{width}}  {_summary(cell_source(name).text)}")
        return FINE
    if arguments.name not in library():
        near = suggest(arguments.name, library())
        hint = f"did you mean {near}?" if near else f"there are {', '.join(library())}"
        raise Failure(f"the library has no cell {arguments.name}; {hint}")
    print(cell_source(arguments.name).text.rstrip("\n"))
    return FINE


def _summary(text: str) -> str:
    """The first words of the comment it begins with."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.split("\n"))
    comment = " ".join(line.lstrip("# ").rstrip() for line in lines)
    return re.split(r" \(|[.:] ", comment)[0]
