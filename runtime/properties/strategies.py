"""Hypothesis strategies for a compiled module: sizes, and the arrays that fit them.

A module serves all sizes, so sizes are drawn too. Arrays come from a drawn seed through NumPy's generator,
so that they shrink by sizes and seed and never sit on a tie."""

from __future__ import annotations

from typing import Any

from ..module import Array, Arrays
from . import data as make
from .case import Case
from .subject import subject

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError(
        "property tests draw their cases with Hypothesis, which is not installed: pip install hypothesis"
    ) from error

SEEDS = 9999
SCALES = (1.0, 0.2, 8.0)  # 8: saturated


def cases(module: Any, **sizes: int) -> SearchStrategy[Case]:
    """Sizes and a seed. Every axis is longer than the longest delay, a batch has two rows at least; what is
    given (a length ``T``, the batch size ``B``, a dim) stays."""
    found = subject(module)
    lengths, free = {length: axis for axis, length in found.axes.items()}, dict(found.smallest)
    unknown = [name for name in sizes if name not in {*lengths, "B", *free}]
    if unknown:
        raise ValueError(f"unknown size {unknown[0]!r}; there are {', '.join([*lengths, 'B', *free])}")

    def of(name: str, least: int, most: int) -> SearchStrategy[int]:
        return st.just(sizes[name]) if name in sizes else st.integers(least, most)

    steps = [of(n, found.delay + 2, found.delay + 6).map(_pair(axis)) for n, axis in lengths.items()]
    dims = [of(name, least, least + 3).map(_pair(name)) for name, least in free.items()]
    return st.builds(
        Case,
        steps=st.tuples(*steps),
        rows=of("B", 2, 5),
        dims=st.tuples(*dims),
        seed=seeds(),
        scale=st.sampled_from(SCALES),
    )


def _pair(name: str) -> Any:
    return lambda size: (name, size)


def examples(module: Any, **sizes: int) -> SearchStrategy[make.Data]:
    """Parameters and a batch that fit each other: ``.params``, ``.batch``, and their sizes in ``.case``."""
    found = subject(module)
    return cases(found, **sizes).map(lambda case: make.draw(found, case))


def parameters(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """Parameters, float64."""
    return examples(module, **sizes).map(lambda data: data.params)


def batches(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """Ragged batches, with targets and lengths."""
    return examples(module, **sizes).map(lambda data: data.batch)


def states(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """States that the network can be in, for ``forward(…, state=…)``."""
    found = subject(module)
    if found.no_stream:
        raise ValueError(f"the network carries no state: {found.no_stream}")
    return examples(found, **sizes).map(lambda data: make.with_state(found, data).state or {})


def lengths(longest: int, rows: int) -> SearchStrategy[Array]:
    """The lengths of a batch: one sequence is as long as can be."""
    return seeds().map(lambda seed: make.lengths(make.generator(seed), longest, rows))


def seeds() -> SearchStrategy[int]:
    return st.integers(0, SEEDS)
