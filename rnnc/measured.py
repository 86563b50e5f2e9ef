"""A compiled module ready to be timed: parameters, and sequences drawn at random, all of one length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import api
from .compiler.driver import Compiled
from .compiler.program import Noise
from .failure import Failure
from .runtime.properties.case import Case
from .runtime.properties.data import Data, context, draw
from .runtime.properties.subject import Subject

TRIES = 8
Array = np.ndarray[Any, Any]


class Measured:
    """``lengths`` by axis, ``rows`` sequences; real numbers have the dtype."""

    def __init__(
        self, compiled: Compiled, lengths: Mapping[str, int], rows: int, dtype: str = "float32", seed: int = 0
    ) -> None:
        self.program, self.rows, self.dtype, self.lengths = compiled.program, rows, dtype, dict(lengths)
        self.module = api.module_from(compiled.text, Path(compiled.source.path).stem)
        self.subject = Subject(self.module)
        case = Case(tuple(self.lengths.items()), rows, (), seed)
        try:
            self.drawn = self._whole(draw(self.subject, case, ragged=False))
        except ValueError as error:
            raise Failure(f"{compiled.source.path}: {error}") from None
        self.params: Mapping[str, Array] = self.module.init(seed=seed, dtype=dtype)
        self.batch: Mapping[str, Array] = {
            **{name: self._typed(value) for name, value in self.drawn.batch.items()},
            **{noise.name: self._mean(noise) for noise in self.program.noises},
        }

    def _whole(self, drawn: Data) -> Data:
        """No sequence ends early: where a symbol ends it, targets are of the symbols that do not."""
        full = {
            length: np.full_like(drawn.batch[length], self.lengths[a])
            for a, length in self.subject.axes.items()
        }
        if all(np.array_equal(drawn.batch[length], lengths) for length, lengths in full.items()):
            return drawn
        drawn = drawn.with_batch(full)
        random = np.random.default_rng(drawn.case.seed)
        for name in (name for name in self.module.HEADS if name in self.subject.inputs):
            item, shape = self.subject.inputs[name], drawn.batch[name].shape
            count = self.subject.number(item.count, drawn.case) if item.count else 0
            alike = (drawn.with_batch({name: np.full(shape, k)}) for k in random.permutation(count)[:TRIES])
            fine = [one.batch[name].flat[0] for one in alike if self._accepts(one)]
            if fine:
                return drawn.with_batch({name: random.choice(fine, shape)})
        raise ValueError("no sequences of this length could be drawn; try fewer --steps")

    def _accepts(self, drawn: Data) -> bool:
        try:
            self.module.forward(drawn.params, drawn.batch)
        except (ValueError, IndexError):
            return False
        return True

    def _typed(self, value: Array) -> Array:
        return value.astype(self.dtype) if value.dtype.kind == "f" else value

    def _mean(self, noise: Noise) -> Array:
        """What a noise is when nothing is drawn; given in the batch, it is the same for every peer."""
        a, *b = noise.args
        mean = (a + b[0]) / 2 if noise.distribution == "uniform" else a
        sizes = [size.value(dict(self.program.dims)) for size in noise.shape]
        return np.full((*(self.lengths[axis] for axis in noise.axes), self.rows, *sizes), mean, self.dtype)

    @property
    def has_loss(self) -> bool:
        return any(key == "loss" for key, _ in self.program.forward.outputs)

    @cached_property
    def workspace(self) -> Any:
        return self.module.workspace(self.params, self.batch)

    def forward(self) -> Any:
        return self.module.forward(self.params, self.batch, workspace=self.workspace)

    def loss_and_grad(self) -> tuple[float, Mapping[str, Array]]:
        found: tuple[float, Mapping[str, Array]] = self.module.loss_and_grad(
            self.params, self.batch, train=False, workspace=self.workspace
        )
        return found

    def stepping(self) -> Callable[[], None] | str:
        """A function that goes one step further each time it is called, with parameters frozen as they are where a
        network is deployed; or why there is none."""
        if self.subject.no_stream is not None:
            return self.subject.no_stream
        given = {name: self._typed(value) for name, value in context(self.subject, self.drawn).items()}
        unread = [head.name for head in self.program.heads if not head.fed_back]
        timed = [
            item.name
            for item in self.subject.inputs.values()
            if self.subject.stream in item.axes and item.name not in unread
        ]
        inputs = {name: self.batch[name][0] for name in timed}
        frozen = self.module.freeze(self.params)
        state = self.module.start(frozen, self.rows, given or None)

        def run() -> None:
            nonlocal state
            state, _ = self.module.step(frozen, state, inputs)

        return run
