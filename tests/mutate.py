"""Valid specs damaged: bytes, tokens and lines deleted, doubled, swapped, replaced; by a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

TOKEN = re.compile(rb"[A-Za-z]\w*|\d+|\s+|.", re.DOTALL)
LINE = re.compile(rb"[^\n]*\n|[^\n]+")
BYTE = re.compile(rb".", re.DOTALL)

Parts = list[bytes]


def _delete(parts: Parts, at: int, rng: random.Random) -> None:
    del parts[at]


def _double(parts: Parts, at: int, rng: random.Random) -> None:
    parts.insert(at, parts[at])


def _swap(parts: Parts, at: int, rng: random.Random) -> None:
    other = rng.randrange(len(parts))
    parts[at], parts[other] = parts[other], parts[at]


def _replace(parts: Parts, at: int, rng: random.Random) -> None:
    parts[at] = rng.choice([rng.choice(parts), rng.randbytes(1), rng.choice(SIGNS)])


SIGNS = [bytes([sign]) for sign in b"()[]{}=~@#\"'^.,:;*-+<>!%/\\|&$_ \t\n\r\x00\xff"]
DAMAGES: tuple[Callable[[Parts, int, random.Random], None], ...] = (_delete, _double, _swap, _replace)


def mutants(specs: Sequence[str], count: int, seed: int = 0) -> Iterator[bytes]:
    """So many damaged specs, each with one to three damages."""
    rng = random.Random(seed)
    for _ in range(count):
        data = rng.choice(specs).encode()
        for _ in range(rng.randint(1, 3)):
            parts = rng.choice([BYTE, TOKEN, LINE]).findall(data)
            if parts:
                rng.choice(DAMAGES)(parts, rng.randrange(len(parts)), rng)
            data = b"".join(parts)
        yield data
