"""Layout: what must be known of a text before it is parsed, found in one pass over its tokens.

The parser gets the *shadow* of a text: as long as the text itself, so that places agree, but with spaces for
comments and for newlines inside ( ) and [ ]. On the way every name, number and bracket is checked against
the rules and limits of a spec, which is untrusted text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .diagnostics import Diagnostics
from .source import Source, Span
from .syntax import Comment

NESTING = 64
TOKENS = 50_000
NAME_LENGTH = 64
NUMBER_LENGTH = 32

TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*) | (?P<newline>\n) | (?P<string>"[^"\n]*"?) | (?P<word>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) | (?P<opening>[(\[{]) | (?P<closing>[)\]}])
    | (?P<sign>[\x21-\x7e]) | (?P<strange>[^ \t])""",
    re.VERBOSE,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(slots=True)
class Layout:
    source: Source
    shadow: str = ""
    comments: list[Comment] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)  # places of wrong brackets and strings


class _Scan:
    """The state of the pass; one method per kind of token."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.layout = Layout(source)
        self.open: list[int] = []  # offsets of brackets not yet closed
        self.blank: list[tuple[int, int]] = []  # what becomes spaces (comments) or loses its newlines
        self.fresh = True  # nothing but space so far on this line

    def run(self) -> None:
        for match in TOKEN.finditer(self.source.text):
            kind, span = match.lastgroup, Span(self.source, *match.span())
            if kind == "comment":
                self.layout.comments.append(Comment(span, self.fresh))
                self.blank.append(match.span())
            elif kind == "opening":
                self.open.append(span.start)
            elif kind == "closing":
                self.close(span)
            self.fresh = kind == "newline"
        self.layout.shadow = self.shadow()

    def close(self, span: Span) -> None:
        if self.open:
            start = self.open.pop()
            if span.text in ")]":
                self.blank.append((start, span.end))

    def shadow(self) -> str:
        text, done, parts = self.source.text, 0, []
        for start, end in sorted(self.blank):
            if end <= done:
                continue
            parts.append(text[done:start])
            inside = text[start:end]
            parts.append(
                " " * len(inside)
                if inside.startswith("#")
                else re.sub("#[^\n]*|\n", lambda m: " " * len(m[0]), inside)
            )
            done = end
        return "".join(parts) + text[done:]


def lay_out(source: Source, diagnostics: Diagnostics) -> Layout | None:
    """The layout of a text; None when it cannot be parsed at all, for reasons reported."""
    scan = _Scan(source, diagnostics)
    scan.run()
    return scan.layout
