"""From bytes to text.

A spec is untrusted: what could deceive a reader, an editor or a later tool is refused here, so that every
stage after may print and compare text without a second thought."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .diagnostics import Diagnostics
from .records import dataclass
from .source import Source, Span

SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Refused:
    """Characters that no spec may hold, not even in a comment."""

    code: str
    pattern: re.Pattern[str]
    message: Callable[[str], str]
    help: str


def _codepoint(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


REFUSED = (
    _Refused(
        "RNN003",
        re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]"),
        lambda character: f"control character {_codepoint(character)}",
        "delete it; newlines and tabs are the only control characters of a spec",
    ),
    _Refused(
        "RNN004",
        re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
        lambda character: f"{_codepoint(character)} changes the direction of writing",
        "delete it; with it a line can look different from what it says",
    ),
    _Refused(
        "RNN005",
        re.compile(r"\r"),
        lambda _: "a carriage return without a newline",
        "end lines with a newline, or with carriage return and newline",
    ),
)


def read_source(path_name: str, data: bytes, diagnostics: Diagnostics) -> Source | None:
    """The text of a file's bytes, line ends folded to newlines; None when it was refused."""
    text = _decode(path_name, data, diagnostics)
    if text is None:
        return None
    source = Source(path_name, text.removeprefix("\ufeff").replace("\r\n", "\n"))
    found = [(refused, match) for refused in REFUSED if (match := refused.pattern.search(source.text))]
    for refused, match in found:
        span = Span(source, match.start(), match.end())
        diagnostics.report(refused.code, span, refused.message(match.group()), help=refused.help)
    return None if found else source


def _decode(path_name: str, data: bytes, diagnostics: Diagnostics) -> str | None:
    if len(data) > SIZE:
        message = f"a file of {len(data)} bytes; {SIZE} are the most"
        nowhere = Span(Source(path_name, ""), 0, 0)
        diagnostics.report("RNN002", nowhere, message, help="split the spec into files, and `import` them")
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # The excerpt shows the line as far as it can be read.
        readable = Source(path_name, data[: error.start].decode("utf-8").replace("\r\n", "\n") + "\ufffd")
        place = Span(readable, len(readable.text) - 1, len(readable.text))
        message = f"byte 0x{data[error.start]:02X} is not UTF-8"
        diagnostics.report("RNN001", place, message, help="save the file as UTF-8")
        return None
