"""Parameters on disk: saved whole, and compared with what the module needs before they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from . import archive
from .archive import Header
from .module import Arrays, Module


def save_params(path: str | os.PathLike[str], params: Arrays, **meta: Any) -> None:
    """An `.npz` of the parameters; `meta` (JSON) is read back by `load_params`."""
    archive.write(path, params, meta)


def load_params(path: str | os.PathLike[str], module: Module) -> tuple[Arrays, dict[str, Any]]:
    """The parameters and the notes saved with them; ValueError when they are not this module's.

    Dims noted in the file count where they differ from the module's defaults."""

    def check(headers: Mapping[str, Header], meta: Mapping[str, Any]) -> None:
        check_params(headers, module, _dims(meta, module))

    contents = archive.read(path, check)
    return contents.arrays, contents.meta


def _dims(meta: Mapping[str, Any], module: Module) -> dict[str, int]:
    """The dims to give `init`: those noted which are not the defaults."""
    noted = meta.get("dims", {})
    if not isinstance(noted, dict) or not all(type(value) is int and value >= 0 for value in noted.values()):
        raise ValueError("the dims noted in it are not numbers by name")
    return {name: value for name, value in noted.items() if module.DIMS.get(name) != value}


def check_params(headers: Mapping[str, Header], module: Module, dims: Mapping[str, int]) -> None:
    """Names, shapes and dtypes, against those `init` gives."""
    wanted = module.init(**dims)
    _check_names(set(headers), set(wanted))
    sizes = {**module.DIMS, **dims}
    for name, value in wanted.items():
        found = headers[name]
        if found.shape != value.shape:
            need = _shape(module.SHAPES.get(name, ()), value.shape, sizes)
            raise ValueError(f"parameter {name!r}: expected shape {need}, got {found.shape}")
        if found.dtype.kind not in "fc" or not found.dtype.isnative:
            raise ValueError(f"parameter {name!r}: expected floating-point numbers, got {found.dtype}")
    dtypes = sorted({str(header.dtype) for header in headers.values()})
    if len(dtypes) > 1:
        raise ValueError(f"the parameters have several types: {', '.join(dtypes)}")


def _check_names(found: set[str], wanted: set[str]) -> None:
    if missing := sorted(wanted - found):
        raise ValueError(f"parameter {missing[0]!r} is missing; the module has {', '.join(sorted(wanted))}")
    if extra := sorted(found - wanted):
        raise ValueError(f"{extra[0]!r} is no parameter of the module, which has {', '.join(sorted(wanted))}")


def _shape(symbols: tuple[str, ...], sizes: tuple[int, ...], dims: Mapping[str, int]) -> str:
    """``(hidden = 128, 3)``: sizes, with the dim's name where there is one."""
    names = symbols if len(symbols) == len(sizes) else [""] * len(sizes)
    parts = [str(size) if str(size) == str(name) or not name else f"{name} = {size}"
             for name, size in zip(names, sizes)]  # fmt: skip
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
