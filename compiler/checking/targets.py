"""A head's arguments against its distribution."""

from __future__ import annotations

from ...spec.diagnostics import Label
from ...spec.sizes import Size
from ...spec.suggest import suggest
from . import tree
from .elaborate import Elaborator
from .heads import DENSITIES, Density, Parameter, Shown
from .model import Distribution, Quantity
from .report import listing
from .site import brief
from .terms import Term, real
from .types import Type

NOTHING = Shown((), ())


def distribution(elaborator: Elaborator, head: Quantity, target: Type) -> Shown:
    """The checked arguments; none, reported, when they do not fit the target."""
    called = head.distribution
    assert called is not None
    density = _density(elaborator, head, called)
    if density is None or not target.known or not _legal(elaborator, head, called, density, target):
        return NOTHING
    terms: list[Term] = []
    components: Size | None = None
    for i, expr in enumerate(called.args):
        if density.mixture and i == 0:
            term = elaborator.term(expr, None)
            components = term.shape[-1] if term.type.known and term.shape else None
        wanted = Type("real", density.params[i].shape(target, components), None, target.origin)
        if not (density.mixture and i == 0):
            term = elaborator.term(expr, wanted)
        fitted = _fitted(elaborator, called, density, i, term, wanted)
        if fitted is None or not _in_range(elaborator, called, density.params[i], expr):
            return NOTHING
        terms.append(fitted)
    return Shown(tuple(p.key for p in density.params[: len(terms)]), tuple(terms))


def _density(elaborator: Elaborator, head: Quantity, called: Distribution) -> Density | None:
    density = DENSITIES.get(called.name)
    if density is None:
        near = suggest(called.name, DENSITIES)
        elaborator.report(
            "RNN501",
            called.place,
            f"there is no distribution `{called.name}`",
            via=head.via,
            help=f"did you mean `{near}`?" if near else f"there are {listing(DENSITIES)}",
        )
    return density


def _legal(
    elaborator: Elaborator, head: Quantity, called: Distribution, density: Density, target: Type
) -> bool:
    if target.kind not in density.targets:
        elaborator.report(
            "RNN502",
            target.origin or head.span,
            f"`{called.name}` draws {listing(density.targets)} values, and `{head.span.text}` is {target}",
            via=head.via,
            labels=[Label(called.place, "drawn from this")],
        )
        return False
    if not density.required <= len(called.args) <= len(density.params):
        elaborator.report(
            "RNN503",
            called.place,
            f"`{called.name}` takes {_wanted(density)}, {len(called.args)} found",
            via=head.via,
        )
        return False
    return True


def _wanted(density: Density) -> str:
    names = [p.key for p in density.params]
    full = f"`{density.name}({', '.join(names)})`"
    return (
        full
        if density.required == len(names)
        else f"`{density.name}({', '.join(names[: density.required])})` or {full}"
    )


def _in_range(elaborator: Elaborator, called: Distribution, param: Parameter, expr: tree.Expr) -> bool:
    """Whether a number written for an argument can be one."""
    sign, number = 1, expr
    while isinstance(number, tree.Apply) and number.function in ("-_", "+_"):
        sign, number = (-sign if number.function == "-_" else sign), number.args[0]
    if not param.positive or not isinstance(number, tree.Number) or sign * number.value > 0:
        return True
    elaborator.report(
        "RNN504",
        expr.span,
        f"the {param.key} of this `{called.name}` must be above 0, and `{brief(expr.span)}` is not",
        via=elaborator.via,
        help="what is computed is made positive by `softplus(…)` or `exp(…)`",
    )
    return False


def _fitted(
    elaborator: Elaborator, called: Distribution, density: Density, i: int, term: Term, wanted: Type
) -> Term | None:
    """The argument as a real of the wanted shape; None, reported, when it does not have it."""
    if not term.type.known:
        return None
    if term.shape == wanted.shape and term.type.kind != "token":
        return real(term)
    if not term.shape and density.params[i].repeats and term.type.kind != "token":
        return elaborator.fitted(term, wanted, density.params[i].key)
    key = density.params[i].key
    labels = [
        Label(t.origin, text)
        for t, text in ((wanted, "the target's type"), (term.type, f"{term.type}, from here"))
        if t.origin
    ]
    elaborator.report(
        "RNN504",
        term.span,
        f"the {key} of this `{called.name}` must be {wanted}, and `{brief(term.span)}` is {term.type}",
        via=elaborator.via,
        labels=labels,
    )
    return None
