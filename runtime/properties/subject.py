"""A compiled module as the properties see it: its tables, and what is known of its spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..module import Array, Arrays
from ..params import size
from .case import Case

Reads = frozenset[tuple[str, tuple[int, ...]]]  # (input, its steps from 1)


class Spec(Protocol):
    """What the compiler knows of a module's spec; without it a few properties do not apply."""

    @property
    def path(self) -> str: ...

    @property
    def delay(self) -> int:
        """The longest."""

    def line(self, name: str) -> int | None:
        """The line of a parameter, input, head or quantity."""

    def source(self, line: int) -> str: ...

    @property
    def operators(self) -> frozenset[str]:
        """The operators of the equations that results are made of."""

    @property
    def stop_operators(self) -> frozenset[str]:
        """Those of what the stopping rule alone reads."""

    def module(self, **options: Any) -> Any:
        """The spec compiled in another way."""

    def text(self) -> str:
        """The compiled module's text."""

    def elsewhere(self) -> str:
        """The same, from another process with another hash seed."""

    def results(self, *given: Any) -> Arrays:
        """Every result of the checked equations, by the reference evaluator. It is given parameters, batch, state,
        cotangents (by the name of the output in the equations) and dims."""

    def as_checked(self, *given: Any, seed: int | None = None, single: bool = False) -> Arrays:
        """Every result and gradient; with a ``seed``, every number on the way off by its last bit (``single``:
        float32's)."""

    def after_passes(self, *given: Any) -> Iterator[tuple[str, Arrays, Arrays]]:
        """Each pass of the compiler, with the results before it and after it."""

    def reads(self, output: str, point: tuple[int, ...], steps: Mapping[str, int]) -> Reads:
        """All that an output may depend on at a point."""


# What can leave the range of numbers by itself, given large arguments.
GROWING = frozenset("exp expm1 log log1p sqrt div pow lgamma digamma square mod".split())


@dataclass(frozen=True, slots=True)
class Observed:
    """An input, a target or a noise: its axes, symbolic sizes, kind, and how many tokens it has."""

    name: str
    axes: tuple[str, ...]
    shape: tuple[str, ...]
    kind: str
    count: str | None


@dataclass(frozen=True)
class Subject:
    """A module under test. ``pinned`` are dims that every case keeps."""

    module: Any
    spec: Spec | None = None
    name: str = "module"
    pinned: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def axes(self) -> dict[str, str]:
        """The name of the length of every axis."""
        return dict(self.module.AXES)

    @cached_property
    def inputs(self) -> dict[str, Observed]:
        table = self.module.INPUTS.items()
        return {n: Observed(n, tuple(a), tuple(s), k, c) for n, (a, s, k, c) in table if n not in self.noises}

    @cached_property
    def noises(self) -> tuple[str, ...]:
        return tuple(getattr(self.module, "NOISES", ()))

    @cached_property
    def real_inputs(self) -> list[str]:
        return [name for name, item in self.inputs.items() if item.kind == "real"]

    @cached_property
    def trained(self) -> list[str]:
        return list(self.module.TRAINED)

    @property
    def stream(self) -> str | None:
        """The axis that the module can be stepped along."""
        return None if self.module.NO_STREAM else self.module.STREAM

    @property
    def no_stream(self) -> str | None:
        """Why there are no steps and no chunks; None when there are."""
        if self.stream:
            return None
        return str(self.module.NO_STREAM or "the spec has no axis to step along")

    @cached_property
    def delay(self) -> int:
        """The longest delay, as far as it is known."""
        lags = max((lags for lags, _ in self.module.STATES.values()), default=1)
        return max(self.spec.delay if self.spec else 1, lags, 1)

    @cached_property
    def fixed(self) -> frozenset[str]:
        return frozenset(self.module.FIXED) | frozenset(self.pinned)

    @cached_property
    def counted(self) -> bool:
        """Whether a state must tell how long the whole sequence is, because its length is an output."""
        return bool(getattr(self.module, "COUNTED", False))

    @cached_property
    def refuses(self) -> bool:
        """Whether some sequences end before their length says: the module then refuses them."""
        return "stop when" in self.module.SPEC or bool(set(self.axes.values()) & set(self.module.HEADS))

    @cached_property
    def positive(self) -> bool:
        """Whether real inputs have to be positive: with others there are results that are no numbers (of a
        logarithm, of a root)."""
        from .data import draw

        def finite(positive: bool) -> bool:
            self.__dict__["positive"] = positive  # what draws ask for
            case = Case(tuple((axis, self.delay + 2) for axis in self.axes), 3, self.smallest)
            data = draw(self, case, ragged=False)
            with np.errstate(all="ignore"):
                run = self.module.forward(data.params, data.batch)
            return all(
                np.isfinite(value).all() for value in (*run.outputs.values(), *(run.nll or {}).values())
            )

        return not finite(False) and finite(True)

    @cached_property
    def grows(self) -> str | None:
        """Why results may rightly leave the range of numbers; None when they may not."""
        if self.spec is None:
            return "the text of the spec is not at hand"
        growing = sorted(GROWING & self.spec.operators)
        return (
            f"the spec uses {', '.join(growing)}, which can leave the range of numbers" if growing else None
        )

    @cached_property
    def ending(self) -> str:
        """The name of the length that a head gives or that a rule ends."""
        given = [length for length in self.axes.values() if length in self.module.HEADS]
        along = [axis for axes in self.module.HEADS.values() for axis in axes]
        return given[0] if given else self.axes[along[0]]

    @property
    def carried(self) -> tuple[str, ...]:
        """The entries of a state that `forward` takes and gives."""
        if self.stream is None:
            return ()
        return (*self.module.STATES, self.stream, *([self.axes[self.stream]] if self.counted else []))

    def state_axes(self, key: str) -> tuple[str, ...]:
        """The leading dimensions of an entry of a state."""
        if key not in self.module.STATES:
            return ("@",)
        return (*("lag" if isinstance(axis, int) else axis for axis in self.module.STATE_AXES[key]), "@")

    @cached_property
    def least_length(self) -> int:
        """1 where a sequence without steps has no finite value: a maximum over none is -inf."""
        from .data import draw, without_steps
        from .observe import everything

        case = Case(tuple((axis, self.delay + 2) for axis in self.axes), 2, self.smallest)
        data = draw(self, case, least=1)
        with np.errstate(all="ignore"):
            found = [everything(self, without_steps(data, length)) for length in self.axes.values()]
        return 0 if all(np.isfinite(v).all() for results in found for v in results.values()) else 1

    @cached_property
    def real_states(self) -> list[str]:
        return [key for key, (_, kind) in self.module.STATES.items() if kind == "real"]

    def sizes(self, case: Case) -> dict[str, int]:
        """Every dim."""
        return {**self.module.DIMS, **self.pinned, **dict(case.dims)}

    def number(self, symbol: str, case: Case) -> int:
        return size(symbol, self.sizes(case))

    @cached_property
    def layouts(self) -> dict[str, tuple[str, ...]]:
        """The axes of every output, the batch as ``@``: seen from its shape at sizes that differ from each
        other."""
        from .data import draw

        primes = (11, 13, 17, 19)
        steps = tuple(zip(self.axes, primes, strict=False))
        rows = 7
        case = Case(steps, rows, self.smallest)
        data = draw(self, case, least=1)
        outputs = self.module.forward(data.params, data.batch).outputs
        return {name: _layout(value.shape, dict(steps), rows) for name, value in outputs.items()}

    @cached_property
    def smallest(self) -> tuple[tuple[str, int], ...]:
        """The smallest equal sizes at which the module runs; none where it does at its own only: a spec may
        name components by number."""
        from .data import draw
        from .observe import everything

        free = [name for name in self.module.DIMS if name not in self.fixed]
        for least in (3, 5) if self.refuses else (1, 2, 3, 5):
            dims = tuple((name, least) for name in free)
            case = Case(tuple((axis, self.delay + 2) for axis in self.axes), 2, dims)
            try:
                data = draw(self, case, least=1)
                everything(self, data)
            except (ValueError, IndexError, ZeroDivisionError):
                continue
            return dims
        return ()


def _layout(shape: tuple[int, ...], steps: Mapping[str, int], rows: int) -> tuple[str, ...]:
    """The leading dimensions that are axes: those before the batch's, in any order, then the batch."""
    if rows not in shape:
        return ()
    by_size = {extent: axis for axis, extent in steps.items()}
    return (*(by_size.get(extent, "?") for extent in shape[: shape.index(rows)]), "@")


def subject(module: Any) -> Subject:
    """The module with what its spec's text tells, where that compiles by itself."""
    if isinstance(module, Subject):
        return module
    from ...testing import known  # as any user of the compiler would

    return known(module)


def is_real(value: Array) -> bool:
    """Not a step count, not a token."""
    return bool(np.issubdtype(np.asarray(value).dtype, np.inexact))


def reals(arrays: Mapping[str, Array]) -> Arrays:
    return {name: value for name, value in arrays.items() if is_real(value)}
