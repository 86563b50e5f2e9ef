"""Diagnostics as people and programs read them.

lstm.rnn:3:24: error[RNN101]: `(` is never closed
  |
3 | h[t] = tanh(W @ h[t-1]
  |                       ^
  |            - opened here
  = help: close it with `)`
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from .diagnostics import LIMIT, Diagnostic
from .records import dataclass
from .source import Source, Span

WIDTH = 100  # of an excerpt: a longer line is cut around the place
TAB = 4

COLORS = {"error": "1;31", "warning": "1;33", "label": "1;34", "title": "1", "help": "1;32"}


@dataclass(frozen=True, slots=True)
class Paint:
    """Terminal colours, or none."""

    color: bool

    def __call__(self, text: str, style: str) -> str:
        return f"\033[{COLORS[style]}m{text}\033[0m" if self.color and text else text


@dataclass(frozen=True, slots=True)
class Mark:
    """A place under which a line is drawn, and what stands beside it."""

    span: Span
    text: str
    sign: str
    style: str


def render(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """All diagnostics, file by file in the order of their places, at most 20 of a file."""
    files: dict[str, list[Diagnostic]] = {}
    for diagnostic in diagnostics:
        files.setdefault(diagnostic.span.source.path, []).append(diagnostic)
    paint = Paint(color)
    parts: list[str] = []
    for path, found in files.items():
        found.sort(key=lambda item: (item.span.start, item.span.end))
        parts += [_one(diagnostic, paint) for diagnostic in found[:LIMIT]]
        if len(found) > LIMIT:
            parts.append(f"{path}: {len(found) - LIMIT} more, not shown\n")
    return "\n".join(parts)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A list of flat records. Lines and columns are 1-based; the end is the first column after the place."""
    return json.dumps([_record(diagnostic) for diagnostic in diagnostics], indent=2)


def _record(diagnostic: Diagnostic) -> dict[str, str | int]:
    span = diagnostic.span
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "path": span.source.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
    }


def _one(diagnostic: Diagnostic, paint: Paint) -> str:
    """One diagnostic, its last line ended."""
    kind = paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
    head = f"{diagnostic.span!r}: {kind}: {paint(printable(diagnostic.message), 'title')}"
    marks = [Mark(diagnostic.span, diagnostic.note, "^", diagnostic.severity)]
    marks += [Mark(label.span, label.text, "-", "label") for label in diagnostic.labels]
    marks = [part for mark in marks if mark.span.source.text for part in _by_line(mark)]
    gutter = max((len(str(mark.span.line)) for mark in marks), default=0)
    lines = [head, *_excerpts(marks, gutter, paint)]
    if diagnostic.help:
        first, *more = diagnostic.help.split("\n")
        lines.append(f"{' ' * gutter} = {paint('help', 'help')}: {first}")
        lines += [f"{' ' * gutter}   {line}" for line in more]
    return "\n".join(lines) + "\n"


def _by_line(mark: Mark) -> list[Mark]:
    """A mark over several lines as two: to the end of its first line, and to its end in the last."""
    span = mark.span
    first_end = span.source.text.find("\n", span.start, span.end)
    if first_end < 0:
        return [mark]
    last = span.source.text.rfind("\n", span.start, span.end) + 1
    start = last + len(span.source.text[last : span.end]) - len(span.source.text[last : span.end].lstrip())
    begin = Mark(Span(span.source, span.start, first_end), "", mark.sign, mark.style)
    return [begin, Mark(Span(span.source, min(start, span.end), span.end), mark.text, mark.sign, mark.style)]


def _excerpts(marks: list[Mark], gutter: int, paint: Paint) -> list[str]:
    """Each line that has marks, once, with a row per mark below it."""
    lines: dict[tuple[Source, int], list[Mark]] = {}
    for mark in marks:
        lines.setdefault((mark.span.source, mark.span.line), []).append(mark)
    bar = f"{' ' * gutter} |"
    rows: list[str] = []
    for (source, number), found in lines.items():
        foreign = source.path != marks[0].span.source.path
        rows.append(f"{bar} in {source.path}:" if foreign else bar)
        cut = _Cut(source, number, found[0].span.start)
        rows.append(f"{number:>{gutter}} | {cut.text}".rstrip())
        for mark in found:
            start, end = cut.columns(mark.span)
            drawn = paint(mark.sign * max(1, end - start), mark.style)
            rows.append(f"{bar} {' ' * start}{drawn} {paint(mark.text, mark.style)}".rstrip())
    return rows


class _Cut:
    """A line as it is shown: tabs as spaces, unprintable characters as U+FFFD, cut around a place if long."""

    def __init__(self, source: Source, number: int, place: int) -> None:
        self.start = source.line_starts()[number - 1]
        line = source.line(number)
        middle = place - self.start
        low = max(0, min(middle - WIDTH // 2, len(line) - WIDTH))
        self.low, self.high = low, min(len(line), low + WIDTH)
        shown = line[self.low : self.high]
        self.lead = "... " if low else ""
        self.text = self.lead + printable(shown) + (" ..." if self.high < len(line) else "")
        self.shown = shown

    def columns(self, span: Span) -> tuple[int, int]:
        """Where a place begins and ends on the terminal."""
        return self.column(span.start), self.column(span.end)

    def column(self, offset: int) -> int:
        inside = min(max(offset - self.start, self.low), self.high) - self.low
        return _width(self.lead + printable(self.shown[:inside]))


def printable(text: str) -> str:
    visible = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
    return visible.expandtabs(TAB)


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
