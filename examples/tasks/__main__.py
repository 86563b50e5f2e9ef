"""``python examples/tasks NAME``: runs a task; without a name, says which there are."""

from __future__ import annotations

import ast
import os
import sys
from importlib import import_module
from pathlib import Path

SHARED = ("__main__", "common", "made", "picture")


def main() -> None:
    # Before NumPy is imported: the products are small, and several threads are slower at them than one.
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    tasks = {
        path.stem: path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in SHARED
    }
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in tasks:
        told = {task: ast.get_docstring(ast.parse(path.read_text("utf-8"))) for task, path in tasks.items()}
        lines = [f"  {task:12}{(doc or '').splitlines()[0]}" for task, doc in told.items()]
        sys.exit("\n".join(["python examples/tasks NAME [--steps N] [--seed N]; NAME is one of", *lines]))
    task = import_module(name)
    task.main(import_module("common").arguments(name, task.__doc__, task.SETTINGS))


main()
