"""How a parameter starts: the expressions after `~`, and constants after `=`."""

from __future__ import annotations

from ...spec import syntax
from ...spec.sizes import Size
from ...spec.suggest import suggest
from ..program import Init
from .numbers import FOLDED, lookup, name_text
from .scope import Context, Dim, Scope

# Name of a filler: the smallest and the largest number of its arguments.
FILLERS = {
    "zeros": (0, 0),
    "ones": (0, 0),
    "constant": (1, 1),
    "normal": (0, 1),
    "uniform": (0, 2),
    "glorot": (0, 0),
    "he": (0, 0),
    "orthogonal": (0, 1),
    "identity": (0, 0),
    "sparse": (2, 2),
    "range": (0, 0),
}
RANGES = {
    "normal": "a standard deviation is 0 or more",
    "uniform": "the lower end stands first: `uniform(lo, hi)`",
    "sparse": "a density is from 0 to 1, a spectral radius 0 or more",
}
MATRICES = frozenset({"identity", "sparse"})  # make no sense for a vector
UNARY = frozenset("exp log log1p expm1 sqrt square abs tanh sigmoid softplus relu sin cos floor sign".split())
SIGNS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow", "%": "mod"}
PAIRS = {"min": "minimum", "max": "maximum"}


def number(value: float) -> Init:
    return Init("number", value=value)


def dim(size: Size) -> Init:
    return Init("dim", size=size)


def init(context: Context, scope: Scope, expr: syntax.Expr) -> Init | None:
    """The start of a parameter; None, reported, when the expression is none."""
    match expr:
        case syntax.Number(_, text):
            return number(float(text))
        case syntax.Unary(_, "-" | "+" as sign, operand):
            inner = init(context, scope, operand)
            return Init("neg", (inner,)) if inner and sign == "-" else inner
        case syntax.Binary(_, op, left, right) if op in SIGNS:
            a, b = init(context, scope, left), init(context, scope, right)
            return Init(SIGNS[op], (a, b)) if a and b else None
        case syntax.Ref(_, name):
            return _named(context, scope, expr, name)
        case syntax.Call(_, name, (), args) if not any(a.keyword for a in args):
            return _call(context, scope, expr, name, [a.value for a in args])
    _wrong(context, scope, expr)
    return None


def _wrong(context: Context, scope: Scope, expr: syntax.Expr, near: str | None = None) -> None:
    context.report(
        "RNN312",
        expr.span,
        f"`{expr.span.text}` does not say how a parameter starts",
        via=scope.via,
        help=f"did you mean `{near}`?"
        if near
        else f"there are {', '.join(FILLERS)}, numbers, dims and functions of them",
    )


def _named(context: Context, scope: Scope, expr: syntax.Expr, name: syntax.Name) -> Init | None:
    text = name_text(context, scope, name)
    if text is None:
        return None
    found = lookup(context, scope, text)
    if isinstance(found, Dim):
        context.model.uses |= found.size.dims
        return dim(found.size)
    if text in FILLERS:
        return _call(context, scope, expr, name, [])
    _wrong(context, scope, expr, suggest(text, FILLERS))
    return None


def _call(
    context: Context, scope: Scope, expr: syntax.Expr, name: syntax.Name, values: list[syntax.Expr]
) -> Init | None:
    text = name.text
    args = tuple(init(context, scope, value) for value in values)
    found = tuple(arg for arg in args if arg is not None)
    if len(found) < len(args):
        return None
    if text in UNARY and len(args) == 1:
        return Init(text, found)
    if text in PAIRS and len(args) == 2:
        return Init(PAIRS[text], found)
    if text not in FILLERS:
        _wrong(context, scope, expr, suggest(text, FILLERS))
        return None
    low, high = FILLERS[text]
    if low <= len(args) <= high:
        if not _is_possible(text, found):
            said = f"`{expr.span.text}` is out of range"
            context.report("RNN312", expr.span, said, via=scope.via, help=RANGES[text])
        return Init(text, found)
    wanted = str(low) if low == high else f"{low} to {high}"
    message = f"`{text}` takes {wanted} numbers, {len(args)} found"
    help = "its mean is 0: `normal(std)`" if text == "normal" else ""
    context.report("RNN312", expr.span, message, via=scope.via, help=help)
    return None


def _is_possible(text: str, args: tuple[Init, ...]) -> bool:
    """Whether a filler's numbers are in its range; what dims decide is not known yet."""
    values = [_value(arg) for arg in args]
    known = [value for value in values if value is not None]
    if text not in RANGES or len(known) < len(values):
        return True
    if text == "uniform":
        low, high = (*known, *(0.0, 1.0)[len(known) :])
        return low <= high
    return all(value >= 0 for value in known) and (text != "sparse" or known[0] <= 1)


def _value(start: Init) -> float | None:
    """The value of a start of numbers alone."""
    if start.op == "number":
        return start.value
    values = [value for arg in start.args if (value := _value(arg)) is not None]
    known = start.op in FOLDED and len(values) == len(start.args)
    return FOLDED[start.op](*values) if known else None
