"""Reporting from inside cells: every diagnostic also shows the calls that led there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from ...spec.diagnostics import Diagnostics, Label
from ...spec.records import dataclass
from ...spec.source import Span

Via = tuple[Span, ...]  # the cell calls around a place, outermost first


@dataclass(slots=True)
class Report:
    """The same mistake in several copies of a cell is reported once."""

    diagnostics: Diagnostics
    seen: set[tuple[str, Span]] = field(default_factory=set)
    muted: bool = False
    count: int = 0

    def __call__(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        via: Via = (),
        note: str = "",
        labels: Iterable[Label] = (),
        help: str = "",
    ) -> None:
        if self.muted:
            return
        self.count += 1
        if (code, span) in self.seen:
            return
        self.seen.add((code, span))
        calls = [Label(call, "in this copy of the cell") for call in reversed(via)]
        self.diagnostics.report(code, span, message, note=note, labels=[*labels, *calls], help=help)


def listing(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``, each in backquotes."""
    quoted = [f"`{word}`" for word in words]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
