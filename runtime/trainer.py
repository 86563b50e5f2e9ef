"""The training loop: gradients, clipping, optimiser; evaluation, the best weights, and going on later.

A run is a function of its seed and settings. All that it has become so far (`arrays`) can be saved and
restored, after which it goes on bit for bit as if it had never stopped (runs limited by time, whose
schedule reads the clock, up to the clock)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .batching import Batches, Piece, TextStreams
from .module import Array, Arrays, Module, Run
from .optimizers import Optimizer, Schedule, clip, constant

NOISE = 0x6E6F  # keeps the seeds of noise apart from those of batches


@dataclass(frozen=True, slots=True)
class Limit:
    """When a run is over: after so many steps or seconds, whichever is given."""

    steps: int | None = None
    seconds: float | None = None

    def done(self, step: int, seconds: float) -> float:
        """The part of the run that is done, 0 to 1."""
        pairs = ((step, self.steps), (seconds, self.seconds))
        parts = [now / end if end > 0 else 1.0 for now, end in pairs if end is not None]
        return min(1.0, max(parts, default=0.0))


@dataclass(frozen=True, slots=True)
class Point:
    """One row of the training curve; losses in nats, NaN where not measured."""

    step: int
    seconds: float
    rate: float
    train: float
    held_out: float


class NotFinite(ArithmeticError):
    """Training met a NaN or an infinity; `name` is the first tensor that holds one."""

    def __init__(self, step: int, name: str, value: float, index: tuple[int, ...]) -> None:
        self.step, self.name, self.value, self.index = step, name, value, index
        place = f" at {list(index)}" if index else ""
        super().__init__(f"step {step}: {name} is not finite ({value}{place})")


Callback = Callable[["Trainer"], None]


@dataclass
class Trainer:
    """`on_step` runs after each step, `on_evaluation` after each measurement on held-out data; either may
    raise KeyboardInterrupt to end the run, which is then finished as always."""

    module: Module
    params: Arrays
    batches: Batches
    optimizer: Optimizer
    limit: Limit
    rate: float = 0.003
    schedule: Schedule = field(default_factory=constant)
    clip: float = 1.0
    seed: int = 0
    evaluations: int = 12
    points: int = 200
    on_step: Sequence[Callback] = ()
    on_evaluation: Sequence[Callback] = ()

    step: int = field(default=0, init=False)
    loss: float = field(default=math.nan, init=False)
    best: Arrays = field(default_factory=dict, init=False)
    best_loss: float = field(default=math.inf, init=False)
    best_step: int = field(default=0, init=False)
    curve: list[Point] = field(default_factory=list, init=False)
    interrupted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        for name in getattr(self.module, "TRAINED", self.params):
            if not self.params[name].flags.writeable:
                raise ValueError(
                    f"params[{name!r}]: training writes to parameters, and this one is frozen; "
                    "give copies: {name: value.copy() for name, value in params.items()}"
                )
        self._before = 0.0
        self._began = time.perf_counter()
        self._carried: Arrays = {}
        self._losses: list[float] = []
        self._workspaces: dict[int, tuple[Any, Any]] = {}

    @property
    def seconds(self) -> float:
        """Time spent training, that before a resumption included."""
        return self._before + time.perf_counter() - self._began

    @property
    def done(self) -> float:
        return self.limit.done(self.step, self.seconds)

    @property
    def current_rate(self) -> float:
        return self.rate * self.schedule(self.done)

    def run(self) -> None:
        """Trains to the end or until interrupted, and leaves the best weights in `best`."""
        self._began = time.perf_counter()
        try:
            while (before := self.done) < 1:
                self.advance()
                self._record(before)
        except KeyboardInterrupt:
            self.interrupted = True
        if not self.curve or self.curve[-1].step != self.step or math.isnan(self.curve[-1].held_out):
            self.evaluate()

    def advance(self) -> None:
        """One step."""
        batch, continues = self.batches.batch(self.step)
        rate = self.rate * self.schedule(self.limit.done(self.step + 1, self.seconds))
        options = self._options(continues)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, grads, carried = self._gradients(batch, options)
            norm = clip(grads, self.clip)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise self._not_finite(batch, options, loss, grads)
        self.optimizer.update(self.params, grads, rate)
        self.step, self.loss, self._carried = self.step + 1, loss, carried
        self._losses.append(loss)
        for callback in self.on_step:
            callback(self)

    def _options(self, continues: bool) -> dict[str, Any]:
        """How `forward` is called: noise by seed and step, the state when the batch goes on."""
        seed = int(np.random.default_rng([NOISE, self.seed, self.step]).integers(2**31))
        options: dict[str, Any] = {"train": True, "seed": seed}
        if self.batches.streamed:
            options["last"] = False
        if continues:
            options["state"] = self._carried
        return options

    def _gradients(self, batch: Arrays, options: dict[str, Any]) -> tuple[float, Arrays, Arrays]:
        """Loss, gradients, and the state to carry on."""
        if isinstance(self.batches, TextStreams):
            return self._through_time(batch, options, *self.batches.pieces(self.step))
        workspace = self._workspace(batch)
        loss, grads = self.module.loss_and_grad(self.params, batch, workspace=workspace, **options)
        return loss, grads, {}

    def _through_time(
        self, batch: Arrays, options: dict[str, Any], pieces: Sequence[Piece], kept: int
    ) -> tuple[float, Arrays, Arrays]:
        """Piece by piece forward, and back through the states between them; the state after ``kept`` pieces is
        where the next batch begins."""
        state: Any = options.get("state")
        states, runs, spaces = [state], [], []
        for number, piece in enumerate(pieces):
            part = {name: value[piece.steps] for name, value in batch.items()}
            spaces.append(self._workspace(part, number))
            run = self.module.forward(self.params, part, workspace=spaces[-1], **{**options, "state": state})
            state = {name: np.array(value) for name, value in run.state.items()}
            states.append(state)
            runs.append(run)
        loss, total, cotangents = 0.0, Arrays(), Arrays()
        for piece, run, space in reversed(list(zip(pieces, runs, spaces))):
            wanted = {"loss": piece.weight, **cotangents} if piece.weight else cotangents
            grads, _, d_state = self.module.backward(self.params, run, wanted, workspace=space)
            total = {name: total[name] + grad if total else grad for name, grad in grads.items()}
            cotangents = {f"state.{name}": value for name, value in d_state.items()}
            loss += piece.weight * loss_of(run)
        return loss, total, states[kept] or {}

    def _workspace(self, batch: Arrays, number: int = 0) -> Any:
        """Buffers kept between batches of one shape, for every piece of a batch its own."""
        key = tuple(sorted((name, value.shape) for name, value in batch.items()))
        known = self._workspaces.get(number)
        if known is None or known[0] != key:
            known = self._workspaces[number] = (key, self.module.workspace(self.params, batch))
        return known[1]

    def _record(self, before: float) -> None:
        """Points of the curve and evaluations, evenly over the run."""
        done = self.done
        if math.floor(done * self.evaluations) > math.floor(before * self.evaluations):
            self.evaluate()
        elif math.floor(done * self.points) > math.floor(before * self.points):
            self._point(math.nan)

    def _point(self, held_out: float) -> None:
        train = float(np.mean(self._losses)) if self._losses else math.nan
        self.curve.append(Point(self.step, self.seconds, self.current_rate, train, held_out))
        self._losses = []

    def evaluate(self) -> float:
        """The loss on held-out data; the weights are kept if they are the best so far."""
        loss = evaluate(self.module, self.params, self.batches)
        if loss < self.best_loss or not self.best:
            self.best = {name: value.copy() for name, value in self.params.items()}
            self.best_loss, self.best_step = loss, self.step
        self._point(loss)
        for callback in self.on_evaluation:
            callback(self)
        return loss

    def _not_finite(self, batch: Arrays, options: dict[str, Any], loss: float, grads: Arrays) -> NotFinite:
        """Names the first tensor, in the order they are computed, that is not finite."""
        run = self.module.forward(self.params, batch, **options)
        stages = (
            ("parameter", self.params),
            ("input", self._to_blame(batch, options)),
            ("state", options.get("state", {})),
            ("output", run.outputs),
            ("loss", {"": np.array(loss)}),
            ("gradient of", grads),
        )
        for kind, arrays in stages:
            for name, value in arrays.items():
                if (place := first_not_finite(value)) is not None:
                    return NotFinite(
                        self.step + 1, f"{kind} {name}".rstrip(), complex(value[place]).real, place
                    )
        return NotFinite(self.step + 1, "norm of the gradients", math.inf, ())

    def _to_blame(self, batch: Arrays, options: dict[str, Any]) -> Arrays:
        """The inputs, if the loss would be finite without what is not finite in them (padding may be NaN)."""
        clean = {
            name: np.where(np.isfinite(value), value, 0) if value.dtype.kind in "fc" else value
            for name, value in batch.items()
        }
        innocent = math.isfinite(loss_of(self.module.forward(self.params, clean, **options)))
        return batch if innocent else {}

    def arrays(self) -> Arrays:
        """Everything needed to go on: by name, for `archive.write`."""
        groups = {"params": self.params, "best": self.best, "carried": self._carried}
        groups["optimizer"] = self.optimizer.arrays()
        flat = {
            f"{group}:{name}": value for group, values in groups.items() for name, value in values.items()
        }
        counts = np.array([self.step, self.best_step])
        times = np.array([self.seconds, self.best_loss, self.loss, *self._losses])
        rows = np.array([[p.step, p.seconds, p.rate, p.train, p.held_out] for p in self.curve])
        return {**flat, "counts": counts, "times": times, "curve": rows.reshape(-1, 5)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Goes back to where `arrays` was taken."""
        if missing := {"counts", "times", "curve", "optimizer:steps"} - set(arrays):
            raise ValueError(f"it is not the state of a training run: {sorted(missing)[0]!r} is missing")
        groups: dict[str, Arrays] = {"params": {}, "best": {}, "optimizer": {}, "carried": {}}
        for key, value in arrays.items():
            group, _, name = key.partition(":")
            if group in groups:
                groups[group][name] = value.copy()
        if shapes(groups["params"]) != shapes(self.params):
            raise ValueError("it holds the training of other parameters")
        self.params, self.best, self._carried = groups["params"], groups["best"], groups["carried"]
        self.optimizer.restore(groups["optimizer"])
        self.step, self.best_step = (int(count) for count in arrays["counts"])
        self._before, self.best_loss, self.loss, *self._losses = (float(value) for value in arrays["times"])
        self.curve = [Point(int(row[0]), *map(float, row[1:])) for row in arrays["curve"]]


def shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in arrays.items()}


def loss_of(run: Run) -> float:
    """The run's loss; only a batch without targets has none."""
    if run.loss is None:
        raise ValueError("the batch holds no targets, so there is no loss")
    return run.loss


def evaluate(module: Module, params: Arrays, batches: Batches) -> float:
    """Mean loss over all held-out elements, state carried where batches go on."""
    total, count, state = 0.0, 0, None
    for batch, continues, elements in batches.held_out():
        options: dict[str, Any] = {"last": False} if batches.streamed else {}
        if continues:
            options["state"] = state
        run = module.forward(params, batch, **options)
        state = run.state
        total, count = total + loss_of(run) * elements, count + elements
    return total / count if count else math.nan


def first_not_finite(value: Array) -> tuple[int, ...] | None:
    """The index of the first NaN or infinity."""
    if value.dtype.kind not in "fc":
        return None
    wrong = np.argwhere(~np.isfinite(value))
    return tuple(int(i) for i in wrong[0]) if len(wrong) else None
