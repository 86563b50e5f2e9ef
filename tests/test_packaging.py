"""What is on disk is what installs: the package list, the data globs, the wheel, the bare checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = {"spec": "rnnc/spec", "compiler": "rnnc/compiler", "runtime": "rnnc/runtime", "rnnc": "rnnc"}


def shipped_files() -> dict[str, Path]:
    """Every file of the four folders by its place in an installation."""
    found = {}
    for folder, place in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT / folder)
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.is_file() and "__pycache__" not in inside.parts and not hidden:
                found[f"{place}/{inside.as_posix()}"] = path
    return found


def setuptools_is_new_enough() -> bool:
    try:
        return int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        return False


def test_every_folder_is_a_listed_package() -> None:
    folders = {str(Path(place).parent).replace("/", ".") for place in shipped_files()}
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(folders)


def test_the_package_directories_are_where_the_files_are() -> None:
    table = PROJECT["tool"]["setuptools"]["package-dir"]
    expected = {str(Path(p).parent).replace("/", "."): f.parent for p, f in shipped_files().items()}
    assert {name: ROOT / place for name, place in table.items()} == expected


def test_every_data_file_is_matched_by_a_glob() -> None:
    globs = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    data = [path.name for path in shipped_files().values() if path.suffix != ".py"]
    assert [name for name in data if not any(fnmatch(name, glob) for glob in globs)] == []


@pytest.mark.skipif(not setuptools_is_new_enough(), reason="building needs setuptools >= 77")
def test_the_wheel_holds_every_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = f"import setuptools.build_meta as b; b.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        for name, path in shipped_files().items():
            assert archive.read(name) == path.read_bytes(), name
    assert packed == set(shipped_files())


def test_a_bare_checkout_runs_without_installing() -> None:
    """From the root of a checkout `python -m rnnc` works; only the libraries need to be there."""
    libraries = sysconfig.get_path(
        "purelib"
    )  # on PYTHONPATH, with -S, no .pth file of an installation is read
    command = [sys.executable, "-S", "-m", "rnnc", "--help"]
    environment = os.environ | {"PYTHONPATH": libraries}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "compile" in done.stdout
