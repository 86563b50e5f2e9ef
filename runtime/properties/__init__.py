"""Properties of compiled modules: derived from their contract, tried on random cases, told by the spec.

``check_gradient(m)``, ``check_streaming(m)`` and so on, one for every property of the table: quiet when it
holds, AssertionError with the shrunk failure when it does not, `NotApplicable` with the reason when it
cannot be asked of this module. `strategies` has Hypothesis strategies for one's own tests. Importing this
imports neither NumPy nor Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .table import NAMES, PROPERTIES

if TYPE_CHECKING:
    from .run import Result

__all__ = ["NAMES", "PROPERTIES", "NotApplicable", "check_property"]

PREFIX = "check_"
ALSO = {"gradients": "gradient"}


class NotApplicable(Exception):
    """A property that cannot be asked of a module, or cannot be judged, and why."""


def check_property(module: Any, name: str, *, examples: int = 10, seed: int = 0) -> Result:
    """A property by its name in the table."""
    from .report import Tested, story
    from .run import FAILED, PASSED, run_one
    from .subject import subject

    found = subject(module)
    result = run_one(found, next(item for item in PROPERTIES if item.name == name), examples, seed)
    if result.status == FAILED:
        path = found.spec.path if found.spec else f"<{found.name}>"
        raise AssertionError("\n".join(story(Tested(path, found, [result], seed, examples), result)))
    if result.status != PASSED:
        raise NotApplicable(f"{name}: {result.status}: {result.reason}")
    return result


def __getattr__(name: str) -> Callable[..., Any]:
    key = name.removeprefix(PREFIX).replace("_", "-")
    key = ALSO.get(key, key)
    if not name.startswith(PREFIX) or key not in NAMES:
        raise AttributeError(f"there is no {name}; there are {', '.join(__dir__())}")

    def check(module: Any, *, examples: int = 10, seed: int = 0) -> Any:
        return check_property(module, key, examples=examples, seed=seed)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = next(item.statement for item in PROPERTIES if item.name == key)
    return check


def __dir__() -> list[str]:
    return [*__all__, *(PREFIX + name.replace("-", "_") for name in (*NAMES, *ALSO))]
