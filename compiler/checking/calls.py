"""A call of a cell: its arguments against the header, and the scope of the copy."""

from __future__ import annotations

from collections.abc import Iterator

from ...spec import syntax
from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.tree import walk
from .numbers import name_text, size
from .scope import AxisIndex, AxisLength, Binding, CellDefinition, Context, Dim, Scope


@dataclass(frozen=True, slots=True)
class Call:
    """``equation`` is the whole statement, ``value`` its right side."""

    scope: Scope
    equation: syntax.Equation
    value: syntax.Call
    cell: CellDefinition


def is_dim(item: syntax.CellItem) -> bool:
    """Whether an item of a header is a dim: it has no type."""
    return item.type is None


def arguments(context: Context, call: Call) -> dict[str, syntax.Expr] | None:
    """The argument of each item of the header, defaults filled in; None, reported, when they do not fit."""
    items = {item.target.name.text: item for item in call.cell.tree.inputs}
    found: dict[str, syntax.Expr] = {}
    positions = iter(items)
    for argument in call.value.args:
        name = argument.keyword.text if argument.keyword else next(positions, None)
        if name is None:
            _miscounted(context, call)
            return None
        if name not in items or name in found:
            word = "no argument" if name not in items else "one argument only"
            place = argument.keyword.span if argument.keyword else argument.span
            message = f"`{call.cell.name}` has {word} called `{name}`"
            help = OPTIONS.get(name, "the cell is `{cell}({header})`")
            help = help.format(cell=call.cell.name, header=_header(call))
            context.report("RNN207", place, message, via=call.scope.via, help=help)
            return None
        found[name] = argument.value
    for name, item in items.items():
        if name not in found:
            if item.default is None:
                _miscounted(context, call)
                return None
            found[name] = item.default
    return found


# What layers of other libraries are told by an argument.
LAYERS = "layers are copies: `for l in 1..2 {{`, `s{{l}}[t] = {cell}(s{{l-1}}[t], n)`"
OPTIONS = {
    **dict.fromkeys(("num_layers", "layers", "depth"), LAYERS),
    "bidirectional": "what runs from the end is a copy of its own, `reverse {cell}(…)`; `concat` puts the two together",
    "dropout": "an argument may be `dropout(x[t], 0.3)`",
}


def _header(call: Call) -> str:
    return ", ".join(item.span.text for item in call.cell.tree.inputs)


def _miscounted(context: Context, call: Call) -> None:
    context.report(
        "RNN203",
        call.value.span,
        f"the arguments do not fit the cell `{call.cell.name}({_header(call)})`",
        via=call.scope.via,
        help=f"each without a default must be given, {len(call.value.args)} found",
    )


def bound_arguments(context: Context, call: Call) -> Iterator[tuple[syntax.CellItem, syntax.Expr]]:
    """The arguments that are quantities."""
    found = arguments(context, call) or {}
    for item in call.cell.tree.inputs:
        if not is_dim(item) and item.target.name.text in found:
            yield item, found[item.target.name.text]


def open_scope(
    context: Context, call: Call, text: str, axes: tuple[str, ...], params: str, shares: bool
) -> Scope | None:
    """The scope of a copy, with its dims and its index; None, reported, when the call does not fit."""
    outer, tree = call.scope, call.cell.tree
    values = arguments(context, call)
    index = _index(context, call)
    if values is None or index is None or not _axes_fit(context, call, axes, index):
        return None
    prefix = outer.prefix + text + "."
    names: dict[str, Binding] = {}
    if index:
        names[index] = AxisIndex(axes[0])
        names[index.upper()] = AxisLength(axes[0])
    for item in tree.inputs:
        if is_dim(item):
            value = values[item.target.name.text]
            found = None if _is_no_size(context, call, item, value) else size(context, outer, value)
            if found is None:
                return None
            names[item.target.name.text] = Dim(found)
    for name, place in _header_dims(tree):
        if name not in names:
            names[name] = Dim(Size.of(prefix + name))
            context.model.unknowns[prefix + name] = place.span
    return Scope(
        prefix=prefix,
        params=params,
        shares=shares,
        via=(*outer.via, call.value.span),
        reverse=outer.reverse != call.equation.reverse,
        cells=call.cell.cells,
        names=names,
        places=dict.fromkeys(names, tree.span),
        renamed={tree.outputs[0].target.name.text: outer.whole(text)} if tree.outputs else {},
    )


def _is_no_size(context: Context, call: Call, item: syntax.CellItem, value: syntax.Expr) -> bool:
    """Whether a quantity stands where the cell asks for a size, which is then reported."""
    if not isinstance(value, syntax.Subscript | syntax.Call):
        return False
    context.report(
        "RNN311",
        value.span,
        f"`{item.target.name.text}` of `{call.cell.name}({_header(call)})` is a size, and `{value.span.text}` is none",
        via=call.scope.via,
        help="give it a dim or a number; a cell keeps its own past, from `h[0] = …` on",
    )
    return True


def _index(context: Context, call: Call) -> str | None:
    """The index of a cell, "" when it has none; None, reported, when it has several."""
    tree = call.cell.tree
    items = (*tree.inputs, *tree.outputs)
    found = {expr.span.text for item in items for expr in item.target.index}
    plain = all(isinstance(expr, syntax.Ref) for item in items for expr in item.target.index)
    if tree.outputs and plain and len(found) <= 1:
        return next(iter(found), "")
    context.report(
        "RNN206",
        tree.name.span,
        f"the header of `{call.cell.name}` needs an output, and one index at most",
        via=call.scope.via,
    )
    return None


def _axes_fit(context: Context, call: Call, axes: tuple[str, ...], index: str) -> bool:
    indexed = bool(call.cell.tree.outputs[0].target.index)
    if len(axes) == (1 if indexed else 0) or (not indexed and not axes and not index):
        return True
    target, output = call.equation.target, call.cell.tree.outputs[0].target
    wanted = "one index" if indexed else "no index"
    context.report(
        "RNN403",
        target.span,
        f"`{call.cell.name}` gives `{output.span.text}`, so the left side has {wanted}",
        via=call.scope.via,
    )
    return False


def _header_dims(tree: syntax.Cell) -> Iterator[tuple[str, syntax.Name]]:
    """Names in the sizes of a header's types."""
    for item in (*tree.inputs, *tree.outputs):
        if item.type is not None:
            for node, _ in walk([item.type]):
                if isinstance(node, syntax.Name):
                    yield node.text, node


__all__ = ["Call", "arguments", "bound_arguments", "name_text", "open_scope"]
