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
    single case tells, whatever the seed. ``cost``: a case is worth so many of the others' and is tried that
    much less often. ``apart``: it waits for another process."""

    name: str
    statement: str
    tolerance: str
    code: str
    unless: str = ""
    once: bool = False
    cost: int = 1
    apart: bool = False

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

LIKELY = "six standard deviations"
STREAMS = "time.no_past_only"

PROPERTIES = (
    Property(
        "gradient",
        "The gradient of every parameter, real input and real state is the derivative along two random "
        "directions by complex step, with cotangents on the loss, all outputs and all final states.",
        "1e-11 of the terms' sizes",
        "gradient.check",
    ),
    Property(
        "forward-mode",
        "Tangents of the loss, all outputs and all final states along a random direction of all arguments: "
        "forward mode, complex step and backward pass agree.",
        "1e-11 of the terms' sizes",
        "forward_mode.check",
        "forward_mode.not_known",
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
        STREAMS,
    ),
    Property(
        "causal-gradient",
        "Outputs up to a step have no gradient with respect to inputs after it.",
        BITS,
        "time.check_causal_gradient",
        "time.no_timed_outputs",
    ),
    Property(
        "cone",
        "An output depends, forward and backward, on exactly those steps of an input to which the equations' "
        "delays lead.",
        BITS,
        "cone.check",
        "cone.does_not_apply",
        once=True,
    ),
    Property(
        "batch-order",
        "Rows in another order give results in that order.",
        ROUNDING,
        "rows.check_order",
    ),
    Property(
        "batch-independence",
        "NaN, other tokens and another length in one row leave the outputs, states and input gradients of "
        "all other rows as they are.",
        BITS,
        "rows.check_independence",
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
        "time.nothing_to_pad",
    ),
    Property(
        "singles",
        "A ragged batch gives what its sequences give one by one, unpadded; parameter gradients add up.",
        ROUNDING,
        "rows.check_singles",
    ),
    Property(
        "streaming",
        "`start` and one `step` after the other give the outputs and the state of `forward`.",
        ROUNDING,
        "time.check_streaming",
        STREAMS,
    ),
    Property(
        "chunks",
        "A sequence cut anywhere, its state carried on and its gradients carried back, is as the whole.",
        ROUNDING,
        "time.check_chunks",
        STREAMS,
    ),
    Property(
        "weight-sharing",
        "The gradients of a copy of the parameters at every step add up to the shared parameters' gradient.",
        ROUNDING,
        "time.check_copies",
        STREAMS,
    ),
    Property(
        "segments",
        "`loss_and_grad` with `checkpoint`, of any number of steps, gives the loss and the gradients it gives "
        "without, and the same bits when asked again.",
        ROUNDING,
        "segments.check_segments",
        "segments.why_not",
    ),
    Property(
        "time-shift",
        "A network that does not read the step's number does the same at any time.",
        BITS,
        "time.check_shift",
        "time.reads_the_index",
    ),
    Property(
        "short",
        "With no step, one step or fewer than the longest delay, with no row or one, everything is finite, "
        "gradients are right and rows are as by themselves.",
        "as gradient, singles",
        "sizes.check_short",
        cost=3,
    ),
    Property(
        "contract",
        "`init`, `SHAPES` and gradients agree in names and shapes, `loss_and_grad` with `forward` and `backward` to "
        "rounding; targets that nothing reads may be left out.",
        ROUNDING,
        "sizes.check_contract",
    ),
    Property(
        "wrong-input",
        "A wrong name, shape or token is refused by a ValueError that names it.",
        BITS,
        "sizes.check_wrong",
        once=True,
    ),
    Property(
        "types",
        "float32 parameters give float32 everywhere, near what float64 gives; complex ones give complex.",
        "1e-5 relative",
        "numbers.check_types",
        "numbers.no_params",
    ),
    Property(
        "large",
        "Inputs up to 100,000 times as large give finite results and gradients.",
        BITS,
        "numbers.check_large",
        "numbers.grows",
    ),
    Property(
        "nan",
        "NaN in a parameter or an input shows in the loss and in every output that depends on it.",
        BITS,
        "numbers.check_nan",
        "numbers.chooses",
    ),
    Property(
        "layouts",
        "Strided, Fortran-ordered and reversed arrays and 32-bit integers give the same.",
        ROUNDING,
        "memory.check_layouts",
    ),
    Property(
        "inputs-unharmed",
        "No call writes into an argument; read-only arrays will do.",
        BITS,
        "memory.check_inputs",
    ),
    Property(
        "no-aliasing",
        "No result shares memory with an argument or another result.",
        BITS,
        "memory.check_aliasing",
    ),
    Property("determinism", "The same call gives the same.", BITS, "memory.check_determinism"),
    Property(
        "re-entrant",
        "Other calls between a forward pass and its backward pass change nothing.",
        BITS,
        "memory.check_reentrant",
    ),
    Property(
        "threads", "Calls in four threads at once give what they give alone.", BITS, "memory.check_threads"
    ),
    Property("workspace", "With a used workspace as with fresh memory.", BITS, "memory.check_workspace"),
    Property(
        "files",
        "Parameters and state written to files and read back give the same.",
        BITS,
        "memory.check_files",
    ),
    Property(
        "sample-probability",
        "The log-probability that comes with a sample is its negative log-likelihood as a target.",
        ROUNDING,
        "probability.check_samples",
        "probability.no_samples",
    ),
    Property(
        "sums-to-one",
        "The probabilities of everything that can be drawn in one and in two steps sum to 1; so do those of "
        "the lengths, where the length is drawn; a single number's density integrates to 1.",
        "1e-10 relative",
        "probability.check_sum",
        "probability.not_summable",
    ),
    Property(
        "frequencies",
        "First values, ends and lengths are drawn as often as their probabilities say.",
        LIKELY,
        "probability.check_frequencies",
        "probability.not_summable",
        once=True,
    ),
    Property(
        "levels",
        "The textbook code of -O0 gives the same.",
        ROUNDING,
        "compiled.check_levels",
        "compiled.no_text",
    ),
    Property(
        "reference",
        "The reference evaluator, which knows no order, no loops and no storage, gives the same.",
        ROUNDING,
        "compiled.check_reference",
        "compiled.no_text",
        cost=5,
    ),
    Property(
        "passes",
        "No pass of the compiler changes what the equations give, forward or backward.",
        ROUNDING,
        "compiled.check_passes",
        "compiled.no_text",
        once=True,
    ),
    Property(
        "unrolled",
        "Printed without a loop the network gives the same.",
        ROUNDING,
        "compiled.check_unrolled",
        "compiled.not_unrolled",
        once=True,
    ),
    Property(
        "stand-alone",
        "Under `python -I`, every import but NumPy's and the standard library's blocked, the same bits.",
        BITS,
        "compiled.check_alone",
        "compiled.no_source",
        once=True,
        apart=True,
    ),
    Property(
        "same-text",
        "Another process with another hash seed compiles the same bytes.",
        BITS,
        "compiled.check_same_text",
        "compiled.no_text",
        once=True,
        apart=True,
    ),
)

NAMES = tuple(item.name for item in PROPERTIES)
