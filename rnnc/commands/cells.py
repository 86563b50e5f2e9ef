"""``rnnc cells``: the library of cells."""

from __future__ import annotations

import argparse
import itertools
import re

from ..failure import FINE, Failure
from ..spec.cells import cell_source, library
from ..spec.suggest import suggest


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("names", nargs="*", metavar="NAME", help="print these cells' equations")
    command.add_argument("--equations", action="store_true", help="print the equations of all")


def run(arguments: argparse.Namespace) -> int:
    names = arguments.names or (library() if arguments.equations else ())
    for name in names:
        _check(name)
    if names:
        print("\n\n".join(cell_source(name).text.rstrip("\n") for name in names))
        return FINE
    width = max(map(len, library()))
    for name in library():
        summary, source = _headline(cell_source(name).text)
        print(f"{name:<{width}}  {summary}" + (f" ({source})" if source else ""))
    return FINE


def _check(name: str) -> None:
    if name not in library():
        near = suggest(name, library())
        hint = f"did you mean {near}?" if near else f"there are {', '.join(library())}"
        raise Failure(f"the library has no cell {name}; {hint}")


def _headline(text: str) -> tuple[str, str]:
    """The first words of the comment a cell begins with, and its source: the first parenthesis that has a year."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.split("\n"))
    comment = " ".join(line.lstrip("# ").rstrip() for line in lines)
    source = re.search(r"\(([^()]*\b(?:19|20)\d\d\b[^()]*)\)", comment)
    return re.split(r" \(|[.:,] ", comment)[0], source[1] if source else ""
