"""Who says it: nine speakers, told apart by one vowel of theirs, 7 to 29 steps of twelve numbers.

The Japanese vowels of Kudo, Toyama & Shimbo (1999), as the package aeon ships them: 270 utterances to
learn from, 370 to be tested on. Beside the network: the nearest utterance, and the speaker whose average
utterance is nearest, where an utterance is the mean over its steps."""

from __future__ import annotations

import argparse

import numpy as np
from common import Clock, example, package, rows_of, train
from rnnc.runtime.batching import pad

SETTINGS = {"steps": 600}


def utterances(part: str) -> dict[str, np.ndarray]:
    """One a line: the twelve series, then the speaker, separated by colons."""
    path = package("aeon") / f"datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts"
    lines = path.read_text().partition("@data\n")[2].split()
    rows = [line.split(":") for line in lines]
    x, lengths = pad([np.array([s.split(",") for s in row[:-1]], "float32").T for row in rows])
    return {"x": x, "y": np.array([int(row[-1]) - 1 for row in rows]), "T": lengths}


def averages(data: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(data["x"].sum(axis=0) / data["T"][:, None])


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    learn, test = utterances("TRAIN"), utterances("TEST")
    module = example("classifier", input=12, hidden=24, classes=9)
    order = np.random.default_rng(settings.seed).permutation(len(learn["y"]))  # the file goes by speaker
    weights = train(module, rows_of(learn, module, order), settings, rows=27)
    told = module.forward(weights, test).outputs["y"].argmax(axis=-1)
    distances = ((averages(test)[:, None] - averages(learn)) ** 2).sum(axis=-1)
    centres = np.array([averages(learn)[learn["y"] == k].mean(axis=0) for k in range(9)])
    central = ((averages(test)[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    clock.tell(
        network=f"{np.mean(told == test['y']):.1%} right",
        nearest_utterance=f"{np.mean(learn['y'][distances.argmin(axis=1)] == test['y']):.1%} right",
        nearest_speaker=f"{np.mean(central == test['y']):.1%} right",
    )
