"""A checked spec as the compiler hands it on: equations, and what the module's contract needs to know."""

from __future__ import annotations

from collections.abc import Mapping

from ..spec.records import dataclass
from ..spec.sizes import Size
from ..spec.source import Source, Span
from .ir import System


@dataclass(frozen=True, slots=True)
class Init:
    """How a parameter starts: a number, or a function of numbers and other inits.

    ``op`` is "number" (``value``), "dim" (``size``), a filler of the language (zeros, ones, constant,
    normal, uniform, glorot, he, orthogonal, identity, sparse, range) or an elementwise operator."""

    op: str
    args: tuple[Init, ...] = ()
    value: float = 0.0
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Param:
    """``trained`` is False for a `const`."""

    name: str
    shape: tuple[Size, ...]
    init: Init
    trained: bool
    span: Span | None


@dataclass(frozen=True, slots=True)
class Input:
    """An observed quantity, or a head's target. ``kind`` is real, int, bool or token; ``count`` is the
    token's. ``axes`` in the order written, without the batch axis. ``bound`` is the IR's leaf."""

    name: str
    axes: tuple[str, ...]
    shape: tuple[Size, ...]
    kind: str
    count: Size | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class Head:
    """``args`` are (key of `run.outputs`, IR name): the first key is the head's name, the others
    ``y.scale`` and the like. ``nll`` is the IR name of the negative log-likelihood of one element
    (axes as the head's, with the batch). ``fed_back``: an equation reads the target. Where it
    is not ``given``, the target is made from the lengths and is not in the batch."""

    name: str
    axes: tuple[str, ...]
    distribution: str
    args: tuple[tuple[str, str], ...]
    nll: str
    weight: float
    fed_back: bool
    target: Input
    span: Span | None
    given: bool = True


@dataclass(frozen=True, slots=True)
class Stop:
    """When a drawn sequence ends. ``condition`` is the IR name of what tells for each step whether it is the
    last (an output ``stop``); ``event`` is the head whose target this is, "" when it is an end symbol."""

    axis: str
    condition: str
    event: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Noise:
    name: str
    axes: tuple[str, ...]
    shape: tuple[Size, ...]
    distribution: str
    args: tuple[float, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class State:
    """A carried quantity: ``key`` is its entry of `run.state`; with ``lags`` 1 the entry has shape
    (B, …), else (lags, B, …). ``past`` is the IR name of its boundary before the first step, ``count`` how many
    tokens there are, of a token."""

    key: str
    lags: int
    past: str
    shape: tuple[Size, ...]
    type: str
    count: Size | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """``forward`` outputs: ``loss``, ``nll:y``, ``output:y`` …, ``state:h`` … (see `ir.System`).

    ``losses`` are the IR names of one element of every head's and term's loss, with their weights; ``alone``
    are the terms of the parameters alone, which count once.

    ``dims`` are the defaults (overrides applied); ``fixed`` are those `init` refuses, with the reason.
    ``stream`` is the axis of `step` and of chunks, or None with ``no_stream`` saying why not."""

    source: Source
    dims: tuple[tuple[str, int], ...]
    fixed: Mapping[str, str]
    params: tuple[Param, ...]
    inputs: tuple[Input, ...]
    heads: tuple[Head, ...]
    noises: tuple[Noise, ...]
    states: tuple[State, ...]
    stream: str | None
    no_stream: str
    forward: System
    stop: Stop | None = None
    losses: tuple[tuple[str, float], ...] = ()
    alone: tuple[tuple[str, float], ...] = ()

    @property
    def streams(self) -> bool:
        """Whether it can go one step at a time."""
        return self.stream is not None and not self.no_stream

    @property
    def counted(self) -> bool:
        """Whether a head gives the length of the streamed axis."""
        return self.stream is not None and any(not head.given and not head.axes for head in self.heads)
