"""Embedded Reber grammar: predict which symbols may come next, the last but one long after what decides it.

The strings and the measure are those of Hochreiter & Schmidhuber (1997), experiment 1: a string is right
if at each of its steps the legal successors are the most active outputs. The one that is hard is the last
but one: it repeats the second symbol, across a whole string of the inner grammar. Strings are drawn fresh
for every batch; 256 others are the test."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import rnnc
from common import EXAMPLES, Clock, train
from rnnc.runtime.batching import pad

SYMBOLS = "BTPSXVE"
# Reber's graph: from each node, the symbols and where they lead (Reber 1967).
GRAPH = {0: "T1P2", 1: "S1X3", 2: "T2V4", 3: "X2S5", 4: "P3V5", 5: "E6"}

SETTINGS = {"steps": 1000, "strings": 6000}


def reber(rng: np.random.Generator) -> tuple[str, list[str]]:
    """An embedded string, and after each symbol but the last those that are legal."""
    node, inner, legal = 0, "B", []
    while node != 6:
        ways = GRAPH[node]
        legal.append(ways[::2])
        choice = 2 * int(rng.integers(len(ways) // 2))
        inner, node = inner + ways[choice], int(ways[choice + 1])
    side = "TP"[rng.integers(2)]
    return f"B{side}{inner}{side}E", ["TP", "B", *legal, side, "E"]


def strings(count: int, seed: int) -> tuple[dict[str, np.ndarray], list[list[str]]]:
    rng = np.random.default_rng(seed)
    drawn = [reber(rng) for _ in range(count)]
    codes = [np.array([SYMBOLS.index(c) for c in text]) for text, _ in drawn]
    x, lengths = pad([code[:-1] for code in codes])
    y, _ = pad([code[1:] for code in codes])
    return {"x": x, "y": y, "T": lengths}, [legal for _, legal in drawn]


def right(scores: np.ndarray, legal: list[list[str]]) -> tuple[float, float]:
    """The share of strings all of whose legal successors are the most active, and of last-but-one symbols."""
    whole, late = [], []
    for row, steps in enumerate(legal):
        told = [
            set(np.argsort(-scores[t, row])[: len(ok)]) == {SYMBOLS.index(c) for c in ok}
            for t, ok in enumerate(steps)
        ]
        whole.append(all(told))
        late.append(told[-2])
    return float(np.mean(whole)), float(np.mean(late))


def counted(data: dict[str, np.ndarray], test: dict[str, np.ndarray], order: int = 4) -> np.ndarray:
    """The baseline: how often each symbol followed the last four."""
    table: dict[bytes, np.ndarray] = defaultdict(lambda: np.zeros(7))

    def contexts(batch: dict[str, np.ndarray]) -> Iterator[tuple[int, int, bytes]]:
        padded = np.concatenate([np.full((order - 1, batch["x"].shape[1]), 7), batch["x"]])
        for row, length in enumerate(batch["T"]):
            for t in range(length):
                yield t, row, padded[t : t + order, row].tobytes()

    for t, row, context in contexts(data):
        table[context][data["y"][t, row]] += 1
    scores = np.zeros((*test["x"].shape, 7))
    for t, row, context in contexts(test):
        scores[t, row] = table[context]
    return scores


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    data, _ = strings(settings.strings, seed=settings.seed)
    test, legal = strings(256, seed=settings.seed + 1)
    figures = {"counts after the last four symbols": right(counted(data, test), legal)}
    spec = (EXAMPLES / "char_lstm.rnn").read_text()
    for cell in ("vanilla", "gru", "lstm"):
        module = rnnc.loads(spec.replace("lstm", cell), vocab=7, embed=7, hidden=16)
        weights = train(module, data, settings, rows=16)
        figures[cell] = right(module.forward(weights, test).outputs["y"], legal)
    clock.tell(**{
        name: f"{whole:.1%} of strings, {late:.1%} of the last but one" for name, (whole, late) in figures.items()
    })  # fmt: skip
