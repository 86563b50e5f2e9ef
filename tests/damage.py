"""What the compiler makes of bytes that claim to be a spec: the promise is a diagnostic with a place, or a program."""

from __future__ import annotations

from pathlib import Path

from rnnc.compiler.check import check
from rnnc.compiler.driver import Options, compile_source
from rnnc.spec.catalogue import ENTRIES
from rnnc.spec.diagnostics import Diagnostics, SpecError
from rnnc.spec.lexical import read_source
from rnnc.spec.render import render

ROOT = Path(__file__).resolve().parent.parent
SPECS = [
    path.read_text("utf-8") for folder in ("examples", "spec/cells") for path in (ROOT / folder).glob("*.rnn")
]
SMALL = sorted(text for text in [*SPECS, *(entry.right for entry in ENTRIES)] if len(text) < 400)


def outcome(data: bytes, whole: bool = True) -> str:
    """ "module" or "diagnostics"; ``whole``: through the whole compiler, else only checked."""
    diagnostics = Diagnostics()
    source = read_source("damaged.rnn", data, diagnostics)
    if source is None:
        return _told(diagnostics)
    if not whole:
        typed = check(source, dims={}, read_import=lambda path, span: None, diagnostics=diagnostics)
        return "module" if typed is not None else _told(diagnostics)
    try:
        compiled = compile_source(source, Options(level=2), lambda path, span: None)
    except SpecError as error:
        diagnostics.items.extend(error.diagnostics)
        return _told(diagnostics)
    compile(compiled.text, "damaged.py", "exec")
    return "module"


def _told(diagnostics: Diagnostics) -> str:
    """Something is wrong, and whoever wrote it can be told what and where."""
    assert diagnostics.items
    for item in diagnostics.items:
        assert item.span.line >= 1 and item.message
    assert render(diagnostics.items)
    return "diagnostics"
