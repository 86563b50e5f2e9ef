"""`start`, `step` and `sample`: the printed functions that take a network one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..ir import System
from ..program import Program
from ..stepping import Steps, steps
from . import page
from .body import print_stages
from .layout import Stored
from .lines import Lines
from .plan import Plan, output_entries, textbook_plan
from .unpack import unpacked


def stepping(program: Program, forward: System) -> str:
    """The three functions, or what says why they are not there."""
    if program.stream is None or program.no_stream:
        return _absent(program, ["start", "step", "sample"], program.no_stream)
    made = steps(program, forward)
    inner = [_start(program, made), _step(program, made)]
    public = [START, STEP]
    if program.heads:
        inner.append(_draw(program, made))
        public.append(SAMPLE)
    else:
        public.append(_absent(program, ["sample"], "the network has no head to sample from"))
    return "\n\n\n".join([*public, *inner])


def _absent(program: Program, names: list[str], reason: str) -> str:
    return "\n\n\n".join(
        f"def {name}(*args, **kwargs):\n"
        f'    """Not there: a stream of steps needs a network that reads the past alone."""\n'
        f"    raise NotImplementedError({page.literal(reason)})"
        for name in names
    )


START = '''def start(params, batch_size=1, context=None):
    """The state before the first step; ``context`` holds what is given once for all steps."""
    call = _checked_call(params, context or {}, None, size=batch_size, stream=False)
    return {STREAM: np.zeros(batch_size, np.intp), **_lengths_of(call), **_start(call)}'''

STEP = '''def step(params, state, inputs):
    """One step: the next state, and the step's outputs."""
    call = _checked_step(params, state, inputs)
    after, outputs = _step(call)
    return _next_state(call, after), outputs'''

SAMPLE = '''def sample(params, rng, *, batch_size=1, max_steps=200, context=None, temperature=1.0):
    """Sequences drawn from the model: an attribute for each head, T (the lengths), log_prob.

    ``log_prob`` is the log-probability at temperature 1."""
    return _sampled(params, rng, batch_size, max_steps, context or {}, temperature)'''


def _start(program: Program, made: Steps) -> str:
    """The state before the first step: starting values, and what no step changes."""
    plan = textbook_plan(program, (made.start,), looped=False)
    entries = {
        **output_entries(program, "state", made.start),
        **output_entries(program, "static", made.start),
    }
    tail = ["    return {", *_entries(plan, entries), "    }"]
    return _function(
        "_start(call)",
        "What every step needs: the starting state, and what no step changes.",
        program,
        plan,
        tail,
        {},
    )


def _step(program: Program, made: Steps) -> str:
    plan = _one_step(program, made.step)
    states = _entries(plan, output_entries(program, "state", made.step))
    outputs = _entries(plan, output_entries(program, "output", made.step))
    tail = ["    after = {", *states, "    }", "    return after, {", *outputs, "    }"]
    doc = "The equations at one step; the past comes from the state."
    return _function("_step(call)", doc, program, plan, tail, _statics(made))


def _draw(program: Program, made: Steps) -> str:
    plan = _one_step(program, made.draw)
    states = _entries(plan, output_entries(program, "state", made.draw))
    drawn = _entries(plan, output_entries(program, "drawn", made.draw))
    nll = _entries(plan, output_entries(program, "nll", made.draw))
    tail = ["    after = {", *states, "    }", "    drawn = {", *drawn, "    }"]
    tail += ["    return after, drawn, {", *nll, "    }"]
    doc = "One step while sampling: targets are drawn from their heads."
    return _function("_draw(call, rng, temperature)", doc, program, plan, tail, _statics(made))


def _one_step(program: Program, system: System) -> Plan:
    """The plan of a step: quantities that `start` made are given."""
    plan = textbook_plan(program, (system,), looped=False)
    stored = {**plan.frame.stored}
    for equation in system.given:
        stored[equation.name] = Stored(plan.names.of(equation.name), equation.axes)
    return replace(plan, frame=replace(plan.frame, stored=stored))


def _statics(made: Steps) -> dict[str, str]:
    return {name: f"call.state[{page.literal(name)}]" for name in made.statics}


def _entries(plan: Plan, names: Mapping[str, str]) -> list[str]:
    return [
        f"        {page.literal(key)}: {plan.frame.stored[name].identifier}," for key, name in names.items()
    ]


def _function(
    signature: str, doc: str, program: Program, plan: Plan, tail: list[str], given: dict[str, str]
) -> str:
    lines = Lines()
    print_stages(plan.frame, plan.demands, plan.stages[0], lines)
    body = [*lines.lines, *tail]
    head = [f"def {signature}:", f'    """{doc}"""']
    head += ["    _fill_noise(call)"] if program.noises else []
    return "\n".join([*head, *unpacked(plan.frame, program, body, given), *body])
