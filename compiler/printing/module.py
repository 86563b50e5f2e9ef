"""A module's text from its equations: the functions that are the network's own, and the page around them."""

from __future__ import annotations

from collections.abc import Iterable

from ..ir import System
from ..program import Program
from ..schedule import Stage
from ..stepping import steps
from . import page, structure  # noqa: F401  (structure fills the table of operators)
from .body import place_of, print_stages
from .fast_body import Printer
from .lines import Lines
from .plan import Plan, output_entries, textbook_plan
from .python import text
from .stepping import stepping
from .storage import FastPlan, fast_plan
from .unpack import unpacked


def plan_module(program: Program, forward: System, adjoint: System, level: int) -> Plan | FastPlan:
    """Schedule and storage of the forward and adjoint equations; ``level`` 0 or 2."""
    return (fast_plan if level else textbook_plan)(program, (forward, adjoint))


def print_module(
    program: Program, forward: System, adjoint: System, small: System, plan: Plan | FastPlan, level: int
) -> str:
    """The module's text; ``small`` are the forward equations before they were joined, for single steps."""
    bodies = {
        "forward_body": _forward(program, forward, adjoint, plan),
        "backward_body": _backward(program, forward, adjoint, plan),
    }
    unrolled = _unrolled(program, forward)
    table = [f"UNROLL = {page.literal(unrolled)}"] if unrolled else []
    parts = {
        "docstring": page.docstring(
            program, ", ".join([f"-O{level}", *(f"{n} steps" for n in unrolled.values())])
        ),
        "header": page.MARK,
        "spec": page.literal(program.source.text),
        "tables": page.wrapped(
            [*page.tables(program), *_cotangents(program, forward), _statics(program, small), *table]
        ),
        "loss": page.literal(dict(forward.outputs).get("loss", "loss")),
        "init_body": page.init_body(program),
        "noise": "\n    _fill_noise(call, seed if train else None)" if program.noises else "",
        "stepping": stepping(program, small),
        "functions": _run(program, forward, plan) + "\n\n\n" + page.dims_functions(program),
        **bodies,
    }
    return page.render({**parts, "contract": page.shared_functions(page.render({**parts, "contract": ""}))})


def _block(plan: Plan | FastPlan, stages: Iterable[Stage]) -> list[str]:
    if isinstance(plan, FastPlan):
        return Printer(plan).print(tuple(stages))
    lines = Lines()
    print_stages(plan.frame, plan.demands, tuple(stages), lines)
    return lines.lines


def _forward(program: Program, forward: System, adjoint: System, plan: Plan | FastPlan) -> str:
    body = _block(plan, plan.stages[0])
    if _unrolled(program, forward):
        body.insert(0, "    _checked_steps(call)")
    wanted = dict.fromkeys([name for _, name in forward.outputs] + [e.name for e in adjoint.given])
    entries = [
        f"        {page.literal(name)}: {plan.frame.stored[name].identifier},"
        for name in wanted
        if name in plan.frame.stored and plan.frame.table[name].op != "param"
    ]
    tail = ["    return {", *entries, "    }"]
    return "\n".join([*unpacked(plan.frame, program, [*body, *tail], {}), *body, *tail])


def _backward(program: Program, forward: System, adjoint: System, plan: Plan | FastPlan) -> str:
    body = _block(plan, plan.stages[1])
    given = {e.name: f"tape[{page.literal(e.name)}]" for e in adjoint.given if e.op != "param"}
    tail = _results(program, adjoint, plan)
    return "\n".join([*unpacked(plan.frame, program, [*body, *tail], given), *body, *tail])


def _results(program: Program, adjoint: System, plan: Plan | FastPlan) -> list[str]:
    """grads, dbatch, dstate as the contract has them."""
    trained = [p.name for p in program.params if p.trained]
    real = [i.name for i in page.observed(program) if i.kind == "real"]
    states = [s.key for s in program.states if s.type == "real"]
    lines: list[str] = []
    for variable, kind, keys in (
        ("grads", "grad", trained),
        ("dbatch", "dinput", real),
        ("dstate", "dstate", states),
    ):
        found = output_entries(program, kind, adjoint)
        lines.append(f"    {variable} = {{")
        for key in keys:
            value = _output(plan, found[key]) if key in found else _missing(kind, key)
            lines.append(f"        {page.literal(key)}: np.array({value}, call.dtype),")
        lines.append("    }")
    return [*lines, "    return grads, dbatch, dstate"]


def _missing(kind: str, key: str) -> str:
    """The gradient of what the loss does not depend on."""
    table = {"grad": "call.params", "dinput": "call.inputs"}
    if kind in table:
        return f"np.zeros_like({table[kind]}[{page.literal(key)}])"
    return f"np.zeros(_state_shape(call, {page.literal(key)}))"


def _output(plan: Plan | FastPlan, name: str) -> str:
    """The steps of a quantity, without the slots around them."""
    stored = plan.frame.stored[name]
    return text(place_of(plan.frame, plan.frame.table[name], stored))


def _run(program: Program, forward: System, plan: Plan | FastPlan) -> str:
    """The function that turns a tape into a `Run`."""
    lines = ["def _run(call, tape):", '    """What the caller sees of a forward pass."""']
    used: list[str] = []

    def entry(name: str) -> str:
        stored = plan.frame.stored[name]
        used.append(name)
        return f"np.array({_output(plan, name)})" if stored.axes else stored.identifier

    outputs = [
        f"        {page.literal(k)}: {entry(v)},"
        for k, v in output_entries(program, "output", forward).items()
    ]
    nll = [
        f"        {page.literal(k)}: {entry(v)}," for k, v in output_entries(program, "nll", forward).items()
    ]
    states = [
        f"        {page.literal(k)}: {entry(v)},"
        for k, v in output_entries(program, "state", forward).items()
    ]
    if program.stream:
        states.append(f"        {page.literal(program.stream)}: _steps_done(call),")
    for name in dict.fromkeys(used):
        lines.append(f"    {plan.frame.stored[name].identifier} = tape[{page.literal(name)}]")
    lines += [
        "    outputs = {",
        *outputs,
        "    }",
        "    nll = {",
        *nll,
        "    }",
        "    state = {",
        *states,
        "    }",
    ]
    lines += ["    if call.absent:", "        return Run(outputs, None, None, state, (call, tape))"]
    loss = dict(forward.outputs).get("loss")
    value = f"_scalar(tape[{page.literal(loss)}])" if loss else "None"
    return "\n".join([*lines, f"    return Run(outputs, {value}, nll, state, (call, tape))"])


def _unrolled(program: Program, forward: System) -> dict[str, int]:
    """The axis whose steps are written one after the other, with how many there are."""
    times = {axis.index for axis in program.forward.axes if axis.length}
    return {axis.index: axis.size for axis in forward.axes if axis.size is not None and axis.index in times}


def _statics(program: Program, forward: System) -> str:
    """What `start` hands to every step besides the state."""
    streams = program.stream is not None and not program.no_stream
    return f"STATICS = {page.literal(list(steps(program, forward).statics) if streams else [])}"


def _cotangents(program: Program, forward: System) -> list[str]:
    """What `backward` takes cotangents of: the caller's key -> the equations' key."""
    table = {"loss": "loss"} if dict(forward.outputs).get("loss") else {}
    states = [state.key for state in program.states if state.type == "real"]
    table.update({f"state.{key}": f"state:{key}" for key in states})
    table.update({key: f"state:{key}" for key in states})
    table.update({key: f"output:{key}" for key in output_entries(program, "output", forward)})
    loss = page.literal(dict(forward.outputs).get("loss"))
    return [f"LOSS = {loss}", f"COTANGENTS = {page.literal(table)}"]
