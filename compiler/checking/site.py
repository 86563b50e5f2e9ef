"""Where a function's rule works: its checked arguments, and how it says that they do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Span
from .report import Report, Via
from .terms import Term, unknown
from .types import UNKNOWN, Type


@dataclass(frozen=True, slots=True)
class Site:
    """One call of a function. ``guess``: a number beside something unknown makes it a scalar, the last
    resort of inference. ``dims`` are the dims' values."""

    name: str
    span: Span
    place: Span
    args: tuple[Term, ...]
    static: tuple[Size, ...]
    over: tuple[str, ...]
    report: Report
    via: Via
    guess: bool
    dims: Mapping[str, int]

    def fail(self, code: str, message: str, *, labels: Iterable[Label] = (), help: str = "") -> Term:
        self.report(code, self.span, message, via=self.via, labels=labels, help=help)
        return unknown(self.span)

    def labels(self, terms: Iterable[Term]) -> list[Label]:
        """Where the sizes of these come from."""
        found = []
        for term in terms:
            origin = term.type.origin
            if origin is not None:
                found.append(Label(origin, f"`{brief(term.span)}` is {term.type}, from here"))
        return found

    def value(self, size: Size) -> int | None:
        """The number of a size, where all its dims have values."""
        return size.value(self.dims) if size.dims <= self.dims.keys() else None

    def values(self, *sizes: Size) -> str:
        """What values the dims of these have, to be told."""
        names = sorted({name for size in sizes for name in size.dims} & self.dims.keys())
        return f", with {' and '.join(f'{name} = {self.dims[name]}' for name in names)}" if names else ""

    def shape(self, *terms: Term) -> Type | None:
        """The common shape of an elementwise operation's operands; None, reported, when there is none.
        `UNKNOWN` when the operands do not tell yet."""
        known = [term for term in terms if term.type.known]
        shaped = [term for term in known if term.shape]
        for term in shaped[1:]:
            if term.shape != shaped[0].shape:
                self._differ(shaped[0], term)
                return None
        if shaped:
            return shaped[0].type
        if len(known) == len(terms) or (known and self.guess):
            return known[0].type
        return UNKNOWN

    def _differ(self, a: Term, b: Term) -> None:
        which = difference(a.type, b.type)
        self.fail(
            "RNN303",
            f"`{self.name.rstrip('_')}` needs equal shapes: {described(a)}, {described(b)}{which}",
            labels=self.labels((a, b)),
            help=_product(self.name, a, b)
            or _stretch(a, b)
            or _stretch(b, a)
            or self._by_name(a.type, b.type),
        )

    def _by_name(self, a: Type, b: Type) -> str:
        """To whoever takes sizes for numbers: two that have the same value."""
        if len(a.shape) != len(b.shape) or list(map(self.value, a.shape)) != list(map(self.value, b.shape)):
            return ""
        x, y = next((x, y) for x, y in zip(a.shape, b.shape, strict=True) if x != y)
        return f"sizes agree by name, not by value: `{x}` and `{y}` are two sizes, though both are {self.value(x)} here"


def brief(span: Span) -> str:
    """The text of a place on one short line."""
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "..."


def described(term: Term) -> str:
    return f"`{brief(term.span)}` is {term.type}"


def difference(a: Type, b: Type) -> str:
    """Which size differs, when the ranks agree."""
    if len(a.shape) != len(b.shape):
        return ""
    x, y = next((x, y) for x, y in zip(a.shape, b.shape, strict=True) if x != y)
    return f"; `{x}` is not `{y}`"


def _stretch(a: Term, b: Term) -> str:
    if a.shape and len(a.shape) < len(b.shape) and b.shape[: len(a.shape)] == a.shape:
        text = brief(a.span)
        for size in b.shape[len(a.shape) :]:
            text = f"expand({text}, {size})"
        return f"nothing is stretched silently: write `{text}`"
    return ""


def _product(name: str, a: Term, b: Term) -> str:
    if name == "*" and len(a.shape) == 2 and a.shape[-1] == b.shape[0]:
        return f"a matrix product is written `{brief(a.span)} @ {brief(b.span)}`"
    return ""
