"""Named arrays in a file: `.npz`, without pickle, or `.safetensors`, by the file's name.

A file from elsewhere is looked at before it is believed: names, shapes and dtypes are read from the
members' headers, so that a caller can compare them with what it needs before any data is read."""

from __future__ import annotations

import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from . import safetensors
from .files import replacing
from .module import Array, Arrays

META = "__meta__"  # no parameter can have this name
KINDS = "biufc"
HEADER_LIMIT = 10_000
META_LIMIT = 16 << 20
_SUFFIX = ".npy"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, NotImplementedError, RuntimeError,
           OverflowError, SyntaxError, tokenize.TokenError, UnicodeError, RecursionError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a member's first bytes say of it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read of an archive."""

    arrays: Arrays
    meta: dict[str, Any]


Check = Callable[[Mapping[str, Header], Mapping[str, Any]], None]


def write(path: str | os.PathLike[str], arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """All or nothing; the same arrays give the same bytes."""
    if safetensors.is_one(path):
        safetensors.write(path, arrays, meta)
        return
    encoded = np.frombuffer(json.dumps(dict(meta)).encode(), np.uint8)
    with replacing(path) as handle, zipfile.ZipFile(handle, "w") as archive:
        for name, value in {META: encoded, **arrays}.items():
            with archive.open(zipfile.ZipInfo(name + _SUFFIX), "w", force_zip64=True) as member:
                npy.write_array(cast(BinaryIO, member), np.asarray(value), allow_pickle=False)


def read(path: str | os.PathLike[str], check: Check) -> Contents:
    """The arrays, once `check` has seen headers and meta and raised nothing; a ValueError names the file."""
    with open(path, "rb") as handle:
        return _read(os.fspath(path), handle, check)


def _read(path: str, handle: BinaryIO, check: Check) -> Contents:
    try:
        return _read_tensors(handle, check) if safetensors.is_one(path) else _read_npz(handle, check)
    except ValueError as error:
        raise ValueError(f"{path!s}: {error}") from None
    except MemoryError:
        raise ValueError(f"{path!s}: its arrays do not fit in memory") from None
    except _BROKEN as error:
        raise ValueError(f"{path!s}: not a whole file of arrays ({error})") from None


def _read_npz(handle: BinaryIO, check: Check) -> Contents:
    with zipfile.ZipFile(handle) as archive:
        headers = {name: _header(archive, name) for name in _names(archive)}
        meta = _meta(archive, headers)
        check(headers, meta)
        return Contents({name: _array(archive, name) for name in headers}, meta)


def _read_tensors(handle: BinaryIO, check: Check) -> Contents:
    reader = safetensors.Reader(handle)
    check({name: Header(reader.shapes[name], reader.dtypes[name]) for name in reader.shapes}, reader.meta)
    return Contents({name: reader.array(name) for name in reader.shapes}, reader.meta)


def read_meta(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write` was told to note, and no array."""
    found: dict[str, Any] = {}

    class Enough(Exception):
        pass

    def note(_: Mapping[str, Header], meta: Mapping[str, Any]) -> None:
        found.update(meta)
        raise Enough

    try:
        read(path, note)
    except Enough:
        pass
    return found


def _names(archive: zipfile.ZipFile) -> list[str]:
    names = archive.namelist()
    strangers = [name for name in names if not name.endswith(_SUFFIX)]
    if strangers:
        raise ValueError(f"not an .npz file: it holds {strangers[0]!r}, which is no array")
    if len(set(names)) != len(names):
        raise ValueError("two members have the same name")
    return [name.removesuffix(_SUFFIX) for name in names]


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    """The header, found to be of a plain type and to tell the member's true size."""
    info = archive.getinfo(name + _SUFFIX)
    with archive.open(info) as opened:
        member = cast(BinaryIO, opened)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        version = npy.read_magic(member)
        if version not in readers:
            raise ValueError(f"{name!r} has an unknown format {version}")
        try:
            shape, _, dtype = readers[version](member, max_header_size=HEADER_LIMIT)
        except ValueError as error:
            raise ValueError(f"{name!r} has a bad header: {str(error).splitlines()[0]}") from None
        begin = member.tell()
    if dtype.kind not in KINDS:
        raise ValueError(f"{name!r} holds {_kind(dtype)}, which is not read; numbers are needed")
    if begin + math.prod(shape) * dtype.itemsize != info.file_size:
        raise ValueError(f"{name!r} is not as long as its header says")
    return Header(shape, dtype)


def _kind(dtype: np.dtype[Any]) -> str:
    return "Python objects" if dtype.hasobject else f"values of type {dtype}"


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    with archive.open(name + _SUFFIX) as member:
        value: Array = npy.read_array(cast(BinaryIO, member), allow_pickle=False)
        return value


def _meta(archive: zipfile.ZipFile, headers: dict[str, Header]) -> dict[str, Any]:
    """Takes the meta member out of the headers; an archive without one has none."""
    header = headers.pop(META, None)
    if header is None:
        return {}
    if header.dtype != np.uint8 or math.prod(header.shape) > META_LIMIT:
        raise ValueError(f"{META!r} is not a note of rnnc's")
    meta = json.loads(_array(archive, META).tobytes())
    if not isinstance(meta, dict):
        raise ValueError(f"{META!r} is not a note of rnnc's")
    return meta
