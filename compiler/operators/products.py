"""Products of feature arrays: `einsum`, which every matrix product is, and `outer`."""

from __future__ import annotations

from ...spec.sizes import Size
from .record import Call, Shape, ShapeError, define, listed, real, show
from .terms import Cotangent, Term, apply, expand


def letters(spec: str) -> tuple[list[str], str]:
    """The letters of each operand and of the result: "ij,j->i" is ["ij", "j"], "i"."""
    operands, _, result = spec.partition("->")
    return operands.split(","), result


def _einsum_shape(call: Call) -> Shape:
    operands, result = letters(call.text("spec"))
    if len(operands) != len(call.shapes):
        raise ShapeError(f"the pattern has {len(operands)} operands, found {len(call.shapes)}")
    sizes: dict[str, tuple[Size, int]] = {}
    for number, (names, shape) in enumerate(zip(operands, call.shapes)):
        if len(names) != len(shape) or len(set(names)) != len(names):
            raise ShapeError(f"the pattern {names!r} does not fit {show(shape)}", number)
        for letter, size in zip(names, shape):
            known, where = sizes.setdefault(letter, (size, number))
            if known != size:
                raise ShapeError(f"{letter!r} is {known} and {size}", where, number)
    unknown = [letter for letter in result if letter not in sizes]
    if unknown or len(set(result)) != len(result):
        raise ShapeError(f"the result pattern {result!r} needs letters of the operands, each once")
    return tuple(sizes[letter][0] for letter in result)


def _einsum_call(call: Call) -> str:
    operands, result = letters(call.text("spec"))
    pattern = ",".join("..." + names for names in operands) + "->..." + result
    return f"np.einsum({pattern!r}, {listed(call)}"


def _einsum_derivative(c: Cotangent, operand: int) -> Term:
    """The same product with d in the operand's place; letters that only the operand has are repeated."""
    operands, result = letters(c.text("spec"))
    target = operands.pop(operand)
    others = [term for number, term in enumerate(c.args) if number != operand]
    known = "".join((result, *operands))
    alone = "".join(letter for letter in target if letter not in known)
    kept = "".join(letter for letter in target if letter in known)
    product = apply("einsum", c.d, *others, spec=",".join((result, *operands)) + "->" + kept)
    if not alone:
        return product
    sizes = dict(zip(target, c.args[operand].shape))
    wide = expand(product, tuple(sizes[letter] for letter in alone))
    return wide if kept + alone == target else apply("einsum", wide, spec=f"{kept}{alone}->{target}")


define(
    "einsum",
    "factors*",
    "the product summed over the letters (and axes) that the result lacks",
    shape=_einsum_shape,
    type=real,
    statics={"spec": "str"},
    traits="bilinear zero reduces sums",
    code=lambda call: _einsum_call(call) + ")",
    out=lambda call: _einsum_call(call) + f", out={{{len(call.shapes)}}})",
    derivative=_einsum_derivative,
    surface="einsum",
)


def _influence_shape(call: Call) -> Shape:
    shapes, operand = list(call.shapes), call.attrs["operand"]
    assert isinstance(operand, int)
    shapes.insert(operand, call.sizes("sizes"))
    return _einsum_shape(Call(tuple(shapes), ("real",) * len(shapes), (), call.attrs))


define(
    "influence",
    "factors*",
    "the einsum `spec` of the factors and, as its `operand`, the basis of a parameter",
    shape=_influence_shape,
    type=real,
    statics={"key": "str", "operand": "int", "sizes": "sizes", "spec": "str"},
    traits="structure",
)


def _outer_sides(call: Call) -> tuple[str, str]:
    left, right = (len(shape) for shape in call.shapes)
    rows = "{0}[..., " + "None, " * right + "]" if right else "{0}"
    return rows, "{1}[..., " + "None, " * left + ":, " * right + "]" if left else "{1}"


def _outer_derivative(c: Cotangent, operand: int) -> Term:
    names = "abcdefghijklmnopqrstuvwxyz"
    left, right = names[: len(c.a.shape)], names[len(c.a.shape) : len(c.q.shape)]
    other, wanted = ((c.b, right), left) if operand == 0 else ((c.a, left), right)
    return apply("einsum", c.d, other[0], spec=f"{left}{right},{other[1]}->{wanted}")


define(
    "outer",
    "a b",
    "every component of a times every component of b",
    shape=lambda call: call.shapes[0] + call.shapes[1],
    type=real,
    traits="bilinear zero",
    code=lambda call: " * ".join(_outer_sides(call)),
    out=lambda call: f"np.multiply({', '.join(_outer_sides(call))}, {{2}})",
    derivative=(lambda c: _outer_derivative(c, 0), lambda c: _outer_derivative(c, 1)),
    surface="outer",
)
