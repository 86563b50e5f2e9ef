"""What is a number before anything runs: names of families, sizes, delays, bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping

from ...spec import syntax
from ...spec.sizes import Size
from ...spec.suggest import suggest
from ...spec.tree import walk
from .report import listing
from .scope import AxisIndex, AxisLength, Binding, Context, Dim, Scope, Thing

POWER = 16  # the highest exponent in a size
DEGREE = 16  # the most factors of a term of a size
TERMS = 64  # the most terms of a size
LARGEST = 2**31 - 1
FOLDED: Mapping[str, Callable[..., float]] = {
    name: getattr(operator, name) for name in ("neg", "add", "sub", "mul")
}  # of numbers alone, worked out before anything runs


def name_text(context: Context, scope: Scope, name: syntax.Name) -> str | None:
    """The name with its braces worked out: ``h{l-1}`` is ``h0`` where l is 1."""
    texts = []
    for part in name.parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if _is_step(context, scope, part):
            shown = f"{''.join(texts).rstrip('_')}[{part.span.text}]"
            message, help = "an index stands in square brackets", f"write `{shown}`"
            context.report("RNN110", name.span, message, via=scope.via, help=help)
            return None
        value = whole(context, scope, part, f"the name `{name.text}`")
        if value is None:
            return None
        if value < 0:
            context.report("RNN212", name.span, f"`{name.text}` would be numbered {value}", via=scope.via)
            return None
        texts.append(str(value))
    return "".join(texts)


def _is_step(context: Context, scope: Scope, expr: syntax.Expr) -> bool:
    """Whether the brace of a name holds the index of an axis, as LaTeX writes it: ``h_{t-1}``."""
    names = [node.name for node, _ in walk([expr]) if isinstance(node, syntax.Ref)]
    return any(isinstance(scope.names.get(name.text), AxisIndex | AxisLength) for name in names)


def lookup(context: Context, scope: Scope, text: str) -> Binding | None:
    """What a name stands for here; None when nothing has it."""
    if text in scope.loops:
        return Dim(Size.of(scope.loops[text]))
    if text in scope.names:
        return scope.names[text]
    dotted = scope.prefix + text
    return Thing(dotted) if "." in text and dotted in context.declared else None


def size(context: Context, scope: Scope, expr: syntax.Expr) -> Size | None:
    """The polynomial that an expression over dims is; None, reported, when it is none."""
    match expr:
        case syntax.Number(_, text) if text.isdigit():
            return Size.of(int(text))
        case syntax.Ref(_, name):
            return _named_size(context, scope, name)
        case syntax.Unary(_, "-" | "+" as sign, operand):
            value = size(context, scope, operand)
            return value if value is None or sign == "+" else -value
        case syntax.Binary(_, "+" | "-" | "*" as sign, left, right):
            a, b = size(context, scope, left), size(context, scope, right)
            return None if a is None or b is None else _combined(context, scope, expr, sign, a, b)
        case syntax.Binary(_, "**", left, right) if (
            exponent := _exponent(context, scope, right)
        ) is not None:
            base = size(context, scope, left)
            return None if base is None else _power(context, scope, expr, base, exponent)
    context.report(
        "RNN301",
        expr.span,
        f"`{expr.span.text}` is not a size",
        via=scope.via,
        help="a size is made of whole numbers and dims with + - *; name the part and multiply",
    )
    return None


def _combined(context: Context, scope: Scope, expr: syntax.Expr, sign: str, a: Size, b: Size) -> Size | None:
    if sign == "*" and (_degree(a) + _degree(b) > DEGREE or len(a.terms) * len(b.terms) > TERMS**2):
        context.report("RNN301", expr.span, f"this size has more than {DEGREE} factors", via=scope.via)
        return None
    found = a + b if sign == "+" else a - b if sign == "-" else a * b
    if len(found.terms) > TERMS:
        context.report("RNN301", expr.span, f"this size has more than {TERMS} terms", via=scope.via)
        return None
    return found


def _degree(size: Size) -> int:
    return max((len(monomial) for monomial, _ in size.terms), default=0)


def _exponent(context: Context, scope: Scope, expr: syntax.Expr) -> int | None:
    """A small whole number, such as `l - 1` in a loop over l; None for anything else, not reported."""
    match expr:
        case syntax.Number(_, text) if text.isdigit():
            found = int(text)
        case syntax.Ref(_, name):
            text = name_text(context, scope, name) or ""
            bound = lookup(context, scope, text)
            literal = bound.size.literal if isinstance(bound, Dim) else None
            if literal is None:
                return None
            found = literal
        case syntax.Binary(_, "+" | "-" as sign, left, right):
            a, b = _exponent(context, scope, left), _exponent(context, scope, right)
            if a is None or b is None:
                return None
            found = a + b if sign == "+" else a - b
        case _:
            return None
    return found if 0 <= found <= POWER else None


def _power(context: Context, scope: Scope, expr: syntax.Expr, base: Size, exponent: int) -> Size | None:
    product: Size | None = Size.of(1)
    for _ in range(exponent):
        product = product and _combined(context, scope, expr, "*", product, base)
    return product


def _named_size(context: Context, scope: Scope, name: syntax.Name) -> Size | None:
    text = name_text(context, scope, name)
    if text is None:
        return None
    match lookup(context, scope, text):
        case Dim(found):
            context.model.uses |= found.dims
            return found
        case None:
            unknown_name(context, scope, name, text, only=Dim)
        case AxisIndex() | AxisLength():
            context.report(
                "RNN301",
                name.span,
                f"`{text}` changes with the sequence: it is not a size",
                via=scope.via,
                help="sizes and the bounds of a `for` are numbers and dims; over time no loop is needed: "
                "an equation holds at every step by itself",
            )
        case Thing():
            context.report(
                "RNN301",
                name.span,
                f"`{text}` is not a dim, so it is not a size",
                via=scope.via,
                help=f"declare `dim {text} = …` under a name of its own",
            )
    return None


def whole(context: Context, scope: Scope, expr: syntax.Expr, use: str) -> int | None:
    """The number of an expression over dims whose values it then fixes; ``use`` says what for."""
    found = size(context, scope, expr)
    return None if found is None else value(context, scope, expr, found, use)


def value(context: Context, scope: Scope, expr: syntax.Expr, found: Size, use: str) -> int | None:
    """The number of a size at the dims' values, which are thereby fixed."""
    unknown = found.dims & context.model.unknowns.keys()
    if unknown:
        name = min(unknown).rpartition(".")[2]
        context.report(
            "RNN213",
            expr.span,
            f"`{name}` is known only from the argument's sizes, too late for {use}",
            via=scope.via,
            help="make it a parameter of the cell, without a type, and pass it",
        )
        return None
    for dim in found.dims:
        context.model.fixed.setdefault(dim, use)
    return found.value(context.model.dims)


def unknown_name(
    context: Context,
    scope: Scope,
    name: syntax.Name,
    text: str,
    *,
    only: type[Dim] | None = None,
    help: str = "",
) -> None:
    """Reports a name that nothing has, with the nearest that something has; ``help``, where none is near."""
    if scope.spoiled(text.partition(".")[0]):
        return
    names = [n for n, b in scope.names.items() if only is None or isinstance(b, only)]
    if only is None or not names:
        names += [n.removeprefix(scope.prefix) for n in context.declared if n.startswith(scope.prefix)]
    context.report(
        "RNN201",
        name.span,
        f"nothing here is called `{text}`",
        via=scope.via,
        help=_of_a_copy(context, scope, text)
        or _advice(text, names)
        or _outside(context, scope, name, text)
        or help
        or (f"a size is declared by `dim {text} = …`" if only else DECLARED.format(text)),
    )


DECLARED = "what is learned is declared by `param {0} : real[…]`, what is given by `input {0}[t] : real[…]`"
NUMBERS = {
    "e": "e to the power a is `exp(a)`",
    "pi": "write the number, 3.141592653589793",
    "inf": "write a number that is large enough, `1e30`",
    "true": "what always holds is `1 == 1`",
    "false": "what never holds is `1 == 0`",
}


def _of_a_copy(context: Context, scope: Scope, text: str) -> str:
    """Which quantities the copy of a cell has, to whoever asks for another."""
    stem, _, last = text.rpartition(".")
    copy = context.copies.get(scope.prefix + stem)
    if not stem or copy is None:
        return ""
    if copy.cell.tree.outputs and copy.cell.tree.outputs[0].target.name.text == last:
        return f"the result of the cell is `{stem}` itself"
    inner = scope.prefix + stem + "."
    found = (
        name for name, it in context.declared.items() if name.startswith(inner) and it.what != "parameter"
    )
    own = [name.removeprefix(scope.prefix) for name in found]
    return f"in this copy of the cell there are {listing(own)}"


def _outside(context: Context, scope: Scope, name: syntax.Name, text: str) -> str:
    """What is wrong with a name of a family, or of something outside a cell."""
    if any(not isinstance(part, str) for part in name.parts):
        return f"`{name.text}` is `{text}` here; define the first of the family before the loop"
    if "." in text:
        return f"`{text.rpartition('.')[0]}` is no copy of a cell, so it has no parts"
    if scope.via and text in context.declared:
        return f"nothing outside a cell is seen in it: declare `{text}` inside, or give it as an argument"
    return ""


def _advice(text: str, names: Collection[str]) -> str:
    stem, dot, last = text.rpartition(".")
    if text.lower() in NUMBERS:
        return NUMBERS[text.lower()]
    near = suggest(text, names)
    if dot and last == "T":
        return f"the transpose of a matrix is `transpose({stem})`"
    for ending in ("_prev", "_t_1", "_tm1", "_last"):
        if text.endswith(ending):
            return f"the value one step before is `{text.removesuffix(ending)}[t-1]`"
    if text.endswith("_t") and text[:-2] in names:
        return f"the value at step t is `{text[:-2]}[t]`"
    return f"did you mean `{near}`?" if near else ""
