"""What the runtime asks of a compiled module (its contract), as types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]
Batch = Mapping[str, Array]


class Run(Protocol):
    """One forward pass: `loss` is None without targets; `nll` holds plain sums per head and sequence."""

    outputs: Arrays
    loss: float | None
    nll: Arrays
    state: Arrays


class Module(Protocol):
    """A compiled module, or one written by hand that keeps the same contract."""

    DIMS: Mapping[str, int]
    SHAPES: Mapping[str, tuple[str, ...]]
    PARAMS: Iterable[str]
    SPEC: str

    def init(self, *args: Any, **options: Any) -> Arrays: ...

    def forward(self, params: Arrays, batch: Batch, **options: Any) -> Run: ...

    def backward(
        self, params: Arrays, run: Run, cotangents: Any = ..., **options: Any
    ) -> tuple[Arrays, Arrays, Arrays]: ...

    def loss_and_grad(self, params: Arrays, batch: Batch, **options: Any) -> tuple[float, Arrays]: ...

    def start(self, params: Arrays, batch_size: int = ..., context: Any = ...) -> Arrays: ...

    def step(self, params: Arrays, state: Arrays, inputs: Batch) -> tuple[Arrays, Arrays]: ...

    def freeze(self, params: Arrays) -> Arrays: ...

    def sample(self, params: Arrays, rng: Any, **options: Any) -> Any: ...

    def workspace(self, params: Arrays, batch: Batch) -> Any: ...
