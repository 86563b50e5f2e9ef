"""Expressions of the syntax tree with every name bound."""

from __future__ import annotations

from collections.abc import Iterable

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import Position, here
from . import tree
from .functions import FUNCTIONS, OVER, STATIC, unknown_function
from .index import is_step, position
from .inits import init
from .model import Distribution, Quantity
from .numbers import lookup, name_text, size, unknown_name
from .report import listing, plural
from .scope import AxisIndex, AxisLength, Context, Dim, Scope, Thing

TERMS = 100  # of an `affine`: its sum is that deep


@dataclass(slots=True)
class Binder:
    """Binds the expressions of one equation. ``axes`` may stand in indices: those of the left side, and
    inside a reduction its own; ``owner`` is the quantity that has the value, where `dropout` may stand: what it
    makes is named after it. Where `affine` may stand, its parameters have been named."""

    context: Context
    scope: Scope
    axes: tuple[str, ...]
    owner: str = ""

    def bind(self, expr: syntax.Expr) -> tree.Expr:
        match expr:
            case syntax.Number(span, text):
                return tree.Number(span, float(text), text.isdigit())
            case syntax.Text(span):
                help = "a text is the pattern of an `einsum`; symbols are numbers, as in `y[t] == 0`"
                return self.error("RNN305", span, "a text is no value", help=help)
            case syntax.Ref(span, name):
                return self._name(span, name)
            case syntax.Subscript(span, base, args):
                return self._subscript(span, base, args)
            case syntax.Unary(span, op, operand):
                return tree.Apply(span, op + "_", (self.bind(operand),), span)
            case syntax.Binary(span, op, left, right, op_span):
                return tree.Apply(span, op, (self.bind(left), self.bind(right)), op_span)
            case syntax.Call():
                return self._call(expr)

    def error(
        self, code: str, span: Span, message: str, *, help: str = "", labels: Iterable[Label] = ()
    ) -> tree.Bad:
        self.context.report(code, span, message, via=self.scope.via, help=help, labels=labels)
        return tree.Bad(span)

    # names and indices

    def _name(self, span: Span, name: syntax.Name) -> tree.Expr:
        text = name_text(self.context, self.scope, name)
        if text is None:
            return tree.Bad(span)
        match lookup(self.context, self.scope, text):
            case None:
                unknown_name(self.context, self.scope, name, text)
                return tree.Bad(span)
            case Dim(found):
                self.context.model.uses |= found.dims
                literal = found.literal
                return (
                    tree.DimNumber(span, found)
                    if literal is None
                    else tree.Number(span, float(literal), True)
                )
            case AxisLength(axis):
                return tree.LengthNumber(span, axis)
            case AxisIndex(axis):
                return self._index_number(span, axis)
            case Thing(whole):
                return self._read(span, whole, text, ())

    def _index_number(self, span: Span, axis: str) -> tree.Expr:
        if axis not in self.axes:
            return self._unbound(span, axis)
        number = tree.IndexNumber(span, axis)
        if not self.scope.reverse:
            return number
        past = tree.Apply(span, "+", (tree.LengthNumber(span, axis), tree.Number(span, 1.0, True)), span)
        return tree.Apply(span, "-", (past, number), span)

    def _unbound(self, span: Span, axis: str) -> tree.Bad:
        known = (
            f"it stands for one of {', '.join(self.axes)} here" if self.axes else "the left side has no index"
        )
        return self.error(
            "RNN402",
            span,
            f"the index `{axis}` is not on the left side: {known}",
            help=f"put `{axis}` on the left, reduce over it (`sum[{axis}](…)`), or read an end: the last step "
            f"is `[{self.context.model.axes[axis].length}]`",
        )

    def _subscript(self, span: Span, base: syntax.Expr, args: tuple[syntax.Expr, ...]) -> tree.Expr:
        if isinstance(base, syntax.Ref):
            text = name_text(self.context, self.scope, base.name)
            if text is None:
                return tree.Bad(span)
            found = lookup(self.context, self.scope, text)
            if isinstance(found, Thing) and (self.context.declared[found.name].axes or self._is_step(args)):
                return self._read(span, found.name, text, args)
        table = self.bind(base)
        if len(args) == 1:
            return tree.Row(span, table, self.bind(args[0]))
        return self.error("RNN403", span, f"a row is taken with one index, not {len(args)}")

    def _is_step(self, args: tuple[syntax.Expr, ...]) -> bool:
        """Whether an index is a step of an axis and no key of a table."""
        return any(is_step(self.context, self.scope, arg) for arg in args)

    def _read(self, span: Span, whole: str, local: str, args: tuple[syntax.Expr, ...]) -> tree.Expr:
        declaration = self.context.declared[whole]
        axes = declaration.axes
        if len(args) != len(axes):
            ends = [axis if axis in self.axes else self.context.model.axes[axis].length for axis in axes]
            shown = f"{local}[{', '.join(ends)}]" if axes else local
            needs = plural(len(axes), "index") if len(axes) < 2 else f"{len(axes)} indices"
            return self.error(
                "RNN403",
                span,
                f"`{local}` needs {needs}, {len(args) or 'none'} found"
                if axes
                else f"`{local}` has no index: it is the same at every step",
                labels=[Label(declaration.span, f"`{local}` is defined here")],
                help=f"write `{shown}`{_component(shown, args[len(axes) :]) if axes else ''}",
            )
        names = tuple(arg.span.text for arg in args)
        if names != axes and sorted(names) == sorted(axes):
            order = f"{local}[{','.join(axes)}]"
            message = f"the indices of `{local}` stand in the order of `{order}`"
            return self.error("RNN401", span, message, help=f"write `{order}`")
        at = tuple(self._position(arg, axis) for arg, axis in zip(args, axes, strict=True))
        found = tuple(p for p in at if p is not None)
        return tree.Read(span, whole, found, local) if len(found) == len(axes) else tree.Bad(span)

    def _position(self, expr: syntax.Expr, axis: str) -> Position | None:
        found = position(self.context, self.scope, expr, axis)
        if found is not None and found.over is not None and found.over not in self.axes:
            self._unbound(expr.span, found.over)
            return None
        return found

    # calls

    def _call(self, call: syntax.Call) -> tree.Expr:
        name = name_text(self.context, self.scope, call.function)
        if name is None:
            return tree.Bad(call.span)
        if name in self.scope.cells:
            return self.error(
                "RNN205",
                call.span,
                f"the cell `{name}` is called inside an expression",
                help=f"a call of a cell is a whole right side: `u[t] = {name}(…)`, then read `u[t]`",
            )
        if name == "affine":
            return self._affine(call)
        if name == "dropout":
            return self._dropout(call)
        if name not in FUNCTIONS:
            unknown_function(self.context, self.scope, call, name)
            for argument in call.args:
                self.pattern(argument.value)  # only for what is wrong inside
            return tree.Bad(call.span)
        over = self._over(call, name)
        return tree.Bad(call.span) if over is None else self._apply(call, name, over)

    def _over(self, call: syntax.Call, name: str) -> tuple[str, ...] | None:
        """The axes of ``sum[s](…)``; None when something is wrong with them."""
        axes = []
        for expr in call.over:
            text = name_text(self.context, self.scope, expr.name) if isinstance(expr, syntax.Ref) else None
            found = lookup(self.context, self.scope, text) if text else None
            if not isinstance(found, AxisIndex):
                known = listing(a.index for a in self.context.model.axes.values())
                self.error(
                    "RNN410",
                    expr.span,
                    f"`{expr.span.text}` is not the index of an axis to reduce over",
                    help=f"the axes here run along {known}" if known else "there is no axis: `axis t = 1..T`",
                )
                return None
            axes.append(found.axis)
        if axes and (name not in OVER or len(axes) > 1):
            known = ", ".join(f"{n}[{axes[0]}]" for n in sorted(OVER))
            self.error(
                "RNN410",
                call.span,
                f"`{name}` does not reduce over {', '.join(axes)}",
                help=f"there are {known}",
            )
            return None
        return tuple(axes)

    def _apply(self, call: syntax.Call, name: str, over: tuple[str, ...]) -> tree.Expr:
        if any(argument.keyword for argument in call.args):
            word = next(a.keyword for a in call.args if a.keyword)
            return self.error(
                "RNN207",
                word.span,
                f"`{name}` has no argument called `{word.text}`",
                help="what reduces or normalises goes over the last size; over time it is `sum[t](…)`",
            )
        low, high = (1, 1) if over else FUNCTIONS[name].arity
        if not low <= len(call.args) <= high:
            return self._arity(call, name, low, high)
        if over and name == "softmax" and over[0] not in self.axes:
            return self._unbound(call.over[0].span, over[0])
        inner = self._within(over)
        values = [argument.value for argument in call.args]
        fixed = STATIC.get(name, 0)
        sizes = (
            [size(self.context, self.scope, expr) for expr in values[len(values) - fixed :]] if fixed else []
        )
        bind = inner.pattern if name == "einsum" else inner.bind
        args = (*map(bind, values[:1]), *map(inner.bind, values[1 : len(values) - fixed]))
        static = tuple(found for found in sizes if found is not None)
        if len(static) < fixed:
            return tree.Bad(call.span)
        for axis in over:
            self._warn_still(call, args[0], axis)
        return tree.Apply(call.span, name, args, call.function.span, over, static)

    def pattern(self, expr: syntax.Expr) -> tree.Expr:
        """The first argument of an `einsum`, the only place of a text."""
        return tree.Text(expr.span, expr.value) if isinstance(expr, syntax.Text) else self.bind(expr)

    def _warn_still(self, call: syntax.Call, value: tree.Expr, axis: str) -> None:
        """Warns of a reduction of quantities none of which runs along the axis."""
        nodes = list(tree.walk(value))
        read = [node for node in nodes if isinstance(node, tree.Read) and node.at]
        runs = any(position.over == axis for node in read for position in node.at)
        if read and not runs and not any(isinstance(n, tree.Bad | tree.IndexNumber) for n in nodes):
            length = self.context.model.axes[axis].length
            self.error(
                "RNN906",
                call.span,
                f"nothing in `{call.span.text}` runs along `{axis}`: the same value {length} times",
                help=f"read something at `{axis}`, or leave the reduction out",
            )

    def _within(self, over: tuple[str, ...]) -> Binder:
        more = tuple(axis for axis in over if axis not in self.axes)
        return Binder(self.context, self.scope, self.axes + more, self.owner) if more else self

    def _arity(self, call: syntax.Call, name: str, low: int, high: int) -> tree.Bad:
        wanted = str(low) if low == high else f"{low} or more" if high > 9 else f"{low} to {high}"
        return self.error(
            "RNN203",
            call.span,
            f"`{name}` takes {wanted} argument{'' if wanted == '1' else 's'}, {len(call.args)} found",
            help=f"it is written `{FUNCTIONS[name].usage}`",
        )

    # noise

    def _dropout(self, call: syntax.Call) -> tree.Expr:
        """``dropout(v, p)`` is v * m / (1 - p), where m is 1 with probability 1 - p, else 0."""
        if not self.owner:
            return self.error(
                "RNN508", call.span, "`dropout` stands in an equation of a quantity, which names it"
            )
        if len(call.args) != 2 or any(argument.keyword for argument in call.args):
            return self.error("RNN203", call.span, "`dropout` takes two arguments: `dropout(v, p)`")
        if constant(call.args[0].value) is not None and constant(call.args[1].value) is None:
            help = "write `dropout(v, p)`: what is dropped from, and how much"
            return self.error(
                "RNN203", call.span, "the arguments of `dropout` stand in another order", help=help
            )
        value, p = (self.bind(argument.value) for argument in call.args)
        keep = tree.Apply(call.span, "-", (tree.Number(call.span, 1.0, True), p), call.span)
        return tree.Dropout(call.span, value, self._mask(call.span, keep), keep)

    def _mask(self, span: Span, keep: tree.Expr) -> tree.Read:
        """A noise named after the quantity on the left."""
        quantities = self.context.model.quantities
        name = f"{self.owner}.dropout"
        while name in quantities:
            name += "_"
        drawn = Distribution("bernoulli", (keep,), span)
        quantities[name] = Quantity(name, "noise", self.axes, span, self.scope.via, distribution=drawn)
        return tree.Read(span, name, here(self.axes), name)

    # affine

    def _affine(self, call: syntax.Call) -> tree.Expr:
        named = self.context.affine.get(self.scope.place(call.span))
        if not self.owner or named is None:
            return self.error(
                "RNN306",
                call.span,
                "`affine` cannot stand here: its parameters are named after a left side",
                help="give it a name: an equation `a[t] : TYPE = affine(…)`, then read `a[t]`",
            )
        plain = [a.value for a in call.args if a.keyword is None]
        others = [a for a in call.args if a.keyword is not None]
        wrong = next((a for a in others if a.keyword and a.keyword.text != "bias"), None)
        if wrong is not None and wrong.keyword is not None:
            return self.error(
                "RNN207", wrong.keyword.span, f"`affine` has no argument called `{wrong.keyword.text}`"
            )
        if not plain or len(others) > 1:
            return self.error(
                "RNN203", call.span, "`affine` takes one or more arguments, and at most one `bias = …`"
            )
        if len(plain) > TERMS:
            return self.error("RNN013", call.span, f"an `affine` of more than {TERMS} terms")
        args = tuple(self.bind(expr) for expr in plain)
        value = others[0].value if others and named.bias is not None else None
        start = None if value is None else init(self.context, self.scope, value)
        return tree.Affine(call.span, args, named.weights, named.bias, start)


def _component(shown: str, rest: tuple[syntax.Expr, ...]) -> str:
    """What one index too many was probably meant to be."""
    return f"; a component of a vector is `pick({shown}, {rest[0].span.text})`" if len(rest) == 1 else ""


def constant(expr: syntax.Expr) -> float | None:
    """The value of an expression of numbers alone."""
    match expr:
        case syntax.Number(_, text):
            return float(text)
        case syntax.Unary(_, "-" | "+" as sign, operand):
            inner = constant(operand)
            return None if inner is None else -inner if sign == "-" else inner
        case syntax.Binary(_, "+" | "-" | "*" | "/" as sign, left, right):
            a, b = constant(left), constant(right)
            if a is None or b is None or (sign == "/" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "/" else a / b
    return None


__all__ = ["Binder", "Size", "constant"]
