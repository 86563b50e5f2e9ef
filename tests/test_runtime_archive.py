"""Arrays on disk: what is written is read back, and nothing hostile is believed."""

from __future__ import annotations

import errno
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from doubles import char_lstm as model
from rnnc.runtime import archive
from rnnc.runtime.files import replacing, write_text
from rnnc.runtime.params import load_params, save_params, size

SIZES = {"vocab": 7, "embed": 3, "hidden": 4}


def anything(headers, meta):
    pass


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "w.npz"
    save_params(path, model.init(**SIZES), dims=SIZES, vocabulary="äb")
    return path


def npz(path, **members):
    """An archive of raw bytes, as an enemy would write it."""
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_parameters_come_back(saved):
    params, meta = load_params(saved, model)
    wanted = model.init(**SIZES)
    assert list(params) == list(wanted) and meta == {"dims": SIZES, "vocabulary": "äb"}
    for name, value in wanted.items():
        assert params[name].dtype == value.dtype and (params[name] == value).all()


def test_same_arrays_same_bytes(saved, tmp_path):
    again = tmp_path / "again.npz"
    save_params(again, model.init(**SIZES), dims=SIZES, vocabulary="äb")
    assert again.read_bytes() == saved.read_bytes()


def test_plain_numpy_reads_and_writes_them(saved, tmp_path):
    with np.load(saved, allow_pickle=False) as file:
        assert (file["W_yh"] == model.init(**SIZES)["W_yh"]).all()
    np.savez(tmp_path / "plain.npz", **model.init())
    assert (load_params(tmp_path / "plain.npz", model)[0]["b_y"] == 0).all()


def changed(**changes):
    params = {**model.init(**SIZES), **changes}
    return {name: value for name, value in params.items() if value is not None}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (changed(W_yh=None), "'W_yh' is missing"),
        (changed(other=np.zeros(3)), "'other' is no parameter"),
        (changed(b_y=np.zeros(8, "f4")), r"'b_y': expected shape \(vocab = 7,\), got \(8,\)"),
        (changed(b_y=np.zeros(7, int)), "'b_y': expected floating-point"),
        (changed(b_y=np.zeros(7)), "several types: float32, float64"),
    ],
)
def test_parameters_of_another_module(tmp_path, params, said):
    path = tmp_path / "w.npz"
    save_params(path, params, dims=SIZES)
    with pytest.raises(ValueError, match=said):
        load_params(path, model)


def test_symbolic_sizes():
    dims = {"n": 3, "gate_size": 5}
    texts = ["7", "n", "4*n", "n*n*gate_size", "n + 2*gate_size - 1", "-n + 4", "0"]
    assert [size(text, dims) for text in texts] == [7, 3, 12, 45, 12, 1, 0]


@pytest.mark.parametrize("dims", [[1], {"vocab": "7"}, {"vocab": -1}, {"vocab": True}, {"vocab": 10**15}])
def test_bad_dims(tmp_path, dims):
    path = tmp_path / "w.npz"
    save_params(path, model.init(), dims=dims)
    with pytest.raises(ValueError, match=r"dim|vocab = 10{15}"):
        load_params(path, model)


class Bomb:
    """Unpickling this leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_pickles_are_never_opened(tmp_path):
    mark = tmp_path / "mark"
    path = npz(tmp_path / "w.npz", E=npy(np.array([Bomb(str(mark))], object)))
    with pytest.raises(ValueError, match="Python objects"):
        archive.read(path, anything)
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Bomb(str(mark))))
    with pytest.raises(ValueError, match="not a whole"):
        archive.read(tmp_path / "p.npz", anything)
    assert not mark.exists()


def header(text):
    """A member that begins with this header and has no data."""
    data = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


HOSTILE = {
    "empty": b"",
    "text": b"E = 1\n",
    "no magic": b"\x93NUMPX" + b"\0" * 100,
    "new version": b"\x93NUMPY\x09\x00" + b"\0" * 100,
    "huge array": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"),
    "negative shape": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}"),
    "code": header("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': ()}"),
    "nested": header("{'descr': " + "(" * 200 + ")" * 200 + ", 'fortran_order': False, 'shape': ()}"),
    "huge header": b"\x93NUMPY\x02\x00\xff\xff\xff\x00" + b" " * 0xFFFFFF,
    "cut short": npy(np.zeros(10))[:-8],
    "too long": npy(np.zeros(10)) + b"12345678",
    "strings": npy(np.array(["a", "b"])),
    "records": npy(np.zeros(2, [("a", "i4")])),
    "dates": npy(np.zeros(2, "M8[s]")),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_members(tmp_path, data):
    path = npz(tmp_path / "w.npz", E=data)
    with pytest.raises(ValueError, match="w.npz: "):
        archive.read(path, anything)


@pytest.mark.parametrize("meta", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_hostile_notes(tmp_path, meta):
    path = npz(tmp_path / "w.npz", **{archive.META: npy(np.frombuffer(meta, np.uint8))})
    with pytest.raises(ValueError, match="w.npz: "):
        archive.read_meta(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_zips(tmp_path):
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("E.npy", npy(np.zeros(2)))
        file.writestr("E.npy", npy(np.ones(2)))
    with pytest.raises(ValueError, match="same name"):
        archive.read(path, anything)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("run.py", b"print()")
    with pytest.raises(ValueError, match="no array"):
        archive.read(path, anything)


def test_any_damage_is_a_value_error(saved, tmp_path):
    good = saved.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(len(data), size=rng.integers(1, 20)):
            data[place] = rng.integers(256)
        path = tmp_path / "damaged.npz"
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.3 else data)
        try:
            load_params(path, model)
        except ValueError:
            refused += 1
    assert refused > 200


def test_no_data_is_read_before_the_check(saved, monkeypatch):
    read = []
    original = archive._array
    monkeypatch.setattr(archive, "_array", lambda file, name: read.append(name) or original(file, name))

    def refuse(headers, meta):
        assert read == [archive.META]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        archive.read(saved, refuse)
    assert read == [archive.META]


def test_missing_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        archive.read(tmp_path / "none.npz", anything)
    with pytest.raises(IsADirectoryError):
        archive.read(tmp_path, anything)


def test_files_are_whole_or_untouched(tmp_path):
    path = tmp_path / "f.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as handle:
        handle.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["f.txt"]
    write_text(path, "new\r\n")
    assert path.read_bytes() == b"new\r\n" and os.listdir(tmp_path) == ["f.txt"]


def test_links_and_devices_stay(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "f.txt")
    write_text(tmp_path / "link", "through")
    assert (tmp_path / "f.txt").read_text() == "through" and (tmp_path / "link").is_symlink()
    write_text(os.devnull, "gone")
    assert not os.path.isfile(os.devnull)


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="no such folder")
def test_a_pipe_is_written_to_by_its_name() -> None:
    """As in `-o /dev/stdout | less`."""
    reader, writer = os.pipe()
    write_text(f"/dev/fd/{writer}", "through")
    os.close(writer)
    with open(reader) as handle:
        assert handle.read() == "through"


def test_a_missing_folder_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "w.npz"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "x")
    assert caught.value.filename == str(path)


def test_a_name_too_long_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / ("w" * 300)
    with pytest.raises(OSError) as caught:
        write_text(path, "x")
    assert caught.value.filename == str(path)


def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    """Writing knows of no name."""
    path = tmp_path / "w.npz"
    with pytest.raises(OSError) as caught, replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path) and not os.listdir(tmp_path)
    with pytest.raises(OSError) as caught, replacing(path):
        open(tmp_path / "other")
    assert str(caught.value.filename) == str(tmp_path / "other")
