"""Gradients that are arrays of their own as they are computed; of all others the caller gets copies."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .computing import completed
from .fast_body import Printer
from .python import text

NEW = ("np.matmul", "np.einsum", "scatter_rows", "weighed")  # functions whose result is a new array
METHODS = ("dot", "sum")  # and methods


def owned(printer: Printer, gradients: Mapping[str, str], entries: Mapping[str, str]) -> dict[str, str]:
    """The ``entries`` of a printed dict, copied but for products, sums and stretches of one that stand there once.
    ``gradients``: by the same keys the quantities."""
    taken, found = set[str](), dict(entries)
    for key, name in gradients.items():
        array = _array(printer, name)
        if key in found and (array in taken or not _is_new(printer, array)):
            found[key] = f"np.array({found[key]}, dtype)"
        taken.add(array)
    return found


def _array(printer: Printer, name: str) -> str:
    """The quantity whose array a quantity is; a stretch that has a name is one of its own."""
    table = printer.plan.frame.table
    while (
        name not in printer.together
        and name in table
        and table[name].op == "copy"
        and not table[name].reads[0].at
    ):
        name = table[name].reads[0].name
    return name


def _is_new(printer: Printer, name: str) -> bool:
    """Whether a quantity is a new array, or one of the stretches of such a one that have names."""
    frame, storage = printer.plan.frame, printer.plan.storage
    root = frame.table.get(name)
    if root is not None and name in printer.together:
        root = frame.table[root.reads[0].name]
    if (
        root is None
        or not (root.shape or root.axes)
        or storage.kinds.get(storage.holder(root.name)) != "fresh"
    ):
        return False
    value = completed(frame, root)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "reshape":
        value = value.func.value
    if isinstance(value, ast.Call):
        function, operands = value.func, len(value.args) - 1
        if text(function) == "np.einsum" and operands == 1:
            return False  # this is a view
        return text(function) in NEW or (isinstance(function, ast.Attribute) and function.attr in METHODS)
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.MatMult)
