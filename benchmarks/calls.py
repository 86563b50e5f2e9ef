"""Where the time of a training step goes, call by call: a compiled module beside what is written by hand.

The same source runs with a clock round every call of NumPy (`f(a)` becomes `clock(f, a)`, `a @ b` likewise), which
notes what was called, on how many numbers, and how long it took. Calls alike in this are one row. What is left of the
time that a step takes without clocks is Python's own: loops, views, functions that are not NumPy's. Of many steps the
fastest counts, with clocks and without: whatever else the machine did only adds to the others."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import rnnc
from rnnc.compiler.driver import Options
from rnnc.timing import CLOCKS, interleaved

from .cases import SPECS, Case, size_for
from .contenders import agree, computed, make
from .handwritten import HANDWRITTEN, common

CASES = (  # what falls short of what is aimed at, on some machine or other
    ("lstm_norm_peephole", "small"),
    ("lstm", "small"),
    ("lstm", "long"),
    ("vanilla", "small"),
    ("skip", "small"),
    ("gru", "tiny"),
    ("mingru", "small"),
    ("mingru", "medium"),
    ("mingru", "large"),
    ("lru", "tiny"),
    ("lru", "small"),
    ("lru", "medium"),
    ("lru", "large"),
    ("linear", "tiny"),
    ("linear", "small"),
    ("linear", "medium"),
    ("attention", "medium"),
    ("attention", "large"),
)
CLOCK = "_clock"  # its name in the source
VIEWS = {"reshape", "swapaxes", "moveaxis", "transpose"}
Calls = dict[str, tuple[int, float]]  # what: how often, and seconds in all


@dataclass(slots=True)
class Row:
    """By contender the seconds of a training step without clocks, and its calls."""

    cell: str
    size: str
    shape: str
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, Calls] = field(default_factory=dict)


def measure(cases: Sequence[tuple[str, str]], seconds: float, clock: str) -> list[dict[str, Any]]:
    rows = []
    for cell, size in cases:
        row = row_of(Case(cell, size_for(cell, size)), seconds, clock)
        print(line(row), flush=True)
        rows.append(asdict(row))
    return rows


def row_of(case: Case, seconds: float, clock: str) -> Row:
    made = {"O2": make("O2", case)}
    if case.cell in HANDWRITTEN:
        made["hand"] = make("hand", case)
        agree("hand", computed(made["O2"]), made["hand"])
    row = Row(case.cell, case.size.name, str(case.size))
    plain = {name: Fastest(one.run, clock) for name, one in made.items()}
    clocks = {name: Clock(clock) for name in made}
    runs = {name: CLOCKED[name](case, clocks[name]) for name in made}
    steps = {f"{name}, clocked": clocks[name].step(run) for name, run in runs.items()}
    interleaved({**plain, **steps}, seconds * 2, clock)
    row.seconds = {name: run.seconds for name, run in plain.items()}
    row.calls = {name: clock.fastest for name, clock in clocks.items()}
    return row


class Fastest:
    """Runs a step, and keeps the time of the fastest so far."""

    def __init__(self, run: Callable[[], object], clock: str) -> None:
        self.run, self.time, self.seconds = run, CLOCKS[clock], float("inf")

    def __call__(self) -> None:
        begin = self.time()
        self.run()
        self.seconds = min(self.seconds, self.time() - begin)


def line(row: Row) -> str:
    parts = []
    for name, found in row.calls.items():
        many = sum(count for count, _ in found.values())
        parts.append(
            f"{name} {row.seconds[name] * 1e3:.2f} ms, of which {many:,} calls {spent(found) * 1e3:.2f}"
        )
    return f"{row.cell:19} {row.size:8}" + "  ".join(parts)


# ------------------------------------------------------------------------------------------- the clock


class Clock:
    """Called in the place of functions, it times those that are NumPy's."""

    def __init__(self, clock: str) -> None:
        self.time = CLOCKS[clock]
        self.now: dict[str, list[float]] = defaultdict(list)  # of the step that runs
        self.fastest: Calls = {}
        self.own = self._cost()

    def __call__(self, function: Any, /, *args: Any, **named: Any) -> Any:
        now = self.time
        begin = now()
        result = function(*args, **named)
        end = now()
        if what := told(function, args, result):
            self.now[what].append(end - begin)
        return result

    def step(self, run: Callable[[], object]) -> Callable[[], None]:
        """Runs a step, and keeps the calls of the fastest so far; what the clock itself takes is taken off."""

        def clocked() -> None:
            self.now.clear()
            run()
            found = {
                what: (len(times), max(0.0, sum(times) - len(times) * self.own))
                for what, times in self.now.items()
            }
            if not self.fastest or spent(found) < spent(self.fastest):
                self.fastest = found

        return clocked

    def _cost(self) -> float:
        """What a call takes with the clock and does not take without."""
        a, many, now = np.zeros(8, np.float32), 3000, self.time
        begin = now()
        for _ in range(many):
            np.add(a, a, a)
        plain = (now() - begin) / many
        for _ in range(many):
            self(np.add, a, a, a)
        (found,) = self.now.values()
        return max(0.0, median(found) - plain)


def spent(calls: Calls) -> float:
    return sum(seconds for _, seconds in calls.values())


def told(function: Any, args: Sequence[Any], result: Any) -> str:
    """What was called, on how many numbers; nothing where it was not NumPy's, or made a view."""
    owner = getattr(function, "__self__", None)
    mine = isinstance(owner, np.ndarray)
    if not mine and not isinstance(function, np.ufunc):
        if not str(getattr(function, "__module__", "")).startswith("numpy"):
            return ""
    name = function.__name__
    if name in VIEWS:
        return ""
    if name in ("dot", "matmul"):
        left = owner if mine else args[0]
        rows = left.shape[-2] if left.ndim > 1 else 1
        return f"product {rows} × {left.shape[-1]} × {np.size(result) // rows}"
    return f"{name} {max(np.size(owner) if mine else 0, np.size(result)):,}"


class _Clocked(ast.NodeTransformer):
    """Every call but those of Python's own functions goes through the clock."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id):
            return node
        return ast.Call(ast.Name(CLOCK, ast.Load()), [node.func, *node.args], node.keywords)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        product = ast.Attribute(ast.Name("np", ast.Load()), "matmul", ast.Load())
        return ast.Call(ast.Name(CLOCK, ast.Load()), [product, node.left, node.right], [])


def clocked(source: str, name: str, clock: Clock) -> ModuleType:
    """A module of the source that calls the clock."""
    tree = ast.fix_missing_locations(_Clocked().visit(ast.parse(source)))
    module = ModuleType(name)
    module.__package__ = name.rpartition(".")[0]
    vars(module)[CLOCK] = clock
    exec(compile(tree, f"<{name}, clocked>", "exec"), vars(module))
    return module


def _compiled(case: Case, clock: Clock) -> Callable[[], object]:
    text = rnnc.compile(SPECS / f"{case.cell}.rnn", Options(), **case.dims)
    module, params, batch = clocked(text, case.cell, clock), case.params, case.batch
    workspace = module.workspace(params, batch)
    return lambda: module.loss_and_grad(params, batch, workspace=workspace)


def _handwritten(case: Case, clock: Clock) -> Callable[[], object]:
    """With what it shares with the others clocked too."""
    size, cell = case.size, HANDWRITTEN[case.cell]
    shared = clocked(inspect.getsource(common), common.__name__, clock)
    module = _with(common.__name__, shared, inspect.getsource(sys.modules[cell.__module__]), cell, clock)
    made = getattr(module, cell.__name__)(size.T, size.B, size.D, size.H, case.dtype)
    return lambda: made.loss_and_grad(case.params, case.batch)


CLOCKED = {"O2": _compiled, "hand": _handwritten}


def _with(name: str, shared: ModuleType, source: str, cell: type, clock: Clock) -> ModuleType:
    """A clocked module that finds `shared` when it imports `name`."""
    kept = sys.modules[name]
    sys.modules[name] = shared
    try:
        return clocked(source, cell.__module__, clock)
    finally:
        sys.modules[name] = kept


# ------------------------------------------------------------------------------------------- the table

LEAST = 0.01  # of a step: what takes less is told together


def lines(row: Mapping[str, Any]) -> list[list[str]]:
    """For each kind of call, by contender: how often in a step, microseconds each, milliseconds, share of the step."""
    calls, seconds = row["calls"], row["seconds"]
    shares = {what: max(calls[n].get(what, NONE)[1] / seconds[n] for n in seconds) for what in _kinds(calls)}
    large = sorted((what for what in shares if shares[what] >= LEAST), key=lambda what: -shares[what])
    small = [what for what in shares if what not in large]
    python = {name: (0, seconds[name] - spent(calls[name])) for name in seconds}
    kinds = [(what, {name: calls[name].get(what, NONE) for name in seconds}) for what in large]
    kinds.append(
        (f"{len(small)} other kinds of call", {name: _together(calls[name], small) for name in seconds})
    )
    kinds.append(("Python between the calls", python))
    kinds.append(("a training step", {name: (0, seconds[name]) for name in seconds}))
    return [
        [what, *(cell for n in seconds for cell in _cells(*found[n], seconds[n]))] for what, found in kinds
    ]


NONE = (0, 0.0)


def _kinds(calls: Mapping[str, Calls]) -> list[str]:
    return list(dict.fromkeys(what for found in calls.values() for what in found))


def _together(calls: Calls, kinds: Sequence[str]) -> tuple[int, float]:
    found = [calls[what] for what in kinds if what in calls]
    return sum(count for count, _ in found), sum(seconds for _, seconds in found)


def _cells(count: int, seconds: float, whole: float) -> list[str]:
    if not seconds:
        return ["", "", "", ""]
    often = [f"{count:,}", f"{seconds / count * 1e6:.2f}"] if count else ["", ""]
    return [*often, f"{seconds * 1e3:.2f}", f"{seconds / whole:.0%}"]
