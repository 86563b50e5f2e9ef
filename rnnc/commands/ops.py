"""``rnnc ops``: the functions and operators a spec can use."""

from __future__ import annotations

import argparse

from ..compiler.operators import TABLE
from ..failure import FINE


def add_arguments(command: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    rows = sorted((_usage(op.surface, op.operands), op.doc) for op in TABLE.values() if op.surface)
    width = max(len(usage) for usage, _ in rows)
    for usage, doc in rows:
        print(f"{usage:<{width}}  {doc}")
    return FINE


def _usage(surface: str, operands: tuple[str, ...]) -> str:
    """``tanh(a)``, ``a + b``, ``-a``."""
    if surface.isidentifier() and surface not in ("and", "or", "not"):
        return f"{surface}({', '.join(operands)})"
    return f" {surface} ".join(operands) if len(operands) > 1 else f"{surface} {operands[0]}"
