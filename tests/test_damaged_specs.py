"""Damaged specs through the whole compiler: a diagnostic or a module, never a traceback, never a hang.

python -m pytest tests/test_damaged_specs.py --mutants 20000"""

from __future__ import annotations

import time
from pathlib import Path

import mutate
import pytest
from rnnc.compiler.driver import Options, compile_source
from rnnc.spec.diagnostics import Diagnostics, SpecError
from rnnc.spec.lexical import read_source
from rnnc.spec.render import render

ROOT = Path(__file__).resolve().parent.parent
SPECS = [
    path.read_text("utf-8") for folder in ("examples", "spec/cells") for path in (ROOT / folder).glob("*.rnn")
]
SECONDS = 2.0  # of processor time; the machine may be busy


def outcome(data: bytes) -> str:
    """What the compiler makes of a file: "module" or "diagnostics"."""
    diagnostics = Diagnostics()
    source = read_source("damaged.rnn", data, diagnostics)
    if source is None:
        assert diagnostics.failed and render(diagnostics.items)
        return "diagnostics"
    try:
        compiled = compile_source(source, Options(level=2), lambda path, span: None)
    except SpecError as error:
        assert error.diagnostics and render(error.diagnostics)
        return "diagnostics"
    compile(compiled.text, "damaged.py", "exec")
    return "module"


def test_damaged_specs(request: pytest.FixtureRequest) -> None:
    asked = request.config.getoption("--mutants")
    count = asked if asked > 1000 else asked // 4  # compiling takes longer than parsing
    found = {"module": 0, "diagnostics": 0}
    for number, data in enumerate(mutate.mutants(SPECS, count, seed=7)):
        began = time.process_time()
        try:
            found[outcome(data)] += 1
        except Exception as error:
            raise AssertionError(f"mutant {number}: {error!r}\n{data!r}") from error
        assert time.process_time() - began < SECONDS, f"mutant {number} took too long: {data!r}"
    # Most damage is seen, some is harmless (a comment, a default, a name throughout).
    assert found["diagnostics"] > found["module"] > 0
