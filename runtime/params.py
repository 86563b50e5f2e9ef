"""Parameters on disk: saved whole, and compared with what the module needs before they are read."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import archive
from .archive import Header
from .module import Arrays, Module


def save_params(path: str | os.PathLike[str], params: Arrays, **meta: Any) -> None:
    """An `.npz` of the parameters; `meta` (JSON) is read back by `load_params`."""
    archive.write(path, params, meta)


def load_params(path: str | os.PathLike[str], module: Module) -> tuple[Arrays, dict[str, Any]]:
    """The parameters and the notes saved with them; ValueError when they are not this module's.

    Dims noted in the file count more than the module's defaults."""

    def check(headers: Mapping[str, Header], meta: Mapping[str, Any]) -> None:
        check_params(headers, module, {**module.DIMS, **noted_dims(meta)})

    contents = archive.read(path, check)
    return contents.arrays, contents.meta


def noted_dims(meta: Mapping[str, Any]) -> dict[str, int]:
    """The dims a file of parameters was saved with."""
    noted = meta.get("dims", {})
    if not isinstance(noted, dict) or not all(type(value) is int and value >= 0 for value in noted.values()):
        raise ValueError("the dims noted in it are not numbers by name")
    return noted


def check_params(headers: Mapping[str, Header], module: Module, dims: Mapping[str, int]) -> None:
    """Names, shapes and dtypes, against what the module says of its parameters."""
    _check_names(set(headers), set(module.PARAMS))
    for name in module.PARAMS:
        found, symbols = headers[name], module.SHAPES[name]
        if found.shape != tuple(size(symbol, dims) for symbol in symbols):
            raise ValueError(f"parameter {name!r}: expected shape {_shape(symbols, dims)}, got {found.shape}")
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


def size(text: str, dims: Mapping[str, int]) -> int:
    """The number that a symbolic size (``4*hidden``, ``n + 2*m - 1``) is, given every dim's."""
    total = 0
    for sign, term in re.findall(r"([+-]?) ?([\w*]+)", text):
        factors = (int(word) if word.isdigit() else dims[word] for word in term.split("*"))
        total += math.prod(factors) * (-1 if sign == "-" else 1)
    return total


def _shape(symbols: Sequence[str], dims: Mapping[str, int]) -> str:
    """``(hidden = 128, 3)``: sizes, with the dim's name where there is one."""
    parts = [symbol if symbol.isdigit() else f"{symbol} = {size(symbol, dims)}" for symbol in symbols]
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
