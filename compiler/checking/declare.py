"""Names: each gets one meaning in its scope, and quantities are declared by their left sides."""

from __future__ import annotations

from collections.abc import Iterable

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.source import Span
from ...spec.tree import walk
from .model import Axis, Model, Quantity
from .numbers import LARGEST, lookup, name_text, size
from .scope import AxisIndex, AxisLength, Binding, Context, Declaration, Dim, Scope, Thing
from .tree import Bad

AXES = 8


@dataclass(slots=True)
class Declarer:
    """Fills the scopes' tables of names, and the model's of dims, axes and quantities."""

    context: Context

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

    # dims and axes

    def dims(self, scope: Scope, found: list[syntax.Dim]) -> None:
        """Dims with a number before dims that abbreviate an expression of others."""
        items = [item for statement in found for item in statement.items]
        for abbreviates in (False, True):
            for item in items:
                if _names_something(item.value) == abbreviates:
                    self._dim(scope, item)

    def _dim(self, scope: Scope, item: syntax.DimItem) -> None:
        text = name_text(self.context, scope, item.name)
        found = size(self.context, scope, item.value)
        if text is None or not self.free(scope, text, item.name.span):
            return
        if found is None:
            scope.spoil(text, item.name.span)
            return
        literal = found.literal
        if literal is not None and not scope.prefix:
            self.model.dims[text] = self._default(scope, item, text, literal)
            self.model.dim_spans[text] = item.name.span
            found = type(found).of(text)
        elif text in self.context.overrides and not scope.prefix:
            self.error("RNN314", scope, item.span, f"the dim `{text}` is {found}: it cannot be given a value")
        self.bind(scope, text, Dim(found), item.name.span)

    def _default(self, scope: Scope, item: syntax.DimItem, text: str, literal: int) -> int:
        value = self.context.overrides.get(text, literal)
        if not 0 <= value <= LARGEST:
            self.error("RNN314", scope, item.span, f"the dim `{text}` cannot be {value}")
            return 1
        return value

    def axis(self, scope: Scope, axis: syntax.Axis) -> None:
        index, last = name_text(self.context, scope, axis.index), axis.last
        length = name_text(self.context, scope, last.name) if isinstance(last, syntax.Ref) else None
        starts_at_one = isinstance(axis.first, syntax.Number) and axis.first.text == "1"
        if index is None or length is None or not starts_at_one or "." in index + length:
            scope.spoil(axis.index.text, axis.index.span)
            if isinstance(last, syntax.Ref):
                scope.spoil(last.name.text, last.span)
            self.error(
                "RNN408",
                scope,
                axis.span,
                "an axis runs from 1 to a length that each sequence has of its own",
                help=f"write `axis {axis.index.text} = 1..{axis.index.text.upper()}`",
            )
            return
        if len(self.model.axes) == AXES:
            self.error("RNN411", scope, axis.span, f"a spec has at most {AXES} axes")
        elif self.free(scope, index, axis.index.span):
            self.bind(scope, index, AxisIndex(index), axis.index.span)
            self.model.axes[index] = Axis(index, length, axis.span)
            if self.free(scope, length, last.span):
                self.bind(scope, length, AxisLength(index), last.span)

    # names

    def free(self, scope: Scope, text: str, span: Span) -> bool:
        """Whether a name has no other meaning here; if it has, that is reported."""
        if text in scope.loops:
            self.error("RNN202", scope, span, f"`{text}` is the variable of a loop here")
            return False
        if text not in scope.names:
            return True
        first = Label(scope.places[text], "the first time here")
        variable = next(iter(scope.loops), None)
        help = f"in a loop each turn needs a name of its own: `{text}{{{variable}}}`" if variable else ""
        self.error("RNN202", scope, span, f"`{text}` is defined twice", labels=[first], help=help)
        return False

    def bind(self, scope: Scope, text: str, binding: Binding, span: Span) -> None:
        scope.names[text] = binding
        scope.places[text] = span

    def declare(
        self, scope: Scope, name: syntax.Name, what: str, axes: tuple[str, ...], span: Span
    ) -> str | None:
        """The whole name of a new quantity or parameter; None when it cannot have the name."""
        text = name_text(self.context, scope, name)
        if text is None or not self.undotted(scope, text, name.span) or not self.free(scope, text, name.span):
            return None
        found = scope.whole(text)
        self.bind(scope, text, Thing(found), name.span)
        self.context.declared[found] = Declaration(what, axes, span, text)
        return found

    def undotted(self, scope: Scope, text: str, span: Span) -> bool:
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

    def quantity(self, scope: Scope, target: syntax.Target, role: str) -> Quantity | None:
        """Declares a quantity by its left side."""
        axes = self.axes(scope, target)
        if axes is None:
            return None
        name = self.declare(scope, target.name, role, axes, target.span)
        if name is None:
            return None
        quantity = Quantity(name, role, axes, target.span, scope.via)
        self.model.quantities[name] = quantity
        return quantity

    def missing(self, scope: Scope, target: syntax.Target) -> None:
        """Declares a left side whose right side could not be carried out: it is not to be missed as well."""
        axes, text = self.axes(scope, target), name_text(self.context, scope, target.name)
        if axes is None or text is None:
            return
        name = scope.whole(text)
        if name not in self.context.declared:
            self.bind(scope, text, Thing(name), target.name.span)
            self.context.declared[name] = Declaration("equation", axes, target.span, text)
            bad = Bad(target.span)
            self.model.quantities[name] = Quantity(name, "equation", axes, target.span, scope.via, value=bad)

    def axes(self, scope: Scope, target: syntax.Target) -> tuple[str, ...] | None:
        """The axes of a left side such as ``e[t,s]``; None, reported, when it is none."""
        axes: list[str] = []
        for expr in target.index:
            found = self.index_of(scope, expr)
            if found is None or found in axes:
                reported = scope.spoiled(expr.span.text)
                scope.spoil(target.name.text, target.span)
                if reported:
                    return None
                self.error(
                    "RNN409",
                    scope,
                    expr.span,
                    f"a left side is written with the index of an axis, not `{expr.span.text}`",
                    help=self._left_side(scope, target, expr),
                )
                return None
            axes.append(found)
        return tuple(axes)

    def _left_side(self, scope: Scope, target: syntax.Target, expr: syntax.Expr) -> str:
        """What to write in place of an index that cannot stand on the left."""
        name, said = target.name.text, expr.span.text
        known = ", ".join(self.model.axes) or "t"
        if self._is_unknown(scope, expr):
            declared = f"`axis {said} = 1..{said.upper()}` declares an axis with this index"
            return f"write `{name}[{known}]`; {declared}" if self.model.axes else declared
        if isinstance(expr, syntax.Number):
            return (
                f"what stands before the first step is `{name}[0] = …`; at a step itself, choose: "
                f"`{name}[{known}] = where({known} == {said}, …, …)`"
            )
        past = f"`{name}[{known}] = … {name}[{known}-1] …`"
        return f"define `{name}[{known}]` for every step; delays stand on the right: {past}"

    def is_end(self, scope: Scope, target: syntax.Target) -> bool:
        """Whether a left side is an end, as in ``h[0] = …``: every index is an axis's or says no step."""
        others = [
            e for e in target.index if self.index_of(scope, e) is None and not scope.spoiled(e.span.text)
        ]
        return bool(others) and not any(self._says_a_step(scope, expr) for expr in others)

    def _says_a_step(self, scope: Scope, expr: syntax.Expr) -> bool:
        """Whether an index counts from an axis's own, as in ``t-1``, is a place inside, as ``2``, or
        the name of nothing."""
        if isinstance(expr, syntax.Number):
            return expr.text != "0"
        names = [node for node, _ in walk([expr]) if isinstance(node, syntax.Ref)]
        return self._is_unknown(scope, expr) or any(self.index_of(scope, name) is not None for name in names)

    def _is_unknown(self, scope: Scope, expr: syntax.Expr) -> bool:
        """Whether an index is a name that nothing has: most likely that of an axis that is not declared."""
        text = name_text(self.context, scope, expr.name) if isinstance(expr, syntax.Ref) else None
        return (
            text is not None
            and text.islower()
            and "." not in text
            and lookup(self.context, scope, text) is None
        )

    def index_of(self, scope: Scope, expr: syntax.Expr) -> str | None:
        """The axis whose index an expression is."""
        text = name_text(self.context, scope, expr.name) if isinstance(expr, syntax.Ref) else None
        found = lookup(self.context, scope, text) if text else None
        return found.axis if isinstance(found, AxisIndex) else None


def _names_something(expr: syntax.Expr) -> bool:
    return any(isinstance(node, syntax.Ref) for node, _ in walk([expr]))
