"""Diagnostics on standard error, in colour where there is a terminal that wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from .spec.diagnostics import Diagnostic
from .spec.render import render


def show_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    text = render(diagnostics, color=in_color())
    if text:
        print(text.rstrip("\n"), file=sys.stderr)


def in_color() -> bool:
    """Not when `NO_COLOR` is set to anything, nor away from a terminal."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
