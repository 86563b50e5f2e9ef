"""From a spec's text to a program: parsing, expansion, checking, lowering."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..spec.diagnostics import Diagnostics
from ..spec.parser import parse
from ..spec.source import Source, Span
from .checking.causality import check_causality
from .checking.cells import Loader
from .checking.expand import expand
from .checking.infer import Typed, infer
from .checking.report import Report
from .checking.stopping import check_stopping
from .checking.targets import warn_taken_twice
from .checking.unused import warn_unread_starts, warn_unused
from .lower import lower
from .program import Program
from .stream import check_stream

ReadImport = Callable[[str, Span], Source | None]


def frontend(
    source: Source, *, dims: Mapping[str, int], read_import: ReadImport, diagnostics: Diagnostics
) -> Program | None:
    """The program of a spec; None when something was wrong, which has then been reported."""
    typed = check(source, dims=dims, read_import=read_import, diagnostics=diagnostics)
    return None if typed is None else lower(typed)


def check(
    source: Source, *, dims: Mapping[str, int], read_import: ReadImport, diagnostics: Diagnostics
) -> Typed | None:
    """The checked model of a spec, with the type of every quantity; None when something was wrong."""
    spec = parse(source, diagnostics)
    if spec is None:
        return None
    report = Report(diagnostics)
    cells = Loader(report, diagnostics, read_import).load(spec)
    model = expand(spec, cells, dims, report)
    typed = infer(model, report)
    check_causality(model, report)
    check_stopping(model, report)
    if not diagnostics.failed:
        check_stream(typed, report)
    warn_unused(typed, report)
    warn_taken_twice(model, report)
    warn_unread_starts(model, report)
    return None if diagnostics.failed else typed
