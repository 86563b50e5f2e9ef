"""Every small fault of a printed backward pass, made from its text: what a slip of the hand would leave.

A mutant differs from `_backward` at one place of its syntax tree. It counts unless it is equivalent: the same bits
in all gradients, whatever is tried."""

from __future__ import annotations

import ast
import copy
import linecache
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnc.runtime.properties.data import full
from rnnc.runtime.properties.observe import everything
from rnnc.runtime.properties.run import FAILED, run_one, typical
from rnnc.runtime.properties.subject import Subject
from rnnc.runtime.properties.table import PROPERTIES

GRADIENT = next(item for item in PROPERTIES if item.name == "gradient")
TRIED = 12  # seeds: without and with a state, of three sequences
SLIP = 1 + 1e-7

Change = Callable[[Any], ast.AST | None]


@dataclass(frozen=True)
class Mutant:
    """One node of a function, told by its number in the walk, and what stands in its place."""

    name: str
    function: ast.FunctionDef
    number: int
    changed: ast.AST

    def planted(self, module: Any) -> None:
        tree = ast.Module([_with(self.function, self.number, self.changed)], [])
        exec(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec"), vars(module))


# ------------------------------------------------------------------- changes of one node; None: does not fit


def overwrites(node: ast.AST) -> ast.AST | None:
    """``a += b`` becomes ``a = b``."""
    return ast.Assign([node.target], node.value) if isinstance(node, ast.AugAssign) else None


def loses_a_term(node: ast.AST) -> ast.AST | None:
    return (
        node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _whole(node) else None
    )


def loses_the_other_term(node: ast.AST) -> ast.AST | None:
    return (
        node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _whole(node) else None
    )


def _whole(node: ast.BinOp) -> bool:
    """Whether it adds quantities, and no number to an index."""
    return not any(isinstance(side, ast.Constant) for side in (node.left, node.right))


def subtracts(node: ast.AST) -> ast.AST | None:
    fits = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _whole(node)
    return ast.BinOp(node.left, ast.Sub(), node.right) if fits else None


def loses_a_factor(node: ast.AST) -> ast.AST | None:
    return node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else None


def loses_the_other_factor(node: ast.AST) -> ast.AST | None:
    return node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else None


def f_for_its_derivative(node: ast.AST) -> ast.AST | None:
    """``1.0 - a`` becomes ``a``."""
    one = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Constant)
    return node.right if one else None


def is_not_masked(node: ast.AST) -> ast.AST | None:
    """``keep(valid, a)`` becomes ``a``."""
    kept = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "keep"
    return node.args[1] if kept else None


def _moved(by: int) -> Change:
    def change(node: ast.AST) -> ast.AST | None:
        """``h[t + 2]`` is read a step on; what is written stays."""
        fits = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _is_step(node.slice)
        return (
            ast.Subscript(node.value, ast.BinOp(node.slice, ast.Add(), ast.Constant(by)), node.ctx)
            if fits
            else None
        )

    return change


def _is_step(index: ast.AST) -> bool:
    """``t`` or ``t + k``."""
    name = index.left if isinstance(index, ast.BinOp) else index
    return isinstance(name, ast.Name) and name.id == "t"


def slips(node: ast.AST) -> ast.AST | None:
    """A value that a statement computes is off by 1e-7."""
    if not isinstance(node, ast.AugAssign | ast.Assign) or not isinstance(node.value, ast.BinOp):
        return None
    changed = copy.copy(node)
    changed.value = ast.BinOp(node.value, ast.Mult(), ast.Constant(SLIP))
    return changed


GATES = {"i": "o", "o": "f", "f": "i", "W_ih": "W_oh", "W_oh": "W_fh", "W_fh": "W_ih"}


def takes_another_gate(node: ast.AST) -> ast.AST | None:
    fits = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in GATES
    return ast.Name(GATES[node.id], node.ctx) if fits else None


CHANGES: dict[str, Change] = {
    "overwrites": overwrites, "loses a term": loses_a_term, "loses the other term": loses_the_other_term,
    "subtracts": subtracts, "loses a factor": loses_a_factor, "loses the other factor": loses_the_other_factor,
    "f for f'": f_for_its_derivative, "no mask": is_not_masked, "a step later": _moved(1),
    "a step earlier": _moved(-1), "off by 1e-7": slips, "another gate": takes_another_gate,
}  # fmt: skip


# ---------------------------------------------------------------------------------------------- mutants


def mutants(module: Any) -> Iterator[Mutant]:
    """Every change at every place of `_backward` where it fits."""
    text = "".join(linecache.getlines(str(module.__file__)))
    function = next(
        f for f in ast.parse(text).body if isinstance(f, ast.FunctionDef) and f.name == "_backward"
    )
    for number, node in enumerate(ast.walk(function)):
        for name, change in CHANGES.items():
            changed = change(node)
            if changed is not None:
                place = ast.unparse(node).split("\n")[0]
                yield Mutant(f"{name}: {place[:60]}", function, number, changed)


def _with(function: ast.FunctionDef, number: int, changed: ast.AST) -> ast.FunctionDef:
    copied = copy.deepcopy(function)
    target = list(ast.walk(copied))[number]
    for parent in ast.walk(copied):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, changed)
            elif isinstance(value, list) and any(item is target for item in value):
                setattr(parent, field, [changed if item is target else item for item in value])
    return copied


def fate(subject: Subject, mutant: Mutant) -> str:
    """``caught`` by the property `gradient`, ``equivalent``, or ``missed``."""
    right = subject.module._backward
    try:
        mutant.planted(subject.module)
        if run_one(subject, GRADIENT, shrink=False).status == FAILED:
            return "caught"
        return "equivalent" if is_equivalent(subject, right) else "missed"
    finally:
        subject.module._backward = right


def is_equivalent(subject: Subject, right: Callable[..., Any]) -> bool:
    """The same bits as the right backward pass for several batches; leaves the mutant where it was."""
    mutant = subject.module._backward
    for seed in range(TRIED):
        data = full(subject, typical(subject, seed))
        answers = []
        for function in (mutant, right):
            subject.module._backward = function
            answers.append({name: value.tobytes() for name, value in everything(subject, data).items()})
        if answers[0] != answers[1]:
            return False
    return True
