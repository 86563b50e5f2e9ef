"""Noise: which distributions there are, and their arguments as numbers."""

from __future__ import annotations

from collections.abc import Callable

from ...spec.suggest import suggest
from . import tree
from .model import Model, Quantity
from .report import Report, listing
from .types import Type

NOISES = {"bernoulli": ("p",), "normal": ("mean", "std"), "uniform": ("low", "high")}
OPERATIONS: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "-_": lambda a: -a,
    "+_": lambda a: a,
}


def check_noise(model: Model, report: Report, noise: Quantity, type: Type) -> None:
    """Reports what is wrong with a noise's distribution or type."""
    drawn = noise.distribution
    assert drawn is not None
    if drawn.name not in NOISES:
        near = suggest(drawn.name, NOISES)
        help = f"did you mean `{near}`?" if near else f"there are {listing(NOISES)}"
        report("RNN508", drawn.place, f"there is no noise `{drawn.name}`", via=noise.via, help=help)
    elif len(drawn.args) != len(NOISES[drawn.name]):
        wanted = f"`{drawn.name}({', '.join(NOISES[drawn.name])})`"
        report("RNN508", drawn.place, f"this noise is written {wanted}", via=noise.via)
    elif not any(isinstance(arg, tree.Bad) for arg in drawn.args) and not _possible(model, noise):
        message = f"the arguments of `{drawn.name}` are numbers in its range, known when the spec is compiled"
        report("RNN508", drawn.place, message, via=noise.via)
    if type.known and type.kind != "real":
        report("RNN508", noise.span, f"a noise is real, and this is {type}", via=noise.via)


def arguments(model: Model, noise: Quantity) -> tuple[float, ...]:
    """The arguments of a noise that has been checked."""
    assert noise.distribution is not None
    values = [constant(model, arg) for arg in noise.distribution.args]
    return tuple(value for value in values if value is not None)


def _possible(model: Model, noise: Quantity) -> bool:
    assert noise.distribution is not None
    values = arguments(model, noise)
    if len(values) < len(noise.distribution.args):
        return False
    match noise.distribution.name:
        case "bernoulli":
            return 0 < values[0] <= 1
        case "normal":
            return values[1] >= 0
    return values[0] <= values[1]


def constant(model: Model, expr: tree.Expr) -> float | None:
    """The value of an expression of numbers, dims and quantities that are such; None when it is none."""
    match expr:
        case tree.Number(_, value):
            return value
        case tree.Read(_, name, ()) if name in model.quantities:
            defined = model.quantities[name].value
            return None if defined is None else constant(model, defined)
        case tree.Apply(_, "/", (left, right)):
            a, b = constant(model, left), constant(model, right)
            return None if a is None or not b else a / b
        case tree.Apply(_, sign, args) if sign in OPERATIONS:
            values = [found for arg in args if (found := constant(model, arg)) is not None]
            return OPERATIONS[sign](*values) if len(values) == len(args) else None
    return None
