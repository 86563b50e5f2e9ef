"""Source lines in the making: indentation, and long lines broken inside their brackets."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import field

from ...spec.records import dataclass
from .python import text

WIDTH = 100
OPEN, CLOSE = "([{", ")]}"


@dataclass(slots=True)
class Lines:
    """Lines of a block; ``indent`` counts steps of four blanks."""

    lines: list[str] = field(default_factory=list)
    indent: int = 1

    def add(self, line: str) -> None:
        margin = "    " * self.indent
        if len(margin) + len(line) > WIDTH and not line.startswith("#"):
            self.lines += [margin + part for part in broken(line, WIDTH - len(margin))]
        else:
            self.lines.append(margin + line if line else "")

    def assign(self, target: ast.expr | str, value: ast.expr | str, operator: str = "=") -> None:
        self.add(f"{text(target)} {operator} {text(value)}")


def broken(line: str, width: int) -> list[str]:
    """A line over several, broken inside its last outermost bracket; as it is when it has none."""
    start, end = _outermost(line)
    target, equals, value = line.partition(" = ")
    terms = _split(value, " + ")
    if equals and len(terms) > 1 and all(len(term) < width - 8 for term in terms):
        return [f"{target} = (", "    " + terms[0], *(f"    + {term}" for term in terms[1:]), ")"]
    if start < 0 or end - start < 20:
        return [line]
    inner = _split(line[start + 1 : end], ",")
    head, tail = line[: start + 1], line[end:]
    if any(len(item) > width - 4 for item in inner):
        return [head, *_long_items(inner, width - 4), tail]
    return [head, *filled(inner, width - 4), tail]


def _long_items(items: Sequence[str], width: int) -> list[str]:
    """Items one below the other, those that are too long broken at their sums, and within the terms."""
    lines: list[str] = []
    for number, item in enumerate(items):
        comma = "," if number < len(items) - 1 else ""
        terms = _split(item, " + ") if len(item) > width else [item]
        joined = [terms[0], *(f"+ {term}" for term in terms[1:])]
        parts = [part for term in joined for part in (broken(term, width) if len(term) > width else [term])]
        lines += ["    " + part for part in parts[:-1]] + ["    " + parts[-1] + comma]
    return lines


def filled(items: Sequence[str], width: int) -> list[str]:
    """Items separated by commas, as many on a line as fit, indented by one step."""
    lines: list[str] = []
    current = ""
    for number, item in enumerate(items):
        piece = item + ("," if number < len(items) - 1 else "")
        if current and len(current) + 1 + len(piece) > width:
            lines.append("    " + current)
            current = piece
        else:
            current = f"{current} {piece}" if current else piece
    return [*lines, "    " + current] if current else lines


def _outermost(line: str) -> tuple[int, int]:
    """The longest bracket that stands in no other."""
    best, depth, start, quote = (-1, -1), 0, 0, ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in OPEN:
            start = place if depth == 0 else start
            depth += 1
        elif char in CLOSE:
            depth -= 1
            if depth == 0 and place - start > best[1] - best[0]:
                best = (start, place)
    return best


def _split(inner: str, mark: str) -> list[str]:
    """What stands between the marks outside every bracket and string."""
    items, depth, current, quote = list[str](), 0, "", ""
    place = 0
    while place < len(inner):
        char = inner[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in OPEN + CLOSE:
            depth += 1 if char in OPEN else -1
        if inner.startswith(mark, place) and depth == 0 and not quote:
            items.append(current.strip())
            current, place = "", place + len(mark)
        else:
            current, place = current + char, place + 1
    return [*items, current.strip()] if current.strip() else items
