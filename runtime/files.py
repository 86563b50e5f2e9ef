"""Files written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write into which takes `path`'s place when all went well, and vanishes otherwise.

    Links are followed; a device or pipe is written to as it stands."""
    special = os.path.exists(path) and not os.path.isfile(path)  # a link to a pipe names no path that exists
    try:
        with open(path, "wb") if special else _draft(Path(os.path.realpath(path)), path) as handle:
            yield handle
    except OSError as error:
        if error.filename is None:  # on a full disk writing knows of no name
            error.filename = os.fspath(path)
        raise


@contextmanager
def _draft(target: Path, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    opened = _opened(draft, path)
    try:
        with opened as handle:
            yield handle
        if target.exists():
            shutil.copymode(target, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _opened(draft: Path, path: str | os.PathLike[str]) -> BinaryIO:
    """The draft; what keeps it from being opened is told of the file that was asked for."""
    try:
        return open(draft, "wb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """UTF-8, newlines as they are."""
    with replacing(path) as handle:
        handle.write(text.encode())
