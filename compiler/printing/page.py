"""The printed page: tables, functions and the parts every module shares, put together by Jinja."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ...spec.records import dataclass
from ...spec.sizes import Size
from ..dims import told
from ..ir import BATCH, Equation, System
from ..operators import TABLE, Call
from ..prelude_text import definitions, names, names_of, needed, prelude, prelude_names, prelude_source
from ..program import Init, Input, Param, Program
from .frame import rename_dims
from .lines import Lines
from .python import expression, text

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "templates/module.py.j2"
MARK = "# Written by rnnc; change the spec, not this file."


@dataclass(frozen=True, slots=True)
class Code:
    """Text that the compiler itself made: the only thing a template accepts."""

    text: str


def only_code(value: object) -> str:
    """The text of what fills a slot. Raises TypeError for anything but `Code`."""
    if not isinstance(value, Code):
        raise TypeError(f"a template was given {type(value).__name__}, not Code")
    return value.text


def render(parts: Mapping[str, str]) -> str:
    """The page with every slot filled; what fills one is not looked at again."""
    return _tidy(_template().render({name: Code(text) for name, text in parts.items()}))


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # needed by nothing but this, and slow to import

    environment = Environment(
        undefined=StrictUndefined, finalize=only_code, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(_text(TEMPLATE))


def _text(path: str) -> str:
    """A file of the compiler's folder."""
    return Path(__file__).parent.parent.joinpath(path).read_text("utf-8")


def _tidy(page: str) -> str:
    """No trailing blanks, at most two blank lines in a row, one newline at the end."""
    lines: list[str] = []
    for line in (line.rstrip() for line in page.split("\n")):
        if line or len(lines) < 2 or lines[-1] or lines[-2]:
            lines.append(line)
    return "\n".join(lines).strip("\n") + "\n"


# -------------------------------------------------------------------------------------------- tables


TABLES = (
    "DIMS SHAPES SPEC PARAMS TRAINED AXES INPUTS OPTIONAL STATES FIXED STREAM NO_STREAM COTANGENTS STATICS "
    "STATE_AXES UNROLL HEADS LOSS NOISES COUNTED SPEC_SHA256 MOVING"
).split()
FUNCTIONS = (
    "init forward backward loss_and_grad jvp start step freeze sample beam workspace Array "
    "_called _final_state _start _begin _step _draw _prepared _prepared_step _noises _jvp selfcheck "
    "learn_start learn_step _learn _influence_start"
).split()


def observed(program: Program) -> tuple[Input, ...]:
    """Everything a batch holds: inputs, then the heads' targets, but for those made from the lengths."""
    return (*program.inputs, *(head.target for head in program.heads if head.given))


def accepted(program: Program) -> tuple[Input, ...]:
    """Everything a batch may hold: noise too."""
    noises = (Input(n.name, n.axes, n.shape, "real", None, n.span) for n in program.noises)
    return (*observed(program), *noises)


def _shaped(program: Program) -> list[tuple[str, tuple[Size, ...]]]:
    """Everything with a shape of its own: parameters, inputs, targets, noise."""
    return [(p.name, p.shape) for p in program.params] + [(i.name, i.shape) for i in accepted(program)]


def literal(value: object) -> str:
    """Plain data as Python writes it, in ASCII."""
    return ascii(value)


def table(statement: str, entries: Mapping[str, str], indent: int = 1) -> list[str]:
    """A statement in which ``{}`` is a dict: its keys, and the expressions of its values."""
    items = ", ".join(f"{literal(key)}: {value}" for key, value in entries.items())
    lines = Lines(indent=indent)
    lines.add(statement.replace("{}", "{" + items + "}"))
    return lines.lines


def sizes_text(shape: Sequence[Size]) -> str:
    return "(" + "".join(f"{literal(str(size))}, " for size in shape).strip() + ")"


def tables(program: Program) -> list[str]:
    """DIMS, SHAPES and what the contract checks arguments against."""
    lines = [f"DIMS = {literal(dict(program.dims))}", "", "SHAPES = {"]
    lines += [f"    {literal(name)}: {sizes_text(shape)}," for name, shape in _shaped(program)]
    lines += ["}", "", f"PARAMS = {literal([p.name for p in program.params])}"]
    lines += [f"TRAINED = {literal([p.name for p in program.params if p.trained])}"]
    lines += [f"AXES = {literal({a.index: a.length for a in program.forward.axes if a.length})}"]
    lines += ["INPUTS = {"]
    for item in accepted(program):
        kept = (
            item.axes,
            [str(size) for size in item.shape],
            item.kind,
            str(item.count) if item.count else None,
        )
        lines.append(f"    {literal(item.name)}: {literal(kept)},")
    lines += ["}"]
    optional = [head.target.name for head in program.heads if not head.fed_back]
    states = {s.key: (s.lags, s.type) for s in program.states}
    lines += [f"OPTIONAL = {literal(optional)}", f"STATES = {literal(states)}"]
    lines += [f"STATE_AXES = {literal(_state_axes(program))}"]
    lines += [f"HEADS = {literal({h.name: h.axes for h in program.heads})}"]
    lines += [f"NOISES = {literal([n.name for n in program.noises])}"]
    lines += [f"FIXED = {literal(dict(program.fixed))}"]
    lines += [f"STREAM, NO_STREAM = {literal((program.stream, program.no_stream))}"]
    return lines


def wrapped(lines: Sequence[str]) -> str:
    """Lines of a module's top, the long ones broken."""
    out = Lines(indent=0)
    for line in lines:
        out.add(line)
    return "\n".join(out.lines)


def _state_axes(program: Program) -> dict[str, tuple[str | int, ...]]:
    """The leading dimensions of each entry of the state but for the batch: axes, or how many lags."""
    table = program.forward.table()
    return {state.key: leading(program, table[state.past]) for state in program.states}


def leading(program: Program, equation: Equation) -> tuple[str | int, ...]:
    """The dimensions of a quantity before the batch: axes, or how many lags."""
    lags = {axis.index: axis.size for axis in program.forward.axes if axis.size is not None}
    return tuple(lags.get(axis, axis) for axis in equation.axes if axis != BATCH)


def dims_functions(program: Program, statics: Iterable[Equation]) -> str:
    """`_dims` solves the dims from the parameters' shapes; `_shapes` goes the other way."""
    lines = [
        "def _dims(params):",
        '    """The dims that a set of parameters has."""',
        "    dims = dict(DIMS)",
    ]
    for way in told(program.params, [name for name, _ in program.dims], program.fixed):
        found = f"params[{literal(way.param)}].shape[{way.place}]"
        found = f"({found} - ({_size(way.rest)}))" if way.rest.terms else found
        lines.append(
            f"    dims[{literal(way.dim)}] = {found}" + (f" // {way.factor}" if way.factor > 1 else "")
        )
    rooms = _rooms(program)
    lines += ["    return _with_room(dims)" if rooms else "    return dims", "", ""]
    if rooms:
        lines += [
            "def _with_room(dims):",
            '    """The dims, if what is cut out lies inside what it is cut from."""',
        ]
        for room, said in rooms:
            lines += [f"    if {_size(room)} < 0:", f"        raise ValueError(f{literal(said)})"]
        lines += ["    return dims", "", ""]
    lines += _dict_function("_shapes", "The shape of every parameter and input.", _shaped(program))
    states = [*((s.key, s.shape) for s in program.states), *((e.name, e.shape) for e in statics)]
    lines += _dict_function("_state_shapes", "The feature shape of every entry of the state.", states)
    named = [*((i.name, i.count) for i in observed(program)), *((s.key, s.count) for s in program.states)]
    named += [(head.name, head.target.count) for head in program.heads if not head.given]
    counts = [(name, (count,)) for name, count in dict(named).items() if count is not None]
    lines += _dict_function("_token_counts", "How many there are of each token.", counts)
    return "\n".join([*lines, *_noise_function(program)]).rstrip()


def _rooms(program: Program) -> list[tuple[Size, str]]:
    """What must not be negative of the dims that a call may have, for slices and components to be there; and what
    is said."""
    table, found = program.forward.table(), dict[Size, str]()

    def need(said: str, *rooms: Size) -> None:
        for room in rooms:
            if not {*room.dims} <= {*program.fixed}:
                given = ", ".join(f"{dim} = {{dims[{literal(dim)}]}}" for dim in sorted(room.dims))
                found.setdefault(room, f"{said}, with {given}")

    for e in program.forward.equations:
        last = table[e.reads[0].name].shape[-1:] if e.reads else ()
        if e.op == "slice":
            start, size = e.attr("start"), e.attr("size")
            assert isinstance(start, Size) and isinstance(size, Size)
            need(
                f"a slice of {size} from {start} is not inside the last size {last[0]}",
                start,
                size,
                last[0] - start - size,
            )
        elif e.op == "pick" and (place := _told(table, e.reads[1].name)) is not None:
            need(f"there is no component {place} of the last size {last[0]}", last[0] - Size.of(place + 1))
    return [*found.items()]


def _told(table: Mapping[str, Equation], name: str) -> int | None:
    """The number that a quantity is, at one place or at every place of a shape."""
    e = table[name]
    e = table[e.reads[0].name] if e.op == "expand" else e
    value = e.attr("value") if e.op == "number" else None
    return int(value) if isinstance(value, float | int) else None


def cotangents_function(system: System) -> str:
    """The function of the dims that tells what shape each cotangent has that is no single number."""
    lags = {axis.index: axis.size for axis in system.axes if axis.size is not None}
    given = [e for e in system.equations if e.op == "cotangent" and (e.axes or e.shape)]
    if not given:
        return ""
    lines = [
        "def _cotangent_shapes(dims):",
        '    """The leading dimensions and the features of every cotangent."""',
    ]
    lines += ["    return {"]
    for e in sorted(given, key=lambda e: str(e.attr("key"))):
        axes = tuple(lags.get(axis, axis) for axis in e.axes)
        features = "".join(f"{_size(size)}, " for size in e.shape).strip()
        lines.append(f"        {literal(e.attr('key'))}: ({literal(axes)}, ({features})),")
    return "\n".join([*lines, "    }"])


def _noise_function(program: Program) -> list[str]:
    """How each noise is drawn, and how many uniform numbers an element of it takes."""
    if not program.noises:
        return []
    lines = [
        "def _noises():",
        '    """How every noise is drawn: uniform numbers for each element, arguments."""',
    ]
    lines += ["    return {"]
    for noise in program.noises:
        uniforms = 2 if noise.distribution == "normal" else 1
        args = ", ".join(map(literal, (uniforms, *noise.args)))
        lines.append(f"        {literal(noise.name)}: ({noise.distribution}_noise, {args}),")
    return [*lines, "    }"]


def _dict_function(name: str, doc: str, shapes: Sequence[tuple[str, Sequence[Size]]]) -> list[str]:
    """A function of the dims that gives a tuple of sizes for each name."""
    lines = [f"def {name}(dims):", f'    """{doc}"""', "    return {"]
    for key, shape in shapes:
        parts = "".join(f"{_size(size)}, " for size in shape).strip()
        lines.append(f"        {literal(key)}: ({parts}),")
    return [*lines, "    }", "", ""]


def _size(size: Size | None) -> str:
    """A size over ``dims``."""
    assert size is not None
    return text(rename_dims(str(size), {dim: f"dims[{literal(dim)}]" for dim in size.dims}))


# --------------------------------------------------------------------------------------------- init


def init_body(program: Program) -> str:
    """The body of `init`."""
    lines = [
        f"    dims = {'_with_room(_checked_dims(dims))' if _rooms(program) else '_checked_dims(dims)'}",
        "    rng = np.random.default_rng(_checked_seed(seed))",
        "    params = {",
    ]
    for param in program.params:
        lines.append(f"        {literal(param.name)}: {text(_init(param, param.init))},")
    lines += [
        "    }",
        "    return {name: np.asarray(value, _float_type(dtype)) for name, value in params.items()}",
    ]
    return "\n".join(lines)


FILLERS = frozenset("zeros ones constant normal uniform glorot he orthogonal identity sparse range".split())


def _init(param: Param, init: Init) -> ast.expr:
    """An init as an expression over `rng` and the parameter's shape."""
    if init.op in FILLERS:
        shape = expression("(" + "".join(f"{_size(size)}, " for size in param.shape) + ")")
        arguments = [_init_number(arg) for arg in init.args]
        slots = ", ".join(f"{{{i + 1}}}" for i in range(len(arguments)))
        return expression(f"init_{init.op}(rng, {{0}}{', ' if slots else ''}{slots})", shape, *arguments)
    if init.op in ("number", "dim"):
        shape = expression("(" + "".join(f"{_size(size)}, " for size in param.shape) + ")")
        return expression("init_constant(rng, {0}, {1})", shape, _init_number(init))
    return _applied(init, [_init(param, arg) for arg in init.args])


def _init_number(init: Init) -> ast.expr:
    """A number among an init's arguments."""
    if init.op == "number":
        return expression(repr(init.value))
    if init.op == "dim":
        return expression(_size(init.size))
    return _applied(init, [_init_number(arg) for arg in init.args])


def _applied(init: Init, arguments: Sequence[ast.expr]) -> ast.expr:
    """An elementwise operator on inits."""
    count = len(arguments)
    code = TABLE[init.op].printed(Call(((),) * count, ("real",) * count))
    return expression(code.text, *arguments)


def init_names(init: Init) -> set[str]:
    """The helper functions an init calls."""
    own = {f"init_{init.op}"} if init.op in FILLERS else {"init_constant"}
    return own.union(*(init_names(arg) for arg in init.args))


# ------------------------------------------------------------------------------------------ functions


SHARED = (
    "checks",
    "time",
    "directions",
    "noise",
    "segments",
    "stretches",
    "rows",
    "stepping",
    "sampling",
    "beam",
    "inits",
    "learning",
    "selfcheck",
)


@cache
def _contract() -> Mapping[str, str]:
    """The source of every function and class of the shared part, by name."""
    found: dict[str, str] = {}
    for part in SHARED:
        found |= definitions(_text(f"printing/shared/{part}.py"))
    return found


def shared_names() -> frozenset[str]:
    """Names that a printed module may not use otherwise."""
    return frozenset(_contract()) | prelude_names()


@cache
def own_functions() -> Mapping[str, str]:
    """The names of all functions that modules have in common, by their sources."""
    return {text: name for table in (_contract(), prelude()) for name, text in table.items()}


def shared_functions(parts: Mapping[str, str]) -> str:
    """The functions that a page of these parts needs, directly or not, in the order of their files."""
    table = _contract()
    used = set().union(*(names(text) for text in (_text(TEMPLATE), *parts.values())))
    sources = [table[name] for name in needed(table, used)]
    helpers = used.union(*map(names_of, sources)) & prelude_names()
    alias = ["Array = np.ndarray", prelude_source(helpers)] if helpers else []
    return "\n\n\n".join([*sources, *alias])


def docstring(program: Program, level: str) -> str:
    """The module's first lines."""
    name = PurePath(program.source.path).name.encode("ascii", "replace").decode()
    safe = "".join(c if c.isalnum() or c in "._- <>" else "_" for c in name)
    return f'"""The network of {safe}, forward and backward ({level})."""'
