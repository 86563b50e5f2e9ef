"""Expansion: loops unrolled, cells copied in place, every name bound.

First every statement is met once, in order, and its name declared; a call of a cell opens a scope of its
own and goes on inside. Then the parameters of `affine` are named, and last, with every name known, the
expressions are bound (`statements`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import partial

from ...spec import syntax
from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.source import Span
from ...spec.suggest import suggest
from . import statements
from .calls import Call, bound_arguments, open_scope
from .declare import Declarer
from .limits import KINDS, Tally, TooMany
from .model import Model, Quantity
from .naming import name_parameters
from .numbers import name_text, whole
from .report import Report, listing
from .scope import AxisLength, CellDefinition, Context, Copy, Scope, Thing
from .stopping import stop

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

Step = Callable[[], None]


def expand(
    spec: syntax.Spec, cells: Mapping[str, CellDefinition], dims: Mapping[str, int], report: Report
) -> Model:
    """The flat model of a spec. What is wrong has been reported; the rest of the model stands."""
    expansion = _Expansion(Context(report, Model(spec.source), dims))
    try:
        expansion.block(Scope(cells=cells), spec.statements, top=True)
        expansion.share()
        for span, named in expansion.naming:
            expansion.tally.add("parameters", span, named())
    except TooMany:
        return Model(spec.source)
    for step in (*expansion.binding, *expansion.stopping):
        step()
    known = expansion.context.model.dims
    for name in sorted(dims.keys() - known.keys()):
        near = suggest(name, known)
        help = f"did you mean `{near}`?" if near else f"there are {listing(known)}" if known else ""
        message = f"the spec has no dim `{name}` to give a value"
        report("RNN314", Span(spec.source, 0, 0), message, help=help)
    return expansion.context.model


@dataclass(slots=True)
class _Expansion:
    """``naming``, ``binding`` and ``stopping`` are what is left to do when every name is declared."""

    context: Context
    declarer: Declarer = field(init=False)
    tally: Tally = field(init=False)
    naming: list[tuple[Span, Callable[[], int]]] = field(default_factory=list)
    binding: list[Step] = field(default_factory=list)
    stopping: list[Step] = field(default_factory=list)
    sharing: list[Call] = field(default_factory=list)
    met: int = 0

    def __post_init__(self) -> None:
        self.declarer = Declarer(self.context)
        self.tally = Tally(self.context.report)

    def error(self, code: str, scope: Scope, span: Span, message: str, labels: Iterable[Label] = ()) -> None:
        self.context.report(code, span, message, via=scope.via, labels=labels)

    # statements

    def block(self, scope: Scope, body: tuple[syntax.Statement, ...], *, top: bool = False) -> None:
        """Declares everything in a block; dims and axes before what may use them."""
        dims = [s for s in body if isinstance(s, syntax.Dim)]
        for dim in dims:
            self.tally.add("dims", dim.span, len(dim.items), scope.via)
        self.declarer.dims(scope, dims)
        for statement in body:
            if isinstance(statement, syntax.Axis) and not scope.prefix:
                self.declarer.axis(scope, statement)
        for statement in body:
            self._count(statement.span)
            if scope.prefix and type(statement) in OUTSIDE:
                word = OUTSIDE[type(statement)]
                self.error("RNN209", scope, statement.span, f"`{word}` cannot stand inside a cell")
            elif not top and isinstance(statement, syntax.Cell | syntax.Use | syntax.Import):
                self.error("RNN209", scope, statement.span, "this cannot stand inside a loop")
            else:
                self._statement(scope, statement)

    def _count(self, span: Span, statements: int = 1) -> None:
        self.met += statements
        if self.met > STATEMENTS:
            message = f"loops and cells make more than {STATEMENTS:,} statements of this"
            self.context.report("RNN280", span, message)
            raise TooMany

    def _statement(self, scope: Scope, statement: syntax.Statement) -> None:
        context = self.context
        match statement:
            case syntax.For():
                self._loop(scope, statement)
            case syntax.Equation():
                self._equation(scope, statement)
            case syntax.Input(_, items):
                for item in items:
                    self._quantity(
                        scope, item.target, "input", partial(statements.input, context, scope, item)
                    )
            case syntax.Param(span, trained, params):
                self.tally.add("parameters", span, len(params), scope.via)
                for param in params:
                    self._param(scope, param, trained)
            case syntax.Head(_, target) if self._is_length(scope, target):
                self._length_head(scope, statement)
            case syntax.Head(_, target, _, distribution):
                self._named(scope, target, distribution)
                self._quantity(scope, target, "head", partial(statements.head, context, scope, statement))
            case syntax.Loss(_, target, value):
                self._named(scope, target, value)
                self._quantity(scope, target, "loss", partial(statements.loss, context, scope, statement))
            case syntax.Noise(_, target):
                self._quantity(scope, target, "noise", partial(statements.noise, context, scope, statement))
            case syntax.Cell(span):
                self.tally.add("cells", span)
            case syntax.Output(span, names):
                self.tally.add("outputs", span, len(names))
                self.binding.append(partial(statements.output, context, scope, statement))
            case syntax.Stop():
                self.stopping.append(partial(stop, context, scope, statement))

    def _is_length(self, scope: Scope, target: syntax.Target) -> bool:
        return isinstance(scope.names.get(target.name.text), AxisLength) and not target.index

    def _length_head(self, scope: Scope, statement: syntax.Head) -> None:
        """``head T : …``: the length of an axis is what the head draws."""
        target, name = statement.target, statement.target.name.text
        if name in self.context.model.quantities:
            first = Label(self.context.model.quantities[name].span, "the first time here")
            self.error("RNN202", scope, target.span, f"the length `{name}` has two heads", [first])
            return
        self.tally.add("heads", target.span)
        self._named(scope, target, statement.distribution)
        quantity = Quantity(name, "head", (), target.span, scope.via)
        self.context.model.quantities[name] = quantity
        self.binding.append(partial(statements.head, self.context, scope, statement, quantity))

    def _loop(self, scope: Scope, loop: syntax.For) -> None:
        first = whole(self.context, scope, loop.first, "the bounds of a `for`")
        last = whole(self.context, scope, loop.last, "the bounds of a `for`")
        name = loop.variable.text
        if first is None or last is None or not self.declarer.free(scope, name, loop.variable.span):
            for statement in loop.body:
                if isinstance(statement, syntax.Equation):
                    scope.spoil(statement.target.name.text, statement.target.span)
            return
        self._count(loop.span, max(0, last - first + 1))
        for value in range(first, last + 1):
            self.block(scope.inside(name, value), loop.body)

    def _quantity(self, scope: Scope, target: syntax.Target, role: str, bind: statements.Bind) -> None:
        self.tally.add(KINDS.get(role, "equations"), target.span, via=scope.via)
        quantity = self.declarer.quantity(scope, target, role)
        if quantity is not None:
            self.binding.append(partial(bind, quantity))

    def _named(self, scope: Scope, target: syntax.Target, value: syntax.Expr) -> None:
        """The parameters of every `affine` on a right side get their names later."""
        self.naming.append((target.span, partial(name_parameters, self.context, scope, target.name, [value])))

    def _param(self, scope: Scope, item: syntax.ParamItem, trained: bool) -> None:
        text = name_text(self.context, scope, item.name)
        if scope.shares and text is not None:
            if self.declarer.free(scope, text, item.name.span):
                self.declarer.bind(scope, text, Thing(scope.params + text), item.name.span)
            return
        name = self.declarer.declare(scope, item.name, "parameter", (), item.span)
        if name is not None:
            self.binding.append(partial(statements.param, self.context, scope, item, name, trained))

    # equations and calls

    def _equation(self, scope: Scope, equation: syntax.Equation) -> None:
        value = equation.value
        cell = scope.cells.get(value.function.text) if isinstance(value, syntax.Call) else None
        if cell is None and (equation.reverse or equation.sharing):
            word = "reverse" if equation.reverse else "sharing"
            message = f"`{word}` goes with a call of a cell as the whole right side"
            self.error("RNN205", scope, value.span, message)
        if self.declarer.is_end(scope, equation.target):
            self._named(scope, equation.target, value)
            self.binding.append(partial(statements.start, self.context, scope, equation))
        elif cell is not None and isinstance(value, syntax.Call):
            self._call(Call(scope, equation, value, cell))
        else:
            self._named(scope, equation.target, value)
            bind = partial(statements.equation, self.context, scope, equation)
            self._quantity(scope, equation.target, "equation", bind)

    def _call(self, call: Call) -> None:
        scope = call.scope
        text = name_text(self.context, scope, call.equation.target.name)
        if call.equation.sharing is not None:
            self.sharing.append(call)
        elif text is not None:
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
            self.declarer.missing(call.scope, call.equation.target)

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
        elif found.cell.tree is call.cell.tree:
            self._copy(call, text, found.scope.params, shares=True)
        else:
            message = f"`{source}` is a copy of `{found.cell.name}`, not of `{call.cell.name}`"
            self.error("RNN210", scope, name.span, message, [Label(found.span, f"`{source}` is made here")])
            self.declarer.missing(scope, call.equation.target)

    def _copy(self, call: Call, text: str, params: str, *, shares: bool) -> None:
        """Puts a copy of a cell in place."""
        scope, target, declarer = call.scope, call.equation.target, self.declarer
        axes = declarer.axes(scope, target)
        if axes is None or not declarer.undotted(scope, text, target.name.span):
            return
        if not declarer.free(scope, text, target.name.span):
            return
        inner = open_scope(self.context, call, text, axes, params, shares) if self._shallow(call) else None
        if inner is not None:
            declarer.bind(scope, text, Thing(scope.whole(text)), target.name.span)
            self.context.copies[scope.prefix + text] = Copy(call.cell, inner, call.equation.span)
            for item, value in bound_arguments(self.context, call):
                bind = partial(statements.argument, self.context, scope, inner, item, value)
                self._quantity(inner, item.target, "argument", bind)
            self.block(inner, call.cell.tree.body)
            self._outputs(call, inner)
        declarer.missing(scope, target)

    def _shallow(self, call: Call) -> bool:
        if len(call.scope.via) < DEPTH:
            return True
        message = f"cells are nested more than {DEPTH} deep; does one contain itself?"
        self.error("RNN282", call.scope, call.value.span, message)
        return False

    def _outputs(self, call: Call, inner: Scope) -> None:
        """Every output of a header must have an equation; it has the header's type."""
        for item in call.cell.tree.outputs:
            if inner.whole(item.target.name.text) not in self.context.declared:
                message = f"the cell `{call.cell.name}` has no equation for `{item.target.span.text}`"
                self.error("RNN206", inner, item.span, message)
        self.binding.append(
            partial(statements.copied, self.context, call.scope, call.equation, inner, call.cell)
        )
