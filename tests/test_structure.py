"""The invariants of the architecture: what each folder must not know, short functions, pages in step."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("spec", "compiler", "runtime", "rnnc")
FUNCTION_LINES, FILE_LINES = 50, 500


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    """The absolute names of the modules imported anywhere in `tree`, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name, node.lineno
            yield from ((f"{name}.{alias.name}", node.lineno) for alias in node.names)


def package_of(path: Path) -> str:
    folder = ".".join(path.relative_to(ROOT).parent.parts)
    return folder if folder.startswith("rnnc") else f"rnnc.{folder}"


def offenders(folder: str, *forbidden: str) -> list[str]:
    """Where files of `folder` import one of the forbidden modules or something inside them."""
    return [
        f"{shown(path)}:{line} imports {name}"
        for path in sources(folder)
        for name, line in imports(parsed(path), package_of(path))
        if any(name == f or name.startswith(f + ".") for f in forbidden)
    ]


def test_spec_knows_neither_numpy_nor_the_compiler() -> None:
    assert offenders("spec", "numpy", "rnnc.compiler", "rnnc.runtime") == []


def test_the_compiler_knows_nothing_of_what_uses_it() -> None:
    assert offenders("compiler", "rnnc.runtime", "rnnc.__main__", "argparse") == []


def test_the_runtime_knows_nothing_of_the_compiler() -> None:
    assert offenders("runtime", "rnnc.compiler") == []


# Functions whose text goes into printed modules; the compiler reads the files and does not import them.
COPIED = ("compiler/prelude.py", "compiler/printing/shared/")


# Runs the operators' own NumPy code, text of the compiler and not of any spec; no module is made with it.
EVALUATOR = "compiler/reference.py"


def test_numpy_stands_only_where_it_is_printed_or_evaluated() -> None:
    found = offenders("compiler", "numpy")
    assert [place for place in found if not place.startswith((*COPIED, EVALUATOR))] == []


def test_the_compiler_compiles_without_numpy() -> None:
    code = "import sys; sys.modules['numpy'] = None; import rnnc; rnnc.compile('examples/bidirectional.rnn')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """The functions that `path` calls by a plain name or as a method, with their lines."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node.lineno
            elif isinstance(node.func, ast.Attribute):
                yield "." + node.func.attr, node.lineno


IO = {"open", "print", "input", ".write_text", ".write_bytes", ".open"}
DYNAMIC = {"eval", "exec", "compile"}
# The evaluator, and the constructors of the compiler's own classes: their text holds names of fields.
RUNS_TEXT = (EVALUATOR, "spec/records.py")


@pytest.mark.parametrize("folder", ["spec", "compiler"])
def test_no_files_and_no_terminal_in_the_compiler(folder: str) -> None:
    found = [
        f"{shown(path)}:{line} calls {name}"
        for path in sources(folder)
        for name, line in calls(path)
        if name in IO or (name in DYNAMIC and shown(path) not in RUNS_TEXT)
    ]
    assert found == []


def test_functions_are_short() -> None:
    long = []
    for path in sources(*FOLDERS, "tools", "tests"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{shown(path)}:{node.lineno} {node.name} has {lines} lines")
    assert long == []


def test_files_are_short() -> None:
    long = []
    for path in sources(*FOLDERS, "tools", "tests"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES:
            long.append(f"{shown(path)} has {lines} lines")
    assert long == []


TEXT = {".py", ".md", ".toml", ".rnn", ".lark", ".j2", ".yml", ".txt", ""}
# Absolute paths of somebody's machine; the pattern is split so that this line does not match itself.
PRIVATE = re.compile(r"(?<![\w.])/" + r"(?:work|root|home|tmp|Users)/\w")


def documents() -> list[Path]:
    """Every text file of the repository, less caches and virtual environments."""
    skipped = {"build", "dist", "runs", "__pycache__"}
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts)
        unwanted = hidden or skipped & set(parts) or any(part.endswith(".egg-info") for part in parts)
        if not unwanted and path.is_file() and path.suffix in TEXT:
            found.append(path)
    return found


def test_no_paths_of_a_machine() -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in documents()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert found == []


# `compiler/ir.py`, `tests/`, `spec/cells/*.rnn`: what looks like a path of this repository, in backticks.
NAMED = re.compile(r"`((?:spec|compiler|runtime|rnnc|tests|tools|docs|examples|benchmarks)/[\w./*-]*)`")


PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs/cells.md", "docs/language.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_named_exists(page: str) -> None:
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [path for path in named if not list(ROOT.glob(path.rstrip("/")))] == []
    assert named, "the page names no path: has the way of writing them changed?"
