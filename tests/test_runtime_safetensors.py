"""Weights as `.safetensors`: what is written is read back, by others too, and nothing hostile is believed."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from doubles import char_lstm as model
from rnnc.runtime import archive, safetensors
from rnnc.runtime.params import load_params, save_params

SIZES = {"vocab": 7, "embed": 3, "hidden": 4}


def anything(headers, meta):
    pass


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "w.safetensors"
    save_params(path, model.init(**SIZES), dims=SIZES, vocabulary="äb")
    return path


def test_parameters_come_back(saved):
    params, meta = load_params(saved, model)
    wanted = model.init(**SIZES)
    assert list(params) == list(wanted) and meta == {"dims": SIZES, "vocabulary": "äb"}
    for name, value in wanted.items():
        assert params[name].dtype == value.dtype and (params[name] == value).all()
        assert params[name].flags.writeable
    assert archive.read_meta(saved) == meta


def test_same_arrays_same_bytes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_params(again, model.init(**SIZES), dims=SIZES, vocabulary="äb")
    assert again.read_bytes() == saved.read_bytes()


def test_the_package_reads_and_writes_them(saved, tmp_path):
    theirs = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    found = theirs.load_file(saved)
    assert {name: value.tobytes() for name, value in found.items()} == {
        name: value.tobytes() for name, value in model.init(**SIZES).items()
    }
    theirs.save_file(model.init(), tmp_path / "t.safetensors", metadata={"format": "np"})
    params, meta = load_params(tmp_path / "t.safetensors", model)
    assert meta == {} and (params["W_yh"] == model.init()["W_yh"]).all()


@pytest.mark.parametrize("dtype", sorted(safetensors.DTYPES.values()))
def test_every_type(tmp_path, dtype):
    arrays = {
        "a": np.arange(6).reshape(2, 3).astype(dtype).T,
        "none": np.zeros((0, 4), dtype),
        "s": np.array(1, dtype),
    }
    safetensors.write(tmp_path / "a.safetensors", arrays, {})
    found = archive.read(tmp_path / "a.safetensors", anything).arrays
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name], value)
        assert found[name].shape == value.shape


def test_arrays_of_the_other_byte_order(tmp_path):
    safetensors.write(tmp_path / "a.safetensors", {"a": np.arange(3, dtype=">f4")}, {})
    assert archive.read(tmp_path / "a.safetensors", anything).arrays["a"].tolist() == [0, 1, 2]


def test_what_the_format_lacks(tmp_path):
    with pytest.raises(ValueError, match="'a': safetensors has no type for complex128"):
        archive.write(tmp_path / "a.safetensors", {"a": np.zeros(2, complex)}, {})
    assert not list(tmp_path.iterdir())


def test_parameters_of_another_module(tmp_path):
    params = {**model.init(**SIZES), "b_y": np.zeros(8, "f4")}
    save_params(tmp_path / "w.safetensors", params, dims=SIZES)
    with pytest.raises(ValueError, match=r"'b_y': expected shape \(vocab = 7,\), got \(8,\)"):
        load_params(tmp_path / "w.safetensors", model)


def file(header, data=b"", length=None):
    """A file with this header, as an enemy would write it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def one(dtype="F32", shape=(2,), places=(0, 8), **more):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(places), **more}}


A = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
HOSTILE = {
    "empty": (b"", "not a whole"),
    "no header": (b"\0" * 7, "not a whole"),
    "a pickle": (b"\x80\x04\x95" + b"." * 100, "not a whole"),
    "a header longer than the file": (file(one(), length=1 << 20), "not a whole"),
    "a header of exabytes": (file(one(), length=2**63), "not a whole"),
    "a header that is a list": (file([1]), "no JSON object"),
    "a header that is a number": (file(b"1"), "no JSON object"),
    "a broken header": (file(b'{"a": '), "no JSON"),
    "a header that is not UTF-8": (file(b'{"\xff": 1}'), "t.safetensors: "),
    "a deep header": (file(b'{"a":' + b"[" * 100_000), "t.safetensors: "),
    "a name twice": (file(f'{{"a":{A},"a":{A}}}'.encode(), b"\0" * 4), "same name"),
    "an entry that is a list": (file({"a": []}), "expected dtype"),
    "an entry with something more": (file(one(code="x"), b"\0" * 8), "expected dtype"),
    "a type of objects": (file(one("O"), b"\0" * 8), "type O"),
    "a type that is no text": (file(one(["F32"]), b"\0" * 8), "which is not read"),
    "half precision of another kind": (file(one("BF16", places=(0, 4)), b"\0" * 4), "type BF16"),
    "a negative shape": (file(one(shape=(-2, -1)), b"\0" * 8), "no shape"),
    "a shape of floats": (file(one(shape=(2.0,)), b"\0" * 8), "no shape"),
    "a shape of truths": (file(one(shape=(True, 2)), b"\0" * 8), "no shape"),
    "a shape of many sizes": (file(one(shape=(1,) * 40, places=(0, 4)), b"\0" * 4), "no shape"),
    "a huge shape": (file(one(shape=(10**12,))), "not as long"),
    "a shape that overflows": (file(one(shape=(2**62, 4), places=(0, 0))), "not as long"),
    "a size beyond 64 bits": (file(one(shape=(2**64,))), "no shape"),
    "places before the data": (file(one(places=(-8, 0)), b"\0" * 8), "two places"),
    "places the wrong way round": (file(one(places=(8, 0)), b"\0" * 8), "not as long"),
    "three places": (file(one(places=(0, 4, 8)), b"\0" * 8), "two places"),
    "places past the end": (file(one(places=(0, 8)), b"\0" * 4), "need 8 bytes"),
    "data that nobody names": (file(one(), b"\0" * 9), "need 8 bytes"),
    "a hole": (file(one(places=(4, 12)), b"\0" * 12), "holes"),
    "two at one place": (file({**one(), "b": one()["a"]}, b"\0" * 8), "overlap"),
    "notes that are no text": (file({"__metadata__": {"rnnc": 1}}), "text by name"),
    "notes that are a list": (file({"__metadata__": []}), "text by name"),
    "notes of ours that are none": (file({"__metadata__": {"rnnc": "[1]"}}), "not a note"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files(tmp_path, data, said):
    path = tmp_path / "t.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=said) as error:
        archive.read(path, anything)
    assert str(error.value).startswith(str(path))


def test_any_damage_is_a_value_error(saved):
    good = saved.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(min(len(data), 1500), size=rng.integers(1, 20)):
            data[place] = rng.integers(256)
        saved.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.3 else data)
        try:
            load_params(saved, model)
        except ValueError:
            refused += 1
    assert refused > 250


def test_no_data_is_read_before_the_check(saved, monkeypatch):
    monkeypatch.setattr(safetensors.Reader, "array", lambda self, name: pytest.fail("data is read"))

    def refuse(headers, meta):
        assert headers["b_y"].shape == (7,)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        archive.read(saved, refuse)
