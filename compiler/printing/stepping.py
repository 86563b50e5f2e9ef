"""`start`, `step` and `sample`: the printed functions that take a network one step at a time."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ...spec.records import replace
from ..ir import BATCH, Equation, System
from ..operators import TABLE
from ..prelude_text import names
from ..program import Program
from ..stepping import Steps, whole
from . import page
from .body import print_stages
from .computing import completed
from .frame import Quick
from .layout import Stored
from .lines import Lines
from .plan import Plan, output, output_entries, textbook_plan
from .python import text
from .unpack import unpacked


def stepping(program: Program, made: Steps | None, forward: System, quick: bool) -> str:
    """The three functions, or what says why they are not there; ``quick`` single steps save time a call."""
    parts: list[str] = []
    inner: list[str] = []
    if made is None:
        parts.append(absent(["start", "step", "freeze"], program.no_stream))
    else:
        parts += [START, *(text.format(**FROZEN if made.frozen else PLAIN) for text in (STEP, FREEZE))]
        inner += [_start(program, made), _step(program, made, quick)]
    if not program.heads:
        parts.append(absent(["sample"], "the network has no head to sample from"))
    elif made is not None and any(program.stream in head.axes for head in program.heads):
        parts.append(
            _sample(
                program, "_sampled(params, {draws}, batch_size, max_steps, context or {{}}, prefix or {{}})"
            )
        )
        parts += [BEAM] if _searchable(program) else []
        inner += [_begin(program, made), _draw(program, made, quick)]
    elif program.stop is not None or any(not head.given for head in program.heads):
        parts.append(absent(["sample"], program.no_stream))
    else:
        parts.append(
            _sample(program, "_sampled_whole(params, {draws}, batch_size, max_steps, context or {{}})")
        )
        inner.append(_whole(program, whole(program, forward)))
    inner += _frozen(program, made, *made.frozen) if made is not None and made.frozen else []
    return "\n\n\n".join([*parts, *inner])


def absent(names: list[str], reason: str) -> str:
    return "\n\n\n".join(
        f"def {name}(*args, **kwargs):\n"
        f'    """Not there: a stream of steps needs a network that reads the past alone."""\n'
        f"    raise NotImplementedError({page.literal(reason)})"
        for name in names
    )


START = '''def start(params, batch_size=1, context=None):
    """The state before the first step; ``context`` holds what is given once for all steps."""
    call = _checked_call(params, context or {}, None, size=batch_size, stream=False)
    return _own({STREAM: np.zeros(batch_size, np.intp), **_lengths_of(call), **_start(call)})'''

STEP = '''def step(params, state, inputs):
    """One step: the next state, and the step's outputs."""
    call, state, inputs = _checked_step(params, state, inputs)
{step}
    return _next_state(call, state, after, own=True), outputs'''

FREEZE = '''def freeze(params):
    """Copies that never change, for wherever parameters are given{note}."""
    if type(params) is Frozen:
        return params
    call = _frozen_call(params)
    found = Frozen(call.params)
    found.prepared = {prepared}
    return found'''

PLAIN = {
    "step": "    after, outputs = _step(call, state, inputs)",
    "note": "",
    "prepared": "None",
}
FROZEN = {
    "step": """    if call.prepared is None:
        after, outputs = _step(call, state, inputs)
    else:
        after, outputs = _prepared_step(call, state, inputs)""",
    "note": """: `step` finds ready in them what it
    makes anew each time of those that can be written to""",
    "prepared": "_prepared(call)",
}
HEADING = "# ----------------------------------------------------------------- a step with frozen parameters"

SAMPLE = """Sequences drawn from the model: an attribute for each head, ``T`` (the lengths), ``log_prob``.

    ``log_prob`` is the log-probability of the whole at temperature 1."""
ENDS = """
    A sequence is drawn until the spec's rule ends it (``ended``) or it has ``max_steps`` steps; what
    stands after its end is 0."""
PREFIX = """
    ``prefix`` is a given beginning: arrays of the heads along the steps, and their lengths."""
LIKELY = """
    ``top_k`` keeps the likeliest tokens alone, ``top_p`` the fewest that hold this much probability."""


NEW = frozenset(
    "np.tanh np.exp np.log np.sqrt np.sin np.cos np.square np.maximum np.minimum np.where np.concatenate "
    "sigmoid".split()
)  # functions whose result is an array of its own


BEAM = '''def beam(params, width, *, max_steps=200, context=None):
    """The likeliest sequences, best first, one a column: found with ``width`` at a time. Those that end
    within ``max_steps`` come first; a ``width`` that leaves nothing out makes the search exhaustive."""
    return _searched(params, width, max_steps, context or {})'''


def _sample(program: Program, result: str) -> str:
    """`sample`, with the arguments that this network has a use for."""
    stepped = result.startswith("_sampled(")
    likely = any(head.distribution == "categorical" for head in program.heads)
    arguments = ["batch_size=1", "max_steps=200", "context=None", "temperature=1.0"]
    arguments += ["top_k=None", "top_p=None"] if likely else []
    arguments += ["prefix=None"] if stepped else []
    notes = [ENDS] if stepped and _has_end(program) else []
    notes += [PREFIX] if stepped else []
    notes += [LIKELY] if likely else []
    draws = "Draws(rng, temperature, top_k, top_p)" if likely else "Draws(rng, temperature)"
    return "\n".join(
        [
            "def sample(",
            f"    params, rng, *, {', '.join(arguments)}",
            "):",
            f'    """{SAMPLE}{"".join(notes)}"""',
            f"    return {result.format(draws=draws)}",
        ]
    )


def _searchable(program: Program) -> bool:
    """Whether sequences of tokens end by a rule, and nothing else is drawn along with them."""
    tokens = [head for head in program.heads if head.given]
    alone = len(tokens) == 1 and tokens[0].distribution == "categorical" and not tokens[0].target.shape
    return alone and program.stop is not None and tokens[0].axes == (program.stream,)


def _has_end(program: Program) -> bool:
    return program.stop is not None or any(not head.given for head in program.heads)


def _start(program: Program, made: Steps) -> str:
    """The state before the first step: starting values, and what no step changes."""
    plan = textbook_plan(program, (made.start,), looped=False)
    tail = page.table("return {}", entries(plan, *_started(made.start)))
    doc = "What every step needs: the starting state, and what no step changes."
    return function("_start(call)", doc, program, plan, tail, {})


def _started(system: System) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return output_entries(system, "state"), output_entries(system, "static")


def _begin(program: Program, made: Steps) -> str:
    """The same while sampling: heads without an index are drawn."""
    doc = "The starting state while sampling, and the targets that are drawn before the first step."
    if not output_entries(made.begin, "drawn"):
        return f'def _begin(call, draws):\n    """{doc}"""\n    return _start(call), {{}}, {{}}'
    plan = textbook_plan(program, (made.begin,), looped=False)
    tail = page.table("started = {}", entries(plan, *_started(made.begin)))
    tail += _drawn(plan, made.begin)
    tail += ["    return started, drawn, nll"]
    return function("_begin(call, draws)", doc, program, plan, tail, {})


def _step(program: Program, made: Steps, quick: bool) -> str:
    plan = one_step_plan(program, made.step, quick)
    doc = "The equations at one step; the past comes from the state. No two results share memory."
    return _one_step("_step", doc, program, plan, made.step, made.statics)


def _one_step(
    name: str, doc: str, program: Program, plan: Plan, system: System, statics: Iterable[str]
) -> str:
    after, outputs = _own(plan, *(output_entries(system, kind) for kind in ("state", "output")))
    tail = [*page.table("after = {}", after), *page.table("return after, {}", outputs)]
    return step_function(f"{name}(call, state, inputs)", doc, program, plan, tail, statics)


def _frozen(program: Program, made: Steps, freeze: System, frozen: System) -> list[str]:
    """The functions of a step with frozen parameters: what is made of these once, and the step."""
    plan = textbook_plan(program, (freeze, frozen), looped=False)
    ready = tuple(plan.names.of(e.name) for e in frozen.given if e.name not in made.statics)
    quick = Quick(plan.names.taken, frozen=ready)
    part = replace(plan, stages=plan.stages[1:])
    doc = "The equations of `_step`, of what `_prepared` made."
    step = _one_step("_prepared_step", doc, program, _stepped(part, frozen, quick), frozen, made.statics)
    kept, needed = quick.kept(names(step)), set(names(step))
    for value, name in reversed(quick.made.items()):  # one may be made of others before it
        needed |= names(value) if name in needed else set()
    tail = [f"    {name} = {value}" for value, name in quick.made.items() if name in needed]
    doc = "What follows from parameters alone, as a step wants it."
    result = Lines()
    result.add(f"return [{', '.join(kept)}]")
    prepared = function("_prepared(call)", doc, program, plan, [*tail, *result.lines], {}, [])
    return [HEADING, prepared, step]


def _draw(program: Program, made: Steps, quick: bool) -> str:
    plan = one_step_plan(program, made.draw, quick)
    ends = [plan.frame.stored[name].identifier for key, name in made.draw.outputs if key == "stop"]
    tail = page.table("after = {}", entries(plan, output_entries(made.draw, "state")))
    tail += _drawn(plan, made.draw)
    tail += [f"    return after, drawn, nll, {ends[0] if ends else 'np.zeros(call.B, bool)'}"]
    doc = "One step while sampling: targets are drawn from their heads. Last, which sequences it ends."
    return step_function("_draw(call, state, inputs, draws)", doc, program, plan, tail, made.statics)


def _whole(program: Program, system: System) -> str:
    plan = textbook_plan(program, (system,), looped=False)
    tail = [*_drawn(plan, system), "    return drawn, nll"]
    doc = "Whole sequences: targets are drawn from their heads."
    return function("_draw(call, draws)", doc, program, plan, tail, {})


def one_step_plan(program: Program, system: System, quick: bool = False) -> Plan:
    """The plan of a step: quantities that `start` made are given."""
    plan = textbook_plan(program, (system,), looped=False)
    return _stepped(plan, system, _quick(plan, system) if quick else None)


def _stepped(plan: Plan, system: System, quick: Quick | None) -> Plan:
    given = {e.name: Stored(plan.names.of(e.name), e.axes) for e in system.given}
    stored = {**plan.frame.stored, **given}
    return replace(plan, frame=replace(plan.frame, stored=stored, stepped=True, quick=quick))


def _quick(plan: Plan, system: System) -> Quick:
    params = [e for e in system.equations if e.op == "param"]
    matrices = frozenset(plan.frame.stored[e.name].identifier for e in params if len(e.shape) == 2)
    return Quick(plan.names.taken, matrices, _rows(system))


def _rows(system: System) -> frozenset[str]:
    """Vectors of parameters alone that elementwise functions read, beside a batch or to make another such one:
    they may have a dimension of 1 before their own, with which NumPy is twice as fast beside a batch."""
    table, readers = system.table(), defaultdict[str, list[Equation]](list)
    for e in system.equations:
        for read in e.reads:
            readers[read.name].append(e)
    barred = {name for _, name in system.outputs} | {b.name for e in table.values() for b in e.boundaries}
    rows = {
        e.name
        for e in system.equations
        if not e.axes
        and len(e.shape) == 1
        and e.name not in barred
        and (e.op == "param" or _is_elementwise(e))
    }
    while True:
        lost = {
            name
            for name in rows
            if not all(_is_elementwise(e) and (e.name in rows or BATCH in e.axes) for e in readers[name])
        }
        if not lost:
            return frozenset(rows)
        rows -= lost


def _is_elementwise(equation: Equation) -> bool:
    return "elementwise" in TABLE[equation.op].traits


def _own(plan: Plan, *groups: Mapping[str, str]) -> list[dict[str, str]]:
    """`entries` of each group that share memory with nothing: copies, but of arrays that this step makes, each
    of them once."""
    taken, found = set[str](), list[dict[str, str]]()
    for group in groups:
        found.append(entries(plan, group))
        for key, name in group.items():
            if name in taken or not _is_new(plan, name):
                found[-1][key] = f"np.array({found[-1][key]})"
            taken.add(name)
    return found


def _is_new(plan: Plan, name: str) -> bool:
    """Whether a quantity is assigned an array that is nobody else's: a result of arithmetic or of a function
    of numbers, in full."""
    equation = plan.frame.table[name]
    if name not in plan.frame.stored or BATCH not in equation.axes or plan.frame.times(equation.axes):
        return False
    value = completed(plan.frame, equation)
    called = text(value.func) if isinstance(value, ast.Call) else ""
    return isinstance(value, ast.BinOp) or called in NEW or called.endswith(".dot")


def _drawn(plan: Plan, system: System) -> list[str]:
    """The statements that gather what was drawn, and its negative log-likelihoods."""
    drawn, nll = (entries(plan, output_entries(system, kind)) for kind in ("drawn", "nll"))
    return [*page.table("drawn = {}", drawn), *page.table("nll = {}", nll)]


def entries(plan: Plan, *groups: Mapping[str, str]) -> dict[str, str]:
    """Items of a printed dict: the steps of each quantity, without the slots around them."""
    return {key: output(plan.frame, name) for names in groups for key, name in names.items()}


def step_function(
    signature: str, doc: str, program: Program, plan: Plan, tail: list[str], statics: Iterable[str]
) -> str:
    """A function of one step: what no step changes comes from the state."""
    noise = ["inputs = _with_noise(call, inputs)"] if program.noises else []
    return function(signature, doc, program, plan, tail, dict.fromkeys(statics, "state"), noise)


def function(
    signature: str,
    doc: str,
    program: Program,
    plan: Plan,
    tail: list[str],
    given: dict[str, str],
    first: Sequence[str] | None = None,
) -> str:
    """A function's text; ``first`` are its first statements, by default what fills in noise."""
    lines = Lines()
    plan = replace(plan, frame=replace(plan.frame, total=""))  # a step is told how long the whole is
    print_stages(plan.frame, plan.demands, plan.stages[0], lines)
    quick = plan.frame.quick
    once = quick.made.items() if quick is not None and quick.frozen is None else ()
    body = [*(f"    {variable} = {made}" for made, variable in once), *lines.lines, *tail]
    head = [f"def {signature}:", f'    """{doc}"""']
    if first is None:
        first = ["_fill_noise(call)"] if program.noises else []
    head += ["    " + line for line in first]
    return "\n".join([*head, *unpacked(plan.frame, program, body, given), *body])
