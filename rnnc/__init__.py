"""rnnc compiles recurrent networks written as equations to readable NumPy modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

# In a checkout `spec/`, `compiler/` and `runtime/` stand beside this folder; installed, inside it.
_ROOT = Path(__file__).resolve().parent.parent
if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "spec" / "syntax.py").is_file():
    __path__.append(str(_ROOT))

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["compile", "load", "loads"]

# What these need is imported when they are called: `import rnnc` takes a few milliseconds. Dims are given
# by keyword, or in `dims` where a dim's name is that of another argument.


def load(
    path: str | PathLike[str],
    *,
    level: int = 2,
    unroll: int | None = None,
    skip: Iterable[str] = (),
    dims: Mapping[str, int] | None = None,
    **more: int,
) -> ModuleType:
    """A spec's module: compiled, imported, cached by content."""
    from . import api

    return api.load(path, api.options(level, unroll, skip, {**(dims or {}), **more}))


def loads(
    text: str,
    *,
    level: int = 2,
    unroll: int | None = None,
    skip: Iterable[str] = (),
    dims: Mapping[str, int] | None = None,
    **more: int,
) -> ModuleType:
    """The module of a spec given as a string."""
    from . import api

    return api.loads(text, api.options(level, unroll, skip, {**(dims or {}), **more}))


def compile(
    path: str | PathLike[str],
    *,
    level: int = 2,
    unroll: int | None = None,
    skip: Iterable[str] = (),
    dims: Mapping[str, int] | None = None,
    **more: int,
) -> str:
    """The text of a spec's module."""
    from . import api

    return api.compile_file(path, api.options(level, unroll, skip, {**(dims or {}), **more})).text
