"""``rnnc show``: explains a spec."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from .. import api
from ..compiler.driver import Compiled, Options
from ..compiler.ir import BATCH, Equation
from ..compiler.program import Program
from ..equations import equations
from ..failure import FINE, Failure
from ..files import check_replaceable
from ..graph import graph
from ..graph_svg import svg
from ..graph_text import dot, mermaid
from ..latex import latex
from ..roles import observed
from ..runtime.files import write_text
from ..spec.records import dataclass
from ..terminal import show_diagnostics
from .options import add_compile_options, compile_options, whole

STEPS, ROWS = 100, 8
PICTURES = {".svg": svg, ".dot": dot, ".gv": dot, ".mmd": mermaid, ".mermaid": mermaid}


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn", help="`-` is standard input")
    what = command.add_mutually_exclusive_group()
    for name, view in VIEWS.items():
        what.add_argument(f"--{name}", dest="view", action="store_const", const=name, help=view.summary)
    command.set_defaults(view="equations")
    _add_data_arguments(command.add_argument_group("for --gradient-flow and --cost"))
    command.add_argument(
        "--unroll", type=whole(1), metavar="K", help="the schedule, or the graph, of exactly K steps"
    )
    command.add_argument("-o", dest="out", metavar="FILE", default="-", help="default: standard output")
    command.add_argument("--force", action="store_true", help="overwrite a file")
    add_compile_options(command)


def _add_data_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights",
        metavar="W.npz",
        help="what `rnnc train` left (--gradient-flow; default: starting weights)",
    )
    group.add_argument("--data", metavar="FILE.npz",
                       help="arrays named like inputs, targets and lengths (--gradient-flow; else drawn)")  # fmt: skip
    group.add_argument("--steps", type=whole(1), default=STEPS, metavar="T",
                       help=f"of sequences drawn at random (default {STEPS})")  # fmt: skip
    group.add_argument("--batch", type=whole(1), default=ROWS, metavar="B",
                       help=f"how many sequences (default {ROWS})")  # fmt: skip
    group.add_argument("--seed", type=whole(0), default=0, help="of starting weights and of what is drawn")


def run(arguments: argparse.Namespace) -> int:
    view = VIEWS[arguments.view]
    compiled = _compiled(arguments, replace(compile_options(arguments), stop_after=view.stage))
    show_diagnostics(compiled.warnings)
    text = view.draw(compiled, arguments)
    if arguments.out == "-":
        sys.stdout.write(text)
    else:
        check_replaceable(arguments.out, None, arguments.force)
        write_text(arguments.out, text)
    return FINE


def _compiled(arguments: argparse.Namespace, options: Options) -> Compiled:
    if arguments.weights is None:
        return api.compile_file(arguments.spec, options)
    from ..noted import compile_noted

    try:
        return compile_noted(arguments.spec, options, arguments.weights)
    except ValueError as error:
        raise Failure(str(error)) from None


def gradient_flow(compiled: Compiled, arguments: argparse.Namespace) -> str:
    """A picture where the output's name asks for one, else text."""
    from ..flow_view import show

    return show(compiled, arguments)


def picture(compiled: Compiled, arguments: argparse.Namespace) -> str:
    """The graph in the form that the output's name asks for."""
    ending = os.path.splitext(arguments.out)[1] or ".dot"
    if ending not in PICTURES:
        raise Failure(f"{arguments.out}: a graph is written to a name in {', '.join(PICTURES)}")
    return PICTURES[ending](graph(compiled.program, arguments.unroll))


def cost(compiled: Compiled, arguments: argparse.Namespace) -> str:
    from ..cost_view import show

    return show(compiled, arguments)


def params(compiled: Compiled, _: argparse.Namespace) -> str:
    """Every parameter: shape by name and by number, how many numbers; constants marked."""
    program = compiled.program
    dims = dict(program.dims)
    rows = [["parameter", "shape", "sizes", "numbers", ""]]
    total = 0
    for param in program.params:
        sizes = [size.value(dims) for size in param.shape]
        total += prod(sizes) * param.trained
        kind = "" if param.trained else "constant"
        rows.append([param.name, _list(param.shape), _list(sizes), f"{prod(sizes):,}", kind])
    return _table([*rows, ["trained in all", "", "", f"{total:,}", ""]])


def shapes(compiled: Compiled, _: argparse.Namespace) -> str:
    """Dims, then inputs, targets and quantities of the spec with their axes and sizes."""
    program = compiled.program
    dims = "".join(f"dim {name} = {value}\n" for name, value in program.dims)
    rows = [["quantity", "axes", "type", "sizes"]]
    dim_values = dict(program.dims)
    for item in observed(program).values():
        kind = f"token({item.count})" if item.count is not None else item.kind
        sizes = _list([size.value(dim_values) for size in item.shape])
        rows.append([item.name, _list(item.axes), kind + _list(item.shape), sizes])
    for equation in _quantities(program):
        axes = [axis for axis in equation.axes if axis != BATCH]
        sizes = _list([size.value(dim_values) for size in equation.shape])
        rows.append([equation.name, _list(axes), equation.type + _list(equation.shape), sizes])
    return f"{dims}\n{_table(rows)}"


def _quantities(program: Program) -> list[Equation]:
    leaves = ("param", "input")
    return [e for e in program.forward.equations if e.name == e.origin and e.op not in leaves]


@dataclass(frozen=True, slots=True)
class View:
    """``stage``: the last one needed."""

    summary: str
    stage: str
    draw: Callable[[Compiled, argparse.Namespace], str]


VIEWS = {
    "equations": View(
        "every equation, cells opened (default)", "check", lambda compiled, _: equations(compiled.program)
    ),
    "latex": View(
        "the equations in LaTeX, as the book prints them",
        "check",
        lambda compiled, _: latex(compiled.program),
    ),
    "shapes": View("inputs, targets and quantities with their sizes", "check", shapes),
    "params": View("parameters with their sizes", "check", params),
    "schedule": View(
        "what runs in which order, in which loop",
        "schedule",
        lambda compiled, _: compiled.dump("schedule"),
    ),
    "graph": View(
        "who reads whom: DOT, or what the end of -o says (.svg, .dot, .mmd); with --unroll unfolded",
        "check",
        picture,
    ),
    "cost": View("operations, functions, bytes and time of a training step", "print", cost),
    "gradient-flow": View("how far back the loss of the last step reaches", "print", gradient_flow),
}


def _list(items: Sequence[object]) -> str:
    return f"[{', '.join(map(str, items))}]" if items else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "".join(line + "\n" for line in lines)
