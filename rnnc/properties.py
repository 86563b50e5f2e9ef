"""The property kit, for tests of one's own: what `rnnc test` claims, as functions, and data to try it on.

``check_gradients(m)``, ``check_causality(m)`` and so on, one for every property of the table (`NAMES`): quiet
when it holds, AssertionError with the shrunk failure when it does not, `NotApplicable` with the reason when
it cannot be asked of this module. The other functions give Hypothesis strategies. A module serves all sizes,
so sizes are drawn too; those given by name (a length ``T``, the batch size ``B``, a dim) stay.

Importing this imports neither NumPy nor Hypothesis nor the compiler: those come with the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .runtime import properties as _properties
from .runtime.properties import NAMES, PROPERTIES, NotApplicable, check_property

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from .runtime.module import Array, Arrays
    from .runtime.properties.case import Case
    from .runtime.properties.data import Data

__all__ = [
    "NAMES", "PROPERTIES", "NotApplicable", "batches", "cases", "check_property", "examples", "lengths",
    "parameters", "states",
]  # fmt: skip


def cases(module: Any, **sizes: int) -> SearchStrategy[Case]:
    """Sizes (``.steps``, ``.rows``, ``.dims``) and a seed: longer than the longest delay, two rows at least."""
    from .runtime.properties import strategies

    return strategies.cases(module, **sizes)


def examples(module: Any, **sizes: int) -> SearchStrategy[Data]:
    """Parameters and a batch that fit each other: ``.params``, ``.batch``, and their sizes in ``.case``."""
    from .runtime.properties import strategies

    return strategies.examples(module, **sizes)


def parameters(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """Parameters, float64: near those that `init` gives, none at 0, some of them saturating the network."""
    from .runtime.properties import strategies

    return strategies.parameters(module, **sizes)


def batches(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """Ragged batches, with targets and lengths."""
    from .runtime.properties import strategies

    return strategies.batches(module, **sizes)


def states(module: Any, **sizes: int) -> SearchStrategy[Arrays]:
    """States that the network can be in, for ``forward(…, state=…)``. ValueError where it carries none."""
    from .runtime.properties import strategies

    return strategies.states(module, **sizes)


def lengths(longest: int, rows: int) -> SearchStrategy[Array]:
    """The lengths of a batch: one sequence is as long as can be."""
    from .runtime.properties import strategies

    return strategies.lengths(longest, rows)


def __getattr__(name: str) -> Any:
    return getattr(_properties, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(_properties)})
