"""A language model of one LSTM layer."""

from __future__ import annotations

from . import lstm
from .common import Array, Params, Result

SHAPES = {
    "E": ("vocab", "embed"),
    **lstm.shapes("h", "embed", "hidden"),
    "W_yh": ("vocab", "hidden"),
    "b_y": ("vocab",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    return lstm.language_model(p, ("h",), x, y)
