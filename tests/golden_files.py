"""Golden files: what goes in and what comes out, in one file, with a line of `=` between."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("goldens")
DIVIDER = "=" * 40 + "\n"


def check(path: Path, given: str, produced: str, request: pytest.FixtureRequest) -> None:
    """Compare with the file, or write it with `--update-goldens`."""
    content = f"{given}{DIVIDER}{produced}"
    if request.config.getoption("--update-goldens"):
        path.write_text(content, "utf-8")
    assert content == path.read_text("utf-8")


def given(path: Path) -> str:
    """The part before the divider."""
    return path.read_text("utf-8").partition(DIVIDER)[0]
