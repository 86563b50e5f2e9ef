"""`learn_start` and `learn_step`: the printed functions of real-time recurrent learning."""

from __future__ import annotations

from ...spec.records import replace
from ..ir import System
from ..learning import Learning
from ..program import Program
from ..stepping import PAST
from . import page
from .plan import Plan, output_entries
from .stepping import absent, entries, function, one_step_plan, step_function

SECTION = "# ------------------------------------------------ real-time recurrent learning, --with rtrl"

START = '''def learn_start(params, batch_size=1, context=None):
    """The state before the first step, and how it moves with every number of the trained parameters: ``d h``
    of shape (numbers, B, ...) beside ``h``."""
    call = _numbered(_checked_call(params, context or {}, None, size=batch_size, stream=False))
    fixed = {STREAM: np.zeros(batch_size, np.intp), **_lengths_of(call)}
    return _own({**fixed, **_start(call), **_influence_start(call)})'''

STEP = '''def learn_step(params, state, inputs, *, live=None{last}):
    """One step: the next state, the loss of this step and its gradient, all of the past counted.

    Losses are summed over the rows, not averaged. ``live`` says which rows have this step (B,); the others
    count nothing.{note}"""
    call, known, inputs = _checked_learning(params, state, inputs, live){checked}
    after, loss, gradient, moved = _learn(call, known, inputs)
    fixed = {{name: state[name] for name in MOVING if name not in moved}}
    found = _own({{**_next_state(call, known, after), **fixed, **moved}})
    return found, _scalar(loss), _by_parameter(call, gradient)'''

LAST = " ``last``: whether this step is its sequence's last, one answer or (B,)."


def learning_section(program: Program, made: Learning) -> str:
    """The section of a network that can learn step by step."""
    event = program.stop is not None and program.stop.event
    step = STEP.format(
        last=", last=False" if event else "",
        note=LAST if event else "",
        checked="\n    call.last = _checked_last(call, last)" if event else "",
    )
    return "\n\n\n".join([SECTION, START, step, _started(program, made.start), _step(program, made.step)])


def no_learning(reason: str) -> str:
    """The section of one that cannot."""
    return SECTION + "\n\n\n" + absent(["learn_start", "learn_step"], reason)


def moving_table(made: Learning) -> dict[str, str]:
    """What of a state moves, by its name there, and the leaf that it is in the equations of a step."""
    found = {}
    for key in made.moving:
        kind, _, name = key.partition(":")
        found[f"d {name}"] = f"input:{PAST}{name}" if kind == "state" else key
    return found


def _started(program: Program, system: System) -> str:
    plan = _plan(program, system, stepped=False)
    items = entries(plan, _moved(system, "state"), _moved(system, "static"))
    doc = "How the state before the first step, and what no step changes, moves with the parameters."
    return function("_influence_start(call)", doc, program, plan, page.table("return {}", items), {})


def _moved(system: System, kind: str) -> dict[str, str]:
    return {f"d {name}": made for name, made in output_entries(system, kind).items()}


def _step(program: Program, system: System) -> str:
    plan, outputs = _plan(program, system), dict(system.outputs)
    loss, gradient = (plan.frame.stored[outputs[key]].identifier for key in ("loss", "tangent:loss"))
    tail = page.table("after = {}", entries(plan, output_entries(system, "state")))
    tail += page.table("moved = {}", entries(plan, _moved(system, "tangent:state")))
    tail += [f"    return after, {loss}, {gradient}, moved"]
    doc = "The equations at one step, and beside each how it moves with every parameter."
    given = [e.name for e in system.given]
    return step_function("_learn(call, state, inputs)", doc, program, plan, tail, given)


def _plan(program: Program, system: System, stepped: bool = True) -> Plan:
    """The plan of a step, or of what is before it, with a name for how many directions there are."""
    plan = one_step_plan(program, system)
    return replace(plan, frame=replace(plan.frame, each=plan.names.fresh("P"), stepped=stepped))
