"""Diagnostics as data: what went wrong, where, and what to do. Drawing them is `render`'s work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from .records import dataclass
from .source import Span

LIMIT = 20  # diagnostics shown of one file


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that matters, and why."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. ``code`` names an entry of the catalogue: RNN9xx is a warning, any other an error.

    ``message`` says what was found and what was needed; ``note`` stands beside the caret;
    ``help`` says what to do."""

    code: str
    message: str
    span: Span
    note: str = ""
    labels: tuple[Label, ...] = ()
    help: str = ""

    @property
    def severity(self) -> str:
        return "warning" if self.code.startswith("RNN9") else "error"


@dataclass(slots=True)
class Diagnostics:
    """A collector: stages report into it and go on; nobody throws at the first mistake."""

    items: list[Diagnostic] = field(default_factory=list)

    def report(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        note: str = "",
        labels: Iterable[Label] = (),
        help: str = "",
    ) -> None:
        found = Diagnostic(code, message, span, note, tuple(labels), help)
        if found not in self.items:
            self.items.append(found)

    @property
    def failed(self) -> bool:
        return any(item.severity == "error" for item in self.items)


class SpecError(Exception):
    """A spec that cannot be compiled; carries every diagnostic found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in self.diagnostics))

    def __str__(self) -> str:
        """As the command line shows it: what a traceback ends in."""
        from .render import render  # which needs this module

        return f"\n{render(self.diagnostics)}"
