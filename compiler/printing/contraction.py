"""Products: an `einsum` over features and axes as `@` where it is one matrix product, else `np.einsum`.

Letters are feature sizes; an axis counts as one more letter. A letter is *summed* (both operands, not
the result), *left* or *right* (one operand and the result) or *shared* (both and the result)."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ...spec.records import dataclass
from ..ir import Equation
from .frame import Frame, Value
from .python import expression

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """An array and what each of its dimensions stands for: "#t" an axis, "i" a feature size."""

    expr: ast.expr
    labels: Labels


def _sorted_out(
    frame: Frame, equation: Equation, values: Sequence[Value], dims: tuple[str, ...]
) -> tuple[list[Operand], Product]:
    """The operands with their labels, and what is wanted of them."""
    inputs, _, result = str(equation.attr("spec")).partition("->")
    extents: dict[str, ast.expr] = {"#" + axis: frame.extent(axis) for v in values for axis in v.dims}
    operands: list[Operand] = []
    for value, letters, read in zip(values, inputs.split(","), equation.reads, strict=True):
        operands.append(Operand(value.expr, (*("#" + axis for axis in value.dims), *letters)))
        extents.update(zip(letters, map(frame.size, frame.table[read.name].shape), strict=True))
    goal: Labels = (*("#" + axis for axis in dims), *result)
    product = Product(goal, extents, frame.flat, frame.turned)
    return operands, product


def contract(frame: Frame, equation: Equation, values: Sequence[Value], dims: tuple[str, ...]) -> Value:
    """The product's value; its dims are ``dims``."""
    operands, product = _sorted_out(frame, equation, values, dims)
    for a, b in _pairs(operands):
        factors = product.factors(a, b)
        if factors is not None:
            return Value(product.matmul(factors), dims)
    return Value(_einsum(operands, product.goal), dims)


def contract_into(
    frame: Frame,
    equation: Equation,
    values: Sequence[Value],
    dims: tuple[str, ...],
    place: ast.expr,
    whole: bool,
) -> ast.expr | None:
    """The product written into ``place``; None when it is not one matrix product. ``whole``: the place is a
    contiguous array, so that BLAS can write there."""
    operands, product = _sorted_out(frame, equation, values, dims)
    for a, b in _pairs(operands):
        factors = product.factors(a, b)
        if factors is not None and factors.columns and not factors.pooled:
            if not whole:
                return expression("np.matmul({0}, {1}, {2})", factors.first, factors.second, place)
            if len(factors.left) > 1 and frame.flat:
                n, m = product.extents[factors.summed], product.extents[factors.columns]
                rows = expression("{0}.reshape(-1, {1})", factors.first, n)
                return expression("np.dot({0}, {1}, {2}.reshape(-1, {3}))", rows, factors.second, place, m)
            return expression("np.dot({0}, {1}, {2})", factors.first, factors.second, place)
    return None


def _pairs(operands: Sequence[Operand]) -> Sequence[tuple[Operand, Operand]]:
    """Both orders of two operands."""
    return [(operands[0], operands[1]), (operands[1], operands[0])] if len(operands) == 2 else []


@dataclass(frozen=True, slots=True)
class Factors:
    """``first @ second``: ``left`` labels of the first, ``summed``, ``columns`` (a label or "") of the
    second. ``pooled``: the sum is over several leading dimensions, and both factors were made flat."""

    first: ast.expr
    second: ast.expr
    left: Labels
    summed: str
    columns: str
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """What is wanted of two operands."""

    goal: Labels
    extents: Mapping[str, ast.expr]
    flat: bool
    turned: dict[str, str] | None

    def factors(self, a: Operand, b: Operand) -> Factors | None:
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
        first = a.expr if a.labels[-1] == summed[0] else self._transposed(a)
        second = b.expr if b.labels[0] == summed[0] else self._transposed(b)
        return Factors(first, second, left, summed[0], right[0] if right else "")

    def matmul(self, f: Factors) -> ast.expr:
        """The product as an expression; over many leading dimensions one, where NumPy would make many."""
        if self.flat and not f.pooled and len(f.left) > 1 and f.columns:
            extents = ast.Tuple([self.extents[x] for x in (*f.left, f.columns)], ast.Load())
            n = self.extents[f.summed]
            return expression("({0}.reshape(-1, {1}) @ {2}).reshape({3})", f.first, n, f.second, extents)
        return expression("{0} @ {1}", f.first, f.second)

    def _transposed(self, matrix: Operand) -> ast.expr:
        """``W.T``; of a matrix without axes, where copies are kept (in loops), the name of a contiguous one."""
        fixed = not any(label.startswith("#") for label in matrix.labels)
        if self.turned is not None and fixed and isinstance(matrix.expr, ast.Name):
            return expression(self.turned.setdefault(matrix.expr.id, matrix.expr.id + "_T"))
        return expression("{0}.T", matrix.expr)

    def _pooled(self, a: Operand, b: Operand, summed: Labels) -> Factors | None:
        """A sum over several leading dimensions (steps, rows): ``a.reshape(-1, n).T @ b.reshape(-1, m)``."""
        count = len(summed)
        if a.labels[:count] != summed or b.labels[:count] != summed:
            return None
        if len(a.labels) != count + 1 or len(b.labels) != count + 1:
            return None
        n, m = self.extents[a.labels[-1]], self.extents[b.labels[-1]]
        first = expression("{0}.reshape(-1, {1}).T", a.expr, n)
        second = expression("{0}.reshape(-1, {1})", b.expr, m)
        return Factors(first, second, a.labels[count:], summed[0], b.labels[count], pooled=True)


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
