"""``rnnc show``: explains a spec."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from .. import api
from ..compiler.driver import Compiled
from ..compiler.ir import BATCH, Equation
from ..compiler.program import Program
from ..equations import equations
from ..failure import FINE
from ..files import check_replaceable
from ..roles import observed
from ..runtime.files import write_text
from ..spec.records import dataclass
from ..terminal import show_diagnostics
from .options import add_compile_options, compile_options, whole


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn", help="`-` is standard input")
    what = command.add_mutually_exclusive_group()
    for name, view in VIEWS.items():
        what.add_argument(f"--{name}", dest="view", action="store_const", const=name, help=view.summary)
    command.set_defaults(view="equations")
    command.add_argument("--unroll", type=whole(1), metavar="K", help="the schedule of exactly K steps")
    command.add_argument("-o", dest="out", metavar="FILE", default="-", help="default: standard output")
    command.add_argument("--force", action="store_true", help="overwrite a file")
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    view = VIEWS[arguments.view]
    compiled = api.compile_file(arguments.spec, replace(compile_options(arguments), stop_after=view.stage))
    show_diagnostics(compiled.warnings)
    text = view.draw(compiled)
    if arguments.out == "-":
        sys.stdout.write(text)
    else:
        check_replaceable(arguments.out, None, arguments.force)
        write_text(arguments.out, text)
    return FINE


def params(compiled: Compiled) -> str:
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


def shapes(compiled: Compiled) -> str:
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
    draw: Callable[[Compiled], str]


VIEWS = {
    "equations": View(
        "every equation, cells opened (default)", "check", lambda compiled: equations(compiled.program)
    ),
    "shapes": View("inputs, targets and quantities with their sizes", "check", shapes),
    "params": View("parameters with their sizes", "check", params),
    "schedule": View(
        "what runs in which order, in which loop", "schedule", lambda compiled: compiled.dump("schedule")
    ),
}


def _list(items: Sequence[object]) -> str:
    return f"[{', '.join(map(str, items))}]" if items else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "".join(line + "\n" for line in lines)
