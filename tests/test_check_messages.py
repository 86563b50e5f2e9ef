"""What a person reads: whole messages, spec and answer side by side in `goldens/check`."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked import attempt
from golden_files import FOLDER, check, given
from rnnc.spec.render import render

SPECS = sorted((FOLDER / "check").glob("*.txt"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_messages(path: Path, request: pytest.FixtureRequest) -> None:
    spec = given(path)
    check(path, spec, render(attempt(spec)[1]), request)
