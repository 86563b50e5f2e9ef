"""One expression, made a term: arguments first, then the rule of the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import attrs
from ..program import Init
from . import tree
from .functions import FUNCTIONS, OVER
from .indexing import row
from .inits import number as initial
from .products import LETTERS
from .report import Report, Via
from .site import Site, brief, described, difference
from .terms import Shape, Term, einsum, expand, number, over, plus, read, real, times, unknown
from .types import INT, REAL, UNKNOWN, Type


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter that an `affine` made."""

    name: str
    type: Type
    init: Init
    span: Span
    via: Via


@dataclass(slots=True)
class Elaborator:
    """``type_of`` tells the type of a quantity or parameter, `UNKNOWN` when there is none yet."""

    report: Report
    type_of: Callable[[str], Type]
    sizes: dict[str, Size]
    dims: Mapping[str, int]
    guess: bool = False
    via: Via = ()
    weights: dict[str, list[Weight]] = field(default_factory=dict)
    masks: dict[str, Type] = field(default_factory=dict)

    def term(self, expr: tree.Expr, wanted: Type | None = None) -> Term:
        """``wanted`` is the type of the whole where an `affine` inside may take its shape from it; None
        where none may, `UNKNOWN` where it is not known yet."""
        match expr:
            case tree.Bad(span):
                return unknown(span)
            case tree.Number(span, value, whole):
                return number(value, span, INT if whole else REAL)
            case tree.DimNumber(span, size):
                return Term("dim", (), REAL, span, attrs(size=size.substitute(self.sizes)))
            case tree.IndexNumber(span, axis):
                return Term("index", (), INT, span, attrs(axis=axis))
            case tree.LengthNumber(span, axis):
                return Term("length", (), INT, span, attrs(axis=axis))
            case tree.Text(span, value):
                return Term("text", (), REAL, span, attrs(text=value))
            case tree.Read(span, name, at, _):
                return read(name, at, self.type_of(name), span)
            case tree.Row(span, table, key):
                args = (self.term(table), self.term(key))
                return row(self._site(expr, "[ ]", span, args))
            case tree.Affine():
                return self._affine(expr, wanted)
            case tree.Apply():
                return self._apply(expr, wanted)
            case tree.Dropout():
                return self._dropout(expr, wanted)

    def _site(
        self, expr: tree.Expr, name: str, place: Span, args: tuple[Term, ...], static: tuple[Size, ...] = ()
    ) -> Site:
        sizes = tuple(size.substitute(self.sizes) for size in static)
        return Site(name, expr.span, place, args, sizes, (), self.report, self.via, self.guess, self.dims)

    def _apply(self, expr: tree.Apply, wanted: Type | None) -> Term:
        function = FUNCTIONS[expr.function]
        if expr.function == "@":
            args = self._factors(expr)
        else:
            inner = wanted if function.through and not expr.over else None
            args = tuple(self.term(arg, inner) for arg in expr.args)
        if expr.over:
            return self._over(expr, args[0])
        return _placed(
            function.rule(self._site(expr, expr.function, expr.place, args, expr.static)), expr.span
        )

    def _factors(self, expr: tree.Apply) -> tuple[Term, ...]:
        """The operands of a matrix product; an `affine` beside a matrix takes the matrix's side."""
        left, right = expr.args
        if isinstance(left, tree.Affine):
            b = self.term(right)
            return self.term(left, _side(b, 0)), b
        a = self.term(left)
        return a, self.term(right, _side(a, 1))

    def _over(self, expr: tree.Apply, arg: Term) -> Term:
        """A reduction over a time axis; the operator keeps the features."""
        if not arg.type.known:
            return unknown(expr.span)
        if arg.type.kind == "token":
            site = self._site(expr, expr.function, expr.place, (arg,))
            return site.fail("RNN305", f"`{expr.function}` reckons with numbers, and {described(arg)}")
        value = real(arg)
        return Term(OVER[expr.function], (value,), value.type, expr.span, attrs(axis=expr.over[0]))

    def _dropout(self, expr: tree.Dropout, wanted: Type | None) -> Term:
        """Tells the mask its type on the way."""
        value, keep = self.term(expr.value, wanted), self.term(expr.keep)
        if not value.type.known or not keep.type.known:
            return unknown(expr.span, value.type)
        if value.type.kind == "token":
            site = self._site(expr, "dropout", expr.span, (value,))
            return site.fail(
                "RNN305", f"`dropout` works on numbers, and {described(value)}", labels=site.labels([value])
            )
        type = REAL.with_shape(value.shape, value.type.origin)
        self.masks[expr.mask.name] = type
        mask = read(expr.mask.name, expr.mask.at, type, expr.span)
        return over(times(real(value), mask), real(keep))

    # affine

    def _affine(self, expr: tree.Affine, wanted: Type | None) -> Term:
        site = self._site(expr, "affine", expr.span, tuple(self.term(arg) for arg in expr.args))
        if wanted is None:
            return site.fail(
                "RNN306",
                "nothing here says which shape this `affine` has",
                help="give it a name and a type: an equation `a[t] : TYPE = affine(…)`, then read `a[t]`",
            )
        if not wanted.known or not all(arg.type.known for arg in site.args):
            return unknown(expr.span, wanted if wanted.known else UNKNOWN)
        for arg in site.args:
            if arg.type.kind == "token":
                return site.fail(
                    "RNN305",
                    f"`affine` multiplies numbers, and {described(arg)}",
                    labels=site.labels([arg]),
                    help="take a row of a table, `E[k]`, or write `onehot(k)`",
                )
        terms = [self._product(expr, i, wanted, arg) for i, arg in enumerate(site.args)]
        if expr.bias is not None:
            terms.append(self._weight(expr, expr.bias, wanted, expr.bias_init or initial(0.0)))
        total = terms[0]
        for term in terms[1:]:
            total = plus(total, term)
        return _placed(total, expr.span)

    def _product(self, expr: tree.Affine, i: int, wanted: Type, arg: Term) -> Term:
        """W @ a, with every size of a contracted."""
        type = wanted.with_shape(wanted.shape + arg.shape, expr.span)
        weight = self._weight(expr, expr.weights[i], type, scaled(wanted.shape, arg.shape))
        rows, columns = LETTERS[: len(wanted.shape)], LETTERS[len(wanted.shape) :][: len(arg.shape)]
        found = einsum(f"{rows}{columns},{columns}->{rows}", (weight, arg), wanted.shape, arg.span)
        return Term(found.op, found.args, wanted, found.span, found.attrs)

    def _weight(self, expr: tree.Affine, name: str, type: Type, init: Init) -> Term:
        made = Weight(name, Type("real", type.shape, None, expr.span), init, expr.span, self.via)
        self.weights.setdefault(name, []).append(made)
        return read(name, (), made.type, expr.span)

    # what an equation's expression must be

    def fitted(self, term: Term, type: Type, name: str) -> Term:
        """The term as the declared type has it; a mismatch is reported."""
        if not term.type.known or not type.known:
            return term
        if term.shape and term.shape != type.shape:
            return self.misfit(term, type, name, difference(type, term.type))
        kind = term.type.kind
        if type.kind == kind and (kind != "token" or type.count == term.type.count):
            return expand(term, type.shape)
        if type.kind == "real" and kind in ("int", "bool"):
            return expand(real(term), type.shape)
        if term.op == "number" and kind == "int" and type.kind in ("token", "bool"):
            place, most = float(str(term.attrs[0][1])), self._known(type.count)
            if most is not None and place >= most:
                return self.misfit(term, type, name, f": its last token is {most - 1}")
            return expand(number(term.attrs[0][1], term.span, Type(type.kind, (), type.count)), type.shape)  # type: ignore[arg-type]
        return self.misfit(term, type, name)

    def _known(self, size: Size | None) -> int | None:
        """The number of a size, where all its dims have values."""
        return size.value(self.dims) if size is not None and size.dims <= self.dims.keys() else None

    def misfit(self, term: Term, type: Type, name: str, which: str = "", help: str = "") -> Term:
        labels = [Label(type.origin, f"`{name}` is {type}, from here")] if type.origin else []
        if term.type.origin is not None:
            labels.append(Label(term.type.origin, f"{term.type} comes from here"))
        self.report(
            "RNN309",
            term.span,
            f"`{name}` is {type}, and `{brief(term.span)}` is {term.type}{which}",
            via=self.via,
            labels=labels,
            help=help,
        )
        return unknown(term.span)


def _side(matrix: Term, side: int) -> Type | None:
    """The type of a vector that goes with a matrix's rows (0) or columns (1)."""
    if not matrix.type.known:
        return UNKNOWN
    if len(matrix.shape) != 2:
        return None
    return Type("real", (matrix.shape[side],), None, matrix.type.origin)


def _placed(term: Term, span: Span) -> Term:
    """The term with the place of the whole expression, unless it is one of its own arguments."""
    if term.op == "read" or term.span == span:
        return term
    return Term(term.op, term.args, term.type, span, term.attrs, term.name, term.at)


def scaled(out: Shape, into: Shape) -> Init:
    """The start of an `affine`'s weights: glorot, with all sizes of each side counted."""
    return Init("glorot", () if len(out) < 2 and len(into) < 2 else (initial(len(out)),))
