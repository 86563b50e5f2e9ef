"""Operators that work element by element on operands of one feature shape.

At a tie `maximum` and `minimum` give the cotangent to the first operand; `relu` has derivative 0 at 0, and so
has `norm`: the smallest of all slopes there."""

from __future__ import annotations

from .record import (
    Call,
    CodeRule,
    Derivative,
    Derivatives,
    ShapeError,
    TangentRule,
    TypeRule,
    agreeing,
    arithmetic,
    comparison,
    define,
    logical,
    ordering,
    real,
    same,
)
from .terms import Cotangent, Tangent, Term, apply, holds, where


def unary(
    name: str,
    doc: str,
    code: str,
    derivative: Derivative | None,
    traits: str = "",
    out: str | None = None,
    tangent: TangentRule | None = None,
) -> None:
    """A real function of one real argument, called by its own name."""
    if out is None:
        out = code.replace("({0})", "({0}, {1})")  # a ufunc takes the buffer next
    define(
        name,
        "a",
        doc,
        shape=same,
        type=real,
        traits=f"elementwise {traits}",
        code=code,
        out=out,
        derivative=(derivative,),
        tangent=tangent,
        surface=name,
    )


def binary(
    name: str,
    doc: str,
    sign: str,
    code: CodeRule,
    out: str,
    derivative: Derivatives,
    traits: str = "",
    type: TypeRule = arithmetic,
    tangent: TangentRule | None = None,
) -> None:
    """An operator on two operands, written ``sign`` in the language."""
    define(
        name,
        "a b",
        doc,
        shape=same,
        type=type,
        traits=f"elementwise {traits}",
        code=code,
        out=out,
        derivative=derivative,
        tangent=tangent,
        surface=sign,
    )


# ----------------------------------------------------------------------------------------- arithmetic

binary(
    "add",
    "a + b",
    "+",
    "{0} + {1}",
    "np.add({0}, {1}, {2})",
    (lambda c: c.d, lambda c: c.d),
    "linear zero commutative associative",
)
binary(
    "sub",
    "a - b",
    "-",
    "{0} - {1}",
    "np.subtract({0}, {1}, {2})",
    (lambda c: c.d, lambda c: -c.d),
    "linear zero",
)
binary(
    "mul",
    "a * b",
    "*",
    "{0} * {1}",
    "np.multiply({0}, {1}, {2})",
    (lambda c: c.d * c.b, lambda c: c.d * c.a),
    "bilinear zero commutative associative",
)
binary(
    "div",
    "a / b",
    "/",
    "{0} / {1}",
    "np.divide({0}, {1}, {2})",
    (lambda c: c.d / c.b, lambda c: c.d * -(c.q / c.b)),
    type=real,
    tangent=lambda c: (c.da - c.q * c.db) / c.b,
)


def _pow_exponent(c: Cotangent) -> Term:
    """a ** b * log(a), where a is positive."""
    positive = c.a > 0
    return c.d * where(positive, c.q * apply("log", where(positive, c.a, 1)), 0)


def _pow_tangent(c: Tangent) -> Term:
    """b a**(b-1) da + a**b log(a) db, the second where a is positive."""
    base = where(c.a > 0, c.a, 1)
    return c.b * c.a ** (c.b - 1) * c.da + where(c.a > 0, apply("log", base) * c.q * c.db, 0)


binary(
    "pow",
    "a to the power b",
    "**",
    "{0} ** {1}",
    "np.power({0}, {1}, {2})",
    (lambda c: c.d * (c.b * c.a ** (c.b - 1)), _pow_exponent),
    traits="transcendental",
    type=real,
    tangent=_pow_tangent,
)


def _mod(call: Call) -> str:
    return "floor_mod({0}, {1})" if call.types[0] == "real" else "{0} % {1}"


binary(
    "mod",
    "the floor modulus: a - b * floor(a / b)",
    "%",
    _mod,
    "",
    (lambda c: c.d, lambda c: c.d * -apply("floor", c.a / c.b)),
    tangent=lambda c: c.da - apply("floor", c.a / c.b) * c.db,
)
define(
    "neg",
    "a",
    "-a",
    shape=same,
    type=arithmetic,
    traits="elementwise linear zero",
    code="-{0}",
    out="np.multiply({0}, -1, {1})",  # np.negative in place is wrong at some strides (NumPy 2.4)
    derivative=(lambda c: -c.d,),
    surface="-",
)

# -------------------------------------------------------------------------------- functions of one real

unary(
    "exp",
    "e to the power a",
    "np.exp({0})",
    lambda c: c.d * c.q,
    tangent=lambda c: c.q * c.da,
    traits="transcendental",
)
unary(
    "expm1",
    "exp(a) - 1, exact near 0",
    "np.expm1({0})",
    lambda c: c.d * (c.q + 1),
    "zero transcendental",
    tangent=lambda c: apply("exp", c.a) * c.da,
)
unary(
    "log",
    "the natural logarithm",
    "np.log({0})",
    lambda c: c.d / c.a,
    tangent=lambda c: c.da / c.a,
    traits="transcendental",
)
unary(
    "log1p",
    "log(1 + a), exact near 0",
    "np.log1p({0})",
    lambda c: c.d / (c.a + 1),
    "zero transcendental",
    tangent=lambda c: c.da / (c.a + 1),
)
unary(
    "sqrt",
    "the square root",
    "np.sqrt({0})",
    lambda c: c.d * (0.5 / c.q),
    "zero",
    tangent=lambda c: c.da / (c.q * 2),
)
define(
    "root",
    "a",
    "the square root of a sum of squares, for `norm`; the derivative at 0 is 0",
    shape=same,
    type=real,
    traits="elementwise zero",
    code="np.sqrt(np.maximum({0}, 0))",
    out="np.sqrt(np.maximum({0}, 0), {1})",
    derivative=(lambda c: c.d * where(c.q <= 0, 0, 0.5 / where(c.q <= 0, 1, c.q)),),
    tangent=lambda c: where(c.a <= 0, 0, c.da / where(c.a <= 0, 1, c.q * 2)),
)
unary(
    "square",
    "a * a",
    "np.square({0})",
    lambda c: c.d * (c.a * 2),
    "zero",
    tangent=lambda c: c.a * c.da * 2,
)
unary(
    "sin",
    "the sine",
    "np.sin({0})",
    lambda c: c.d * apply("cos", c.a),
    "zero transcendental",
    tangent=lambda c: apply("cos", c.a) * c.da,
)
unary(
    "cos",
    "the cosine",
    "np.cos({0})",
    lambda c: c.d * -apply("sin", c.a),
    tangent=lambda c: -(apply("sin", c.a) * c.da),
    traits="transcendental",
)
unary(
    "lgamma",
    "log of the gamma function of a positive number; log(k!) is lgamma(k + 1)",
    "lgamma({0})",
    lambda c: c.d * apply("digamma", c.a),
    out="",
    tangent=lambda c: apply("digamma", c.a) * c.da,
    traits="transcendental",
)
define(
    "digamma",
    "a",
    "the derivative of lgamma; has none itself, so a spec cannot say it",
    shape=same,
    type=real,
    traits="transcendental elementwise",
    code="digamma({0})",
)
unary(
    "tanh",
    "the hyperbolic tangent",
    "np.tanh({0})",
    lambda c: c.d * (1 - apply("square", c.q)),
    "zero transcendental",
    tangent=lambda c: (c.q + 1) * (1 - c.q) * c.da,
)
unary(
    "sigmoid",
    "1 / (1 + exp(-a))",
    "sigmoid({0})",
    lambda c: c.d * (c.q * (1 - c.q)),
    tangent=lambda c: c.q * apply("sigmoid", -c.a) * c.da,
    traits="transcendental",
)
unary(
    "softplus",
    "log(1 + exp(a))",
    "softplus({0})",
    lambda c: c.d * -apply("expm1", -c.q),  # sigmoid(a) to its last digit, however small
    out="",
    tangent=lambda c: apply("exp", c.a - c.q) * c.da,
    traits="transcendental",
)
unary(
    "relu",
    "max(a, 0); the derivative at 0 is 0",
    "np.maximum({0}, 0)",
    lambda c: c.d * holds(c.a > 0),
    "zero",
    out="np.maximum({0}, 0, out={1})",
    tangent=lambda c: where(c.a > 0, c.da, 0),
)
unary(
    "abs",
    "the absolute value; the derivative at 0 is 0",
    "absolute({0})",
    lambda c: c.d * apply("sign", c.a),
    "zero",
    out="",
    tangent=lambda c: apply("sign", c.a) * c.da,
)
unary("sign", "-1, 0 or 1", "np.sign({0}.real)", None, "zero flat", out="np.sign({0}.real, {1})")
unary(
    "floor",
    "the largest whole number not above a",
    "np.floor({0}.real)",
    None,
    "zero flat",
    out="np.floor({0}.real, {1})",
)
unary("stop_gradient", "a, taken as a constant when differentiating", "{0}.real", None, "zero flat", out="")

# -------------------------------------------------------------------------------- larger, smaller, both

binary(
    "maximum",
    "the larger; a tie gives the derivative to a",
    "max",
    "np.maximum({0}, {1})",
    "np.maximum({0}, {1}, out={2})",
    (lambda c: c.d * holds(c.a >= c.b), lambda c: c.d * holds(c.a < c.b)),
    "zero",
    tangent=lambda c: where(c.b > c.a, c.db, c.da),
)
binary(
    "minimum",
    "the smaller; a tie gives the derivative to a",
    "min",
    "np.minimum({0}, {1})",
    "np.minimum({0}, {1}, out={2})",
    (lambda c: c.d * holds(c.a <= c.b), lambda c: c.d * holds(c.a > c.b)),
    "zero",
    tangent=lambda c: where(c.b < c.a, c.db, c.da),
)
define(
    "clip",
    "a low high",
    "min(max(a, low), high)",
    shape=same,
    type=arithmetic,
    traits="elementwise zero",
    code="np.clip({0}, {1}, {2})",
    out="np.clip({0}, {1}, {2}, {3})",
    derivative=(
        lambda c: c.d * holds((c.a >= c.b) & (c.a <= c.c)),
        lambda c: c.d * holds((c.a < c.b) & (c.b <= c.c)),
        lambda c: c.d * holds(apply("maximum", c.a, c.b) > c.c),
    ),
    tangent=lambda c: where(c.q < apply("maximum", c.a, c.b), c.dc, where(c.a < c.b, c.db, c.da)),
    surface="clip",
)


def portion(a: Term, q: Term) -> Term:
    """The derivative by a of a log-sum-exp q that a is part of."""
    return apply("portion", a, q)


define(
    "portion",
    "a q",
    "exp(a - q): the part of a in a log-sum-exp q; 0 where q is -inf",
    shape=same,
    type=real,
    traits="transcendental elementwise",
    code="portion({0}, {1})",
    out="portion({0}, {1}, {2})",
    derivative=(lambda c: c.d * c.q, lambda c: c.d * -c.q),
    tangent=lambda c: c.q * (c.da - c.db),
)
define(
    "share_of",
    "a b",
    "exp(a) / (exp(a) + exp(b)), told from a - b: right for logarithms of 0 like -1e30 too; 0 where a is -inf",
    shape=same,
    type=real,
    traits="transcendental elementwise",
    code="share_of({0}, {1})",
    derivative=(lambda c: c.d * (c.q * (1 - c.q)), lambda c: c.d * -(c.q * (1 - c.q))),
    tangent=lambda c: c.q * (1 - c.q) * (c.da - c.db),
)
define(
    "logaddexp",
    "a b",
    "log(exp(a) + exp(b)), stable",
    shape=same,
    type=real,
    traits="transcendental elementwise commutative",
    code="logaddexp({0}, {1})",
    derivative=(lambda c: c.d * apply("share_of", c.a, c.b), lambda c: c.d * apply("share_of", c.b, c.a)),
    tangent=lambda c: apply("share_of", c.a, c.b) * c.da + apply("share_of", c.b, c.a) * c.db,
    surface="logaddexp",
)

# -------------------------------------------------------------------------------------- true and false


def compare(name: str, sign: str, ufunc: str, type: TypeRule) -> None:
    """Real numbers are compared by their real parts."""

    def code(call: Call) -> str:
        part = ".real" if call.types[0] == "real" else ""
        return f"{{0}}{part} {sign} {{1}}{part}"

    def out(call: Call) -> str:
        part = ".real" if call.types[0] == "real" else ""
        return f"np.{ufunc}({{0}}{part}, {{1}}{part}, {{2}})"

    define(
        name,
        "a b",
        f"a {sign} b",
        shape=same,
        type=type,
        traits="elementwise flat" + (" commutative" if name in ("eq", "ne") else ""),
        code=code,
        out=out,
        surface=sign,
    )


compare("eq", "==", "equal", comparison)
compare("ne", "!=", "not_equal", comparison)
compare("lt", "<", "less", ordering)
compare("le", "<=", "less_equal", ordering)
compare("gt", ">", "greater", ordering)
compare("ge", ">=", "greater_equal", ordering)

for _word in ("and", "or"):
    define(
        _word,
        "a b",
        f"a {_word} b",
        shape=same,
        type=logical,
        traits="elementwise commutative flat",
        code=f"np.logical_{_word}({{0}}, {{1}})",
        out=f"np.logical_{_word}({{0}}, {{1}}, {{2}})",
        surface=_word,
    )
define(
    "not",
    "a",
    "not a",
    shape=same,
    type=logical,
    traits="elementwise flat",
    code="np.logical_not({0})",
    out="np.logical_not({0}, {1})",
    surface="not",
)


def _where_type(call: Call) -> str:
    if call.types[0] != "bool":
        raise ShapeError(f"the condition must be bool, found {call.types[0]}", 0)
    return agreeing(Call(call.shapes[1:], call.types[1:]))


define(
    "where",
    "condition a b",
    "a where the condition holds, else b",
    shape=same,
    type=_where_type,
    traits="elementwise linear zero",
    code="np.where({0}, {1}, {2})",
    derivative=(None, lambda c: where(c.a, c.d, 0), lambda c: where(c.a, 0, c.d)),
    surface="where",
)


def _number_type(call: Call) -> str:
    if call.types[0] == "real":
        raise ShapeError("needs int or bool, found real", 0)
    return "real"


define(
    "real",
    "a",
    "an int or a bool as a real number",
    shape=same,
    type=_number_type,
    traits="elementwise flat",
    code="np.asarray({0}, dtype)",
)
