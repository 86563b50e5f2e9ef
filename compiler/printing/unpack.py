"""The first lines of a printed function: names for what its body reads, and for nothing else."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from ..prelude_text import names
from ..program import Program
from . import page
from .folding import folded
from .frame import Frame, Quick
from .lines import WIDTH, Lines
from .naming import free_name
from .structure import is_at_hand

GAP = 2  # a run of parameters goes on over one that is not read


def whole_body(
    frame: Frame,
    program: Program,
    statements: Sequence[str],
    given: Mapping[str, str] | None = None,
    passing: Collection[str] = (),
) -> list[str]:
    """A function's statements below those that name what they read; ``passing`` names what may be folded."""
    lines = folded(statements, passing) if passing else statements
    return [*unpacked(frame, program, lines, given or {}), *lines]


def unpacked(frame: Frame, program: Program, body: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """Assignments from ``call``; ``given`` maps quantities to where else they come from."""
    used, lines = names("\n".join(body)), Lines()
    lines.assign_all({name: value for name, value in _alone(frame, program).items() if name in used})
    params = [param.name for param in program.params if param.name in frame.stored]
    tables = {"call.dims": {name: dim for dim, name in frame.dim_names.items()}}
    if frame.quick is not None and frame.quick.frozen is not None:
        lines.add(f"[{', '.join(frame.quick.kept(used))}] = call.prepared")
    elif frame.quick is not None:
        _weights(lines, frame, frame.quick, program, used)
    else:
        tables["call.params"] = {frame.stored[name].identifier: name for name in params}
    for name in frame.stored:
        if name not in given and is_at_hand(frame, name):
            key = str(frame.table[name].attr("name"))
            tables.setdefault("call.inputs", {})[frame.stored[name].identifier] = key
    for name, table in given.items():
        if name in frame.stored:
            tables.setdefault(table, {})[frame.stored[name].identifier] = name
    whole = {"call.dims": [dim for dim, _ in program.dims], "call.params": [p.name for p in program.params]}
    for table, entries in tables.items():
        wanted = {name: key for name, key in entries.items() if name in used}
        if len(wanted) > 1 and [*wanted.values()] == whole.get(table):
            _values(lines, table, wanted)
        else:
            _entries(lines, table, wanted)
    return lines.lines


def _alone(frame: Frame, program: Program) -> dict[str, str]:
    """What has a statement of its own: sizes, lengths, steps so far, what a call keeps; name -> where it stands."""
    plain = {name: f"call.{name}" for name in ("B", "dtype", "state", "buffer", "buffers", "last")}
    plain |= {"fresh": "call.state is None"}
    if frame.stepped:
        plain.pop("state")
    if frame.stream:
        plain[frame.past] = f"state[{page.literal(frame.stream)}]" if frame.stepped else "_steps_before(call)"
    if frame.each:
        plain[frame.each] = "call.numbers"
    if frame.total:
        plain[frame.total] = "call.total"
    for axis, around in frame.axes.items():
        length = program.forward.axis(axis).length
        lengths = f"state[{page.literal(length)}]" if frame.stepped else f"call.lengths[{page.literal(axis)}]"
        plain[around.length] = lengths
        plain[around.longest] = f"call.longest[{page.literal(axis)}]"
    return plain


def _values(lines: Lines, table: str, names: Iterable[str]) -> None:
    """All that a table has, in its order."""
    line = f"{', '.join(names)} = {table}.values()"
    lines.add(line if len(line) <= lines.room else f"[{', '.join(names)}] = {table}.values()")


def _weights(lines: Lines, frame: Frame, quick: Quick, program: Program, used: Container[str]) -> None:
    """The parameters that are read, each run of them at one go, as `_at_hand` has them; and those that are
    wanted otherwise, as they are."""
    targets, plain = list[str](), list[str]()
    for param in program.params:
        stored = frame.stored.get(param.name)
        name = stored.identifier if stored is not None else ""
        turned = quick.turned.get(name, "")
        if name in used and len(param.shape) == 2:
            turned = turned or free_name(f"{name}_T", quick.taken)
            plain.append(f"{name} = {turned}.T")
        elif name in used and len(param.shape) == 1 and param.name not in quick.rows:
            plain.append(f"{name} = {name}[0]")
        targets.append(turned or (name if name in used else ""))
    for start, stop in _runs([bool(name) for name in targets]):
        part = "" if stop - start == len(targets) else f"[{start or ''}:{stop}]"
        lines.add(f"[{', '.join(name or '_' for name in targets[start:stop])}] = call.weights{part}")
    for line in plain:
        lines.add(line)


def _runs(wanted: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the runs of what is wanted start and stop."""
    runs: list[tuple[int, int]] = []
    for place in (place for place, is_wanted in enumerate(wanted) if is_wanted):
        if runs and place - runs[-1][1] < GAP:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs


def _entries(lines: Lines, table: str, keys: Mapping[str, str]) -> None:
    """Entries of one table, several a line."""
    quoted = {name: page.literal(key) for name, key in keys.items()}
    for group in _groups(quoted, WIDTH - 16 - len(table)):
        if len(group) == 1:
            lines.add(f"{', '.join(group)} = {table}[{', '.join(group.values())}]")
        else:
            lines.add(f"{', '.join(group)} = entries({table}, {', '.join(group.values())})")


def _groups(values: Mapping[str, str], room: int) -> Iterator[dict[str, str]]:
    """The items in order, as many together as fit into the room."""
    group: dict[str, str] = {}
    for name, value in values.items():
        if group and sum(len(n) + len(v) + 4 for n, v in [*group.items(), (name, value)]) > room:
            yield group
            group = {}
        group[name] = value
    if group:
        yield group
