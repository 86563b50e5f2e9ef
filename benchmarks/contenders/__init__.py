"""Everything that runs the same training step: a table of names and of functions that make them for a case."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ..cases import Case
from .contender import Absent, Contender, Disagreement, agree, computed

__all__ = ["TRAINING", "Absent", "Contender", "Disagreement", "agree", "computed", "make"]

# The module of a contender is imported when it is asked for: peers are optional.
TRAINING = {
    "O2": ("ours", "compiled"),
    "O0": ("ours", "textbook"),
    "checkpoint": ("ours", "checkpointed"),
    "hand": ("ours", "handwritten"),
    "torch.nn": ("with_torch", "layer"),
    "torch loop": ("with_torch", "loop"),
    "torch.compile": ("with_torch", "compiled_step"),
    "jax scan": ("with_jax", "scan"),
    "jax associative": ("with_jax", "associative"),
    "autograd": ("with_autograd", "loop"),
}


def make(name: str, case: Case) -> Contender | Absent:
    """A contender ready to run, or why there is none."""
    module, function = TRAINING[name]
    build: Callable[[Case], Contender | Absent] = getattr(import_module(f".{module}", __package__), function)
    return build(case)
