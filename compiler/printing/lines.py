"""Source lines in the making: indentation, and long lines broken inside their brackets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass
from ..prelude_text import names
from .python import text

WIDTH = 108
OPEN, CLOSE = "([{", ")]}"
SIGNS = re.compile(r"""([][(){},]| [+@] )|"[^"]*"?|'[^']*'?""")


@dataclass(slots=True)
class Lines:
    """Lines of a block; ``indent`` counts steps of four blanks."""

    lines: list[str] = field(default_factory=list)
    indent: int = 1

    @property
    def room(self) -> int:
        """The characters of a line besides its indentation."""
        return WIDTH - 4 * self.indent

    def add(self, line: str) -> None:
        margin = "    " * self.indent
        if len(margin) + len(line) > WIDTH and not line.startswith("#"):
            self.lines += [margin + part for part in broken(line, WIDTH - len(margin))]
        else:
            self.lines.append(margin + line if line else "")

    def under(self, condition: str, statement: str) -> None:
        """A statement under a condition: on one line where it fits."""
        line = f"if {condition}: {statement}"
        if len(line) <= self.room:
            self.add(line)
            return
        self.add(f"if {condition}:")
        self.indent += 1
        self.add(statement)
        self.indent -= 1

    def assign(self, target: ast.expr | str, value: ast.expr | str, operator: str = "=") -> None:
        self.add(f"{text(target)} {operator} {text(value)}")

    def assign_all(self, values: Mapping[str, str], longest: int = WIDTH) -> None:
        """Several assignments a line, as far as they fit and none reads another; ``longest``: of a value that does
        not stand alone."""
        group: dict[str, str] = {}
        for name, value in values.items():
            wide = sum(len(n) + len(v) + 4 for n, v in [*group.items(), (name, value)]) > self.room
            apart = max(len(value), *map(len, group.values())) > longest if group else False
            apart = apart or any("," in one for one in (name, *group))  # names of several values
            if group and (wide or apart or not names(value).isdisjoint(group)):
                self.add(f"{', '.join(group)} = {', '.join(group.values())}")
                group = {}
            group[name] = value
        if group:
            self.add(f"{', '.join(group)} = {', '.join(group.values())}")


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
    factors = _split(inner[0], " @ ") if len(inner) == 1 else []
    for column in (_column(head), 8) if len(factors) == 2 else ():
        lines = [head + factors[0], f"{' ' * column}@ {factors[1]}{tail}"]
        if max(map(len, lines)) <= width:
            return lines
    if any(len(item) > width - 8 for item in inner):
        return [head, *_long_items(inner, width - 4), tail]
    lines = filled(head, inner, tail, width)
    fits = max(map(len, lines)) <= width
    return lines if fits else [head, *filled("    ", inner, "", width), tail]


def _column(head: str) -> int:
    """Where the lines below a bracket begin: beside what stands in it, if that is not far to the right."""
    return len(head) if len(head) <= 40 else 8


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


def filled(head: str, items: Sequence[str], tail: str, width: int) -> list[str]:
    """``head``, items separated by commas, ``tail``: as many items on a line as fit."""
    lines: list[str] = []
    current, margin = head, " " * _column(head)
    for number, item in enumerate(items):
        piece = item + ("," if number < len(items) - 1 else tail)
        blank = "" if current in (head, margin) else " "
        if len(current) + len(blank) + len(piece) > width and current != margin:
            lines.append(current)
            current, blank = margin, ""
        current += blank + piece
    return [*lines, current]


def _outermost(line: str) -> tuple[int, int]:
    """The longest bracket that stands in no other."""
    best, depth, start = (-1, -1), 0, 0
    for sign, place in _signs(line):
        if sign in OPEN:
            start = place if depth == 0 else start
            depth += 1
        elif sign in CLOSE:
            depth -= 1
            if depth == 0 and place - start > best[1] - best[0]:
                best = (start, place)
    return best


def _split(inner: str, mark: str) -> list[str]:
    """What stands between the marks outside every bracket and string."""
    items, depth, start = list[str](), 0, 0
    for sign, place in _signs(inner):
        if sign in OPEN:
            depth += 1
        elif sign in CLOSE:
            depth -= 1
        elif sign == mark and depth == 0:
            items.append(inner[start:place].strip())
            start = place + len(mark)
    last = inner[start:].strip()
    return [*items, last] if last else items


def _signs(line: str) -> Iterator[tuple[str, int]]:
    """Brackets and what stands between items, outside strings, with their places."""
    return ((found[1], found.start()) for found in SIGNS.finditer(line) if found[1])
