"""``rnnc bench``: how long a spec's module takes, and how long its equations take elsewhere."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .columns import columns
from .compiler.driver import Compiled
from .failure import Failure
from .measured import Array, Measured
from .peers.libraries import Missing
from .peers.run import Peer, peer
from .spec.records import dataclass
from .timing import interleaved, repeated

TOLERANCES = {"float32": 1e-3, "float64": 1e-9}  # of the largest of an array
STEPS_TOGETHER = 20
ROUNDING = 1000  # units in the last place of the largest gradient
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
    array, and where. ``wrong`` are the peers that differ too much; they are not timed. ``unable``: why others cannot
    run the equations."""

    title: str
    ours: str
    lines: tuple[Line, ...]
    memory: float  # bytes
    compile_seconds: Mapping[str, float]
    peers: tuple[Peer, ...]
    differences: Mapping[str, tuple[float, str]]
    wrong: frozenset[str]
    unable: Mapping[str, str]

    def __str__(self) -> str:
        return _text(self)


def bench(compiled: Compiled, measured: Measured, against: Sequence[str], seconds: float) -> Bench:
    """Runs it all: agreement first, then times, then memory."""
    ours = f"-O{compiled.options.level}"
    found, unable = _peers(compiled, measured, against)
    peers, differences = tuple(one for one, _ in found), {one.name: worst for one, worst in found}
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
        unable,
    )


def _timed(what: str, runs: Mapping[str, Callable[[], object]], seconds: float) -> Line:
    return Line(what, interleaved(runs, seconds))


def _steps(ours: str, measured: Measured, seconds: float) -> Line:
    step = measured.stepping()
    if isinstance(step, str):
        return Line("one step", {}, f"not step by step: {step}")
    times = interleaved({ours: repeated(step, STEPS_TOGETHER)}, seconds / 2)
    return Line("one step", {ours: times[ours] / STEPS_TOGETHER})


Compared = tuple[Peer, tuple[float, str]]


def _peers(
    compiled: Compiled, measured: Measured, against: Sequence[str]
) -> tuple[list[Compared], Mapping[str, str]]:
    """Those that run the equations, with the largest difference; and why others do not, in their own words."""
    found, unable, ours = [], {}, computed(measured)
    for name in against:
        try:
            one = peer(name, measured, compiled.forward)
            found.append((one, largest(differences(ours, computed_by(one, measured.has_loss)))))
        except Missing:
            raise
        except Failure as error:
            unable[name] = str(error)
        except Exception as error:
            unable[name] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return found, unable


GRADIENT = "the gradient of "


def computed(measured: Measured) -> dict[str, Array]:
    """Outputs, loss and gradients, by what a report calls them."""
    run = measured.forward()
    found = {f"output {name}": value.copy() for name, value in run.outputs.items()}
    if measured.has_loss:
        loss, grads = measured.loss_and_grad()
        found["the loss"] = np.asarray(loss)
        found |= {GRADIENT + name: grad.copy() for name, grad in grads.items()}
    return found


def computed_by(other: Peer, has_loss: bool) -> dict[str, Array]:
    outputs = other.outputs(other.forward())
    found = {f"output {key.removeprefix('output:')}": value for key, value in outputs.items()}
    if has_loss:
        loss, grads = other.numbers(other.gradients())
        found["the loss"] = np.asarray(loss)
        found |= {GRADIENT + name: grad for name, grad in grads.items()}
    return found


def differences(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> dict[str, float]:
    """The largest of each array, relative to the largest of ours. A gradient that is 0 by symmetry is rounding in both,
    and differs by all of it: it is seen relative to the largest of all gradients, or to the loss where all are 0."""
    whole = max((_size(array) for what, array in ours.items() if what.startswith(GRADIENT)), default=0.0)
    loss = _size(ours["the loss"]) if "the loss" in ours else 0.0
    found = {}
    for what, a in ours.items():
        eps = np.finfo(a.dtype).eps if what.startswith(GRADIENT) else 0.0
        scale = whole if whole > 10 * eps * loss else loss
        noise = max(_size(a), _size(theirs[what])) <= ROUNDING * eps * scale
        found[what] = _apart(a, theirs[what]) / ((scale if noise else _size(a)) or 1.0)
    return found


def largest(found: Mapping[str, float]) -> tuple[float, str]:
    return max(((size, what) for what, size in found.items()), default=(0.0, ""))


def _size(a: Array) -> float:
    size = float(np.max(np.abs(a), initial=0.0))
    return size if np.isfinite(size) else 0.0


def _apart(a: Array, b: Array) -> float:
    """Without end where one alone is not a number, or shapes differ."""
    if np.shape(a) != np.shape(b):
        return float("inf")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        far = float(np.max(np.where(same, 0.0, np.abs(a - b)), initial=0.0))
    return far if not np.isnan(far) else float("inf")


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
    parts = [
        f"{measured.rows} sequence{'' if measured.rows == 1 else 's'}",
        *(f"{names[axis]} = {count}" for axis, count in measured.lengths.items()),
        measured.dtype,
        f"one thread; {numbers:,} parameters",
    ]
    return f"{compiled.source.path}: {', '.join(parts)}"


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
    notes += [*map(_told(found), found.peers)]
    notes += [f"{name} cannot run it: {why}\n" for name, why in found.unable.items()]
    notes += [DIFFERENT] * bool(found.wrong)
    return f"{found.title}\n\n{columns(rows)}\n\n{''.join(notes)}"


DIFFERENT = """\
rounding alone does that where gradients grow from step to step (`rnnc show --gradient-flow` tells): then fewer --steps,
or --dtype float64, bring the two together; `rnnc test` says whether the gradients are right
"""


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
