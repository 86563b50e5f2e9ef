"""Hypothesis strategies for a compiled module: sizes, and the arrays that fit them.

A module serves all sizes, so sizes are drawn too. Arrays come from a drawn seed through NumPy's generator,
so that they shrink by sizes and seed and never sit on a tie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..module import Array, Arrays
from . import data as make
from .case import Case
from .subject import Subject, subject

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError(
        "property tests draw their cases with Hypothesis, which is not installed: pip install hypothesis"
    ) from error

SEEDS = 9999
SCALES = (1.0, 0.2, 8.0)  # 8: saturated


def cases(module: Any) -> SearchStrategy[Case]:
    """Sizes and a seed. Every axis is longer than the longest delay, a batch has two rows at least."""
    found = subject(module)
    steps = [st.integers(found.delay + 2, found.delay + 6).map(_pair(axis)) for axis in found.axes]
    dims = [st.integers(least, least + 3).map(_pair(name)) for name, least in found.smallest]
    return st.builds(
        Case,
        steps=st.tuples(*steps),
        rows=st.integers(2, 5),
        dims=st.tuples(*dims),
        seed=st.integers(0, SEEDS),
        scale=st.sampled_from(SCALES),
    )


def _pair(name: str) -> Any:
    return lambda size: (name, size)


def parameters(module: Any, case: Case | None = None) -> SearchStrategy[Arrays]:
    """Parameters, float64; of any sizes if no case is given."""
    return _drawn(module, case).map(lambda data: data.params)


def batches(module: Any, case: Case | None = None) -> SearchStrategy[Arrays]:
    """Ragged batches, with targets."""
    return _drawn(module, case).map(lambda data: data.batch)


def states(module: Any, case: Case | None = None) -> SearchStrategy[Arrays]:
    """States that the network can be in, for `forward(…, state=…)`."""
    found = subject(module)
    return _drawn(found, case).map(lambda data: make.with_state(found, data).state or {})


def lengths(longest: int, rows: int) -> SearchStrategy[Array]:
    """The lengths of a batch: one sequence is as long as can be."""
    return seeds().map(lambda seed: make.lengths(make.generator(seed), longest, rows))


def examples(module: Any) -> SearchStrategy[make.Data]:
    """Parameters and batch (`.params`, `.batch`) of the same sizes (`.case`)."""
    return _drawn(module, None)


def seeds() -> SearchStrategy[int]:
    return st.integers(0, SEEDS)


def _drawn(module: Any, case: Case | None) -> SearchStrategy[make.Data]:
    found: Subject = subject(module)
    source = cases(found) if case is None else seeds().map(lambda seed: _seeded(case, seed))
    return source.map(lambda case: make.draw(found, case))


def _seeded(case: Case, seed: int) -> Case:
    return replace(case, seed=seed)
