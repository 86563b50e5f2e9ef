"""What must hold of every spec that compiles, whatever it says: each property of a compiled module as a check.

A `Subject` is a spec compiled at -O0 and -O2, with parameters and a ragged batch (lengths 0 and 1 among
others). A property that does not hold raises AssertionError."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from unittest import mock

import numpy as np
from conditioning import COARSEST, unknown_part
from nearness import Arrays, bits, frozen, is_real, near
from rnnc import stages
from rnnc.api import module_from
from rnnc.compiler.differentiate import differentiate
from rnnc.compiler.driver import Compiled, Options, compile_source
from rnnc.compiler.ir import System
from rnnc.compiler.program import Program
from rnnc.compiler.reference import Evaluator, Shaken
from rnnc.spec.source import Source

STEP = 1e-30
LEVELS = (0, 2)
LARGEST = 8  # dims that are free
POSITIVE = "positive"  # inputs whose name begins so are greater than 0 inside their sequences


@functools.lru_cache(maxsize=4)
def compiled(text: str, level: int) -> Compiled:
    return compile_source(Source("random.rnn", text), Options(level=level), lambda path, span: None)


@dataclass
class Subject:
    """``lengths`` by axis index, one for each sequence of the batch; drawn if none are given. ``labels`` are
    tokens that are never 0."""

    text: str
    seed: int = 0
    lengths: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    modules: dict[int, Any] = field(default_factory=dict)
    directions: int = 0  # derivatives held against a complex step
    worst: float = 0.0  # the largest difference met, over what is tolerated

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.made = {level: compiled(self.text, level) for level in LEVELS}
        self.modules = {
            level: module_from(made.text, f"random_O{level}") for level, made in self.made.items()
        }
        self.m = self.modules[max(LEVELS)]
        changed = {
            n: min(v, LARGEST) + int(self.rng.integers(0, 2))
            for n, v in self.m.DIMS.items()
            if n not in self.m.FIXED
        }
        self.dims = {**self.m.DIMS, **changed}
        drawn = self.m.init(seed=self.seed, dtype="float64", **changed)
        learned = {param.name for param in self.program.params if param.trained}
        moved = {k: v + 0.4 * self.rng.standard_normal(v.shape) for k, v in drawn.items() if k in learned}
        self.params = frozen({**drawn, **moved})
        longest = {axis: 6 - i for i, axis in enumerate(self.m.AXES)}
        random = {axis: self.rng.permutation([most, 0, 1, 3]) for axis, most in longest.items()}
        self.lengths = {**random, **self.lengths}
        self.batch = self.batch_of(self.lengths)

    # -------------------------------------------------------------------------------- material

    def size(self, text: str) -> int:
        return int(eval(text, {}, dict(self.dims)))

    def batch_of(self, lengths: Mapping[str, Any]) -> Arrays:
        rows = len(next(iter(lengths.values())))
        batch: Arrays = {self.m.AXES[axis]: np.asarray(values) for axis, values in lengths.items()}
        for name, (axes, sizes, kind, count) in self.m.INPUTS.items():
            lead = tuple(int(max(lengths[axis], default=0)) for axis in axes) + (rows,)
            shape = lead + tuple(map(self.size, sizes))
            batch[name] = self._values(name, shape, kind, count)
        return frozen(batch)

    def _values(self, name: str, shape: tuple[int, ...], kind: str, count: str | None) -> Any:
        if kind == "real":
            values = self.rng.standard_normal(shape)
            return np.exp(values) if name.startswith(POSITIVE) else values
        if kind == "bool":
            return self.rng.random(shape) < 0.5
        return self.rng.integers(name in {*self.ended, *self.labels}, self.size(count) if count else 4, shape)

    @cached_property
    def ended(self) -> set[str]:
        """Heads among whose symbols one may end the sequence, which is taken to be 0: it is left out."""
        rule = self.program.stop
        return set() if rule is None or rule.event else {head.name for head in self.program.heads}

    def inside(self, name: str, lengths: Mapping[str, Any]) -> Any:
        """Which places of an input are its sequences' own."""
        axes = self.m.INPUTS[name][0]
        array = self.batch[name]
        valid = np.ones(array.shape[: len(axes) + 1], bool)
        for place, axis in enumerate(axes):
            steps = np.arange(array.shape[place]).reshape((-1,) + (1,) * (len(axes) - place))
            valid &= steps < lengths[axis]
        return valid.reshape(valid.shape + (1,) * (array.ndim - valid.ndim))

    @property
    def program(self) -> Program:
        return self.made[max(LEVELS)].program

    @property
    def forward(self) -> System:
        """The equations as the checker hands them on."""
        return self.program.forward

    @cached_property
    def streams(self) -> bool:
        """Whether there are chunks that need not know how long the whole is."""
        return bool(self.m.STREAM) and not self.m.NO_STREAM and not self.program.counted

    @cached_property
    def state(self) -> Arrays | None:
        """A carried state that no sequence had: None where there is none."""
        if not self.streams or not self.m.STATES:
            return None
        found = self.m.forward(self.params, self.batch).state
        real = {k: v + 0.3 * self.rng.standard_normal(v.shape) for k, v in found.items() if is_real(v)}
        return frozen({**found, **real})

    @cached_property
    def cotangents(self) -> Arrays:
        """Random ones of the loss, all outputs and last states."""
        run = self.m.forward(self.params, self.batch)
        shapes = {key: np.shape(self.result(run, key)) for key in self.m.COTANGENTS}
        keys = [k for k in shapes if not (k.startswith("state.") and k.removeprefix("state.") in self.shown)]
        return {key: np.float64(self.rng.standard_normal(shapes[key])) for key in keys}

    @property
    def shown(self) -> set[str]:
        """Carried quantities that are no outputs: their last state goes by the plain name."""
        return {k for k in self.m.COTANGENTS if f"state.{k}" in self.m.COTANGENTS and not self.is_output(k)}

    def is_output(self, key: str) -> bool:
        return self.m.COTANGENTS[key].startswith("output:")

    def result(self, run: Any, key: str) -> Any:
        if key == "loss":
            return run.loss
        return (
            run.outputs[key] if self.is_output(key) else run.state[self.m.COTANGENTS[key].partition(":")[2]]
        )

    def weighed(self, run: Any) -> Any:
        """The number whose gradient the cotangents ask for."""
        return sum((c * self.result(run, key)).sum() for key, c in self.cotangents.items())

    def runs(self) -> Iterator[tuple[int, Any, Arrays | None, Any]]:
        """Forward at each level, without and with a carried state."""
        for level, module in self.modules.items():
            for state in [None] if self.state is None else [None, self.state]:
                yield level, module, state, module.forward(self.params, self.batch, state=state)

    def check(self) -> None:
        """All properties of this file."""
        for check in PROPERTIES:
            self.holds(check)

    def holds(self, check: Callable[[Subject], None]) -> None:
        """A check; where it fails, once more as exactly as the numbers can be known at all."""
        with np.errstate(all="ignore"):
            try:
                check(self)
            except AssertionError:
                token = COARSEST.set(10 * self.unknown)
                try:
                    check(self)
                finally:
                    COARSEST.reset(token)

    @cached_property
    def unknown(self) -> float:
        """The part of the results and gradients that nobody can know."""
        weights = {self.m.COTANGENTS[key]: value for key, value in self.cotangents.items()}
        given = (
            stages.Arguments(self.params, self.batch, state, weights, self.dims)
            for state in (None, self.state)
        )
        return max(unknown_part(self.made[0], each) for each in given)


def equals_the_reference(s: Subject) -> None:
    for level, _, state, run in s.runs():
        program = s.made[level].program
        evaluator = Evaluator(program.forward, s.params, s.batch, s.dims, state=state)
        for key, name in program.forward.outputs:
            kind, _, short = key.partition(":")
            if kind == "stop":
                continue
            found = (
                run.loss
                if kind == "loss"
                else {"output": run.outputs, "nll": run.nll, "state": run.state}[kind]
            )
            near(found[short] if short else found, evaluator.array(name), f"-O{level} {key}")


def has_right_gradients(s: Subject) -> None:
    for level, module, state, run in s.runs():
        grads, d_batch, d_state = module.backward(s.params, run, s.cotangents)

        def value(params: Arrays, batch: Arrays, state: Any, module: Any = module) -> Any:
            return s.weighed(module.forward(params, batch, state=state))

        at = {"params": s.params, "batch": s.batch, "state": state}
        # A gradient that is 0 because its terms cancel has terms as large as those of the others.
        every = (*grads.values(), *d_batch.values(), *d_state.values())
        scale = max((np.abs(grad).max(initial=1.0) for grad in every), default=1.0)
        for kind, found in (("params", grads), ("batch", d_batch), ("state", d_state if state else {})):
            for name, grad in found.items():
                _directions(s, f"-O{level} {kind} {name}", value, at, kind, name, grad, scale)


def trains_as_it_goes_back(s: Subject) -> None:
    """`loss_and_grad` leaves out what only other cotangents need; the loss's gradient is the same."""
    if s.m.LOSS is None:
        return
    for level, module, state, run in s.runs():
        found = {"": module.loss_and_grad(s.params, s.batch, state=state, train=False)}
        wanted, _, _ = module.backward(s.params, run, {"loss": 1.0})
        with mock.patch.object(module, "_groups", _every_other):
            found[", rows in groups"] = module.loss_and_grad(s.params, s.batch, state=state, train=False)
            if hasattr(module, "_cuts"):
                with mock.patch.object(module, "_cuts", at_every_end):
                    found[", in stretches"] = module.loss_and_grad(
                        s.params, s.batch, state=state, train=False
                    )
        for what, (loss, grads) in found.items():
            near(loss, run.loss, f"-O{level} loss{what}")
            for name in grads:
                near(grads[name], wanted[name], f"-O{level} {name}{what}")


def _every_other(call: Any, choose: Any = None) -> list[Any]:
    rows = np.argsort(-sum(call.lengths.values(), np.zeros(call.B, int)), kind="stable")
    return [rows[1::2], rows[::2]]


def at_every_end(call: Any, lengths: Any) -> list[Any]:
    """Cuts after the first step and wherever a row ends, whatever that costs."""
    steps = sorted({0, 1, *lengths.tolist()})
    cuts = [(begin, end, int((lengths > begin).sum())) for begin, end in zip(steps, steps[1:])]
    return [cut for cut in cuts if cut[2]] or [(0, 0, len(lengths))]


def _directions(
    s: Subject,
    what: str,
    value: Callable[..., Any],
    at: Arrays,
    kind: str,
    name: str,
    grad: Any,
    scale: float,
) -> None:
    """Two random directions by complex step."""
    old = at[kind][name]
    assert grad.shape == old.shape, f"{what}: shape {grad.shape}, not {old.shape}"
    for _ in range(2):
        direction = s.rng.standard_normal(grad.shape)
        moved = {**at, kind: {**at[kind], name: old + 1j * STEP * direction}}
        wanted = float(np.imag(value(moved["params"], moved["batch"], moved["state"])) / STEP)
        terms = grad * direction
        slack = 1e-11 * np.abs(terms).sum() + 1e-14 * scale * np.sqrt(grad.size)
        difference = abs(terms.sum() - wanted)
        s.directions += 1
        if difference > slack:
            slack += 10 * _unknowable(s, kind, name, at["state"], direction)
        s.worst = max(s.worst, difference / slack if slack else 0.0)
        assert difference <= slack, f"{what}: {terms.sum()} is not {wanted}; {difference} > {slack}"


def _unknowable(s: Subject, kind: str, name: str, state: Any, direction: Any) -> float:
    """By how much a derivative moves when every number on the way to it is off by its last bit: where large terms
    cancel, or a unit is saturated, no way of computing it can know it better."""
    key = {"params": "grad", "batch": "dinput", "state": "dstate"}[kind] + f":{name}"
    adjoint = differentiate(s.forward, [key])
    weights = {s.m.COTANGENTS[key]: value for key, value in s.cotangents.items()}
    along = [
        Shaken(
            adjoint, s.params, s.batch, s.dims, state=state, cotangents=weights, forward=s.forward, seed=seed
        )
        for seed in range(4)
    ]
    return float(np.ptp([(each.output(key) * direction).sum() for each in along]))


def ignores_padding(s: Subject) -> None:
    dirty = dict(s.batch)
    for name, (axes, _, kind, _) in s.m.INPUTS.items():
        if axes and kind != "bool":
            inside = s.inside(name, s.lengths)
            dirty[name] = np.where(inside, s.batch[name], np.nan if kind == "real" else 10**6)
    for level, module, state, run in s.runs():
        other = module.forward(s.params, dirty, state=state)
        assert np.float64(run.loss or 0).tobytes() == np.float64(other.loss or 0).tobytes(), f"-O{level} loss"
        for part in ("outputs", "nll", "state"):
            assert bits(getattr(run, part) or {}) == bits(getattr(other, part) or {}), (
                f"-O{level} {part}: padding"
            )
        pairs = zip(
            module.backward(s.params, run, s.cotangents), module.backward(s.params, other, s.cotangents)
        )
        for number, (one, two) in enumerate(pairs):
            assert bits(one) == bits(two), f"-O{level} gradient {number}: padding"


def is_a_loop_over_sequences(s: Subject) -> None:
    """Each sequence by itself, cut to its own length; gradients of what is per sequence add up."""
    axes_of = {key: s.forward.table()[n].axes for key, n in s.forward.outputs}
    keys = [k for k in s.cotangents if k != "loss" and "@" in axes_of[s.m.COTANGENTS[k]]]
    chosen = {key: s.cotangents[key] for key in keys}
    for level, module, state, run in s.runs():
        total, _, _ = module.backward(s.params, run, chosen)
        for row in range(len(next(iter(s.lengths.values())))):
            batch = {a: s.batch[a][row : row + 1] for a in s.m.AXES.values()}
            batch |= {n: _cut(s, s.batch[n], axes, row) for n, (axes, *_) in s.m.INPUTS.items()}
            own = None if state is None else {k: _row_of_state(s, k, v, row) for k, v in state.items()}
            alone = module.forward(s.params, batch, state=own)
            part = {}
            for key in keys:
                axes = axes_of[s.m.COTANGENTS[key]]
                wanted = _cut(s, s.result(run, key), axes[:-1], row)
                near(s.result(alone, key), wanted, f"-O{level} {key} of sequence {row}")
                part[key] = _cut(s, chosen[key], axes[:-1], row)
            grads, _, _ = module.backward(s.params, alone, part)
            total = {name: total[name] - grads[name] for name in total}
        for name, rest in total.items():
            whole = module.backward(s.params, run, chosen)[0][name]
            largest = np.abs(whole).max(initial=1.0)
            near(rest, np.zeros_like(rest), f"-O{level} sum of gradients {name}", 1e-11, largest)


def _cut(s: Subject, array: Any, axes: tuple[str, ...], row: int) -> Any:
    """One sequence of a batch, without its padding."""
    index = tuple(slice(s.lengths[a][row]) if a in s.lengths else slice(None) for a in axes)
    return array[(*index, slice(row, row + 1))]


def _row_of_state(s: Subject, key: str, value: Any, row: int) -> Any:
    if key == s.m.STREAM:
        return value[row : row + 1]
    system = s.forward
    return _cut(s, value, system.table()[system.output(f"state:{key}")].axes[:-1], row)


def steps_and_chunks_make_the_whole(s: Subject) -> None:
    if not s.streams:
        return
    stream, table = s.m.STREAM, s.forward.table()
    lengths = {**s.lengths, stream: np.full(4, max(s.lengths[stream]))}
    batch = s.batch_of(lengths)
    fed = {name for name, (axes, *_) in s.m.INPUTS.items() if stream in axes}
    axes_of = {key: table[name].axes for key, name in s.forward.outputs}
    for level, module in s.modules.items():
        run = module.forward(s.params, batch)
        context = {k: v for k, v in batch.items() if k not in fed and k != s.m.AXES[stream]}
        for how, given in (("plain", [s.params]), ("frozen", [module.freeze(s.params)] * 2 + [s.params])):
            state = module.start(given[0], 4, context)
            for t in range(max(lengths[stream])):
                now = {n: np.take(batch[n], t, s.m.INPUTS[n][0].index(stream)) for n in fed}
                state, out = module.step(given[t % len(given)], state, now)
                for key, value in out.items():
                    place = axes_of[f"output:{key}"].index(stream)
                    near(value, np.take(run.outputs[key], t, place), f"-O{level} {how} step {t} {key}")
            for key in run.state:
                near(state[key], run.state[key], f"-O{level} last {how} step's {key}")
        _chunks(s, level, module, fed, axes_of)


def _chunks(
    s: Subject, level: int, module: Any, fed: set[str], axes_of: Mapping[str, tuple[str, ...]]
) -> None:
    """The ragged batch cut in three, the state carried on; gradients carried back."""
    stream, most = s.m.STREAM, max(s.lengths[s.m.STREAM])
    whole = module.forward(s.params, s.batch)
    edges = [0, *sorted(int(e) for e in s.rng.integers(0, most + 1, 2)), most]
    runs, state = [], None
    for start, end in zip(edges, edges[1:]):
        batch = {**s.batch, s.m.AXES[stream]: np.clip(s.lengths[stream] - start, 0, end - start)}
        for name in fed:
            index = (slice(None),) * s.m.INPUTS[name][0].index(stream)
            batch[name] = s.batch[name][(*index, slice(start, end))]
        runs.append(module.forward(s.params, batch, state=state))
        state = runs[-1].state
    streamed = [k for k in whole.outputs if stream in axes_of[f"output:{k}"]]
    for key in streamed:
        place = axes_of[f"output:{key}"].index(stream)
        joined = np.concatenate([run.outputs[key] for run in runs], place)
        near(joined, whole.outputs[key], f"-O{level} chunks {edges} {key}")
    for key in whole.state:
        near(state[key], whole.state[key], f"-O{level} state after chunks {edges} {key}")
    _chunk_gradients(s, level, module, runs, edges, whole, streamed, axes_of)


def _chunk_gradients(
    s: Subject,
    level: int,
    module: Any,
    runs: list[Any],
    edges: list[int],
    whole: Any,
    streamed: list[str],
    axes_of: Mapping[str, tuple[str, ...]],
) -> None:
    asked = {key: s.cotangents[key] for key in streamed if key in s.cotangents}
    wanted, _, _ = module.backward(s.params, whole, asked)
    total, later = {name: np.zeros_like(grad) for name, grad in wanted.items()}, {}
    for run, start, end in reversed(list(zip(runs, edges, edges[1:]))):
        now = {}
        for key, value in asked.items():
            place = axes_of[f"output:{key}"].index(s.m.STREAM)
            now[key] = np.take(value, np.arange(start, end), place)
        grads, _, d_state = module.backward(s.params, run, {**now, **later})
        later = {f"state.{key}": value for key, value in d_state.items()}
        total = {name: total[name] + grads[name] for name in total}
    for name in total:
        near(total[name], wanted[name], f"-O{level} gradient in chunks {edges} {name}", 1e-11)


def keeps_single_precision(s: Subject) -> None:
    small = {name: value.astype(np.float32) for name, value in s.params.items()}
    if not small:
        return  # nothing says which dtype
    for level, module, state, _ in s.runs():
        run = module.forward(small, s.batch, state=state)
        grads, d_batch, d_state = module.backward(small, run, s.cotangents)
        assert run.loss is None or isinstance(run.loss, float), f"-O{level}: loss is {type(run.loss)}"
        parts = {"outputs": run.outputs, "nll": run.nll or {}, "state": run.state}
        parts |= {"grads": grads, "dbatch": d_batch, "dstate": d_state}
        for part, arrays in parts.items():
            for name, array in arrays.items():
                single = not is_real(array) or array.dtype == np.float32
                assert single, f"-O{level} {part} {name}: {array.dtype}"


def repeats_in_a_workspace(s: Subject) -> None:
    """A workspace changes no bit, used for the second time and after another batch."""
    other = s.batch_of({axis: np.asarray([2, 1]) for axis in s.m.AXES})
    for level, module, state, run in s.runs():
        space = module.workspace(s.params, s.batch)
        module.backward(s.params, module.forward(s.params, other, workspace=space), {}, workspace=space)
        for _ in range(2):
            again = module.forward(s.params, s.batch, state=state, workspace=space)
            assert bits(again.outputs) == bits(run.outputs), f"-O{level}: outputs in a workspace"
            found = module.backward(s.params, again, s.cotangents, workspace=space)
            for one, two in zip(found, module.backward(s.params, run, s.cotangents)):
                assert bits(one) == bits(two), f"-O{level}: gradients in a workspace"
            _alone(found, [s.params, s.batch, space, again.outputs], f"-O{level}: ")


def _alone(found: Sequence[Arrays], others: Sequence[Mapping[Any, Any]], where: str) -> None:
    """Gradients are arrays that may be written to, and share memory with nothing."""
    results = [(name, array) for arrays in found for name, array in arrays.items()]
    held = [value for table in others for value in table.values() if isinstance(value, np.ndarray)]
    for place, (name, array) in enumerate(results):
        assert type(array) is np.ndarray and array.flags.writeable, f"{where}d {name} is no array of its own"
        for other in [*held, *(later for _, later in results[place + 1 :])]:
            assert not np.shares_memory(array, other), f"{where}d {name} shares memory"


def takes_empty_batches(s: Subject) -> None:
    """No sequences, or sequences without a step: both levels agree, with finite gradients."""
    for lengths in ([], [0, 0], [1]):
        batch = s.batch_of({axis: np.asarray(lengths, int) for axis in s.m.AXES})
        found = []
        for module in s.modules.values():
            run = module.forward(s.params, batch)
            found.append((run, module.backward(s.params, run)[0] if run.loss is not None else {}))
        (one, grads_one), (two, grads_two) = found
        for key in one.outputs:
            near(two.outputs[key], one.outputs[key], f"lengths {lengths}: {key}")
        for name in grads_one:
            near(grads_two[name], grads_one[name], f"lengths {lengths}: gradient {name}", 1e-11)


PROPERTIES = (
    equals_the_reference,
    has_right_gradients,
    trains_as_it_goes_back,
    ignores_padding,
    is_a_loop_over_sequences,
    steps_and_chunks_make_the_whole,
    keeps_single_precision,
    repeats_in_a_workspace,
    takes_empty_batches,
)
