"""Faults planted in compiled modules, one table: what a compiler could get wrong, and the property that must
notice.

A fault is an edit of a module's text (a pattern that must be found, and what stands there instead), or code at
its end that goes before and after one of its functions. `planted` gives the module that has it."""

from __future__ import annotations

import copy
import functools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from rnnc import stages, testing
from rnnc.compiler.driver import Compiled, Options, compile_source
from rnnc.compiler.ir import Equation, System
from rnnc.compiler.passes import ORDERS, Order, Pass, Run
from rnnc.runtime.properties.subject import Subject
from rnnc.spec.source import Source
from stopping_models import EVENT, LENGTH

LSTM = """\
dim m = 3, n = 4, k = 3
axis t = 1..T
input x[t] : real[m]
i[t] : real[n] = sigmoid(affine(x[t], h[t-1]))
f[t] : real[n] = sigmoid(affine(x[t], h[t-1], bias = 1))
o[t] : real[n] = sigmoid(affine(x[t], h[t-1]))
g[t] : real[n] = tanh(affine(x[t], h[t-1], h[t-3]))
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] : real[n] = o[t] * tanh(c[t])
head y[t] : token(k) ~ categorical(affine(h[t]))
output h
"""
GAUSS = """\
dim m = 2, n = 3
axis t = 1..T
input x[t] : real[m]
h[t] : real[n] = tanh(affine(x[t], h[t-1], expand(y[t-1], n)))
head y[t] : real ~ normal(affine(h[t]), 0.5)
"""
TAPS = """\
dim m = 2, n = 3
axis t = 1..T
input x[t] : real[m]
h[t] : real[n] = tanh(affine(x[t], x[t-2]))
head y[t] : real[m] ~ normal(affine(h[t], h[t-3]))
"""
SOFTMAX = """\
dim m = 2, k = 3
axis t = 1..T
input x[t] : real[m]
head y[t] : token(k) ~ categorical(affine(x[t]))
"""
SPECS = {"lstm": LSTM, "event": EVENT, "length": LENGTH, "gauss": GAUSS, "taps": TAPS, "softmax": SOFTMAX}


@dataclass(frozen=True)
class Fault:
    """``edits`` are (pattern, replacement), each found once at least; ``code`` is added at the end.
    ``broken_pass`` is a pass of the compiler that has a fault, in a module that has none."""

    name: str
    property: str
    edits: tuple[tuple[str, str], ...] = ()
    code: str = ""
    spec: str = "lstm"
    level: int = 2
    extras: frozenset[str] = frozenset()
    broken_pass: str = ""


@functools.cache
def compiled(spec: str, level: int = 2, extras: frozenset[str] = frozenset()) -> Compiled:
    options = Options(level=level, extras=extras)
    return compile_source(Source(f"{spec}.rnn", SPECS[spec]), options, lambda path, span: None)


def planted(fault: Fault) -> Subject:
    """The module with its fault, ready to be tested."""
    made = copy.copy(compiled(fault.spec, fault.level, fault.extras))
    for pattern, replacement in fault.edits:
        made.text, count = re.subn(pattern, replacement, made.text, flags=re.MULTILINE)
        assert count, f"{fault.name}: nothing in the module looks like {pattern}"
    made.text += fault.code
    subject = testing.from_compiled(made)
    return replace(subject, spec=BrokenPass(made, fault.broken_pass)) if fault.broken_pass else subject


@dataclass(frozen=True)
class BrokenPass(testing.KnownSpec):
    """A spec whose equations are compiled with a pass that makes every number a little larger."""

    broken: str

    def after_passes(self, *given: Any) -> Iterator[tuple[str, stages.Results, stages.Results]]:
        right = ORDERS[self.compiled.options.level]
        broken = {field.name: tuple(map(self._broken, getattr(right, field.name))) for field in fields(right)}
        return stages.after_passes(self.compiled, stages.Arguments(*given), Order(**broken))

    def _broken(self, run: Run) -> Run:
        return replace(run, passes=tuple(map(self._changed, run.passes)))

    def _changed(self, one: Pass) -> Pass:
        return replace(one, run=lambda system: _larger(one.run(system))) if one.name == self.broken else one


def _larger(system: System) -> System:
    equations = [replace(e, attrs=(("value", 1.0 + 1e-9),)) if _is_one(e) else e for e in system.equations]
    return replace(system, equations=tuple(equations)) if any(map(_is_one, system.equations)) else system


def _is_one(equation: Equation) -> bool:
    return equation.op == "number" and equation.attr("value") == 1.0


# ------------------------------------------------------------------------------ code around functions


ARGUMENTS = {
    "_in_groups": ("call, groups, alone, share", "call, groups, alone, share", "loss, grads"),
    "init": ('seed=0, dtype="float32", **dims', "seed, dtype, **dims", "params"),
    "forward": ("params, batch, *, state=None, **options", "params, batch, state=state, **options", "run"),
    "backward": (
        "params, run, cotangents=None, *, workspace=None",
        "params, run, cotangents, workspace=workspace",
        "grads, dbatch, dstate",
    ),
    "loss_and_grad": ("params, batch, **options", "params, batch, **options", "loss, grads"),
    "step": ("params, state, inputs", "params, state, inputs", "after, out"),
    "sample": ("params, rng, **options", "params, rng, **options", "seq"),
    "jvp": ("*args, **options", "*args, **options", "d"),
}


def around(function: str, after: str = "", before: str = "") -> str:
    """Statements before and after one of the module's functions, in terms of its arguments and results."""
    taken, given, results = ARGUMENTS[function]
    body = [before, f"{results} = _right_{function}({given})", after, f"return {results}"]
    lines = textwrap.indent("\n".join(part for part in body if part), "    ")
    return f"\n\n_right_{function} = {function}\n\n\ndef {function}({taken}):\n{lines}\n"


def backward(after: str = "", before: str = "") -> str:
    return around("backward", after, before)


def forward(after: str = "", before: str = "") -> str:
    return around("forward", after, before)


# Outputs, gradients and states are fresh arrays that the caller owns: they may be written to.
SLIPS = (1e-3, 1e-5, 1e-7)
H = 'run.outputs["h"]'
SWAPPED = """

_right_checked_params = _checked_params


def _checked_params(params):
    arrays, *rest = _right_checked_params(params)
    return ({**arrays, "W_ih": arrays["W_oh"], "W_oh": arrays["W_ih"]}, *rest)
"""
LATE = """

_LAST = [None]
"""
SHARED = """

import time

_SHARED = {}
"""
NOT_COPIED = """

def _own(arrays, *_):
    return dict(arrays)
"""
NO_MAXIMUM = """

def logsumexp(x):
    return np.log(np.sum(np.exp(x), axis=-1))
"""
NAIVE_SIGMOID = """

def sigmoid(x, out=None):
    return np.divide(np.exp(x), 1 + np.exp(x), out)
"""
SHARP = """

def _choice(draws, logits):
    return np.argmax(1.5 * logits.real + draws.rng.gumbel(size=logits.shape), axis=-1)
"""
OFTEN = """

def draw_bernoulli(draws, logits):
    return draws.rng.random(logits.shape) < 1 / (1 + np.exp(1 - logits.real))
"""
STALE = r"    if call.workspace is None or not call.workspace.get('begun'):\n    \1"
BEGUN = "if options.get('workspace') is not None:\n    options['workspace']['begun'] = True"
FLAT = 'batch = {n: np.ravel(v, order="K").reshape(np.shape(v)) for n, v in batch.items()}'
CLEAN = "params = {n: np.where(np.isnan(p), 0, p) for n, p in params.items()}"

DERIVATIVES = (
    *(Fault(f"one weight's gradient off by {s:g}", "gradient", code=backward(f'grads["W_gh_2"][0, 0] *= 1 + {s}'))
      for s in SLIPS),
    *(Fault(f"all of an input's gradient off by {s:g}", "gradient", code=backward(f'dbatch["x"] *= 1 + {s}'))
      for s in SLIPS),
    Fault("a leak of 1e-4 between steps of a gradient", "gradient",
          code=backward('dbatch["x"][:-1] += 1e-4 * dbatch["x"][1:]')),
    Fault("one batch row off", "gradient", code=backward('dbatch["x"][:, -1] *= 1 + 1e-6')),
    Fault("the oldest slot of a state's gradient lost", "gradient", code=backward('dstate["h"][0] = 0')),
    Fault("gradients swapped between two gates", "gradient",
          code=backward('grads["W_ih"], grads["W_oh"] = grads["W_oh"], grads["W_ih"]')),
    Fault("gradients divided by the batch size", "gradient",
          code=backward('grads = {n: g / max(run.tape[0].B, 1) for n, g in grads.items()}')),
    Fault("gradients clipped", "gradient", code=backward("grads['b_y'] = np.clip(grads['b_y'], -0.05, 0.05)")),
    Fault("a tangent off by 1e-7", "forward-mode", code=around("jvp", 'd.outputs["h"][0] *= 1 + 1e-7'),
          extras=frozenset({"jvp"})),
    Fault("a constant in a gradient", "linear-backward", code=backward('grads["b_y"] += 1e-9')),
    Fault("a gradient with a square of it", "linear-backward",
          code=backward('dbatch["x"] += 1e-7 * dbatch["x"] ** 2')),
    Fault("part of the gradient is stopped", "levels", code=backward('grads["W_gx"] *= 0.5')),
)  # fmt: skip

TIME = (
    Fault("an output leaks 1e-4 from the next step", "causality", code=forward(f"{H}[:-1] += 1e-4 * {H}[1:]")),
    Fault("an output centred over the sequence", "causality",
          code=forward(f"if len({H}):\n    {H} -= 1e-4 * {H}.mean(axis=0)")),
    Fault("a gradient flows to the next step", "causal-gradient",
          code=backward('dbatch["x"][1:] += 1e-4 * dbatch["x"][:-1]')),
    Fault("a delay off by one, forward", "reference", level=0,
          edits=((r"h\[t - 1\] @ W_gh_2\.T", "h[t] @ W_gh_2.T"),)),
    Fault("a tap off by one", "cone", spec="taps", level=0, edits=((r"x\[t\] @ W_hx_2\.T", "x[t + 1] @ W_hx_2.T"),)),
    Fault("a tap lost", "cone", spec="taps", level=0, edits=((r" \+ x\[t\] @ W_hx_2\.T", ""),)),
    Fault("a tap whose gradient is off by one", "cone", spec="taps", code=backward(
        'if len(dbatch["x"]):\n    dbatch["x"] = np.roll(dbatch["x"], 1, axis=0)')),
    Fault("no mask on the inputs", "padding", code="\n\ndef own_steps(a, axes, call):\n    return a\n"),
    Fault("no mask anywhere", "padding", level=0,
          code="\n\ndef keep(valid, a, fill=0):\n    return a\n\n\ndef own_steps(a, axes, call):\n    return a\n"),
    Fault("the loss divided by all places", "more-padding", code=forward(
        'run.loss = run.loss * np.sum(batch["T"]) / max(np.size(batch["y"]), 1)')),
    Fault("the last state is that of the longest sequence", "singles", level=0,
          edits=((r"'c': c\[T \+ 2", "'c': c[0 * T + T.max() + 2"),)),
    Fault("a group of rows is off by 1e-9", "singles",
          code=around("_in_groups", 'grads["b_y"] *= 1 + 1e-9')),
    Fault("a step loses what it carries", "streaming", code=around("step", 'after["c"] = state["c"]')),
    Fault("a step off by 1e-9", "streaming", code=around("step", 'out["h"] *= 1 + 1e-9')),
    Fault("what is made of frozen parameters is off by 1e-9", "streaming",
          edits=((r"= call\.prepared$", "= [part * (1 + 1e-9) for part in call.prepared]"),)),
    Fault("a carried state is lost", "chunks", code=forward(before="state = None")),
    Fault("a chunk hands no gradient back", "chunks", code=backward('dstate["c"][...] = 0')),
    Fault("overwrite for accumulate", "weight-sharing", level=0, edits=((r"dW_gh_2 \+= ", "dW_gh_2 = "),)),
    Fault("a segment computed again is off by 1e-9", "segments",
          code=around("loss_and_grad", 'if options.get("checkpoint"):\n    grads["b_y"] *= 1 + 1e-9')),
    Fault("the number of the step gets in", "time-shift",
          code=forward(f'if state is not None:\n    {H} *= 1 + 1e-12 * np.max(state["t"], initial=0)')),
    Fault("no sequence without steps", "short", code=forward(before='batch["x"][0]')),
    Fault("a state of fewer steps than the delay", "short",
          code=forward('if len(run.outputs["h"]) < 3:\n    run.state["h"][0] = 0')),
    Fault("an empty batch", "short", code=forward("run.loss = run.loss / min(run.tape[0].B, 1)")),
)  # fmt: skip

ROWS = (
    Fault("the first row of a batch off by 1e-6", "batch-order", code=forward(f"{H}[:, :1] *= 1 + 1e-6")),
    Fault("a leak of 1e-4 between rows", "batch-independence",
          code=forward(f"{H}[:, :1] += 1e-4 * {H}[:, -1:]")),
    Fault("a state centred over the batch", "batch-independence",
          code=forward('if run.tape[0].B:\n    run.state["c"] -= 1e-4 * run.state["c"].mean(axis=0)')),
    Fault("gradients are means over the batch", "singles",
          code=backward('grads = {n: g / max(run.tape[0].B, 1) for n, g in grads.items()}')),
)  # fmt: skip

CONTRACT = (
    Fault("starting values that no seed decides", "contract",
          code=around("init", 'params["W_ih"] += np.random.default_rng().random()')),
    Fault("a starting value of another dtype", "contract",
          code=around("init", 'params["b_f"] = params["b_f"].astype(np.float64)')),
    Fault("loss_and_grad off by 1e-9", "contract", code=around("loss_and_grad", "loss *= 1 + 1e-9")),
    Fault("a gradient is missing", "contract", code=backward('del grads["b_y"]')),
    Fault("an unknown name is ignored", "wrong-input",
          code=forward(before='batch = {n: v for n, v in batch.items() if n in ("x", "y", "T")}')),
    Fault("a token too large is cut", "wrong-input",
          code=forward(before='if np.ndim(batch["y"]) == 2:\n    batch = {**batch, "y": batch["y"] % call_k(params)}')
          + '\n\ndef call_k(params):\n    return len(params["b_y"])\n'),
    Fault("a dtype is widened", "types",
          code=backward('grads["b_y"] = grads["b_y"] + np.zeros((), np.float64)[None]')),
    Fault("an output in half precision", "types",
          code=forward(f"if {H}.dtype == np.float32:\n    {H}[...] = {H}.astype(np.float16)")),
    Fault("no maximum is subtracted", "large", code=NO_MAXIMUM, spec="softmax"),
    Fault("a sigmoid of exponentials", "large", code=NAIVE_SIGMOID, level=0),
    Fault("NaN in a parameter is swallowed", "nan", code=forward(before=CLEAN)),
    Fault("NaN in an output is swallowed", "nan", code=forward(f"{H}[np.isnan({H})] = 0")),
    Fault("arrays are read as they lie in memory", "layouts", code=forward(before=FLAT)),
)  # fmt: skip

MEMORY = (
    Fault("a write into the caller's batch", "inputs-unharmed",
          code=forward(before='batch["x"][:, :1] *= 1 + 1e-3')),
    Fault("a write into the caller's cotangents", "inputs-unharmed",
          code=backward(before='for value in (cotangents or {}).values():\n    value *= 0.5')),
    Fault("results are the tape's own arrays", "no-aliasing", code=NOT_COPIED),
    Fault("a gradient is the argument's array", "no-aliasing",
          code=around("step", 'after["h"] = state["h"]')),
    Fault("a random number gets in", "determinism",
          code=forward(f"{H} += 1e-12 * np.random.default_rng().random()")),
    Fault("state shared between calls", "re-entrant",
          code=LATE + forward("_LAST[0] = run.tape[1]")
          + backward(before="run = Run(run.outputs, run.loss, run.nll, run.state, (run.tape[0], _LAST[0]))")),
    Fault("a buffer shared between threads", "threads",
          code=SHARED + forward(before='_SHARED["x"] = params, batch, state\ntime.sleep(1e-4)\n'
                                'params, batch, state = _SHARED["x"]')),
    Fault("a stale workspace", "workspace", edits=((r"^(    h\[:3\] = carried.+)$", STALE),), code=forward(BEGUN)),
    Fault("a workspace that adds up", "workspace",
          code=backward('if workspace is not None:\n    grads["b_y"] += workspace.get("old", 0)\n'
                        '    workspace["old"] = 1e-6')),
    Fault("a wrong shape in the table", "files", code='\n\nSHAPES["W_oh"] = ("n", "m")\n'),
)  # fmt: skip

PROBABILITY = (
    Fault("a sample's probability off by 1e-6", "sample-probability",
          code=around("sample", "seq.log_prob = seq.log_prob * (1 + 1e-6)")),
    Fault("the log-likelihood lacks a part in a million", "sums-to-one",
          code=forward('run.nll["y"] = run.nll["y"] * (1 + 1e-6)')),
    Fault("a density that is twice too high", "sums-to-one", spec="gauss",
          code=forward('run.nll["y"] = run.nll["y"] - np.log(2) * run.tape[0].lengths["t"]')),
    Fault("an event that ends sequences has the wrong probability", "sums-to-one", spec="event",
          code=forward('run.nll["z"] = run.nll["z"] * 1.001')),
    Fault("lengths have the wrong probability", "sums-to-one", spec="length",
          code=forward('run.nll["T"] = run.nll["T"] * 1.001')),
    Fault("tokens drawn too often where they are likely", "frequencies", code=SHARP),
    Fault("lengths drawn too often where they are likely", "frequencies", code=SHARP, spec="length"),
    Fault("ends drawn too often where they are likely", "frequencies", code=OFTEN, spec="event"),
    Fault("numbers drawn too far apart", "frequencies", spec="gauss",
          code=around("sample", 'seq.y = np.where(seq.y > 0, 1.3, 1) * seq.y')),
)  # fmt: skip

COMPILING = (
    Fault("two gates swapped, forward and backward", "levels",
          code=SWAPPED + backward('grads["W_ih"], grads["W_oh"] = grads["W_oh"], grads["W_ih"]')),
    Fault("two gates swapped, against the reference", "reference",
          code=SWAPPED + backward('grads["W_ih"], grads["W_oh"] = grads["W_oh"], grads["W_ih"]')),
    Fault("two gates swapped, against no loop", "unrolled",
          code=SWAPPED + backward('grads["W_ih"], grads["W_oh"] = grads["W_oh"], grads["W_ih"]')),
    Fault("an output off by 1e-9", "levels", code=forward(f"{H} *= 1 + 1e-9")),
    Fault("a pass that changes a number", "passes", broken_pass="simplify"),
    Fault("a pass that changes a number, in the gradient", "passes", broken_pass="share"),
    Fault("an import of what is not there", "stand-alone",
          edits=((r"^import numpy as np$", "import numpy as np\nimport hypothesis"),)),
    Fault("an order that a hash decides", "same-text", code='\n\nORDER = ["b", "a"]\n'),
)  # fmt: skip

FAULTS = (*DERIVATIVES, *TIME, *ROWS, *CONTRACT, *MEMORY, *PROBABILITY, *COMPILING)
