"""Statements in the making, made shorter: a value of one line that one other statement reads is written there."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from .lines import WIDTH
from .python import text

LONGEST = 64  # characters of a value that is written where it is read
WORD = re.compile(r"[A-Za-z_]\w*")
GUARD = re.compile(r"if [^:]*: ")


def folded(lines: Sequence[str], names: Collection[str]) -> list[str]:
    """The lines of a body, where what is assigned to some of ``names`` stands in the one statement that reads it:
    after it, in the same block, on one line before and after. Nothing that such a value reads may change
    between the two."""
    kept: dict[int, str] = dict(enumerate(lines))
    places: dict[str, list[int]] = {name: [] for name in names}
    for number, line in kept.items():
        for name in WORD.findall(line):
            if name in places and not line.lstrip().startswith("#"):
                places[name].append(number)
    for name, found in sorted(places.items(), key=lambda item: item[1]):
        if len(found) == 2 and found[0] != found[1]:
            joined = _joined(name, kept[found[0]], kept[found[1]])
            if joined is not None:
                for word in WORD.findall(kept.pop(found[0])):  # what it reads, the other reads now
                    other = places.get(word, [])
                    other[:] = [found[1] if place == found[0] else place for place in other]
                kept[found[1]] = joined
    return headed(list(kept.values()))


def _joined(name: str, made: str, reader: str) -> str | None:
    """The reader with the value in the name's place; None when it is no such pair, or the line would be long."""
    margin = made[: len(made) - len(made.lstrip())]
    target, _, value = made.strip().partition(" = ")
    if target != name or len(value) > LONGEST or not re.match(margin + r"\S", reader):
        return None
    guard = GUARD.match(reader.strip())
    condition = guard.group() if guard else ""
    try:
        (given,) = ast.parse(value).body
        (statement,) = ast.parse(reader.strip()[len(condition) :]).body
    except (SyntaxError, ValueError):  # a part of something longer
        return None
    if name in WORD.findall(condition) or not isinstance(given, ast.Expr):
        return None
    joined = _with_value(statement, name, given.value)
    line = f"{margin}{condition}{joined}"
    return line if joined is not None and len(line) <= WIDTH else None


def _with_value(statement: ast.stmt, name: str, value: ast.expr) -> str | None:
    """An assignment or a call as text, with a value instead of a name."""
    by = _Instead(name, value)
    if isinstance(statement, ast.Expr):
        return text(by.visit(statement.value))
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = text(statement.targets[0])
        target = target[1:-1] if isinstance(statement.targets[0], ast.Tuple) else target
        found = text(by.visit(statement.value))
        return None if name in WORD.findall(target) else f"{target} = {found}"
    return None


class _Instead(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.value if node.id == self.name else node


def headed(lines: Sequence[str]) -> list[str]:
    """The lines without comments that have no statement below them, and without one that says what the last one
    of the same block says."""
    found: list[str] = []
    last: dict[int, str] = {}  # by indentation
    before = 0
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip()) if line else before
        if depth < before:  # a block has ended
            last = {}
        before = depth
        if line.lstrip().startswith("#"):
            below = lines[number + 1] if number + 1 < len(lines) else "#"
            if below.lstrip().startswith("#") or len(below) - len(below.lstrip()) < depth:
                continue
            if last.get(depth) == line:
                continue
            last[depth] = line
        found.append(line)
    return found
