"""Products: an `einsum` over features and axes as one matrix product where it is one, else `np.einsum`.

Letters are feature sizes; an axis counts as one more letter. A letter is *summed* (both operands, not
the result), *left* or *right* (one operand and the result) or *shared* (both and the result). A matrix
product wants the letters of an operand in three groups, one after the other: those of the *batch* of
products, rows, columns; several letters of a group are one dimension to it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ...spec.records import dataclass, replace
from ..ir import Equation
from .frame import Frame, Value, multiplied, reshape
from .python import expression, text

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """An array and what each of its dimensions stands for: "#t" an axis, "i" a feature size."""

    expr: ast.expr
    labels: Labels
    solid: bool = True  # its features lie side by side


@dataclass(frozen=True, slots=True)
class Factors:
    """``first @ second``, the dimensions of whose result are ``batch``, then ``left`` and ``right`` as one
    each (none where there is no label)."""

    first: ast.expr
    second: ast.expr
    batch: Labels
    left: Labels
    right: Labels
    loose: bool  # the left labels have a dimension each
    fixed: bool  # the second is the same at every step


def contract(frame: Frame, equation: Equation, values: Sequence[Value], dims: tuple[str, ...]) -> Value:
    """The product's value; its dims are ``dims``."""
    operands, product = _sorted_out(frame, equation, values, dims)
    for a, b in _pairs(operands):
        if product.is_of_many_rows(a, b):
            return Value(expression("weighed({0}, {1})", a.expr, b.expr), dims)
        factors = product.factors(a, b)
        if factors is not None:
            return Value(product.value(factors), dims)
    return Value(_einsum(operands, product.goal), dims)


def contract_into(
    frame: Frame, equation: Equation, values: Sequence[Value], place: Value, whole: bool
) -> ast.expr | None:
    """The product written into ``place``; None when it is not one matrix product. ``whole``: the place is a
    contiguous array, so that BLAS can write there."""
    operands, product = _sorted_out(frame, equation, values, place.dims)
    for a, b in _pairs(operands):
        factors = product.factors(a, b)
        if factors is not None and factors.right:
            return product.into(factors, place.expr, whole)
    made = product.side_by_side(operands[0], operands[1], place.expr) if len(operands) == 2 else None
    if made is None and not any(product.factors(a, b) for a, b in _pairs(operands)):
        made = _einsum(operands, product.goal, place.expr)
    return made


def _sorted_out(
    frame: Frame, equation: Equation, values: Sequence[Value], dims: tuple[str, ...]
) -> tuple[list[Operand], Product]:
    """The operands with their labels, and what is wanted of them."""
    inputs, _, result = str(equation.attr("spec")).partition("->")
    extents: dict[str, ast.expr] = {"#" + axis: frame.extent(axis) for v in values for axis in v.dims}
    operands: list[Operand] = []
    for value, letters, read in zip(values, inputs.split(","), equation.reads, strict=True):
        stored = frame.stored.get(read.name)
        labels = (*("#" + axis for axis in value.dims), *letters)
        operands.append(Operand(value.expr, labels, stored is None or stored.solid))
        extents.update(zip(letters, map(frame.size, frame.table[read.name].shape), strict=True))
    goal: Labels = (*("#" + axis for axis in dims), *result)
    return operands, Product(frame, goal, extents)


def _pairs(operands: Sequence[Operand]) -> Sequence[tuple[Operand, Operand]]:
    """Both orders of two operands."""
    return [(operands[0], operands[1]), (operands[1], operands[0])] if len(operands) == 2 else []


@dataclass(frozen=True, slots=True)
class Product:
    """What is wanted of two operands."""

    frame: Frame
    goal: Labels
    extents: Mapping[str, ast.expr]

    def factors(self, a: Operand, b: Operand) -> Factors | None:
        """``a @ b`` when the result's order is batch, a's own labels, b's own; None when it is not one product.

        The batch are leading labels of the result that b alone has, or a alone: many matrices times one."""
        both = tuple(x for x in a.labels if x in b.labels)
        left = tuple(x for x in a.labels if x not in both)
        right = tuple(x for x in b.labels if x not in both)
        if not both or any(x in self.goal for x in both) or not set(left + right) <= set(self.goal):
            return None
        batch = right[: max((n for n in range(len(right)) if right[:n] == self.goal[:n]), default=0)]
        if left and right and (*left, *right) == self.goal:
            batch = ()
        right = right[len(batch) :]
        if (*batch, *left, *right) != self.goal or (batch and not (left and self.frame.flat)):
            return None
        loose = self._loose(a, left, both)
        own: Labels = ()
        if self._outside and not batch and len(left) > 1 and a.labels == (left[0], *both, *left[1:]):
            own, left = left[:1], left[1:]
        first = a.expr if loose else self._matrix(a, own, left, both)
        second = self._matrix(b, batch, both, right)
        if first is None or second is None:
            return None
        if loose and batch:  # a matrix of the batch is the same for all leading dimensions
            same = ", None" * (len(left) - 1)
            second = self.frame.viewed(second, lambda e, lead: expression(f"{{0}}[{':, ' * lead}:{same}]", e))
        return Factors(first, second, own or batch, left, right, loose, self._fixed(b))

    def is_of_many_rows(self, a: Operand, b: Operand) -> bool:
        """Whether each row of ``b`` is weighed by a number of ``a``, and they are as many as two axes have steps:
        more than caches hold."""
        axes = [label for label in a.labels if label.startswith("#")]
        rows, columns = b.labels[:-1], b.labels[-1:]
        return self._outside and len(axes) > 2 and a.labels == rows and self.goal == columns

    @property
    def _outside(self) -> bool:
        """Whether this is fast code outside of loops."""
        return self.frame.flat and not self.frame.scopes

    def _loose(self, a: Operand, left: Labels, both: Labels) -> bool:
        """NumPy takes leading dimensions along: a textbook, and a loop, need not make them one."""
        return not self._outside and len(left) > 1 and len(both) == 1 and a.labels == (*left, *both)

    def _matrix(self, operand: Operand, batch: Labels, rows: Labels, columns: Labels) -> ast.expr | None:
        """The operand with one dimension for the rows' labels and one for the columns'; None when they are not
        side by side, or a copy where it is needed once. Without columns (or rows) it is a vector."""
        labels, groups = operand.labels, [group for group in (rows, columns) if group]
        turned = (
            len(groups) == 2 and labels == (*batch, *columns, *rows) and labels != (*batch, *rows, *columns)
        )
        if not turned and labels != (*batch, *rows, *columns):
            if not self._outside or batch or {*labels} != {*rows, *columns}:
                return None
            operand = self._sorted(operand, (*rows, *columns))
        groups = groups[::-1] if turned else groups
        several = len(groups[0]) > 1 or len(groups[-1]) > 1
        expr = self._flattened(operand, batch, groups) if several else operand.expr
        return self._turned(operand, expr, len(batch)) if turned else expr

    def _sorted(self, operand: Operand, labels: Labels) -> Operand:
        """The operand with its dimensions in this order."""
        order = ", ".join(str(operand.labels.index(label)) for label in labels)
        return replace(operand, expr=expression(f"{{0}}.transpose({order})", operand.expr), labels=labels)

    def _flattened(self, operand: Operand, batch: Labels, groups: Sequence[Labels]) -> ast.expr:
        """One dimension for each label of the batch and each group."""
        parts = [self.extents[x] for x in batch] + [self._extent(group) for group in groups]
        inner = {label for group in groups if len(group) > 1 for label in group}
        if self.frame.scopes and operand.solid and all(self._beside(label) for label in inner):
            return self.frame.reshaped(operand.expr, parts, self._fixed(operand))
        return reshape(operand.expr, parts)

    def _turned(self, operand: Operand, expr: ast.expr, batch: int) -> ast.expr:
        """Rows and columns exchanged; in a loop, what does not change there is copied once, in that order."""
        quick = self.frame.quick
        if quick is not None and isinstance(expr, ast.Name) and expr.id in quick.matrices and not batch:
            return quick.turn(expr.id)
        turned = expression(f"{{0}}.swapaxes({batch}, {batch + 1})" if batch else "{0}.T", expr)
        aligned = expression("aligned({0})", turned)
        if (frozen := self.frame.frozen(aligned, f"{text(operand.expr)}_T")) is not None:
            return frozen
        if not self._fixed(operand) or not isinstance(expr, ast.Name) or batch:
            return turned
        return self._copied(turned)

    def _copied(self, matrices: ast.expr) -> ast.expr:
        """What is turned, copied once before the loop."""
        name, dot, _ = text(matrices).partition(".")
        if self.frame.hoisted is None or not dot:
            return matrices
        return self.frame.hoist(expression("np.ascontiguousarray({0})", matrices), name + "_T")

    def _fixed(self, operand: Operand) -> bool:
        """Whether it is the same at every step: a matrix of parameters."""
        return all(self._beside(label) for label in operand.labels)

    def _beside(self, label: str) -> bool:
        """A feature size, or an axis of fixed length, which lies beside the features in memory."""
        return not label.startswith("#") or label[1:] in self.frame.lags

    def _extent(self, group: Labels) -> ast.expr:
        axes = [label[1:] for label in group if label.startswith("#")]
        return multiplied([*self.frame.extents(axes), *(self.extents[x] for x in group if x[0] != "#")])

    def value(self, f: Factors) -> ast.expr:
        """The product as an expression, with a dimension for each label of the result."""
        quick = self.frame.quick is not None and not f.batch
        several = "np.matmul({0}, {1})" if f.batch else "{0} @ {1}"
        product = expression("{0}.dot({1})" if quick else several, f.first, self._second(f))
        if len(f.right) > 1 or (len(f.left) > 1 and not f.loose):
            return reshape(expression("({0})", product), [self.extents[x] for x in self.goal])
        return product

    def into(self, f: Factors, place: ast.expr, whole: bool) -> ast.expr | None:
        """The product written into a place that has a dimension for each label of the result."""
        if len(f.right) > 1 or (len(f.left) > 1 and not f.loose):
            if not whole or self.frame.scopes:
                return None
            place = self._flattened(Operand(place, self.goal), f.batch, [g for g in (f.left, f.right) if g])
        if whole and not f.batch and not f.loose:
            return expression("{0}.dot({1}, {2})", f.first, f.second, place)
        still = self.frame.hoisted is not None and f.fixed and not self._of_a_step(place)
        if whole and still and len(f.batch) == len(f.left) == 1:
            return self._at_once(f, place)
        return expression("np.matmul({0}, {1}, {2})", f.first, self._second(f), place)

    def _second(self, f: Factors) -> ast.expr:
        """Stacked matrices that are turned are copied before a loop, if they are the same at every step."""
        return self._copied(f.second) if f.batch and f.fixed else f.second

    def _of_a_step(self, place: ast.expr) -> bool:
        """Whether a place is another one at each step."""
        return any(text(place) in scope.iterables.values() for scope in self.frame.scopes)

    def _at_once(self, f: Factors, place: ast.expr) -> ast.expr:
        """In a loop, one row by stacked matrices may be one product: `at_once` has to see the batch for that."""
        made = expression("at_once({0}, {1})", f.second, place)
        name = text(f.second).partition(".")[0]
        product = self.frame.hoist_all(made, ("product", name + "_T", f"{text(place)}_row"))
        return expression("{0}({3}, {1}, {2})", *product, f.first)

    def side_by_side(self, a: Operand, b: Operand, place: ast.expr) -> ast.expr | None:
        """Many small products side by side, one for each place of the *shared* labels; None when there are none,
        or when they are of two vectors at every step: `np.einsum` takes less time for those."""
        shared = tuple(x for x in self.goal if x in a.labels and x in b.labels)
        summed = tuple(x for x in a.labels if x in b.labels and x not in self.goal)
        left = tuple(x for x in a.labels if x not in b.labels)
        right = tuple(x for x in b.labels if x not in a.labels)
        distinct = all(len(set(o.labels)) == len(o.labels) for o in (a, b))
        if not (shared and distinct and set(self.goal) == {*shared, *left, *right}):
            return None
        if len(summed) != 1 or len(left) > 1 or len(right) > 1 or not (left or right or self.frame.scopes):
            return None
        first = self._arranged(a, (shared, left, summed))
        second = self._arranged(b, (shared, summed, right))
        return expression(
            "np.matmul({0}, {1}, {2})",
            first,
            second,
            self._arranged(Operand(place, self.goal), (shared, left, right)),
        )

    def _arranged(self, operand: Operand, groups: tuple[Labels, Labels, Labels]) -> ast.expr:
        """The operand's dimensions in this order, one for a group that has none."""
        shared, rows, columns = groups
        order = [operand.labels.index(x) for x in (*shared, *rows, *columns)]
        tail = [] if rows and columns else ["None" if not rows else ":", "None" if not columns else ":"]

        def arranged(expr: ast.expr, lead: int) -> ast.expr:
            """``lead``: dimensions before the operand's own."""
            if order != sorted(order):
                places = ", ".join(map(str, [*range(lead), *(lead + place for place in order)]))
                expr = expression(f"{{0}}.transpose({places})", expr)
            return expression(f"{{0}}[..., {', '.join(tail)}]", expr) if tail else expr

        return self.frame.viewed(operand.expr, arranged)


def _einsum(operands: Sequence[Operand], goal: Labels, place: ast.expr | None = None) -> ast.expr:
    """The general case, axes as letters of their own; written into ``place`` if there is one."""
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
    call = expression(f"np.einsum({{0}}, {slots})", ast.Constant(spec), *(o.expr for o in operands))
    if place is not None:
        assert isinstance(call, ast.Call)
        call.keywords = [ast.keyword("out", place)]
    return call
