"""A module's text from its equations: the functions that are the network's own, and the page around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from ...spec.records import dataclass
from ..ir import BATCH, Equation, System
from ..learning import Learning, why_not
from ..program import Program
from ..schedule import Stage
from ..stepping import Steps
from ..weave import nodes_of
from . import page, structure  # noqa: F401  (structure fills the table of operators)
from .allowed import MAIN
from .bare import called_bare
from .body import print_stages
from .buffers import Spare
from .fast_body import Printer
from .forward_mode import jvp
from .learning import learning_section, moving_table, no_learning
from .lines import Lines
from .owned import owned
from .plan import Plan, output, output_entries, sources, textbook_plan
from .stepping import stepping
from .storage import FastPlan, fast_plan
from .structure import is_at_hand
from .unpack import whole_body

FORWARD, BACKWARD, STARTS, INPUTS, OUTPUTS, STATES = range(6)  # the parts of a fast plan


@dataclass(frozen=True, slots=True)
class Systems:
    """All that a module is printed from. ``small`` are the forward equations before they were joined, for
    what is before a step; ``tangent`` those of `jvp`, ``steps`` those of one step, or None; ``extras`` the
    further sections that were asked for; ``unrolled`` the axis whose steps are written out, and how many there are."""

    program: Program
    forward: System
    adjoint: System
    small: System
    tangent: System | None = None
    extras: frozenset[str] = frozenset()
    learning: Learning | None = None
    steps: Steps | None = None
    unrolled: Mapping[str, int] = field(default_factory=dict)


def plan_module(systems: Systems, level: int) -> Plan | FastPlan:
    """Schedule and storage of the forward and adjoint equations; ``level`` 0 or 2."""
    both = systems.forward, systems.adjoint
    if level:
        return fast_plan(systems.program, both, systems.unrolled)
    return textbook_plan(systems.program, both)


def print_module(systems: Systems, plan: Plan | FastPlan, level: int) -> str:
    """The module's text."""
    program, forward, adjoint, small = systems.program, systems.forward, systems.adjoint, systems.small
    forward_body, places = _forward(program, forward, adjoint, plan)
    bodies = {
        "forward_body": forward_body,
        "backward_body": _backward(program, adjoint, plan, places),
    }
    unrolled, cut = systems.unrolled, _is_cut(program, systems.unrolled)
    bare, bodies = called_bare(bodies, page.shared_names(), bool(unrolled)) if level else ("", bodies)
    table = [f"UNROLL = {page.literal(unrolled)}"] if unrolled or "selfcheck" in systems.extras else []
    table += [f"MOVING = {page.literal(moving_table(systems.learning))}"] if systems.learning else []
    table += [f"SPEC_SHA256 = {page.literal(_digest(program))}"] if "selfcheck" in systems.extras else []
    parts = {
        "docstring": page.docstring(
            program, ", ".join([f"-O{level}", *(f"{n} steps" for n in unrolled.values())])
        ),
        "header": page.MARK,
        "bare": bare,
        "spec": page.literal(program.source.text),
        "tables": page.wrapped(
            [*page.tables(program), *_cotangents(program, forward), *_stepped(program, systems.steps), *table]
        ),
        "loss": page.literal(dict(forward.outputs).get("loss", "loss")),
        "init_body": page.init_body(program),
        "prepare": _prepare(program, unrolled),
        "stepping": stepping(program, systems.steps, small, level > 0),
        "segments": _segments(program, unrolled),
        "alone": str(bool(program.alone)),
        "groups": "" if cut else ", _alike",
        "share": "_in_stretches" if cut else "_together",
        "extras": _extras(systems, level),
        "main": MAIN if "selfcheck" in systems.extras else "",
        "functions": "\n\n\n".join(
            [
                *_runs(program, forward, plan),
                page.dims_functions(program, _static(systems.steps)),
                page.cotangents_function(adjoint),
            ]
        ),
        **bodies,
    }
    return page.render({**parts, "contract": page.shared_functions(parts)})


def _digest(program: Program) -> str:
    """By which a module knows its spec again."""
    import hashlib  # most modules need none, and OpenSSL takes a while to load

    return hashlib.sha256(program.source.text.encode()).hexdigest()


def _segments(program: Program, unrolled: Mapping[str, int]) -> str:
    """What `loss_and_grad` does when asked for segments, or why it cannot."""
    if unrolled:
        why = f"checkpoint: the steps along {', '.join(unrolled)} are written one after the other"
        return f"raise NotImplementedError({page.literal(why)})"
    if program.no_stream:
        return 'raise NotImplementedError(f"checkpoint: {NO_STREAM}")'
    given = f"params, batch, checkpoint, state, train, seed, last, workspace, {bool(program.alone)}"
    return f"return _in_segments({given})"


def _is_cut(program: Program, unrolled: Mapping[str, int]) -> bool:
    """Whether a batch can be cut between any two steps, and rows that have ended be left out: the network runs step by
    step, and all it is given and all its losses are there at every step."""
    axes = [axis.index for axis in program.forward.axes if axis.index != BATCH and axis.size is None]
    if unrolled or not program.streams or program.stop is not None or axes != [program.stream]:
        return False
    table = program.forward.table()
    along = (
        [i.axes for i in program.inputs] + [h.axes for h in program.heads] + [n.axes for n in program.noises]
    )
    along += [tuple(axis for axis in table[name].axes if axis != BATCH) for name, _ in program.losses]
    return all(axes == (program.stream,) for axes in along)


def _extras(systems: Systems, level: int) -> str:
    """The sections that were asked for."""
    parts = [jvp(systems.program, systems.tangent, level, systems.unrolled)] if systems.tangent else []
    if systems.learning is not None:
        parts.append(learning_section(systems.program, systems.learning))
    elif "rtrl" in systems.extras:
        parts.append(no_learning(why_not(systems.program)))
    return "\n\n\n".join(parts)


def _prepare(program: Program, unrolled: Mapping[str, int]) -> str:
    """What a call needs besides its checked arguments."""
    event = program.stop is not None and program.stop.event
    lines = ["    _checked_steps(call)"] if unrolled else []
    lines += ["    call.last = _checked_last(call, last)"] if event else []
    lines += ["    call.total = _checked_total(call, state, last)"] if program.counted else []
    lines += ["    _fill_noise(call, _checked_seed(seed) if train else None)"] if program.noises else []
    return "".join("\n" + line for line in lines)


def _block(plan: Plan, stages: Iterable[Stage]) -> list[str]:
    lines = Lines()
    print_stages(plan.frame, plan.demands, tuple(stages), lines)
    return lines.lines


def _forward(program: Program, forward: System, adjoint: System, plan: Plan | FastPlan) -> tuple[str, Spare]:
    """The function's body, and the buffers that are of no use after it."""
    outputs = [name for key, name in forward.outputs if key != "stop"]
    asked = [name for output in outputs for name in sources(plan.frame, output)]
    wanted = dict.fromkeys(asked + [e.name for e in adjoint.given])
    if isinstance(plan, FastPlan):
        printer, later = Printer(plan), (*plan.stages[OUTPUTS], *plan.stages[STATES])
        wanted |= dict.fromkeys(name for e in _equations(later) for name in e.sources())
        body = printer.print(plan.stages[FORWARD], wanted)
        places, passing = printer.spare, printer.passing
    else:
        body, places, passing, later = _block(plan, plan.stages[0]), {}, set(), ()
    late = {node.name for stage in later for node in nodes_of(stage)}
    entries = {
        name: plan.frame.stored[name].identifier
        for name in wanted
        if name in plan.frame.stored and plan.frame.table[name].op != "param" and name not in late
        if name in asked or not is_at_hand(plan.frame, name)
    }
    tail = [*_ends(program, forward, plan), *page.table("return {}", entries)]
    return "\n".join(whole_body(plan.frame, program, [*body, *tail], passing=passing)), places


def _equations(stages: Iterable[Stage]) -> Iterator[Equation]:
    return (e for stage in stages for node in nodes_of(stage) for e in node.equations)


def _ends(program: Program, forward: System, plan: Plan | FastPlan) -> list[str]:
    """The check that no sequence goes on after its end symbol."""
    ends = dict(forward.outputs).get("stop")
    if ends is None or program.stop is None:
        return []
    call = f"_check_ends(call, {page.literal(program.stop.axis)}, {output(plan.frame, ends)})"
    return ["    if not call.absent:", f"        {call}"]


def _backward(program: Program, adjoint: System, plan: Plan | FastPlan, places: Spare) -> str:
    given = {e.name: "tape" for e in adjoint.given if e.op != "param" and not is_at_hand(plan.frame, e.name)}
    if isinstance(plan, FastPlan):
        printer = Printer(plan, spare=places)
        kept = [source for _, name in adjoint.outputs for source in sources(plan.frame, name)]
        parts = plan.stages[STARTS], plan.stages[INPUTS]
        kept += [name for part in parts for e in _equations(part) for name in e.sources()]
        body, late = printer.print(plan.stages[BACKWARD], kept), [*map(printer.late, parts)]
        passing = printer.passing
    else:
        printer, body, late, passing = None, _block(plan, plan.stages[1]), [[], []], set()
    tail = _results(program, adjoint, plan, late, printer)
    return "\n".join(whole_body(plan.frame, program, [*body, *tail], given, passing))


def _results(
    program: Program,
    adjoint: System,
    plan: Plan | FastPlan,
    late: Sequence[Sequence[str]],
    printer: Printer | None,
) -> list[str]:
    """The gradients by the caller's keys, those of parameters as arrays that are nobody else's; ``late`` is what
    only those of the starting state and of inputs need."""
    trained = [p.name for p in program.params if p.trained]
    real = [i.name for i in page.observed(program) if i.kind == "real"]
    states = [s.key for s in program.states if s.type == "real"]
    starts, inputs = late
    grads = _found(plan, "grad", trained, adjoint)
    if printer is None:
        lines = page.table("grads = _own({}, dtype)", grads)
    else:
        lines = page.table("grads = {}", owned(printer, output_entries(adjoint, "grad"), grads))
    if starts:
        lines += ["    if only == 'params': return grads, {}, {}", *starts]
    lines += page.table("dstate = {}", _found(plan, "dstate", states, adjoint))
    if inputs:
        lines += ["    if only: return grads, {}, dstate", *inputs]
    return [*lines, *page.table("return grads, {}, dstate", _found(plan, "dinput", real, adjoint))]


def _found(plan: Plan | FastPlan, kind: str, keys: list[str], adjoint: System) -> dict[str, str]:
    """The gradients of one kind, by the caller's keys."""
    found = output_entries(adjoint, kind)
    return {key: output(plan.frame, found[key]) if key in found else _missing(kind, key) for key in keys}


def _missing(kind: str, key: str) -> str:
    """The gradient of what the loss does not depend on."""
    table = {"grad": "call.params", "dinput": "call.inputs"}
    if kind in table:
        return f"np.zeros_like({table[kind]}[{page.literal(key)}])"
    return f"np.zeros(_state_shape(call, {page.literal(key)}))"


def _runs(program: Program, forward: System, plan: Plan | FastPlan) -> list[str]:
    """The functions that turn a tape into a `Run`, with what nothing but that is made of."""
    loss = dict(forward.outputs).get("loss")
    value = f"_scalar(tape[{page.literal(loss)}])" if loss else "None"
    run, state = _Late(program, plan, OUTPUTS), _Late(program, plan, STATES)
    outputs, nll = (run.entries(output_entries(forward, kind)) for kind in ("output", "nll"))
    states = state.entries(output_entries(forward, "state"))
    if program.stream:
        states[program.stream] = "_steps_done(call)"
    if program.counted:
        states[program.forward.axis(program.stream or "").length] = "call.total"
    body = [
        *page.table("outputs = _own({}, call.dtype)", outputs),
        *page.table("nll = _own({})", nll),
        "    after = _final_state(call, tape)",
        "    if call.absent:",
        "        return Run(outputs, None, None, after, (call, tape))",
        f"    return Run(outputs, {value}, nll, after, (call, tape))",
    ]
    final = page.table("return _own({})", states)
    return [
        run.function("_run", "What the caller sees of a forward pass.", body),
        state.function("_final_state", "The state after the last step of each sequence.", final),
    ]


@dataclass(slots=True)
class _Late:
    """A function of a call and its tape, with the part of a fast plan that nothing else needs."""

    program: Program
    plan: Plan | FastPlan
    part: int
    used: list[str] = field(default_factory=list)

    def entries(self, names: Mapping[str, str]) -> dict[str, str]:
        """What quantities are there, by the caller's keys."""
        for name in names.values():
            self.used += sources(self.plan.frame, name)
        return {key: output(self.plan.frame, name) for key, name in names.items()}

    def function(self, name: str, doc: str, body: Sequence[str]) -> str:
        plan, lines, passing, made = self.plan, list[str](), set[str](), set[str]()
        if isinstance(plan, FastPlan):
            stages = plan.stages[self.part]
            made = {node.name for stage in stages for node in nodes_of(stage)}
            early = {node.name for stage in plan.stages[FORWARD] for node in nodes_of(stage)}
            printer = Printer(plan, made={plan.storage.holder(name) for name in early})
            lines, passing = printer.late(stages), printer.passing
            read = (name for e in _equations(stages) for name in e.sources())
            self.used += [name for name in read if name in early and not is_at_hand(plan.frame, name)]
        kept = [one for one in self.used if one not in made and plan.frame.table[one].op != "param"]
        given = dict.fromkeys(kept, "tape")
        head = [f"def {name}(call, tape):", f'    """{doc}"""']
        return "\n".join([*head, *whole_body(plan.frame, self.program, [*lines, *body], given, passing)])


def _stepped(program: Program, made: Steps | None) -> list[str]:
    """What `start` hands to every step besides the state; whether it needs the length that a head gives."""
    systems = (made.start, made.step) if made else ()
    counted = any(e.op == "length" and e.attr("axis") == program.stream for s in systems for e in s.equations)
    statics = {e.name: (page.leading(program, e), e.type) for e in _static(made)}
    return [f"STATICS = {page.literal(statics)}", f"COUNTED = {counted}"]


def _static(made: Steps | None) -> list[Equation]:
    """What no step changes, in order."""
    return [made.start.table()[name] for name in made.statics] if made else []


def _cotangents(program: Program, forward: System) -> list[str]:
    """What `backward` takes cotangents of: the caller's key -> the equations' key."""
    table = {"loss": "loss"} if dict(forward.outputs).get("loss") else {}
    states = [state.key for state in program.states if state.type == "real"]
    table.update({f"state.{key}": f"state:{key}" for key in states})
    table.update({key: f"state:{key}" for key in states if key not in table})  # a state may be called `loss`
    table.update({key: f"output:{key}" for key in output_entries(forward, "output")})
    loss = page.literal(dict(forward.outputs).get("loss"))
    return [f"LOSS = {loss}", f"COTANGENTS = {page.literal(table)}"]
