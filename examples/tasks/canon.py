"""A canon: eight notes at once, and which of them sound follows what sounded two steps before.

Of our own making, so that the best that any model can do is known: a note sounds with probability 0.9 if
the note three places below (round the octave) sounded two steps before, else with 0.05; the first two
steps are drawn with 0.3. The notes of a step are independent given the past, as the network has them.
Beside it: every note with its frequency, and the true probabilities."""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from common import Clock, example, train

NOTES, STEPS = 8, 32

SETTINGS = {"steps": 1500}


def chances(y: np.ndarray) -> np.ndarray:
    """The true probability of every note at every step, given those before."""
    later = np.where(np.roll(y[:-2], 3, axis=-1), 0.9, 0.05)
    return np.concatenate([np.full((2, *y.shape[1:]), 0.3), later])


def music(count: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    y = rng.random((STEPS, count, NOTES)) < 0.3
    for t in range(2, STEPS):
        y[t] = rng.random((count, NOTES)) < np.where(np.roll(y[t - 2], 3, axis=-1), 0.9, 0.05)
    return {"y": y, "T": np.full(count, STEPS)}


def bits(y: np.ndarray, chance: np.ndarray) -> str:
    """Per step, all notes together."""
    each = -np.log2(np.where(y, chance, 1 - chance)).sum() / y[..., 0].size
    return f"{each:.3f} bits per step"


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    learn, test = music(4000, settings.seed + 1), music(500, settings.seed + 2)
    module = example("canon", notes=NOTES, hidden=64)
    weights = train(module, learn, settings)
    nll = module.forward(weights, test).nll["y"].sum() / test["T"].sum() / math.log(2)
    clock.tell(
        frequencies=bits(test["y"], learn["y"].mean(axis=(0, 1))),
        network=f"{nll:.3f} bits per step",
        true_probabilities=bits(test["y"], chances(test["y"])),
    )
