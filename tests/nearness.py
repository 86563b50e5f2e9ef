"""Arrays compared: to rounding, and bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from conditioning import COARSEST

Arrays = dict[str, Any]


def is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "fc"


def near(found: Any, wanted: Any, what: str, tolerance: float = 1e-12, least: float = 1.0) -> None:
    """Equal within `tolerance` times the largest value (``least`` at least)."""
    found, wanted, tolerance = np.asarray(found), np.asarray(wanted), max(tolerance, COARSEST.get())
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, not {wanted.shape}"
    if not is_real(wanted):
        assert np.array_equal(found, wanted), f"{what}: {found} is not {wanted}"
        return
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        scale = np.abs(wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape)).max(initial=least)
        bad = ~(same | (np.abs(found - wanted) <= tolerance * scale))
    assert not bad.any(), (
        f"{what}: {found[bad].flat[0]} is not {wanted[bad].flat[0]} at {np.argwhere(bad)[0]}"
    )


def bits(arrays: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: np.asarray(value).tobytes() for name, value in arrays.items()}


def frozen(arrays: Mapping[str, Any]) -> Arrays:
    """Copies that cannot be written to."""
    found = {name: np.array(value) for name, value in arrays.items()}
    for value in found.values():
        value.flags.writeable = False
    return found
