"""The one command: format, lint, types, tests. It stops at nothing and fails if any of them failed.

python tools/check.py              all four
python tools/check.py types tests  only these
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = ("spec", "compiler", "runtime")  # stand at the top, install inside `rnnc`


def run(*arguments: str, cwd: Path = ROOT) -> bool:
    """Whether `python -m ARGUMENTS` succeeded."""
    # One BLAS thread for each test process: the suite runs in parallel already.
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} | os.environ
    return subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, env=environment).returncode == 0


def types() -> bool:
    """mypy over the four folders, laid out as they install: only then do their relative imports resolve."""
    cache = ROOT / ".mypy_cache"
    tree = cache / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rnnc", tree / "rnnc", ignore=unwanted)
    for folder in INSTALLED:
        shutil.copytree(ROOT / folder, tree / "rnnc" / folder, ignore=unwanted)
    config = str(ROOT / "pyproject.toml")
    return run("mypy", "--config-file", config, "--cache-dir", str(cache), "-p", "rnnc", cwd=tree)


STEPS: dict[str, Callable[[], bool]] = {
    "format": lambda: run("ruff", "format", "--check", "."),
    "lint": lambda: run("ruff", "check", "."),
    "types": types,
    "tests": lambda: run("pytest", "-q", "-n", "auto"),
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"no step named {unknown[0]}; there are {', '.join(STEPS)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or STEPS:
        print(f"== {name}", flush=True)
        begun = time.monotonic()
        if not STEPS[name]():
            failed.append(name)
        print(f"   {time.monotonic() - begun:.1f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
