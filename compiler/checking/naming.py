"""The parameters of `affine`, named before anything is bound, so that every expression can read them."""

from __future__ import annotations

from collections.abc import Iterable

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.source import Span
from ...spec.tree import walk
from .numbers import lookup, name_text
from .scope import Context, Declaration, Named, Scope, Thing


def name_parameters(context: Context, scope: Scope, name: syntax.Name, exprs: Iterable[syntax.Expr]) -> int:
    """Names and declares the parameters of each `affine` of one equation, from left to right; how many."""
    left = name_text(context, scope, name)
    counts: dict[str, int] = {}
    for node, _ in walk(exprs):
        if left is None or "." in left or not isinstance(node, syntax.Call) or node.function.text != "affine":
            continue
        plain = [argument.value for argument in node.args if argument.keyword is None]
        tags = [_tag(context, scope, expr, i) for i, expr in enumerate(plain, 1)]
        weights = tuple(_declared(context, scope, node, f"W_{left}{tag}", counts) for tag in tags)
        bias = None if has_no_bias(node) else _declared(context, scope, node, f"b_{left}", counts)
        context.affine[scope.place(node.span)] = Named(weights, bias)
    return sum(counts.values())


def has_no_bias(call: syntax.Call) -> bool:
    """Whether an `affine` says ``bias = none``."""
    given = [argument.value for argument in call.args if argument.keyword and argument.keyword.text == "bias"]
    return any(isinstance(value, syntax.Ref) and value.name.text == "none" for value in given)


def _tag(context: Context, scope: Scope, expr: syntax.Expr, position: int) -> str:
    """What names an argument's weights: the name of a plain read, else its position."""
    base = expr.base if isinstance(expr, syntax.Subscript) else expr
    text = name_text(context, scope, base.name) if isinstance(base, syntax.Ref) else None
    found = lookup(context, scope, text) if text is not None else None
    if not isinstance(found, Thing) or text is None:
        return str(position)
    indexed = bool(context.declared[found.name].axes)
    return text.replace(".", "_") if indexed == isinstance(expr, syntax.Subscript) else str(position)


def _declared(context: Context, scope: Scope, call: syntax.Call, base: str, counts: dict[str, int]) -> str:
    """The whole name of a parameter: numbered when repeated within the equation, else it must be new."""
    counts[base] = counts.get(base, 0) + 1
    local = base if counts[base] == 1 else f"{base}_{counts[base]}"
    whole = scope.params + local
    if scope.shares:
        scope.names.setdefault(local, Thing(whole))
    elif local in scope.names:
        _clash(context, scope, call.span, local)
    else:
        scope.names[local] = Thing(whole)
        scope.places[local] = call.span
        context.declared[whole] = Declaration("parameter", (), call.span, local)
    return whole


def _clash(context: Context, scope: Scope, span: Span, local: str) -> None:
    context.report(
        "RNN211",
        span,
        f"`affine` would name a parameter `{local}`, and there is something of that name already",
        via=scope.via,
        labels=[Label(scope.places[local], f"`{local}` is made here")],
        help="declare a `param` of your own and write the product with `@`, or rename one of the two",
    )
