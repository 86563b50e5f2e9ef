"""Text as tokens, and what compressors make of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.runtime.text import UNKNOWN, Vocabulary, compressors, default_text, entropy, split


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_tokens_and_back(known, text):
    vocabulary = Vocabulary.of(known)
    tokens = vocabulary.encode(text)
    assert len(tokens) == len(text) and tokens.dtype == np.int64
    assert vocabulary.decode(tokens) == "".join(c if c in known else UNKNOWN for c in text)
    assert vocabulary.size == len(set(known) - {UNKNOWN}) + 1


def test_the_rarest_characters_are_left_out():
    vocabulary = Vocabulary.of("aaabbc", limit=3)
    assert vocabulary.characters == "ab" and vocabulary.encode("abc").tolist() == [1, 2, 0]
    assert Vocabulary.of("abc", limit=1).encode("abc").tolist() == [0, 0, 0]


def test_split():
    assert split("0123456789abcdefghij!") == ("0123456789abcdefghi", "j!")
    assert split("abc") == ("abc", "")


def test_entropy():
    assert entropy("aabb") == 1 and entropy("aaaa") == 0 and entropy("") == 0
    assert entropy("abcdefgh") == pytest.approx(3)


def test_compressors_see_the_training_text():
    rng = np.random.default_rng(0)
    noise = "".join(map(chr, rng.integers(97, 123, 4000)))
    known = compressors(noise, noise[:1000])
    fresh = compressors(noise, "".join(map(chr, rng.integers(97, 123, 1000))))
    assert set(known) == {"zlib", "bz2", "lzma"}
    assert known["zlib"] < 0.5 and known["lzma"] < 0.5
    assert all(4 < value < 6 for value in fresh.values())


def test_the_default_text():
    text = default_text()
    assert len(text) > 400_000 and 4.5 < entropy(text) < 4.9
    train, held_out = split(text)
    assert len(held_out) == len(text) // 10 and train + held_out == text
