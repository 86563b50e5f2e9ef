"""When a drawn sequence ends: `stop when …`, and heads on the length of an axis."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod

from ...spec import syntax
from ...spec.diagnostics import Label
from ..ir import here
from . import tree
from .bind import Binder
from .model import Model, Quantity, Stop
from .report import Report
from .scope import Context, Scope
from .types import BOOL


def stop(context: Context, scope: Scope, statement: syntax.Stop) -> None:
    """Adds the quantity that tells whether a step is the last."""
    model = context.model
    axis = common_axis(model)
    if axis is None or model.stop is not None:
        message = (
            "a spec ends by one rule"
            if axis
            else "nothing is drawn step by step: there is no head along an axis"
        )
        labels = [Label(model.stop.span, "the first rule")] if model.stop else []
        help = (
            "" if axis else "an end that is learned: `head z[t] : bool ~ bernoulli(…)` and `stop when z[t]`"
        )
        context.report("RNN509", statement.span, message, via=scope.via, labels=labels, help=help)
        return
    name = "stop"
    while name in model.quantities:
        name += "_"
    value = Binder(context, scope, (axis,)).bind(statement.condition)
    span = statement.condition.span
    model.quantities[name] = Quantity(name, "stop", (axis,), span, scope.via, [BOOL], value)
    model.stop = Stop(name, axis, _event(model, value, axis), span)


def common_axis(model: Model) -> str | None:
    """The axis that all heads with an index have."""
    heads = [q.axes for q in model.quantities.values() if q.role == "head" and q.axes]
    return next((axis for axis in model.axes if heads and all(axis in axes for axes in heads)), None)


def _event(model: Model, value: tree.Expr, axis: str) -> str:
    """The Bernoulli head that an expression just reads, if it does."""
    if not isinstance(value, tree.Read) or value.at != here((axis,)):
        return ""
    drawn = model.quantities[value.name].distribution
    return value.name if drawn is not None and drawn.name == "bernoulli" else ""


def check_stopping(model: Model, report: Report) -> None:
    """Reports a rule that can never fire, and a length that depends on what runs along its axis."""
    if model.stop is not None:
        _check_stop(model, report, model.stop)
        length = model.length_head(model.stop.axis)
        if length is not None:
            labels = [Label(length.span, "the length is drawn here")]
            report("RNN509", model.stop.span, "a spec ends by one rule", labels=labels)
    for axis in model.axes.values():
        head = model.length_head(axis.index)
        if head is not None and head.distribution is not None:
            _check_length(model, report, head, axis.index)


def _check_stop(model: Model, report: Report, rule: Stop) -> None:
    value = model.quantities[rule.name].value
    reached = list(_reached(model, [value] if value is not None else []))
    drawn = any(isinstance(e, tree.Read) and model.quantities[e.name].role == "head" for e in reached)
    if not drawn and not any(isinstance(e, tree.IndexNumber | tree.Bad) for e in reached):
        help = "compare a head's value at this step: `stop when y[t] == 0`"
        report(
            "RNN509",
            rule.span,
            "this can never end a sequence: it depends on nothing that is drawn",
            help=help,
        )
    before = report.count
    for node in reached:
        if isinstance(node, tree.Apply) and node.function == "==":
            _check_token(model, report, node)
    if value is not None and report.count == before and not can_hold(model, value):
        report(
            "RNN509",
            rule.span,
            "this is never so, whatever is drawn",
            help="write `or` for either of two symbols",
        )


def _check_token(model: Model, report: Report, node: tree.Apply) -> None:
    """A token is never a number that is not below its count."""
    for token, number in (node.args, node.args[::-1]):
        if (
            isinstance(token, tree.Read)
            and isinstance(number, tree.Number)
            and token.name in model.quantities
        ):
            types = model.quantities[token.name].types
            count = types[0].count if types else None
            if (
                count is not None
                and not count.dims - model.dims.keys()
                and number.value >= count.value(model.dims)
            ):
                message = f"this is never so: `{token.span.text}` is one of 0 to {count} - 1"
                report("RNN509", node.span, message)


MOST = 4096  # combinations of symbols that are tried


def can_hold(model: Model, condition: tree.Expr) -> bool:
    """Whether some symbols make a condition true. True where that cannot be told by trying: where more is read
    than tokens and truth values, or there are too many of them."""
    drawn = {(n.name, n.at): _values(model, n) for n in tree.reads(condition)}
    choices = list(drawn.values())
    if any(values is None for values in choices) or prod(len(values or ()) for values in choices) > MOST:
        return True
    for chosen in product(*(values or () for values in choices)):
        if _value(condition, dict(zip(drawn, chosen))) is not False:
            return True
    return False


def _values(model: Model, node: tree.Read) -> range | None:
    """What a token or a truth value can be."""
    quantity = model.quantities.get(node.name)
    type = quantity.types[0] if quantity is not None and quantity.types else None
    if type is None or type.shape or quantity is None or quantity.role != "head":
        return None
    if type.kind == "bool":
        return range(2)
    count = type.count
    return range(count.value(model.dims)) if count is not None and count.dims <= model.dims.keys() else None


def _value(node: tree.Expr, chosen: Mapping[tuple[str, object], int]) -> float | bool | None:
    """The value of a condition; None for what is neither a comparison, a number nor a read."""
    match node:
        case tree.Read():
            return chosen[node.name, node.at]
        case tree.Number():
            return node.value
        case tree.Apply() if node.function in TESTS and not node.over:
            values = [_value(arg, chosen) for arg in node.args]
            return None if None in values else bool(TESTS[node.function](*values))
    return None


TESTS: Mapping[str, Callable[..., object]] = {
    **{"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt},
    **{">=": operator.ge, "not_": operator.not_, "and": lambda a, b: a and b, "or": lambda a, b: a or b},
}


def _check_length(model: Model, report: Report, head: Quantity, axis: str) -> None:
    assert head.distribution is not None
    for type in head.types:
        if type.kind not in ("int", "token") or type.shape:
            report(
                "RNN510",
                type.origin or head.span,
                f"a length is an `int` or a `token(K)`, and this is {type}",
                help=f"write `head {head.name} : int ~ poisson(…)` or `head {head.name} : token(K) ~ categorical(…)`",
            )
            return
    for node in _reached(model, head.distribution.args):
        inside = isinstance(node, tree.Read) and axis in model.quantities[node.name].axes
        if inside or (isinstance(node, tree.LengthNumber | tree.IndexNumber) and node.axis == axis):
            report(
                "RNN510",
                node.span,
                f"the length `{head.name}` is drawn before the sequence, and this depends on the sequence",
                labels=[Label(head.span, "the length is drawn here")],
                help="a length is predicted from parameters and from inputs without an index",
            )
            return


def _reached(
    model: Model, exprs: Iterator[tree.Expr] | list[tree.Expr] | tuple[tree.Expr, ...]
) -> Iterator[tree.Expr]:
    """Everything that expressions depend on, through the equations of what they read; reads of quantities
    and what is no read."""
    pending, seen = list(exprs), set[str]()
    while pending:
        for node in tree.walk(pending.pop()):
            if not isinstance(node, tree.Read):
                yield node
            elif node.name in model.quantities:
                yield node
                if node.name not in seen:
                    seen.add(node.name)
                    quantity = model.quantities[node.name]
                    pending += [quantity.value] if quantity.value is not None else []
                    pending += [start.value for start in quantity.starts.values()]
