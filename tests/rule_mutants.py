"""Slips in the derivative rules of the operator table, and who notices: the test of each operator does.

A mutant differs from a rule's source at one node: operands swapped, a factor or a term dropped, a sign turned,
f for f', one operand for another, a comparison shifted, a transpose or a reduction left out. It is killed when a
gradient of its operator disagrees with the complex step, or with what a tie is said to give. What survives must be
equivalent, and is named here with the reason."""

from __future__ import annotations

import ast
import copy
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import test_operators
import test_tangents
from rnnc.compiler.operators import record
from rnnc.compiler.operators.record import TABLE, Operator

MODULES = ("elementwise", "features", "products", "indexing")
RULES = (": Cotangent", ": Tangent")
SWAPPED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "sin": "cos", "cos": "sin", "exp": "log", "log": "exp",
           "sigmoid": "tanh", "square": "sqrt", "sum": "max", "max": "sum"}  # fmt: skip
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARED = {
    ast.Gt: ast.Lt,
    ast.Lt: ast.Gt,
    ast.GtE: ast.LtE,
    ast.LtE: ast.GtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
OPERANDS = {"a": "b", "b": "a", "q": "a", "d": "q", "da": "db", "db": "da"}

# Mutants that change no number, with the reason; told by rule, text and what stands instead.
NOT_TAKEN = "this value is not taken where the base is not positive"
ONLY_SHAPE = "only the shape of it is asked"
EQUIVALENT = {
    ("pow", "where(positive, c.q * apply('log', where(positive, c.a, 1)), 0)",
     "c.q * apply('log', where(positive, c.a, 1))"): "where the base is not positive, log(1) = 0 is the factor",
    ("pow", "where(positive, c.a, 1)", "c.a"): NOT_TAKEN,
    ("pow", "where(c.a > 0, c.a, 1)", "c.a"): NOT_TAKEN,
    ("pow", "where(c.a > 0, apply('log', base) * c.q * c.db, 0)", "apply('log', base) * c.q * c.db"):
        "where the base is not positive, log(1) = 0 is a factor",
    ("pow", "1", "2"): NOT_TAKEN,
    ("root", "c.q", "c.a"): "a root is 0 where what it is of is",
    ("root", "1", "2"): "this value is not taken where the root is 0",
    ("clip", "apply('maximum', c.a, c.b)", "apply('maximum', c.b, c.a)"): "the larger of two, in either order",
    ("mean", "c.d", "c.q"): ONLY_SHAPE,
    ("softmax", "c.q", "c.a"): ONLY_SHAPE,
    ("expand", "c.d", "c.q"): ONLY_SHAPE,
    ("einsum", "kept + alone", "kept"): "the general way is gone, which gives the same",
    ("einsum", "kept + alone", "alone"): "the general way is gone, which gives the same",
    ("outer", "1", "2"): "any number but 0 tells the second operand",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """``line`` is where the rule begins; ``changed`` stands in the place of node ``number`` of the ``source``."""

    module: str
    source: ast.Module
    line: int
    number: int
    node: ast.expr
    changed: ast.expr

    @property
    def text(self) -> str:
        return ast.unparse(self.node)

    @property
    def instead(self) -> str:
        return ast.unparse(self.changed)

    def __str__(self) -> str:
        return f"{self.module}.py:{self.node.lineno}: `{self.text}` as `{self.instead}`"

    def tree(self) -> ast.Module:
        """The whole module with one node changed."""
        twin = copy.deepcopy(self.source)
        old = next(other for place, other in enumerate(ast.walk(twin)) if place == self.number)
        new = ast.copy_location(copy.deepcopy(self.changed), self.node)

        class Replace(ast.NodeTransformer):
            def visit(self, found: ast.AST) -> Any:
                return new if found is old else super().visit(found)

        return ast.fix_missing_locations(Replace().visit(twin))  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------- the mutants


def mutants() -> Iterator[Mutant]:
    """All of them, in the order of the source."""
    for name in MODULES:
        path = Path(str(importlib.import_module(f"rnnc.compiler.operators.{name}").__file__))
        tree = ast.parse(path.read_text("utf-8"))
        numbers = {node: number for number, node in enumerate(ast.walk(tree))}
        for rule in (node for node in ast.walk(tree) if _is_rule(node)):
            for node in _inside(rule):
                for changed in changes(node):
                    yield Mutant(name, tree, rule.lineno, numbers[node], node, changed)  # type: ignore[attr-defined]


def _is_rule(node: ast.AST) -> bool:
    """A function of a cotangent."""
    if isinstance(node, ast.Lambda):
        return [arg.arg for arg in node.args.args][:1] == ["c"]
    named = isinstance(node, ast.FunctionDef) and node.args.args
    return bool(named) and ast.unparse(node.args.args[0]).endswith(RULES)  # type: ignore[union-attr]


def _inside(rule: ast.AST) -> Iterator[ast.expr]:
    body = rule.body if isinstance(rule.body, list) else [rule.body]  # type: ignore[attr-defined]
    for part in body:
        for node in ast.walk(part):
            if isinstance(node, ast.expr):
                yield node


def changes(node: ast.expr) -> Iterator[ast.expr]:
    """What a slip could leave in a node's place."""
    match node:
        case ast.BinOp(left, op, right):
            yield left
            yield right
            if isinstance(op, ast.Sub | ast.Div | ast.Pow):
                yield ast.BinOp(right, op, left)
            if type(op) in OPERATORS:
                yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Attribute(ast.Name("c", context), name, _) if name in OPERANDS:
            yield ast.Attribute(ast.Name("c", context), OPERANDS[name], ast.Load())
        case ast.Compare(left, [op], right) if type(op) in COMPARED:
            yield ast.Compare(left, [COMPARED[type(op)]()], right)
        case ast.IfExp(test, body, other):
            yield ast.IfExp(test, other, body)
        case ast.Call(ast.Name("apply"), [ast.Constant(str(name)), first, *rest], keywords):
            yield first
            yield ast.UnaryOp(ast.USub(), node)
            if name in SWAPPED:
                yield ast.Call(node.func, [ast.Constant(SWAPPED[name]), first, *rest], keywords)
            if len(rest) == 1:
                yield ast.Call(node.func, [node.args[0], rest[0], first], keywords)
        case ast.Call(ast.Name("where"), [test, first, other], []):
            yield ast.Call(node.func, [test, other, first], [])
            yield first
        case ast.Constant(bool()):
            return
        case ast.Constant(int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Constant(str(text)) if "->" in text:
            yield ast.Constant(text[:-2] + text[:-3:-1])


# ------------------------------------------------------------------------------------ who notices


def operators_of(mutant: Mutant) -> dict[str, Operator]:
    """The operators whose rules changed, as the mutated module defines them."""
    scratch: dict[str, Operator] = {}
    module = ModuleType(f"rnnc.compiler.operators.{mutant.module}")
    module.__package__ = "rnnc.compiler.operators"
    whole = dict(record.TABLE)
    record.TABLE.clear()
    try:
        exec(compile(mutant.tree(), mutant.module, "exec"), vars(module))
        scratch = dict(record.TABLE)
    finally:
        record.TABLE.clear()
        record.TABLE.update(whole)
    own = {name: found for name, found in scratch.items() if mutant.line in set(_lines(found))}
    return own or scratch


def _lines(operator: Operator) -> Iterator[int]:
    rules = operator.derivative if isinstance(operator.derivative, tuple) else (operator.derivative,)
    for rule in (*rules, operator.tangent):
        if rule is not None:
            yield rule.__code__.co_firstlineno
            cells = rule.__closure__ or ()
            yield from (
                c.cell_contents.__code__.co_firstlineno for c in cells if hasattr(c.cell_contents, "__code__")
            )


def equivalent(mutant: Mutant) -> str | None:
    """Why a mutant that survives changes nothing; None when nobody has said so."""
    names = operators_of(mutant)
    return next(
        (EQUIVALENT[key] for name in names if (key := (name, mutant.text, mutant.instead)) in EQUIVALENT),
        None,
    )


def killed(mutant: Mutant) -> bool:
    """Whether a test of one of the operators fails."""
    for name, changed in operators_of(mutant).items():
        original = TABLE[name]
        TABLE[name] = changed
        try:
            test_operators.test_derivative_agrees_with_the_complex_step(changed)
            test_tangents.test_every_operator_moves_as_the_complex_step_says(changed)
            for tie in test_operators.TIES:
                if tie[0] == name:
                    test_operators.test_derivatives_at_ties_and_edges(*tie)
                    test_tangents.test_at_ties_and_edges_both_modes_choose_alike(*tie)
        except Exception:
            return True
        finally:
            TABLE[name] = original
    return False
