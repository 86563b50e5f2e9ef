"""The second half of expansion: a declared statement gets its types and its bound expressions."""

from __future__ import annotations

from collections.abc import Callable

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.source import Span
from ..ir import AFTER, BEFORE
from ..program import Init
from .bind import Binder, constant
from .index import position
from .inits import MATRICES, init, number
from .model import Distribution, Parameter, Quantity, Sides, Start
from .numbers import lookup, name_text, size, unknown_name
from .scope import CellDefinition, Context, Scope, Thing
from .tree import Bad, Expr
from .types import Type

Bind = Callable[[Quantity], None]
SIZES = 8  # of a type; with twice as many, and axes, every weight is within what NumPy's arrays can be


def typed(context: Context, scope: Scope, written: syntax.Type) -> Type | None:
    """A type with its sizes worked out; None when one of them is wrong, or there are too many."""
    if len(written.sizes) > SIZES:
        context.report("RNN315", written.span, f"a type has at most {SIZES} sizes", via=scope.via)
        return None
    sizes = [size(context, scope, expr) for expr in written.sizes]
    found = tuple(s for s in sizes if s is not None)
    count = size(context, scope, written.count) if written.count is not None else None
    if len(found) < len(sizes) or (count is None) != (written.count is None):
        return None
    return Type(written.kind, found, count, written.span)


def _add_type(context: Context, scope: Scope, quantity: Quantity, written: syntax.Type | None) -> None:
    """Adds a type; one that is wrong spoils the quantity."""
    found = typed(context, scope, written) if written is not None else None
    if found is not None:
        quantity.types.append(found)
    elif written is not None:
        quantity.value = Bad(written.span)


def _define(quantity: Quantity, value: Expr) -> None:
    """Gives a quantity its value, unless its type has spoiled it."""
    quantity.value = quantity.value or value


def input(context: Context, scope: Scope, item: syntax.InputItem, quantity: Quantity) -> None:
    _add_type(context, scope, quantity, item.type)


def equation(context: Context, scope: Scope, statement: syntax.Equation, quantity: Quantity) -> None:
    _add_type(context, scope, quantity, statement.type)
    binder = Binder(context, scope, quantity.axes, quantity.name)
    _define(quantity, binder.bind(statement.value))


def argument(
    context: Context,
    outer: Scope,
    inner: Scope,
    item: syntax.CellItem,
    value: syntax.Expr,
    quantity: Quantity,
) -> None:
    """An input of a copy: typed by the cell's header, its value the caller's (or the header's default)."""
    _add_type(context, inner, quantity, item.type)
    _define(quantity, Binder(context, outer, quantity.axes, quantity.name).bind(value))


def copied(
    context: Context, scope: Scope, statement: syntax.Equation, inner: Scope, cell: CellDefinition
) -> None:
    """The types that a cell's header and the call give to the copy's outputs."""
    for item in cell.tree.outputs:
        quantity = context.model.quantities.get(inner.whole(item.target.name.text))
        if quantity is not None:
            _add_type(context, inner, quantity, item.type)
            if item is cell.tree.outputs[0]:
                _add_type(context, scope, quantity, statement.type)


def param(context: Context, scope: Scope, item: syntax.ParamItem, name: str, trained: bool) -> None:
    found = typed(context, scope, item.type)
    start = init(context, scope, item.init) if item.init is not None else _default(found)
    if found is None or start is None:
        context.model.params[name] = Parameter(
            name, Type("unknown"), number(0.0), trained, item.span, scope.via
        )
        return
    if len(found.shape) < 2 and _fillers(start) & MATRICES and item.init is not None:
        context.report(
            "RNN312",
            item.init.span,
            f"`{item.init.span.text}` fills a matrix, and this is {found}",
            via=scope.via,
        )
    context.model.params[name] = Parameter(name, found, start, trained, item.name.span, scope.via)


def _fillers(start: Init) -> set[str]:
    return {start.op}.union(*map(_fillers, start.args))


def _default(type: Type | None) -> Init:
    return Init("glorot") if type is not None and len(type.shape) >= 2 else number(0.0)


# ends


def start(context: Context, scope: Scope, statement: syntax.Equation) -> None:
    """``h[0] = EXPR``: an end of a quantity. What the caller of a cell says overrides the cell's own."""
    name = statement.target.name
    text = name_text(context, scope, name)
    found = lookup(context, scope, text) if text is not None else None
    if not isinstance(found, Thing) or found.name not in context.model.quantities:
        if text is not None:
            unknown_name(context, scope, name, text)
        return
    quantity = context.model.quantities[found.name]
    sides = _sides(context, scope, statement.target, quantity)
    if sides is None:
        return
    free = tuple(axis for axis in quantity.axes if axis not in dict(sides))
    _add_type(context, scope, quantity, statement.type)
    value = Binder(context, scope, free, found.name if "." not in (text or ".") else "").bind(statement.value)
    old = quantity.starts.get(sides)
    if old is not None and len(old.via) == len(scope.via):
        context.report(
            "RNN202",
            statement.target.span,
            f"`{statement.target.span.text}` is given twice",
            via=scope.via,
            labels=[Label(old.span, "the first time here")],
        )
    elif old is None or len(old.via) > len(scope.via):
        quantity.starts[sides] = Start(value, statement.target.span, scope.via)


def _sides(context: Context, scope: Scope, target: syntax.Target, quantity: Quantity) -> Sides | None:
    if len(target.index) != len(quantity.axes):
        context.report(
            "RNN403",
            target.span,
            f"`{quantity.name}` has {len(quantity.axes)} indices, {len(target.index)} found",
            via=scope.via,
            labels=[Label(quantity.span, "it is defined here")],
        )
        return None
    sides = []
    for expr, axis in zip(target.index, quantity.axes, strict=True):
        at = position(context, scope, expr, axis)
        if at is None:
            return None
        if at.over == axis and at.offset == 0:
            continue
        if at.over is not None or (at.ends, at.offset) not in ((0, 0), (1, 1)):
            _not_an_end(context, scope, expr.span, axis)
            return None
        sides.append((axis, BEFORE if at.ends == 0 else AFTER))
    return tuple(sides)


def _not_an_end(context: Context, scope: Scope, span: Span, axis: str) -> None:
    length = context.model.axes[axis].length
    context.report(
        "RNN409",
        span,
        f"`{span.text}` is not outside the sequence: an end is given at `0` or at `{length}+1`",
        via=scope.via,
        help="inside the sequence the equation holds; one step can differ by `where(t == 1, …, …)`",
    )


# heads, losses, outputs


def _named_loss(context: Context, scope: Scope, name: str, span: Span) -> None:
    """The caller of a module could not tell an output of this name from the loss."""
    if name == "loss":
        message = "`loss` cannot be an output: the loss of the whole network goes by this name"
        context.report("RNN214", span, message, via=scope.via, help="give it another name")


def head(context: Context, scope: Scope, statement: syntax.Head, quantity: Quantity) -> None:
    _named_loss(context, scope, quantity.name, quantity.span)
    _add_type(context, scope, quantity, statement.type)
    quantity.weight = _weight(context, scope, statement.weight)
    called = statement.distribution
    binder = Binder(context, scope, quantity.axes, quantity.name)
    for item in called.args:
        if item.keyword is not None:
            binder.error("RNN207", item.keyword.span, "the arguments of a distribution have no names")
    args = tuple(binder.bind(item.value) for item in called.args)
    quantity.distribution = Distribution(called.function.text, args, called.span)


def _weight(context: Context, scope: Scope, expr: syntax.Expr | None) -> float:
    value = 1.0 if expr is None else constant(expr)
    if value is None and expr is not None:
        context.report(
            "RNN505", expr.span, f"a weight is a number, and `{expr.span.text}` is not", via=scope.via
        )
        return 1.0
    return 1.0 if value is None else value


def loss(context: Context, scope: Scope, statement: syntax.Loss, quantity: Quantity) -> None:
    quantity.weight = _weight(context, scope, statement.weight)
    binder = Binder(context, scope, quantity.axes, quantity.name)
    _define(quantity, binder.bind(statement.value))


def output(context: Context, scope: Scope, statement: syntax.Output) -> None:
    for name in statement.names:
        text = name_text(context, scope, name)
        found = lookup(context, scope, text) if text is not None else None
        if isinstance(found, Thing):
            _named_loss(context, scope, found.name, name.span)
            context.model.outputs.setdefault(found.name, name.span)
        elif text is not None and found is None:
            help = f"a quantity is defined by its equation, `{text}[t] = …`"
            unknown_name(context, scope, name, text, help=help)
        elif found is not None:
            message = f"`{text}` is no quantity, so `forward` cannot return it"
            context.report("RNN209", name.span, message, via=scope.via)


def noise(context: Context, scope: Scope, statement: syntax.Noise, quantity: Quantity) -> None:
    _add_type(context, scope, quantity, statement.type)
    called = statement.distribution
    binder = Binder(context, scope, ())
    args = tuple(binder.bind(item.value) for item in called.args)
    quantity.distribution = Distribution(called.function.text, args, called.span)
