"""Text as tokens, and what it costs: entropy and compressors to compare a model with."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .module import Array

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
LIMIT = 1024  # distinct characters a vocabulary has room for


@dataclass(frozen=True)
class Vocabulary:
    """Characters in code-point order as tokens 1, 2, …; token 0 is every character not among them."""

    characters: str

    @staticmethod
    def of(text: str, limit: int = LIMIT) -> Vocabulary:
        """The characters of a text, the rarest left out beyond `limit` tokens."""
        common = Counter(text.replace(UNKNOWN, "")).most_common(max(limit - 1, 0))
        return Vocabulary("".join(sorted(character for character, _ in common)))

    @property
    def size(self) -> int:
        return len(self.characters) + 1

    def encode(self, text: str) -> Array:
        known, codes = _codes(self.characters), _codes(text)
        if not len(known):
            return np.zeros(len(codes), np.int64)
        at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[at] == codes, at + 1, 0)

    def decode(self, tokens: Iterable[int]) -> str:
        table = UNKNOWN + self.characters
        return "".join(table[token] for token in tokens)


def _codes(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def default_text() -> str:
    """English that every Python carries: the topics of its own help."""
    from pydoc_data.topics import topics

    return "".join(topics[key] for key in sorted(topics))


def split(text: str) -> tuple[str, str]:
    """What is trained on, and the last tenth, held out."""
    at = len(text) - len(text) // 10
    return text[:at], text[at:]


def entropy(text: str) -> float:
    """Order-0 entropy in bits per character."""
    counts = np.array(list(Counter(text).values()), float)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) if len(text) else 0.0


def compressors(train: str, held_out: str) -> dict[str, float]:
    """Bits per held-out character that each compressor needs when it has seen the training text."""
    pack: dict[str, Callable[[bytes], bytes]] = {
        "zlib": lambda data: zlib.compress(data, 9),
        "bz2": lambda data: bz2.compress(data, 9),
        "lzma": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    }
    before, both = train.encode("utf-8", "replace"), (train + held_out).encode("utf-8", "replace")
    characters = max(len(held_out), 1)
    return {name: 8 * (len(f(both)) - len(f(before))) / characters for name, f in pack.items()}
