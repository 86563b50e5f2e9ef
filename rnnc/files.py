"""Specs from disk, and the files that specs import.

A spec is untrusted: what it imports must be a regular file inside the folder of the spec that is being
compiled (or below it) after every link is followed. The compiler itself reads nothing."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from .spec.diagnostics import Diagnostics, SpecError
from .spec.lexical import SIZE, read_source
from .spec.source import Source, Span

STDIN = "-"


def read_spec(path: str) -> Source:
    """A spec by path; OSError when it cannot be read, SpecError when it is no text."""
    return to_source(path, read_bytes(path))


def read_bytes(path: str) -> bytes:
    """At most one byte more than a spec may have."""
    if path == STDIN:
        return sys.stdin.buffer.read(SIZE + 1)
    try:
        with open(path, "rb") as handle:
            return handle.read(SIZE + 1)
    except OSError as error:
        error.filename = path  # what fails while it is read tells no name
        raise


def to_source(path: str, data: bytes) -> Source:
    name = "<stdin>" if path == STDIN else path
    diagnostics = Diagnostics()
    source = read_source(name, data, diagnostics)
    if source is None:
        raise SpecError(diagnostics.items)
    return source


class Imports:
    """Reads what a spec imports. `read` remembers it by real path; `diagnostics` is what went wrong."""

    def __init__(self, spec: str | os.PathLike[str] | None) -> None:
        inside = spec is not None and os.fspath(spec) != STDIN
        self.root = Path(os.path.realpath(spec)).parent if spec is not None and inside else None
        self.read: dict[Path, bytes] = {}
        self.diagnostics = Diagnostics()

    def __call__(self, path: str, span: Span) -> Source | None:
        """The text of ``import "PATH"``, or None, reported."""
        try:
            name = os.path.normpath(os.path.join(os.path.dirname(span.source.path), path))
            found = self._locate(path, name)
            self.read[found] = data = _read_regular(found)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            help = "import a file beside the spec or in a folder below it"
            self.diagnostics.report("RNN283", span, f"cannot import {path!r}: {why}", help=help)
            return None
        return read_source(name, data, self.diagnostics)

    def _locate(self, path: str, name: str) -> Path:
        """The real path of what the spec calls `path`, found to be inside the tree."""
        if self.root is None:
            raise OSError("a spec that is not in a file imports nothing")
        if os.path.isabs(path) or "\\" in path or "\0" in path:
            raise OSError("the path must be relative, with `/` between folders")
        found = Path(os.path.realpath(name))
        if not found.is_relative_to(self.root):
            raise OSError("it is outside the folder of the spec")
        return found


def _read_regular(path: Path) -> bytes:
    """At most one byte more than a spec may have."""

    def unblocked(name: str, flags: int) -> int:
        """A pipe without a writer must not hold us up before it is refused."""
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=unblocked) as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise OSError("it is not a regular file")
        return handle.read(SIZE + 1)


def check_replaceable(path: str | os.PathLike[str], mark: str | None, force: bool) -> None:
    """FileExistsError when the file is there and does not bear the ``mark`` of what the compiler writes; with no
    mark to tell by, whenever it is there."""
    if force or not os.path.isfile(path) or os.path.getsize(path) == 0:
        return
    with open(path, "rb") as handle:
        ours = mark is not None and mark.encode() in handle.read(4096)
    if not ours:
        said = "it is there already" if mark is None else "it was not written by rnnc"
        kept = f"{said}, so it is left alone (--force overwrites it)"
        raise FileExistsError(errno.EEXIST, kept, os.fspath(path))
