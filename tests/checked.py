"""What the tests of the checker share: a spec compiled from text, and what was reported."""

from __future__ import annotations

from collections.abc import Mapping

from rnnc.compiler.check import check, frontend
from rnnc.compiler.checking.infer import Typed
from rnnc.compiler.ir_text import equation_text
from rnnc.compiler.program import Program
from rnnc.spec.diagnostics import Diagnostic, Diagnostics
from rnnc.spec.render import render
from rnnc.spec.source import Source, Span

Files = Mapping[str, str]


def reader(files: Files) -> object:
    """Imports out of a table; every other path is an empty file."""

    def read(path: str, span: Span) -> Source:
        return Source(path, files.get(path, ""))

    return read


def attempt(
    text: str, dims: Mapping[str, int] | None = None, files: Files | None = None
) -> tuple[Program | None, list[Diagnostic]]:
    """The program, if any, and everything reported."""
    diagnostics = Diagnostics()
    source = Source("spec.rnn", text)
    program = frontend(source, dims=dims or {}, read_import=reader(files or {}), diagnostics=diagnostics)
    return program, diagnostics.items


def program(text: str, dims: Mapping[str, int] | None = None, files: Files | None = None) -> Program:
    """The program of a spec that must be right; warnings are allowed."""
    found, reported = attempt(text, dims, files)
    assert found is not None, render(reported)
    return found


def typed(text: str) -> Typed:
    """The checked model of a spec that must be right."""
    diagnostics = Diagnostics()
    found = check(Source("spec.rnn", text), dims={}, read_import=reader({}), diagnostics=diagnostics)
    assert found is not None, render(diagnostics.items)
    return found


def codes(text: str, files: Files | None = None) -> list[str]:
    """The codes of all errors, in order of report."""
    return [item.code for item in attempt(text, None, files)[1] if item.severity == "error"]


def lines(found: Program, prefix: str) -> list[str]:
    """The equations whose name is the prefix, or begins with it and a dot."""
    lengths = {axis.index: axis.length for axis in found.forward.axes}
    return [
        equation_text(equation, lengths)
        for equation in found.forward.equations
        if equation.name == prefix or equation.name.startswith(prefix + ".")
    ]


def params(found: Program) -> dict[str, str]:
    """The shape of every parameter, as a spec writes it."""
    return {p.name: ", ".join(map(str, p.shape)) for p in found.params}
