"""Handwritten digits read row by row: eight steps of eight pixels, one class at the end.

1797 pictures that scikit-learn ships (Alpaydin & Kaynak 1998, UCI); the last 360 are the test. Beside the
network: the nearest of the training pictures."""

from __future__ import annotations

import argparse

import numpy as np
from common import Clock, example, package, rows_of, train

SETTINGS = {"steps": 1500}


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    table = np.loadtxt(package("sklearn", "scikit-learn") / "datasets/data/digits.csv.gz", delimiter=",")
    pictures, digits = table[:, :64] / 16, table[:, 64].astype(int)
    module = example("classifier", input=8, hidden=48, classes=10)
    x = pictures.reshape(-1, 8, 8).transpose(1, 0, 2).astype("float32")  # rows are steps
    data = {"x": x, "y": digits, "T": np.full(len(digits), 8)}
    learn, test = np.arange(len(digits) - 360), np.arange(len(digits) - 360, len(digits))
    weights = train(module, rows_of(data, module, learn), settings)
    told = module.forward(weights, rows_of(data, module, test)).outputs["y"].argmax(axis=-1)
    distances = ((pictures[test][:, None] - pictures[learn]) ** 2).sum(axis=-1)
    nearest = digits[learn][distances.argmin(axis=1)]
    clock.tell(
        network=f"{np.mean(told == digits[test]):.1%} right",
        nearest_picture=f"{np.mean(nearest == digits[test]):.1%} right",
    )
