"""A head's arguments against its distribution."""

from __future__ import annotations

from ...spec.diagnostics import Label
from ...spec.sizes import Size
from ...spec.suggest import suggest
from . import tree
from .elaborate import Elaborator
from .heads import DENSITIES, Density, Parameter, Shown
from .model import Distribution, Model, Quantity
from .report import Report, listing
from .site import brief
from .terms import Term, real
from .types import Type

NOTHING = Shown((), ())
# What a distribution does to its first argument, by which it is known elsewhere.
TAKEN = {"categorical": "softmax", "bernoulli": "sigmoid", "poisson": "exp"}
LINKS = dict.fromkeys(
    ("mse", "mse_loss", "N"), "write `normal(…)`, whose loss is half the squared error and a constant"
)
LINKS |= {"cross_entropy": "write `categorical(…)`, whose loss is the cross entropy"}
LINKS |= {link: f"write `{law}(…)`, which takes the {link} itself" for law, link in TAKEN.items()}


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


def warn_taken_twice(model: Model, report: Report) -> None:
    """Warns of probabilities in the place of logits, computed there or in the equation that is read there."""
    for head in model.quantities.values():
        called = head.distribution
        if head.role != "head" or called is None or called.name not in TAKEN or not called.args:
            continue
        taken, given = TAKEN[called.name], called.args[0]
        value = (
            model.quantities[given.name].value
            if isinstance(given, tree.Read) and given.name in model.quantities
            else given
        )
        if isinstance(value, tree.Apply) and value.function == taken and not value.over:
            report(
                "RNN907",
                given.span,
                f"`{called.name}` takes the {taken} of its argument, so here it is taken twice",
                via=head.via,
                labels=[Label(value.span, f"the first {taken}")] if value is not given else [],
                help=f"give it what the {taken} is taken of",
            )


def _density(elaborator: Elaborator, head: Quantity, called: Distribution) -> Density | None:
    density = DENSITIES.get(called.name)
    if density is None:
        near = suggest(called.name, DENSITIES)
        elaborator.report(
            "RNN501",
            called.place,
            f"there is no distribution `{called.name}`",
            via=head.via,
            help=LINKS.get(called.name)
            or (f"did you mean `{near}`?" if near else f"there are {listing(DENSITIES)}"),
        )
    return density


def _legal(
    elaborator: Elaborator, head: Quantity, called: Distribution, density: Density, target: Type
) -> bool:
    if target.kind not in density.targets:
        fitting = [other.name for other in DENSITIES.values() if target.kind in other.targets]
        elaborator.report(
            "RNN502",
            target.origin or head.span,
            f"`{called.name}` draws {listing(density.targets)} values, and `{head.span.text}` is {target}",
            via=head.via,
            labels=[Label(called.place, "drawn from this")],
            help=f"{target.kind} values are drawn by {listing(fitting)}",
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
