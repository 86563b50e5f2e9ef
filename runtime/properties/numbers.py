"""Properties of the numbers themselves: types, large values, NaN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import GOOD, Comparison, Verdict, failed, joined, largest, sensitivity
from .data import Data, full, with_cotangents
from .equations import shaken, spreads
from .memory import with_parts
from .observe import GRADIENTS, everything, forward, line_of, only
from .subject import Subject, is_real

SINGLE = 2.0**-23
SINGLE_RANGE = 1e15  # squares of larger numbers come near the end of float32
LARGE = (30.0, 1e3, 1e5)
# What may hide a NaN because the spec says so.
CHOOSING = frozenset("where eq ne lt le gt ge and or not sign floor".split())


def no_params(subject: Subject) -> str | None:
    return None if subject.module.PARAMS else "there are no parameters, whose type would decide"


def check_types(subject: Subject, case: Case) -> Verdict:
    """float32 in, float32 out, near what float64 gives; complex in, complex out."""
    data = full(subject, replace(case, scale=min(case.scale, 1.0)))
    double = _rounded(data)
    single = with_parts(double, lambda _, value: value.astype(np.float32) if is_real(value) else value)
    found = everything(subject, single)
    for name, value in found.items():
        if is_real(value) and value.dtype != np.float32 and name != "loss":
            return failed(name, f"is {value.dtype} with float32 parameters", line_of(subject, name))
    verdict = _near(subject, double, {name: _wide(value) for name, value in found.items()})
    return verdict.join(_complex(subject, data))


def _rounded(data: Data) -> Data:
    """Numbers that float32 can hold, in float64."""
    return with_parts(data, lambda _, value: _wide(value.astype(np.float32)) if is_real(value) else value)


def _wide(value: Array) -> Array:
    return value.astype(np.float64) if is_real(value) else value


def _near(subject: Subject, data: Data, found: Arrays) -> Verdict:
    """As near as an error of float32 in every argument lets the results be, and one in every number on the way."""

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return found, everything(subject, data)

    wanted = everything(subject, data)
    if subject.grows and largest(*wanted.values()) > SINGLE_RANGE:
        return GOOD  # float32 may rightly overflow on the way there
    moves = sensitivity(data, pair, found, wanted, SINGLE)
    floor = 1e-5 * max((largest(value) for value in only(wanted, *GRADIENTS).values()), default=0.0)
    slack = {name: max(20 * moves[name], floor * name.startswith(GRADIENTS)) for name in wanted}
    comparison = Comparison(subject, ("float32", "float64"), 1e-5, slack)
    verdict = comparison.of(found, wanted)
    if verdict.failure is None or verdict.failure.found is None:
        return verdict
    inner = spreads(shaken(subject, data, single=True))
    slack = {name: max(size, 20 * inner.get(name, 0.0)) for name, size in slack.items()}
    return replace(comparison, slack=slack).of(found, wanted)


def _complex(subject: Subject, data: Data) -> Verdict:
    """Complex parameters without an imaginary part: complex results without one, the same to rounding."""
    params = {name: value.astype(np.complex128) for name, value in data.params.items()}
    found, wanted = everything(subject, replace(data, params=params)), everything(subject, data)
    for name, value in only(found, "outputs", "nll", "grad", "dbatch", "dstate").items():
        if is_real(wanted[name]) and value.dtype != np.complex128:
            return failed(name, f"is {value.dtype} with complex parameters", line_of(subject, name))
    return GOOD


def grows(subject: Subject) -> str | None:
    """Why large arguments may rightly give infinities."""
    return subject.grows


def check_large(subject: Subject, case: Case) -> Verdict:
    """Inputs 30 to 100,000 times as large: everything stays finite."""
    return joined(_finite(subject, replace(case, scale=1.0), factor) for factor in LARGE)


def _finite(subject: Subject, case: Case, factor: float) -> Verdict:
    data = full(subject, case)
    large = {
        n: factor * v if is_real(v) and n not in subject.module.HEADS else v for n, v in data.batch.items()
    }
    data = replace(data, batch=large)
    for name, value in everything(subject, data).items():
        if not np.isfinite(value).all():
            return failed(name, f"is not finite with inputs times {factor:g}", line_of(subject, name))
    return GOOD


def chooses(subject: Subject) -> str | None:
    """Why a NaN may rightly be left out."""
    if subject.spec is None:
        return "the text of the spec is not at hand"
    choosing = sorted(CHOOSING & subject.spec.operators)
    return f"the spec chooses by {', '.join(choosing)}" if choosing else None


def check_nan(subject: Subject, case: Case) -> Verdict:
    """A NaN in a parameter or an input on which a result depends shows in that result. It is put where the
    loss, or an output, depends on it most."""
    data = full(subject, replace(case, scale=min(case.scale, 1.0)))
    cotangents = with_cotangents(subject, data).cotangents
    return joined(
        _shows(subject, data, key, only(everything(subject, replace(data, cotangents=weights)), *ARGUMENTS))
        for key in ("loss", *subject.layouts)
        if (weights := {k: v for k, v in cotangents.items() if k == key})
    )


ARGUMENTS = {"grad": "params", "dbatch": "batch"}


def _shows(subject: Subject, data: Data, key: str, grads: Arrays) -> Verdict:
    for gradient, grad in grads.items():
        part, _, name = gradient.partition(".")
        if largest(grad) < 1e-9:
            continue
        place = np.unravel_index(int(np.abs(grad).argmax()), grad.shape)
        after = forward(subject, _with_nan(data, ARGUMENTS[part], name, place))
        if np.isfinite(after["loss" if key == "loss" else f"outputs.{key}"]).all():
            where = f"{name}{[int(i) for i in place]}" if place else name
            message = f"NaN in {where} leaves no trace in {key}"
            return failed(f"{ARGUMENTS[part]}.{name}", message, line_of(subject, gradient))
    return GOOD


def _with_nan(data: Data, part: str, name: str, place: tuple[Any, ...]) -> Data:
    spoilt = getattr(data, part)[name].copy()
    spoilt[place] = np.nan
    return data.with_batch({name: spoilt}) if part == "batch" else data.with_params({name: spoilt})
