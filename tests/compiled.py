"""What the tests of whole networks share: an example as a module, numbers compared, the complex step."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rnnc
from rnnc.compiler.driver import Options

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
STEP = 1e-30

Arrays = Mapping[str, np.ndarray]


@functools.cache
def module(name: str, level: int) -> Any:
    """`examples/NAME.rnn` compiled at -O0 or -O2."""
    return rnnc.load(EXAMPLES / f"{name}.rnn", Options(level=level))


def close(found: Any, wanted: Any, tolerance: float = 1e-11) -> None:
    """Equal within `tolerance` times the largest value."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    scale = max(np.abs(wanted).max(initial=0), np.abs(found).max(initial=0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale + 1e-300)


def close_all(found: Arrays, wanted: Arrays, tolerance: float = 1e-11) -> None:
    """The same names, and every array close."""
    assert sorted(found) == sorted(wanted)
    for name in wanted:
        try:
            close(found[name], wanted[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def check_gradient(value: Callable[[Arrays], Any], at: Arrays, grads: Arrays, seed: int = 0) -> None:
    """`grads` is the gradient of `value` at `at`: two random directions for each name, by complex step."""
    rng = np.random.default_rng(seed)
    for name, grad in grads.items():
        for _ in range(2):
            direction = rng.standard_normal(grad.shape)
            moved = {**at, name: at[name] + 1j * STEP * direction}
            found = float(np.imag(value(moved)) / STEP)
            terms = np.abs(grad * direction)
            slack = 1e-11 * terms.sum() + 1e-14 * np.abs(grad).max(initial=0) * np.sqrt(grad.size)
            assert abs(found - (grad * direction).sum()) <= slack, name
