"""Expansion: loops unrolled, cells copied in place, every name bound.

First every statement is met once, in order, and its name declared; a call of a cell opens a scope of its
own and goes on inside. Then, with every name known, the expressions are bound (`statements`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.source import Span
from . import statements
from .calls import Call, bound_arguments, open_scope
from .model import Axis, Model, Quantity
from .naming import name_parameters
from .numbers import LARGEST, lookup, name_text, size, whole
from .report import Report
from .scope import (
    AxisIndex,
    AxisLength,
    Binding,
    CellDefinition,
    Context,
    Copy,
    Declaration,
    Dim,
    Scope,
    Thing,
)
from .tree import Bad

STATEMENTS = 20_000
DEPTH = 16  # cells inside cells

# Statements that only a whole spec can have.
OUTSIDE = {
    syntax.Axis: "axis",
    syntax.Input: "input",
    syntax.Head: "head",
    syntax.Output: "output",
    syntax.Stop: "stop",
    syntax.Loss: "loss",
    syntax.Cell: "cell",
    syntax.Use: "use",
    syntax.Import: "import",
}


def expand(
    spec: syntax.Spec, cells: Mapping[str, CellDefinition], dims: Mapping[str, int], report: Report
) -> Model:
    """The flat model of a spec. What is wrong has been reported; the rest of the model stands."""
    expansion = _Expansion(Context(report, Model(spec.source), dims))
    scope = Scope(cells=cells)
    try:
        expansion.block(scope, spec.statements, top=True)
        expansion.share()
    except _TooLong:
        return Model(spec.source)
    for step in (*expansion.naming, *expansion.later):
        step()
    return expansion.context.model


class _TooLong(Exception):
    """The expansion has passed its limit, which has been reported."""


@dataclass(slots=True)
class _Expansion:
    context: Context
    naming: list[Callable[[], None]] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)
    sharing: list[Call] = field(default_factory=list)
    met: int = 0

    @property
    def model(self) -> Model:
        return self.context.model

    def error(
        self,
        code: str,
        scope: Scope,
        span: Span,
        message: str,
        *,
        help: str = "",
        labels: Iterable[Label] = (),
    ) -> None:
        self.context.report(code, span, message, via=scope.via, help=help, labels=labels)

    # blocks and loops

    def block(self, scope: Scope, body: Iterable[syntax.Statement], *, top: bool = False) -> None:
        """Declares everything in a block; dims and axes before what may use them."""
        body = tuple(body)
        self._dims(scope, [s for s in body if isinstance(s, syntax.Dim)])
        for statement in body:
            if isinstance(statement, syntax.Axis) and not scope.prefix:
                self._axis(scope, statement)
        for statement in body:
            self._count(statement.span)
            self._statement(scope, statement, top)

    def _count(self, span: Span) -> None:
        self.met += 1
        if self.met > STATEMENTS:
            self.context.report(
                "RNN280", span, f"loops and cells make more than {STATEMENTS:,} statements of this"
            )
            raise _TooLong

    def _statement(self, scope: Scope, statement: syntax.Statement, top: bool) -> None:
        if scope.prefix and type(statement) in OUTSIDE:
            word = OUTSIDE[type(statement)]
            self.error("RNN209", scope, statement.span, f"`{word}` cannot stand inside a cell")
            return
        match statement:
            case syntax.For():
                self._loop(scope, statement)
            case syntax.Input(_, items):
                for item in items:
                    self._quantity(
                        scope, item.target, "input", partial(statements.input, self.context, scope, item)
                    )
            case syntax.Param(_, trained, items):
                for param in items:
                    self._param(scope, param, trained)
            case syntax.Equation():
                self._equation(scope, statement)
            case syntax.Head():
                self._affine(scope, statement.target, [statement.distribution])
                self._quantity(
                    scope, statement.target, "head", partial(statements.head, self.context, scope, statement)
                )
            case syntax.Loss():
                self._affine(scope, statement.target, [statement.value])
                self._quantity(
                    scope, statement.target, "loss", partial(statements.loss, self.context, scope, statement)
                )
            case syntax.Noise():
                self._quantity(
                    scope,
                    statement.target,
                    "noise",
                    partial(statements.noise, self.context, scope, statement),
                )
            case syntax.Output():
                self.later.append(partial(statements.output, self.context, scope, statement))
            case syntax.Stop():
                self.later.append(partial(statements.stop, self.context, scope, statement))
            case syntax.Cell() | syntax.Use() | syntax.Import() if not top:
                self.error("RNN209", scope, statement.span, "this cannot stand inside a loop")

    def _loop(self, scope: Scope, loop: syntax.For) -> None:
        first = whole(self.context, scope, loop.first, "the bounds of a `for`")
        last = whole(self.context, scope, loop.last, "the bounds of a `for`")
        name = loop.variable.text
        if first is None or last is None or not self._free(scope, name, loop.variable.span):
            return
        for value in range(first, last + 1):
            self._count(loop.span)
            self.block(scope.inside(name, value), loop.body)

    # dims and axes

    def _dims(self, scope: Scope, found: list[syntax.Dim]) -> None:
        """Dims with a number before dims that abbreviate an expression of others."""
        items = [item for statement in found for item in statement.items]
        for abbreviates in (False, True):
            for item in items:
                if _names_something(item.value) == abbreviates:
                    self._dim(scope, item)

    def _dim(self, scope: Scope, item: syntax.DimItem) -> None:
        text = name_text(self.context, scope, item.name)
        found = size(self.context, scope, item.value)
        if text is None or found is None or not self._free(scope, text, item.name.span):
            return
        literal = found.literal
        if literal is not None and not scope.prefix:
            self.model.dims[text] = self._default(scope, item, text, literal)
            self.model.dim_spans[text] = item.name.span
            found = type(found).of(text)
        elif text in self.context.overrides and not scope.prefix:
            self.error("RNN314", scope, item.span, f"the dim `{text}` is {found}: it cannot be given a value")
        self._bind(scope, text, Dim(found), item.name.span)

    def _default(self, scope: Scope, item: syntax.DimItem, text: str, literal: int) -> int:
        value = self.context.overrides.get(text, literal)
        if not 0 <= value <= LARGEST:
            self.error("RNN314", scope, item.span, f"the dim `{text}` cannot be {value}")
            return 1
        return value

    def _axis(self, scope: Scope, axis: syntax.Axis) -> None:
        index, last = name_text(self.context, scope, axis.index), axis.last
        length = name_text(self.context, scope, last.name) if isinstance(last, syntax.Ref) else None
        starts_at_one = isinstance(axis.first, syntax.Number) and axis.first.text == "1"
        if index is None or length is None or not starts_at_one or "." in index + length:
            self.error(
                "RNN408",
                scope,
                axis.span,
                "an axis runs from 1 to a length that each sequence has of its own",
                help=f"write `axis {axis.index.text} = 1..{axis.index.text.upper()}`",
            )
            return
        free = self._free(scope, index, axis.index.span)
        self._bind(scope, index, AxisIndex(index), axis.index.span)
        if free and self._free(scope, length, last.span):
            self._bind(scope, length, AxisLength(index), last.span)
            self.model.axes[index] = Axis(index, length, axis.span)

    # names

    def _free(self, scope: Scope, text: str, span: Span) -> bool:
        """Whether a name has no other meaning here; if it has, that is reported."""
        if text in scope.loops:
            self.error("RNN202", scope, span, f"`{text}` is the variable of a loop here")
            return False
        if text not in scope.names:
            return True
        self.error(
            "RNN202",
            scope,
            span,
            f"`{text}` is defined twice",
            labels=[Label(scope.places[text], "the first time here")],
            help=f"in a loop each turn needs a name of its own: `{text}{{{next(iter(scope.loops))}}}`"
            if scope.loops
            else "",
        )
        return False

    def _bind(self, scope: Scope, text: str, binding: Binding, span: Span) -> None:
        scope.names[text] = binding
        scope.places[text] = span

    def _declare(
        self, scope: Scope, name: syntax.Name, what: str, axes: tuple[str, ...], span: Span
    ) -> str | None:
        """The whole name of a new quantity or parameter; None when it cannot have the name."""
        text = name_text(self.context, scope, name)
        if (
            text is None
            or not self._undotted(scope, text, name.span)
            or not self._free(scope, text, name.span)
        ):
            return None
        found = scope.whole(text)
        self._bind(scope, text, Thing(found), name.span)
        self.context.declared[found] = Declaration(what, axes, span, text)
        return found

    def _undotted(self, scope: Scope, text: str, span: Span) -> bool:
        if "." not in text:
            return True
        self.error(
            "RNN209",
            scope,
            span,
            f"`{text}` belongs to the copy of a cell; only its start can be given",
            help=f"`{text}[0] = …`",
        )
        return False

    def _quantity(
        self, scope: Scope, target: syntax.Target, role: str, bind: Callable[[Quantity], None]
    ) -> Quantity | None:
        """Declares a quantity by its left side; ``bind`` will complete it."""
        axes = self._axes(scope, target)
        if axes is None:
            return None
        name = self._declare(scope, target.name, role, axes, target.span)
        if name is None:
            return None
        quantity = Quantity(name, role, axes, target.span, scope.via)
        self.model.quantities[name] = quantity
        self.later.append(partial(bind, quantity))
        return quantity

    def _axes(self, scope: Scope, target: syntax.Target) -> tuple[str, ...] | None:
        axes: list[str] = []
        for expr in target.index:
            found = self._index_of(scope, expr)
            if found is None or found in axes:
                text = target.name.text
                known = ", ".join(self.model.axes) or "t"
                self.error(
                    "RNN409",
                    scope,
                    expr.span,
                    f"a left side is written with the index of an axis, not `{expr.span.text}`",
                    help=f"define `{text}[{known}]` for every step; its delays stand on the right",
                )
                return None
            axes.append(found)
        return tuple(axes)

    def _index_of(self, scope: Scope, expr: syntax.Expr) -> str | None:
        """The axis whose index an expression is."""
        text = name_text(self.context, scope, expr.name) if isinstance(expr, syntax.Ref) else None
        found = lookup(self.context, scope, text) if text else None
        return found.axis if isinstance(found, AxisIndex) else None

    def _param(self, scope: Scope, item: syntax.ParamItem, trained: bool) -> None:
        text = name_text(self.context, scope, item.name)
        if scope.shares and text is not None:
            if self._free(scope, text, item.name.span):
                self._bind(scope, text, Thing(scope.params + text), item.name.span)
            return
        name = self._declare(scope, item.name, "parameter", (), item.span)
        if name is not None:
            self.later.append(partial(statements.param, self.context, scope, item, name, trained))

    def _affine(self, scope: Scope, target: syntax.Target, exprs: list[syntax.Expr]) -> None:
        self.naming.append(partial(name_parameters, self.context, scope, target.name, exprs))

    # equations and calls

    def _equation(self, scope: Scope, equation: syntax.Equation) -> None:
        cell = self._called(scope, equation)
        if cell is None and (equation.reverse or equation.sharing):
            word = "reverse" if equation.reverse else "sharing"
            self.error(
                "RNN205",
                scope,
                equation.value.span,
                f"`{word}` goes with a call of a cell as the whole right side",
            )
        elif self._is_start(scope, equation.target):
            self._affine(scope, equation.target, [equation.value])
            self.later.append(partial(statements.start, self.context, scope, equation))
        elif cell is not None and isinstance(equation.value, syntax.Call):
            self._call(Call(scope, equation, equation.value, cell))
        else:
            self._affine(scope, equation.target, [equation.value])
            self._quantity(
                scope,
                equation.target,
                "equation",
                partial(statements.equation, self.context, scope, equation),
            )

    def _called(self, scope: Scope, equation: syntax.Equation) -> CellDefinition | None:
        if isinstance(equation.value, syntax.Call):
            return scope.cells.get(equation.value.function.text)
        return None

    def _is_start(self, scope: Scope, target: syntax.Target) -> bool:
        """Whether the left side is an end, as in ``h[0] = …``: an index that no axis has."""
        return any(not isinstance(e, syntax.Ref) or self._index_of(scope, e) is None for e in target.index)

    def _call(self, call: Call) -> None:
        scope = call.scope
        if call.equation.sharing is not None:
            self.sharing.append(call)
            return
        text = name_text(self.context, scope, call.equation.target.name)
        if text is not None:
            self._copy(call, text, scope.params + text + ".", shares=scope.shares)

    def share(self) -> None:
        """Copies that share parameters, each after the copy it shares with."""
        progress = True
        while self.sharing and progress:
            waiting, self.sharing = self.sharing, []
            for call in waiting:
                self._shared(call)
            progress = len(self.sharing) < len(waiting)
        for call in self.sharing:
            name = call.equation.sharing
            assert name is not None
            self.error("RNN210", call.scope, name.span, f"`{name.text}` is not a copy of a cell")
            self._unmade(call)

    def _shared(self, call: Call) -> None:
        scope, name = call.scope, call.equation.sharing
        assert name is not None
        source = name_text(self.context, scope, name)
        text = name_text(self.context, scope, call.equation.target.name)
        if source is None or text is None:
            return
        found = self.context.copies.get(scope.prefix + source)
        if found is None:
            self.sharing.append(call)
        elif found.cell.tree is not call.cell.tree:
            self._unmade(call)
            self.error(
                "RNN210",
                scope,
                name.span,
                f"`{source}` is a copy of `{found.cell.name}`, not of `{call.cell.name}`",
                labels=[Label(found.span, f"`{source}` is made here")],
            )
        else:
            self._copy(call, text, found.scope.params, shares=True)

    def _copy(self, call: Call, text: str, params: str, *, shares: bool) -> None:
        """Puts a copy of a cell in place."""
        scope, target = call.scope, call.equation.target
        axes = self._axes(scope, target)
        if axes is None or not self._undotted(scope, text, target.name.span):
            return
        if not self._shallow(call):
            self._unmade(call)
            return
        if not self._free(scope, text, target.name.span):
            return
        whole_name = scope.whole(text)
        self._bind(scope, text, Thing(whole_name), target.name.span)
        inner = open_scope(self.context, call, text, axes, params, shares)
        if inner is None:
            self._missing(call, whole_name, axes)
            return
        self.context.copies[scope.prefix + text] = Copy(call.cell, inner, call.equation.span)
        for item, value in bound_arguments(self.context, call):
            self._argument(call, inner, item, value)
        self.block(inner, call.cell.tree.body)
        if whole_name not in self.context.declared:
            output = call.cell.tree.outputs[0]
            self.error(
                "RNN206",
                inner,
                output.span,
                f"the cell `{call.cell.name}` has no equation for `{output.span.text}`",
            )
            self._missing(call, whole_name, axes)
        self.later.append(
            partial(statements.copied, self.context, scope, call.equation, inner, call.cell, whole_name)
        )

    def _unmade(self, call: Call) -> None:
        """Declares the left side of a call that could not be carried out: it is not to be missed as well."""
        text = name_text(self.context, call.scope, call.equation.target.name)
        axes = self._axes(call.scope, call.equation.target)
        if text is not None and axes is not None and text not in call.scope.names:
            self._bind(call.scope, text, Thing(call.scope.whole(text)), call.equation.target.name.span)
            self._missing(call, call.scope.whole(text), axes)

    def _missing(self, call: Call, name: str, axes: tuple[str, ...]) -> None:
        """A quantity that stands for what could not be made."""
        span = call.equation.target.span
        self.context.declared[name] = Declaration("equation", axes, span, name)
        self.model.quantities[name] = Quantity(name, "equation", axes, span, call.scope.via, value=Bad(span))

    def _shallow(self, call: Call) -> bool:
        if len(call.scope.via) < DEPTH:
            return True
        self.error(
            "RNN282",
            call.scope,
            call.value.span,
            f"cells are nested more than {DEPTH} deep; does one contain itself?",
        )
        return False

    def _argument(self, call: Call, inner: Scope, item: syntax.CellItem, value: syntax.Expr) -> None:
        """An input of a cell: an equation of the copy, whose right side is the caller's."""
        bind = partial(statements.argument, self.context, call.scope, inner, item, value)
        self._quantity(inner, item.target, "argument", bind)


def _names_something(expr: syntax.Expr) -> bool:
    return any(isinstance(node, syntax.Ref) for node in _nodes(expr))


def _nodes(expr: syntax.Expr) -> Iterator[syntax.Expr]:
    yield expr
    match expr:
        case syntax.Unary(_, _, operand):
            yield from _nodes(operand)
        case syntax.Binary(_, _, left, right):
            yield from _nodes(left)
            yield from _nodes(right)
