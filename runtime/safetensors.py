"""Named arrays in a `.safetensors` file: 8 bytes with the length of a JSON header, the header, raw numbers.

The format is small enough that reading it here costs less than depending on a package, and lets a file be
refused by its header, before any of its data is read. Facts of the format: the documentation of safetensors
0.4 ("Format"); a header says of each array its dtype, its shape, and where its bytes are in what follows."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from .files import replacing
from .module import Array

SUFFIX = ".safetensors"
HEADER_LIMIT = 16 << 20
ARRAYS = 100_000
RANK = 32
META = "__metadata__"  # text by name; ours is JSON under one name
OURS = "rnnc"
DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def is_one(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is of this format."""
    return os.fspath(path).lower().endswith(SUFFIX)


def write(path: str | os.PathLike[str], arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """All or nothing; the same arrays give the same bytes. ValueError for a dtype that the format lacks."""
    header: dict[str, Any] = {META: {OURS: json.dumps(dict(meta))}}
    end = 0
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in NAMES:
            raise ValueError(f"{name!r}: safetensors has no type for {array.dtype}")
        begin, end = end, end + array.nbytes
        kind = NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            handle.write(np.asarray(array, array.dtype.newbyteorder("<"), order="C").tobytes())


class Reader:
    """An open file whose header has been read and found sound; data comes when asked for."""

    def __init__(self, handle: BinaryIO) -> None:
        handle.seek(0, os.SEEK_END)
        size = handle.tell()
        handle.seek(0)
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_LIMIT):
            raise ValueError(f"not a whole {SUFFIX} file: a header of {length} bytes in a file of {size}")
        self.handle = handle
        self.begin = 8 + length
        entries = _header(handle.read(length))
        self.meta = _meta(entries.pop(META, {}))
        if len(entries) > ARRAYS:
            raise ValueError(f"it has {len(entries)} arrays; {ARRAYS} are the most")
        found = {name: _entry(name, entry) for name, entry in entries.items()}
        self.dtypes = {name: dtype for name, (dtype, _, _, _) in found.items()}
        self.shapes = {name: shape for name, (_, shape, _, _) in found.items()}
        self.places = {name: begin for name, (_, _, begin, _) in found.items()}
        _check_places(sorted((begin, end) for _, _, begin, end in found.values()), size - self.begin)

    def array(self, name: str) -> Array:
        """The data of one array."""
        dtype, shape = self.dtypes[name], self.shapes[name]
        self.handle.seek(self.begin + self.places[name])
        data = self.handle.read(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _header(data: bytes) -> dict[str, Any]:
    """The entries by name; no name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("two entries of its header have the same name")
        return dict(pairs)

    if not data.startswith(b"{"):
        raise ValueError("its header is no JSON object")
    try:
        entries: dict[str, Any] = json.loads(data, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is no JSON: {error.msg}") from None
    return entries


def _meta(texts: Any) -> dict[str, Any]:
    """What `write` was told to note; a file of someone else's has none."""
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{META!r} is not text by name")
    meta = json.loads(texts.get(OURS, "{}"))
    if not isinstance(meta, dict):
        raise ValueError(f"{META!r} is not a note of rnnc's")
    return meta


def _entry(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """dtype, shape, and from where to where, found to be of one size."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r}: expected dtype, shape and data_offsets")
    code, shape, places = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(
            f"{name!r} holds values of type {str(code)[:40]}, which is not read; numbers are needed"
        )
    if not _whole(shape) or len(shape) > RANK:
        raise ValueError(f"{name!r}: {str(shape)[:80]} is no shape")
    if not _whole(places) or len(places) != 2:
        raise ValueError(f"{name!r}: {str(places)[:80]} are not two places in the file")
    dtype = np.dtype(DTYPES[code])
    if places[1] - places[0] != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} is not as long as its shape says")
    return dtype, tuple(shape), places[0], places[1]


def _whole(values: Any) -> bool:
    """Whether it is a list of whole numbers that an array can have."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_places(places: list[tuple[int, int]], size: int) -> None:
    """One after the other from the first byte to the last: no holes, none twice, none outside."""
    end = 0
    for begin, after in places:
        if begin != end:
            raise ValueError("its arrays overlap, or have holes between them")
        end = after
    if end != size:
        raise ValueError(f"its arrays need {end} bytes, it has {size}")
