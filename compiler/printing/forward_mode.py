"""`jvp`: the printed function of the equations and their tangents together, in the same loops."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import System
from ..program import Program
from . import page
from .body import print_stages
from .fast_body import Printer
from .lines import Lines
from .plan import output, output_entries, sources, textbook_plan
from .storage import fast_plan
from .unpack import whole_body

SECTION = "# --------------------------------------------------------------------- tangents, --with jvp"

JVP = '''def jvp(
    params, batch, d_params=None, d_batch=None, d_state=None, *, state=None, train=False, seed=0, last=True
):
    """How the loss, the outputs and the final state of a batch move with the parameters, the real inputs and
    the starting state, along the directions given: a `Run` of tangents, without a tape."""
    call = _called(params, batch, state, train, seed, last, None)
    call.directions = _checked_directions(call, d_params, d_batch, d_state)
    with _quiet(call):
        return _jvp(call)'''


def jvp(program: Program, system: System, level: int, written: Mapping[str, int]) -> str:
    """The section."""
    if level:
        fast = fast_plan(program, (system,), written)
        printer = Printer(fast)
        kept = [source for _, name in system.outputs for source in sources(fast.frame, name)]
        frame, body, passing = fast.frame, printer.print(fast.stages[0], kept), printer.passing
    else:
        plan, lines = textbook_plan(program, (system,)), Lines()
        print_stages(plan.frame, plan.demands, plan.stages[0], lines)
        frame, body, passing = plan.frame, lines.lines, set()
    tail: list[str] = []
    for kind, variable in (("output", "outputs"), ("nll", "nll"), ("state", "after")):
        entries = {key: output(frame, name) for key, name in output_entries(system, kind).items()}
        tail += page.table(f"{variable} = _own({{}}, dtype)", entries)
    loss = dict(system.outputs).get("loss")
    total = f"_scalar({output(frame, loss)})" if loss else "None"
    tail += ["    if call.absent:", "        return Run(outputs, None, None, after, None)"]
    tail += [f"    return Run(outputs, {total}, nll, after, None)"]
    head = ["def _jvp(call):", '    """The equations, and beside each quantity h its tangent h_dot."""']
    function = "\n".join([*head, *whole_body(frame, program, [*body, *tail], passing=passing)])
    return "\n\n\n".join([SECTION, JVP, function])
