"""Products: an `einsum` over features and axes as `@` where it is one matrix product, else `np.einsum`.

Letters are feature sizes; an axis counts as one more letter. A letter is *summed* (both operands, not
the result), *left* or *right* (one operand and the result) or *shared* (both and the result)."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .frame import Frame, Value
from ..ir import Equation
from .python import expression

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """An array and what each of its dimensions stands for: "#t" an axis, "i" a feature size."""

    expr: ast.expr
    labels: Labels


def contract(frame: Frame, equation: Equation, values: Sequence[Value], dims: tuple[str, ...]) -> Value:
    """The product's value; its dims are ``dims``."""
    inputs, _, result = str(equation.attr("spec")).partition("->")
    extents: dict[str, ast.expr] = {"#" + axis: frame.extent(axis) for v in values for axis in v.dims}
    operands: list[Operand] = []
    for value, letters, read in zip(values, inputs.split(","), equation.reads, strict=True):
        operands.append(Operand(value.expr, (*("#" + axis for axis in value.dims), *letters)))
        extents.update(zip(letters, map(frame.size, frame.table[read.name].shape), strict=True))
    goal: Labels = (*("#" + axis for axis in dims), *result)
    product = Product(goal, extents, frame.flat)
    if len(operands) == 2:
        left, right = operands
        expr = product.matmul(left, right) or product.matmul(right, left)
        if expr is not None:
            return Value(expr, dims)
    return Value(_einsum(operands, goal), dims)


@dataclass(frozen=True, slots=True)
class Product:
    """What is wanted of two operands."""

    goal: Labels
    extents: Mapping[str, ast.expr]
    flat: bool

    def matmul(self, a: Operand, b: Operand) -> ast.expr | None:
        """``a @ b`` when the result's order is a's own labels, then b's; None when it is not one product."""
        summed = tuple(x for x in a.labels if x in b.labels)
        left = tuple(x for x in a.labels if x not in summed)
        right = tuple(x for x in b.labels if x not in summed)
        if not summed or any(x in self.goal for x in summed) or (*left, *right) != self.goal:
            return None
        if len(summed) > 1:
            return self._pooled(a, b, summed)
        if len(right) > 1 or (len(left) > 1 and a.labels[-1] != summed[0]):
            return None
        first = a.expr if a.labels[-1] == summed[0] else expression("{0}.T", a.expr)
        second = b.expr if b.labels[0] == summed[0] else expression("{0}.T", b.expr)
        if self.flat and len(left) > 1 and right:
            return self._rows(first, second, summed[0], left, right[0])
        return expression("{0} @ {1}", first, second)

    def _rows(self, first: ast.expr, second: ast.expr, summed: str, left: Labels, right: str) -> ast.expr:
        """One product over all leading dimensions, where NumPy would make one per step."""
        extents = ast.Tuple([self.extents[x] for x in (*left, right)], ast.Load())
        return expression("({0}.reshape(-1, {1}) @ {2}).reshape({3})", first, self.extents[summed], second, extents)

    def _pooled(self, a: Operand, b: Operand, summed: Labels) -> ast.expr | None:
        """A sum over several leading dimensions (steps and rows): ``a.reshape(-1, n).T @ b.reshape(-1, m)``."""
        count = len(summed)
        if a.labels[:count] != summed or b.labels[:count] != summed:
            return None
        if len(a.labels) != count + 1 or len(b.labels) != count + 1:
            return None
        n, m = self.extents[a.labels[-1]], self.extents[b.labels[-1]]
        return expression("{0}.reshape(-1, {1}).T @ {2}.reshape(-1, {3})", a.expr, n, b.expr, m)


def _einsum(operands: Sequence[Operand], goal: Labels) -> ast.expr:
    """The general case, axes as letters of their own."""
    labels = dict.fromkeys(label for operand in operands for label in operand.labels)
    taken = {label for label in labels if not label.startswith("#")}
    letters = {label: label for label in taken}
    for label in labels:
        if label not in letters:
            wish = [label[1], *"tsbuvwpqrcdefghijklmnoaxyz"]
            letters[label] = next(c for c in wish if c.isalpha() and c not in letters.values())
    spec = ",".join("".join(letters[x] for x in operand.labels) for operand in operands)
    spec += "->" + "".join(letters[x] for x in goal)
    slots = ", ".join(f"{{{i + 1}}}" for i in range(len(operands)))
    return expression(f"np.einsum({{0}}, {slots})", ast.Constant(spec), *(o.expr for o in operands))
