"""What a new spec starts from: one file a kind of task."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of task there are."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.rnn")))


def start(kind: str) -> str:
    """The text of a spec to start from."""
    return (FOLDER / f"{kind}.rnn").read_text("utf-8")
