"""The functions and operators of the language: one record each, with the rule that checks the arguments
and says what the function is in terms of the equations' operators."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...spec import syntax
from ...spec.cells import library
from ...spec.records import dataclass
from ...spec.suggest import suggest
from ..operators import TABLE, record
from . import indexing, products, rules
from .rules import Rule
from .scope import Context, Scope
from .terms import Term, elementwise, expand, minus, number, over, over_last, plus, real, repeat_last, times

MANY = 99


@dataclass(frozen=True, slots=True)
class Function:
    """``through``: an `affine` among the arguments has the shape that is wanted of the whole."""

    usage: str
    arity: tuple[int, int]
    rule: Rule
    through: bool = False


def _unary(name: str, build: Callable[[Term], Term] | None = None) -> Function:
    make = build or (lambda a: elementwise(name, a))
    return Function(f"{name}(a)", (1, 1), rules.arithmetic(lambda a: make(real(a))), True)


def _reduce(name: str, build: Callable[[Term], Term] | None = None) -> Function:
    return Function(f"{name}(a)", (1, 1), rules.reduction(build or (lambda a: over_last(name, a))))


def _along(name: str, build: Callable[[Term], Term] | None = None) -> Function:
    return Function(f"{name}(a)", (1, 1), rules.along(name, build), True)


def _operator(sign: str, rule: Rule, through: bool = True) -> Function:
    return Function(f"a {sign} b", (2, 2), rule, through)


def _gelu(a: Term) -> Term:
    cubic = times(0.044715, times(a, elementwise("square", a)))
    inner = times(math.sqrt(2 / math.pi), plus(a, cubic))
    return times(times(0.5, a), plus(number(1.0, a.span), elementwise("tanh", inner)))


def _silu(a: Term) -> Term:
    return times(a, elementwise("sigmoid", a))


def _clip(a: Term, low: Term, high: Term) -> Term:
    return elementwise("clip", real(a), real(low), real(high))


EPS = 1e-5


def _rms_norm(a: Term) -> Term:
    power = plus(over_last("mean", elementwise("square", a)), number(EPS, a.span))
    return over(a, repeat_last(elementwise("sqrt", power), a))


def _layer_norm(a: Term) -> Term:
    return _rms_norm(minus(a, repeat_last(over_last("mean", a), a)))


def _log_softmax(a: Term) -> Term:
    return minus(a, repeat_last(over_last("logsumexp", a), a))


def _norm(a: Term) -> Term:
    return elementwise("root", over_last("sum", elementwise("square", a)))


SPELLED_OUT: dict[str, Callable[[Term], Term]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "gelu": _gelu,
    "silu": _silu,
}
"""What functions of one argument are in operators; what holds another comes before it."""


def _of_one_real() -> list[str]:
    """The operators that are functions of one real number: the language has every one by its own name."""
    found = [op for op in TABLE.values() if "elementwise" in op.traits and op.type is record.real]
    return [op.surface for op in found if len(op.operands) == 1 and op.surface.isidentifier()]


FUNCTIONS: dict[str, Function] = {
    **{name: _unary(name) for name in _of_one_real()},
    **{name: _unary(name, SPELLED_OUT[name]) for name in ("gelu", "silu")},
    "stop_gradient": Function("stop_gradient(a)", (1, 1), rules.stop_gradient, True),
    "logaddexp": Function("logaddexp(a, b)", (2, 2), rules.arithmetic(rules.reals("logaddexp")), True),
    "clip": Function("clip(a, lo, hi)", (3, 3), rules.arithmetic(_clip), True),
    "where": Function("where(cond, a, b)", (3, 3), rules.where, True),
    "min": Function("min(a, b)` or `min(a)", (1, 2), rules.extremum("min"), True),
    "max": Function("max(a, b)` or `max(a)", (1, 2), rules.extremum("max"), True),
    "sum": _reduce("sum"),
    "mean": _reduce("mean"),
    "logsumexp": _reduce("logsumexp"),
    "norm": _reduce("norm", SPELLED_OUT["norm"]),
    "softmax": _along("softmax"),
    "cumsum": _along("cumsum"),
    **{name: _along(name, SPELLED_OUT[name]) for name in ("log_softmax", "layer_norm", "rms_norm")},
    "dot": Function("dot(a, b)", (2, 2), products.dot),
    "outer": Function("outer(a, b)", (2, 2), products.outer),
    "concat": Function("concat(a, b, …)", (1, MANY), rules.concat),
    "slice": Function("slice(a, start, size)", (3, 3), rules.slice),
    "expand": Function("expand(a, d)", (2, 2), rules.expand_last),
    "transpose": Function("transpose(a)", (1, 1), rules.transpose),
    "roll": Function("roll(a, k)", (2, 2), rules.roll),
    "onehot": Function("onehot(k)", (1, 1), indexing.onehot),
    "pick": Function("pick(a, i)", (2, 2), indexing.pick),
    "einsum": Function('einsum("ij,j->i", a, b)', (2, MANY), products.einsum_pattern),
    "+": _operator("+", rules.arithmetic(rules.numbers("add"))),
    "-": _operator("-", rules.arithmetic(rules.numbers("sub"))),
    "*": _operator("*", rules.arithmetic(rules.numbers("mul"))),
    "%": _operator("%", rules.arithmetic(rules.numbers("mod"))),
    "/": _operator("/", rules.arithmetic(rules.reals("div"))),
    "**": _operator("**", rules.arithmetic(rules.reals("pow"))),
    "-_": Function("-a", (1, 1), rules.arithmetic(rules.numbers("neg")), True),
    "+_": Function("+a", (1, 1), rules.arithmetic(lambda a: a), True),
    "@": _operator("@", products.matmul, False),
    **{sign: _operator(sign, rules.compare(op), False) for sign, op in rules.COMPARISONS.items()},
    "and": _operator("and", rules.logic("and"), False),
    "or": _operator("or", rules.logic("or"), False),
    "not_": Function("not a", (1, 1), rules.logic("not")),
}

OVER = {name: f"{name}_over" for name in rules.ALONG}
STATIC = {"expand": 1, "slice": 2, "roll": 1}  # how many last arguments are sizes

# What needs more than the right name.
PHRASES = {
    "matmul": "a matrix product is written `W @ h`",
    "mm": "a matrix product is written `W @ h`",
    "T": "the transpose of a matrix is `transpose(W)`",
    "embedding": "a row of a table is written `E[x[t]]`",
    "lookup": "a row of a table is written `E[x[t]]`",
    "pow": "a power is written `a ** b`",
    "mod": "the remainder is written `a % b`",
    "zeros": "a number goes with any shape: write `0`",
    "zeros_like": "a number goes with any shape: write `0`",
    "ones": "a number goes with any shape: write `1`",
    "ones_like": "a number goes with any shape: write `1`",
    "cross_entropy": "a head has its loss already: `head y[t] : token(k) ~ categorical(logits)`",
    "mse": "`loss e[t] = mean(square(a[t] - b[t]))`, or a head `~ normal(mean)`",
    "mse_loss": "`loss e[t] = mean(square(a[t] - b[t]))`, or a head `~ normal(mean)`",
    "grad": "gradients are what `backward` of the module computes",
    "delay": "the value k steps before is `h[t-k]`",
    "prev": "the value one step before is `h[t-1]`",
}
CELL_HABITS = {"LSTM": "lstm", "GRU": "gru", "rnn": "vanilla", "RNN": "vanilla"}


def unknown_function(context: Context, scope: Scope, call: syntax.Call, name: str) -> None:
    """Reports a call of something that is neither function nor cell."""
    if name in context.declared or name in scope.names:
        message, help = (
            f"`{name}` is not a function",
            "a product is written with `*` or `@`, an index with `[ ]`",
        )
    else:
        message = f"there is no function or cell `{name}`"
        last = name.rpartition(".")[2]  # of `np.tanh`
        help = PHRASES.get(last) or (f"write `{last}(…)`" if last in FUNCTIONS else _nearest(scope, last))
    context.report("RNN204", call.function.span, message, via=scope.via, help=help)


def _nearest(scope: Scope, name: str) -> str:
    near = suggest(name, [*(f for f in FUNCTIONS if f.isidentifier()), *scope.cells, "affine", "dropout"])
    if near:
        return f"did you mean `{near}`?"
    cell = (
        CELL_HABITS.get(name, name) if CELL_HABITS.get(name, name) in library() else suggest(name, library())
    )
    return f"the library has a cell `{cell}`: begin the spec with `use {cell}`" if cell else ""


__all__ = ["FUNCTIONS", "OVER", "STATIC", "Function", "expand", "unknown_function"]
