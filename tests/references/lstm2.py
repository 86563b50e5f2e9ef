"""A language model of two LSTM layers, one on the other: embedding, layers, categorical output."""

from __future__ import annotations

from . import lstm
from .common import Array, Params, Result

SHAPES = {
    "E": ("vocab", "embed"),
    **lstm.shapes("h1", "embed", "hidden"),
    **lstm.shapes("h2", "hidden", "hidden"),
    "W_yh2": ("vocab", "hidden"),
    "b_y": ("vocab",),
}


def sequence(p: Params, x: Array, y: Array) -> Result:
    return lstm.language_model(p, ("h1", "h2"), x, y)
