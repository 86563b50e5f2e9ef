"""The distributions: one record each, with its log-density as an expression.

An element of a target with sizes is a vector whose components' log-densities add up; `nll` gives the
negative log-likelihood of each component, in shape of the target."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...spec.records import dataclass
from ...spec.sizes import Size
from .terms import (
    Shape,
    Term,
    elementwise,
    expand,
    minus,
    number,
    over,
    over_last,
    plus,
    real,
    repeat_last,
    times,
)
from .types import Type

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a distribution. ``shape`` is the one it must have for a target of the given type and
    number of components (for a mixture, the size of its first argument); ``repeats``: a scalar will do;
    ``positive``: it must be above 0."""

    key: str
    shape: Callable[[Type, Size | None], Shape]
    repeats: bool = False
    positive: bool = False


@dataclass(frozen=True, slots=True)
class Density:
    """``targets`` are the legal kinds; ``nll`` is given the arguments and the target, ready for use."""

    name: str
    params: tuple[Parameter, ...]
    required: int
    targets: tuple[str, ...]
    nll: Callable[[Type, tuple[Term, ...], Term], Term]
    mixture: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A head's checked arguments, with the key of each."""

    keys: tuple[str, ...]
    args: tuple[Term, ...]


def _categorical(target: Type, args: tuple[Term, ...], y: Term) -> Term:
    (logits,) = args
    return minus(over_last("logsumexp", logits), Term("pick", (logits, y), _real(target), y.span))


def _bernoulli(target: Type, args: tuple[Term, ...], y: Term) -> Term:
    (logits,) = args
    return minus(elementwise("softplus", logits), times(real(y), logits))


def _normal(target: Type, args: tuple[Term, ...], y: Term) -> Term:
    mean, *scale = args
    error = minus(real(y), mean)
    if not scale:
        return plus(times(0.5, elementwise("square", error)), number(LOG_SQRT_2PI, y.span))
    return _normal_density(error, scale[0])


def _normal_density(error: Term, scale: Term) -> Term:
    energy = times(0.5, elementwise("square", over(error, scale)))
    return plus(plus(energy, elementwise("log", scale)), number(LOG_SQRT_2PI, error.span))


def _poisson(target: Type, args: tuple[Term, ...], y: Term) -> Term:
    """rate - y log rate + log y!"""
    (log_rate,) = args
    count = real(y)
    factorial = elementwise("lgamma", plus(count, number(1.0, y.span)))
    return plus(minus(elementwise("exp", log_rate), times(count, log_rate)), factorial)


def _mixture(target: Type, args: tuple[Term, ...], y: Term) -> Term:
    """-log sum_k w_k p_k(y), where p_k is the product over the target's components."""
    logits, mean, scale = args
    components = logits.shape[-1]
    error = minus(_beside(real(y), components), mean)
    energy = _normal_density(error, scale)
    for _ in target.shape:
        energy = over_last("sum", energy)
    return minus(over_last("logsumexp", logits), over_last("logsumexp", minus(logits, energy)))


def _beside(y: Term, components: Size) -> Term:
    """The target once for each component of a mixture, in front of its own sizes."""
    if not y.shape:
        return expand(y, (components,))
    repeated = expand(y, (*y.shape, components))
    turned = repeated.type.with_shape((components, *y.shape), y.type.origin)
    return Term("transpose", (repeated,), turned, y.span)


def _real(target: Type) -> Type:
    return Type("real", target.shape, None, target.origin)


def _like(target: Type, components: Size | None) -> Shape:
    return target.shape


def _classes(target: Type, components: Size | None) -> Shape:
    return (*target.shape, *((target.count,) if target.count else ()))


def _weights(target: Type, components: Size | None) -> Shape:
    return (components,) if components else ()


def _each(target: Type, components: Size | None) -> Shape:
    return (*_weights(target, components), *target.shape)


DENSITIES = {
    density.name: density
    for density in (
        Density("categorical", (Parameter("logits", _classes),), 1, ("token",), _categorical),
        Density("bernoulli", (Parameter("logits", _like),), 1, ("bool",), _bernoulli),
        Density(
            "normal", (Parameter("mean", _like), Parameter("scale", _like, True, True)), 1, ("real",), _normal
        ),
        Density("poisson", (Parameter("log_rate", _like),), 1, ("int",), _poisson),
        Density(
            "normal_mixture",
            (Parameter("logits", _weights), Parameter("mean", _each), Parameter("scale", _each, True, True)),
            3,
            ("real",),
            _mixture,
            mixture=True,
        ),
    )
}

__all__ = ["DENSITIES", "Density", "Shown", "repeat_last"]
