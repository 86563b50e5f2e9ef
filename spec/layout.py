"""Layout: what must be known of a text before it is parsed, found in one pass over its tokens.

The parser gets the *shadow* of a text: as long as the text itself, so that places agree, but with spaces for
comments and for newlines inside ( ) and [ ]. On the way every name, number and bracket is checked against
the rules and limits of a spec, which is untrusted text; what is wrong with them is reported here, and the
shadow has something harmless in its place, so that parsing can go on and find more."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import field

from .diagnostics import Diagnostics, Label
from .records import dataclass
from .source import Source, Span
from .syntax import Comment

NESTING = 64
TOKENS = 20_000
REPORTS = 100
NAME_LENGTH = 64
NUMBER_LENGTH = 32

TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*) | (?P<newline>\n) | (?P<string>"[^"\n]*"?) | (?P<word>[^\W\d]\w*)
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) | (?P<opening>[(\[{]) | (?P<closing>[)\]}])
    | (?P<sign>[\x21-\x7e]) | (?P<strange>[^ \t])""",
    re.VERBOSE,
)
# The next line inside ( ) or [ ] that begins so shows that a bracket was forgotten.
STATEMENT = re.compile(
    r"[ \t]*(?:(?:axis|cell|const|dim|for|head|import|input|loss|noise|output|param|stop|use)[ \t]+"
    r"(?!and\b|or\b)\w"
    r"|[A-Za-z][\w.]*\[[^\]\n]{1,40}\][ \t]*=(?!=))"
)
CLOSING = {"(": ")", "[": "]", "{": "}"}

# How a spec writes in ASCII what a book or a word processor writes otherwise.
ASCII = {
    **dict.fromkeys("·×⋅∗⊙∘", "*"), **dict.fromkeys("−–—", "-"), **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("∑Σ", "sum"), **dict.fromkeys("\u00a0\u2003\u2009\u202f\u3000", " "),
    "÷": "/", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "←": "=", "∼": "~", "…": "..", "²": "** 2",
    "³": "** 3", "∧": "and", "∨": "or", "¬": "not", "√": "sqrt", "ᵀ": "transpose", "∞": "1e30",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "η": "eta", "θ": "theta",
    "λ": "lam", "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
}  # fmt: skip


@dataclass(slots=True)
class Layout:
    """What `lay_out` found."""

    shadow: str = ""
    comments: list[Comment] = field(default_factory=list)
    blocks: list[tuple[int, int]] = field(
        default_factory=list
    )  # places of `{` and its `}`, families included
    broken: list[int] = field(default_factory=list)  # places whose line is not worth parsing


class _LimitReached(Exception):
    """The text is not worth reading further; why has been reported."""


@dataclass(slots=True)
class _Open:
    """A bracket not yet closed."""

    span: Span
    family: bool  # the brace of `h{l}`
    line_end: int | None = None  # where the last token of its line ends, once that is known

    @property
    def block(self) -> bool:
        return self.span.text == "{" and not self.family


def lay_out(source: Source, diagnostics: Diagnostics) -> Layout | None:
    """The layout of a text; None when a limit was passed."""
    scan = _Scan(source, diagnostics)
    try:
        scan.run()
    except _LimitReached:
        return None
    return scan.layout


class _Scan:
    """The state of the pass."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.layout = Layout()
        self.most = len(diagnostics.items) + REPORTS
        self.stack: list[_Open] = []
        self.newlines: list[int] = []  # inside brackets not yet closed
        self.edits: list[tuple[int, int, str]] = []  # text -> shadow
        self.last = Span(source, 0, 0)  # the token before, comments aside
        self.fresh = True  # nothing but space so far on this line

    def run(self) -> None:
        handlers = {
            "comment": self.comment,
            "newline": self.newline,
            "string": self.string,
            "word": self.word,
            "number": self.number,
            "opening": self.opening,
            "closing": self.closing,
            "strange": self.strange,
        }
        for count, match in enumerate(TOKEN.finditer(self.source.text)):
            kind = match.lastgroup or ""
            span = Span(self.source, match.start(), match.end())
            if count >= TOKENS:
                self.give_up(
                    "RNN012", span, f"more than {TOKENS} words and signs", "split the spec into files"
                )
            if kind in handlers:
                handlers[kind](span)
                if len(self.diagnostics.items) > self.most:
                    raise _LimitReached
            self.fresh = kind == "newline"
            if kind not in ("newline", "comment"):
                self.last = span
        self.line_ends()
        while self.stack:
            self.unclosed(self.stack.pop())
        self.layout.shadow = self.shadow()

    def shadow(self) -> str:
        text, done, parts = self.source.text, 0, []
        for start, end, replacement in sorted(self.edits):
            parts += [text[done:start], replacement]
            done = end
        return "".join(parts) + text[done:]

    def hide(self, span: Span, filler: str = " ") -> None:
        self.edits.append((span.start, span.end, filler * (span.end - span.start)))

    def give_up(self, code: str, span: Span, message: str, help: str) -> None:
        self.diagnostics.report(code, span, message, help=help)
        raise _LimitReached

    # words, numbers, signs

    def comment(self, span: Span) -> None:
        self.layout.comments.append(Comment(span, self.fresh))
        self.hide(span)

    def string(self, span: Span) -> None:
        if len(span.text) == 1 or not span.text.endswith('"'):
            self.layout.broken.append(span.start)
            self.diagnostics.report(
                "RNN103", span, "this string is never closed", help='close it with `"` on the same line'
            )

    def word(self, span: Span) -> None:
        text = span.text
        if not text.isascii():
            self.strange_word(span)
        elif "__" in text or (text.startswith("_") and not self.continues(span)):
            self.report_word(
                "RNN008",
                span,
                f"`{_short(text)}` is not a legal name",
                "a name begins with a letter, and has no two underscores side by side",
            )
        elif len(text) > NAME_LENGTH:
            self.report_word(
                "RNN007",
                span,
                f"a name of {len(text)} characters; {NAME_LENGTH} are the most",
                "use a shorter name",
            )

    def continues(self, span: Span) -> bool:
        """Whether a word belongs to the family before it: the `_x` of `h{l}_x` and `h{l}2_x`."""
        return self.last.end == span.start and (self.last.text == "}" or self.last.text.isdigit())

    def report_word(self, code: str, span: Span, message: str, help: str) -> None:
        self.hide(span, "x")  # a name, which the rest of the line may go with
        self.diagnostics.report(code, span, message, help=help)

    def strange_word(self, span: Span) -> None:
        plain = "sigmoid" if span.text == "σ" else "".join(_ascii(character) for character in span.text)
        help = f"write `{_short(plain)}`" if plain.isascii() else "letters of names are ASCII"
        if not plain.isidentifier():  # a power, say: the line has no sense without it
            self.layout.broken.append(span.start)
        self.report_word("RNN006", span, f"`{_short(span.text)}` has letters that a name cannot have", help)

    def strange(self, span: Span) -> None:
        character = span.text
        name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
        plain = ASCII.get(character)
        help = "outside comments and strings a spec is ASCII"
        if plain:
            help = f"write `{plain}`" if plain.strip() else "write a plain space"
            help += "; the product with a matrix is `@`" if character in "·×⋅" else ""
        if plain and len(plain) == 1:
            self.hide(span, plain)
        else:
            self.layout.broken.append(span.start)
        self.diagnostics.report("RNN006", span, f"`{character}` ({name}) is not a sign of a spec", help=help)

    def number(self, span: Span) -> None:
        text = span.text
        if not text.isascii():
            self.hide(span, "1")
            plain = "".join(_ascii(character) for character in text)
            self.diagnostics.report(
                "RNN006", span, "digits that are not ASCII", help=f"write `{_short(plain)}`"
            )
        elif len(text) > NUMBER_LENGTH:
            self.hide(span, "1")
            message = f"a number of {len(text)} characters; {NUMBER_LENGTH} are the most"
            self.diagnostics.report("RNN009", span, message, help="17 digits say all that a float can hold")
        elif not math.isfinite(float(text)):
            self.hide(span, "1")
            self.diagnostics.report(
                "RNN010", span, f"`{text}` is too large for a float", help="the largest is about 1.8e308"
            )

    # brackets and lines

    def newline(self, span: Span) -> None:
        self.line_ends()
        family = next((bracket for bracket in self.stack if bracket.family), None)
        if family:
            del self.stack[self.stack.index(family) :]
            self.unclosed(family)
        if not self.stack or self.stack[-1].block:
            return
        if self.last.text != ":" and STATEMENT.match(self.source.text, span.end):
            while self.stack and not self.stack[-1].block:
                self.unclosed(self.stack.pop())
        else:
            self.newlines.append(span.start)

    def line_ends(self) -> None:
        for bracket in reversed(self.stack):
            if bracket.line_end is not None:
                break
            bracket.line_end = self.last.end

    def opening(self, span: Span) -> None:
        touching = self.last.end == span.start and re.search(r"[A-Za-z_]\w*\Z|\}\w*\Z", self.last.text)
        self.stack.append(_Open(span, span.text == "{" and bool(touching)))
        if len(self.stack) > NESTING:
            message = f"brackets are nested more than {NESTING} deep"
            self.give_up("RNN011", span, message, "give a part of the expression a name of its own")

    def closing(self, span: Span) -> None:
        depth = self.opener(span.text)
        if depth is None:
            self.stray(span)
            return
        while len(self.stack) > depth + 1:
            self.unclosed(self.stack.pop())
        self.match(self.stack.pop().span, span)

    def opener(self, closing: str) -> int | None:
        """Where on the stack its bracket is; round and square ones do not reach out of a block."""
        for depth in reversed(range(len(self.stack))):
            if CLOSING[self.stack[depth].span.text] == closing:
                return depth
            if self.stack[depth].block:
                break
        return None

    def match(self, opening: Span, closing: Span) -> None:
        if opening.text == "{":
            self.layout.blocks.append((opening.start, closing.start))
            return
        while self.newlines and self.newlines[-1] > opening.start:
            newline = self.newlines.pop()
            self.edits.append((newline, newline + 1, " "))

    def stray(self, span: Span) -> None:
        """A bracket that closes nothing, or not what is open."""
        self.layout.broken.append(span.start)
        if not self.stack or self.stack[-1].block:
            message = f"`{span.text}` closes nothing"
            self.diagnostics.report("RNN102", span, message, help="delete it, or open a bracket before it")
            return
        opening = self.stack.pop().span
        self.diagnostics.report(
            "RNN102",
            span,
            f"`{span.text}` cannot close `{opening.text}`",
            labels=[Label(opening, "opened here")],
            help=f"write `{CLOSING[opening.text]}`",
        )

    def unclosed(self, bracket: _Open) -> None:
        """The caret stands where the bracket is missing if its line ends in a value, else at the bracket."""
        opening = bracket.span
        self.layout.broken.append(opening.start)
        place, labels = opening, [Label(opening, "opened here")]
        end = self.last.end if bracket.line_end is None else bracket.line_end
        if bracket.block or not re.match(r"[\w)\]}\"]", self.source.text[end - 1]):
            labels = []
        else:
            place = Span(self.source, end, end)
        help = f"close it with `{CLOSING[opening.text]}`"
        self.diagnostics.report(
            "RNN101", place, f"`{opening.text}` is never closed", labels=labels, help=help
        )


def _ascii(character: str) -> str:
    """A character in ASCII, as far as known: Greek by name, accents dropped, digits of all scripts."""
    if character.isascii():
        return character
    return ASCII.get(character) or unicodedata.normalize("NFKD", character)[0]


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:36] + " ..."
