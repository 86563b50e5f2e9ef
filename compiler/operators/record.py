"""What an operator is: one record holds all that any stage knows of it.

The records themselves stand in `elementwise`, `features`, `indexing`, `products` and `structure`;
adding one there gives it to the checker, the differentiator, the printer, the reference evaluator, the
documentation and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Union

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..ir import Attr

if TYPE_CHECKING:
    from .terms import Cotangent, Tangent, Term

Shape = tuple[Size, ...]

TRAITS: dict[str, str] = {
    "elementwise": "operands and result have one feature shape; each element is computed by itself",
    "linear": "linear in all real operands together",
    "bilinear": "linear in each real operand while the others are held",
    "zero": "0 wherever all real operands are 0",
    "commutative": "the two operands may be swapped",
    "associative": "chains may be regrouped (up to rounding)",
    "identity": "the value of its operand, read as it stands",
    "leaf": "has no operands: the world gives its value",
    "structure": "works along axes, not on features: it has no `code`, the printer knows it by name",
    "reduces": "the result may lack axes of the reads: they are reduced, over valid steps only",
    "sums": "the reduction is a sum, so a further `sum_over` is the same operator with fewer axes",
    "view": "prints as a NumPy view: costs nothing, shares memory with its operand",
    "moves": "values are read from or put into another place and nothing is computed",
    "transcendental": "a function such as exp is evaluated for each element",
    "flat": "its derivative is 0 wherever there is one",
}


class Statics:
    """What has static arguments, each asked for as what it is."""

    __slots__ = ()
    attrs: Mapping[str, Attr]

    def size(self, name: str) -> Size:
        """A static argument that is a size."""
        value = self.attrs[name]
        assert isinstance(value, Size)
        return value

    def sizes(self, name: str) -> Shape:
        """A static argument that is a tuple of sizes."""
        value = self.attrs[name]
        assert isinstance(value, tuple)
        return tuple(size for size in value if isinstance(size, Size))

    def number(self, name: str) -> int:
        """A static argument that is an integer."""
        value = self.attrs[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """A static argument that is a string."""
        value = self.attrs[name]
        assert isinstance(value, str)
        return value


@dataclass(frozen=True, slots=True)
class Call(Statics):
    """One use of an operator, as its rules see it: shape, type and axes of each operand, static arguments."""

    shapes: tuple[Shape, ...]
    types: tuple[str, ...]
    axes: tuple[tuple[str, ...], ...] = ()
    attrs: Mapping[str, Attr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression with slots: ``{0}``, ``{1}``, … the operands in order, then one for each of
    ``sizes``, then (in the ``out`` form) the buffer. It may name ``np``, functions of the prelude, and
    ``dtype``, the dtype of the computation."""

    text: str
    sizes: Shape = ()


class ShapeError(Exception):
    """Operands that do not fit. ``operands`` are the numbers of those at fault, ``message`` says what was
    found and what was needed, in sizes by name."""

    def __init__(self, message: str, *operands: int) -> None:
        super().__init__(message)
        self.message = message
        self.operands = operands


ShapeRule = Callable[[Call], Shape]
TypeRule = Callable[[Call], str]
CodeRule = Union[str, Callable[[Call], Union[str, Code]]]
Derivative = Callable[["Cotangent"], "Term"]
Derivatives = Union[tuple[Union[Derivative, None], ...], Callable[["Cotangent", int], "Term"]]
TangentRule = Callable[["Tangent"], "Term"]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    name       as the equations write it
    doc        one line: what it computes
    operands   their names, in order; one name ending in ``*`` stands for any number of operands
    shape      feature shape of the result, or `ShapeError`
    type       "real", "int" or "bool" of the result, or `ShapeError`
    statics    static arguments by name, with their kind: "size" "sizes" "int" "number" "str" "axis" "axes"
    code       NumPy expression for feature arrays with any leading (axes) dimensions: those of each
               operand the same (1 where repeated) or none; "" for what the printer knows by name.
               Safe for complex numbers: it branches on `.real` only
    out        the same computation written into a buffer, or "" when NumPy has no such form
    derivative for each operand, the cotangent that reaches it (None: none does); see `terms.Cotangent`
    tangent    the tangent of the result, given those of the operands; see `terms.Tangent`. It is written apart
               from ``derivative``, so that each can witness the other. None where a trait says it: linear (the
               operator itself of the tangents), bilinear (the sum with one operand after the other
               replaced), flat (there is none)
    traits     names out of `TRAITS`
    surface    the function's name in the language, or its infix sign; "" when the language lacks it
    """

    name: str
    doc: str
    operands: tuple[str, ...]
    shape: ShapeRule
    type: TypeRule
    statics: Mapping[str, str] = field(default_factory=dict)
    code: CodeRule = ""
    out: CodeRule = ""
    derivative: Derivatives = ()
    tangent: TangentRule | None = None
    traits: frozenset[str] = frozenset()
    surface: str = ""

    @property
    def variadic(self) -> bool:
        return self.operands[-1:] != () and self.operands[-1].endswith("*")

    def takes(self, count: int) -> bool:
        """Whether it can be applied to so many operands."""
        return count >= 1 if self.variadic else count == len(self.operands)

    def printed(self, call: Call) -> Code:
        """The expression for this use."""
        return _code(self.code, call)

    def printed_out(self, call: Call) -> Code | None:
        """The expression that writes into a buffer; None when there is none."""
        return _code(self.out, call) if self.out else None

    def differentiable(self, operand: int) -> bool:
        """Whether a cotangent can reach the operand."""
        if callable(self.derivative):
            return True
        return operand < len(self.derivative) and self.derivative[operand] is not None

    def pull(self, cotangent: Cotangent, operand: int) -> Term:
        """The cotangent of an operand, given the result's."""
        if callable(self.derivative):
            return self.derivative(cotangent, operand)
        rule = self.derivative[operand]
        assert rule is not None, f"{self.name} has no derivative for operand {operand}"
        return rule(cotangent)


def _code(rule: CodeRule, call: Call) -> Code:
    code = rule if isinstance(rule, str) else rule(call)
    return code if isinstance(code, Code) else Code(code)


TABLE: dict[str, Operator] = {}


def define(
    name: str,
    operands: str,
    doc: str,
    *,
    shape: ShapeRule,
    type: TypeRule,
    traits: str = "",
    statics: Mapping[str, str] | None = None,
    code: CodeRule = "",
    out: CodeRule = "",
    derivative: Derivatives = (),
    tangent: TangentRule | None = None,
    surface: str = "",
) -> None:
    """Add a record to the table; ``operands`` and ``traits`` are names separated by blanks."""
    assert name not in TABLE, name
    TABLE[name] = Operator(
        name,
        doc,
        tuple(operands.split()),
        shape,
        type,
        statics or {},
        code,
        out,
        derivative,
        tangent,
        frozenset(traits.split()),
        surface,
    )


def listed(call: Call) -> str:
    """The slots of all operands, with commas."""
    return ", ".join(f"{{{number}}}" for number in range(len(call.shapes)))


# --------------------------------------------------------------------- shape and type rules in common


def show(shape: Shape) -> str:
    """A shape as a reader of the spec would write it."""
    return "a scalar" if not shape else "[" + ", ".join(map(str, shape)) + "]"


def same(call: Call) -> Shape:
    """All operands have one shape, and so has the result."""
    for number, shape in enumerate(call.shapes):
        if shape != call.shapes[0]:
            raise ShapeError(f"{show(call.shapes[0])} does not go with {show(shape)}", 0, number)
    return call.shapes[0]


def unchanged(call: Call) -> Shape:
    """The shape of the first operand, whatever the others'."""
    return call.shapes[0]


def scalar(call: Call) -> Shape:
    return ()


def at_least(call: Call, operand: int, rank: int) -> Shape:
    """The shape of an operand that must have so many sizes or more."""
    shape = call.shapes[operand]
    if len(shape) < rank:
        raise ShapeError(f"needs at least {rank} feature size(s), found {show(shape)}", operand)
    return shape


def last_removed(call: Call) -> Shape:
    """The shape without its last size."""
    return at_least(call, 0, 1)[:-1]


def has_last(call: Call) -> Shape:
    """The shape, which has at least one size."""
    return at_least(call, 0, 1)


def _all_of(kinds: tuple[str, ...], call: Call) -> None:
    for number, kind in enumerate(call.types):
        if kind not in kinds:
            raise ShapeError(f"needs {' or '.join(kinds)}, found {kind}", number)


def real(call: Call) -> str:
    """Real operands, a real result."""
    _all_of(("real",), call)
    return "real"


def arithmetic(call: Call) -> str:
    """All real or all int; the result likewise."""
    _all_of(("real", "int"), call)
    return agreeing(call)


def agreeing(call: Call) -> str:
    """Operands of one type, which is the result's."""
    for number, kind in enumerate(call.types):
        if kind != call.types[0]:
            raise ShapeError(f"{call.types[0]} does not go with {kind}", 0, number)
    return call.types[0]


def comparison(call: Call) -> str:
    """Operands of one type, a bool result."""
    agreeing(call)
    return "bool"


def ordering(call: Call) -> str:
    """Numbers of one type, a bool result."""
    arithmetic(call)
    return "bool"


def logical(call: Call) -> str:
    _all_of(("bool",), call)
    return "bool"


def always(kind: str) -> TypeRule:
    """A result of this type, whatever the operands'."""
    return lambda call: kind


def first(call: Call) -> str:
    """The type of the first operand."""
    return call.types[0]
