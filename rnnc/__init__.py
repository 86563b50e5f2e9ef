"""rnnc compiles recurrent networks written as equations to readable NumPy modules."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

# In a checkout `spec/`, `compiler/` and `runtime/` stand beside this folder; installed, inside it.
_ROOT = Path(__file__).resolve().parent.parent
if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "spec" / "syntax.py").is_file():
    __path__.append(str(_ROOT))

if TYPE_CHECKING:
    from os import PathLike

    from .compiler.driver import Options
    from .flow import Flow
    from .runtime.module import Arrays, Batch
    from .runtime.properties.report import Tested

__all__ = ["compile", "gradient_flow", "load", "loads", "test"]

# What these need is imported when they are called: `import rnnc` takes a few milliseconds.


def load(path: str | PathLike[str], options: Options | None = None, /, **dims: int) -> ModuleType:
    """A spec's module: compiled, imported, cached by content; dims by keyword."""
    from . import api

    return api.load(path, api.with_dims(options, dims))


def loads(text: str, options: Options | None = None, /, **dims: int) -> ModuleType:
    """The module of a spec given as a string; dims by keyword."""
    from . import api

    return api.loads(text, api.with_dims(options, dims))


def compile(path: str | PathLike[str], options: Options | None = None, /, **dims: int) -> str:
    """The text of a spec's module; dims by keyword."""
    from . import api

    return api.compile_file(path, api.with_dims(options, dims)).text


def gradient_flow(module: ModuleType, params: Arrays, batch: Batch) -> Flow:
    """How far back the loss of the last step reaches: norms by lag, spectral radius, saturated units.

    Print it, draw it (``.svg()``) or read ``.memories``, ``.edges``, ``.radii``, ``.saturated``."""
    from . import flow

    return flow.gradient_flow(module, params, batch)


def test(module: ModuleType, *, examples: int = 10, seed: int = 0) -> Tested:
    """`rnnc test` of a module in memory: prints what was found and returns it (``.failed``, ``.results``)."""
    from . import testing

    found = testing.test_module(module, examples, seed)
    print(found)
    return found


test.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's
