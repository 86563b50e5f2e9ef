"""``rnnc bench``: how long a spec's module takes, and how long its equations take elsewhere."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .compiler.driver import Compiled
from .measured import Array, Measured
from .peers.run import Peer, peer
from .spec.records import dataclass
from .timing import interleaved, repeated

TOLERANCES = {"float32": 1e-3, "float64": 1e-9}  # of the largest of an array
STEPS_TOGETHER = 20
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """What was timed, seconds by contender; ``note`` stands in the module's place where there is no figure."""

    what: str
    seconds: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """``differences``: by peer the largest difference of outputs, loss and gradients, relative to the largest of each
    array, and where. ``wrong`` are the peers that differ too much; they are not timed."""

    title: str
    ours: str
    lines: tuple[Line, ...]
    memory: float  # bytes
    compile_seconds: Mapping[str, float]
    peers: tuple[Peer, ...]
    differences: Mapping[str, tuple[float, str]]
    wrong: frozenset[str]

    def __str__(self) -> str:
        return _text(self)


def bench(compiled: Compiled, measured: Measured, against: Sequence[str], seconds: float) -> Bench:
    """Runs it all: agreement first, then times, then memory."""
    ours = f"-O{compiled.options.level}"
    peers = tuple(peer(name, measured, compiled.forward) for name in against)
    differences = {one.name: difference(measured, one) for one in peers}
    tolerance = TOLERANCES[measured.dtype]
    wrong = frozenset(name for name, (worst, _) in differences.items() if not worst <= tolerance)
    timed = [one for one in peers if one.name not in wrong]
    lines = [_timed("forward", {ours: measured.forward, **{p.name: p.forward for p in timed}}, seconds)]
    whole: Callable[[], object] = measured.forward
    if measured.has_loss:
        whole = measured.loss_and_grad
        runs = {ours: whole, **{p.name: p.gradients for p in timed}}
        lines.append(_timed("forward and gradients", runs, seconds))
    lines.append(_steps(ours, measured, seconds))
    compile_seconds = {
        ours: sum(compiled.seconds.values()),
        **{p.name: p.seconds for p in peers if p.seconds},
    }
    return Bench(
        _title(compiled, measured),
        ours,
        tuple(lines),
        _peak(measured),
        compile_seconds,
        peers,
        differences,
        wrong,
    )


def _timed(what: str, runs: Mapping[str, Callable[[], object]], seconds: float) -> Line:
    return Line(what, interleaved(runs, seconds))


def _steps(ours: str, measured: Measured, seconds: float) -> Line:
    step = measured.stepping()
    if isinstance(step, str):
        return Line("one step", {}, f"not step by step: {step}")
    times = interleaved({ours: repeated(step, STEPS_TOGETHER)}, seconds / 2)
    return Line("one step", {ours: times[ours] / STEPS_TOGETHER})


def difference(measured: Measured, other: Peer) -> tuple[float, str]:
    """The largest difference between what a peer and the module compute, and of what."""
    run = measured.forward()
    outputs = other.outputs(other.forward())
    pairs = [(f"output {name}", value, outputs[f"output:{name}"]) for name, value in run.outputs.items()]
    if measured.has_loss:
        loss, grads = measured.loss_and_grad()
        other_loss, other_grads = other.numbers(other.gradients())
        pairs.append(("the loss", np.asarray(loss), np.asarray(other_loss)))
        pairs += [(f"the gradient of {name}", grad, other_grads[name]) for name, grad in grads.items()]
    return max(((_relative(a, b), what) for what, a, b in pairs), default=(0.0, ""))


def _relative(a: Array, b: Array) -> float:
    """Not a number where it is in one alone."""
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        far = np.where(same, 0.0, np.abs(a - b))
    scale = float(np.max(np.abs(a), initial=0.0))
    return float(np.max(far, initial=0.0)) / (scale if scale and np.isfinite(scale) else 1.0)


def _peak(measured: Measured) -> float:
    """The most that arrays take beside parameters and batch, in a call that keeps no buffers."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        if measured.has_loss:
            measured.module.loss_and_grad(measured.params, measured.batch, train=False)
        else:
            measured.forward()
        return float(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------------------------------------- text


def _title(compiled: Compiled, measured: Measured) -> str:
    numbers = sum(np.size(measured.params[name]) for name in measured.module.TRAINED)
    names = dict(measured.subject.axes)
    steps = ", ".join(f"{names[axis]} = {count}" for axis, count in measured.lengths.items())
    return (
        f"{compiled.source.path}: {measured.rows} sequences, {steps}, {measured.dtype}, one thread; "
        f"{numbers:,} parameters"
    )


def _text(found: Bench) -> str:
    names = [found.ours, *(p.name for p in found.peers)]
    rows = [["", *names]]
    for line in found.lines:
        if line.seconds:
            rows.append([line.what, *(_cell(line.seconds, name, found.ours) for name in names)])
    rows.append(["memory", f"{found.memory / MIB:.1f} MiB", *("" for _ in found.peers)])
    seconds = found.compile_seconds
    rows.append(["compiling", *(f"{seconds[name]:.2f} s" if name in seconds else "" for name in names)])
    notes = [f"{line.what}: {line.note}\n" for line in found.lines if line.note]
    return f"{found.title}\n\n{_table(rows)}\n{''.join(notes)}{''.join(map(_told(found), found.peers))}"


def _told(found: Bench) -> Callable[[Peer], str]:
    def told(one: Peer) -> str:
        worst, what = found.differences[one.name]
        if one.name in found.wrong:
            return f"{one.name} ({one.how}) is not timed: {what} differs by {worst:.1e} of its largest\n"
        return f"{one.name}: {one.how}; agrees to {worst:.1e}\n"

    return told


def _cell(seconds: Mapping[str, float], name: str, ours: str) -> str:
    """A time, and of a peer how many times ours it is."""
    if name not in seconds:
        return ""
    value = seconds[name]
    text = (
        f"{value * 1e6:.1f} µs"
        if value < 1e-3
        else f"{value * 1e3:.2f} ms"
        if value < 1
        else f"{value:.2f} s"
    )
    return text if name == ours else f"{text} (x{value / seconds[ours]:.2f})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([f"{row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:]))])
        for row in rows
    ]
    return "".join(line.rstrip() + "\n" for line in lines)
