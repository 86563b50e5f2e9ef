"""The table of properties: what is claimed of every compiled module, how exactly, and where it is checked.

Importing this imports no NumPy: names and statements are there for a list, the checks come when they run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .case import Case
    from .compare import Verdict
    from .subject import Subject


@dataclass(frozen=True, slots=True)
class Property:
    """``code`` is FILE.FUNCTION of the check; ``unless`` of what says why it does not apply. ``once``: a
    single case tells, whatever the seed."""

    name: str
    statement: str
    tolerance: str
    code: str
    unless: str = ""
    once: bool = False

    def applies(self, subject: Subject) -> str | None:
        """None, or the reason why not."""
        reason: str | None = _function(self.unless)(subject) if self.unless else None
        return reason

    def check(self, subject: Subject, case: Case) -> Verdict:
        verdict: Verdict = _function(self.code)(subject, case)
        return verdict


def _function(code: str) -> Callable[..., Any]:
    file, _, name = code.partition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(f".{file}", __package__), name)
    return function


BITS = "bit for bit"
ROUNDING = "1e-12 relative"

PROPERTIES = (
    Property(
        "gradient",
        "The gradient of every parameter, real input and real state is the derivative along two random "
        "directions by complex step, with cotangents on the loss, all outputs and all final states.",
        "1e-11 of the terms' sizes",
        "gradient.check",
    ),
    Property(
        "linear-backward",
        "The backward pass is linear in its cotangents: zero gives zero, 8 times gives 8 times to the bit, "
        "a sum gives the sum.",
        f"{ROUNDING}; multiples {BITS}",
        "gradient.check_linear",
    ),
    Property(
        "causality",
        "NaN and other tokens after a step change no output up to that step.",
        BITS,
        "time.check_causality",
        "time.no_past_only",
    ),
    Property(
        "causal-gradient",
        "Outputs up to a step have no gradient with respect to inputs after it.",
        BITS,
        "time.check_causal_gradient",
        "time.no_past_only",
    ),
    Property(
        "padding",
        "What stands past a sequence's end, NaN and infinities included, changes no result and no gradient.",
        BITS,
        "time.check_padding",
    ),
    Property(
        "more-padding",
        "Three more steps of padding change no result and no gradient.",
        ROUNDING,
        "time.check_more_padding",
    ),
    Property(
        "streaming",
        "`start` and one `step` after the other give the outputs and the state of `forward`.",
        ROUNDING,
        "time.check_streaming",
        "time.no_past_only",
    ),
    Property(
        "chunks",
        "A sequence cut anywhere, its state carried on and its gradients carried back, is as the whole.",
        ROUNDING,
        "time.check_chunks",
        "time.no_past_only",
    ),
    Property(
        "weight-sharing",
        "The gradients of a copy of the parameters at every step add up to the shared parameters' gradient.",
        ROUNDING,
        "time.check_copies",
        "time.no_past_only",
    ),
    Property(
        "time-shift",
        "A network that does not read the step's number does the same at any time.",
        BITS,
        "time.check_shift",
        "time.reads_the_index",
    ),
)

NAMES = tuple(item.name for item in PROPERTIES)
