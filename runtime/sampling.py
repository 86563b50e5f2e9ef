"""Drawing text from a model that predicts the next token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .batching import Fields
from .module import Array, Arrays, Module


def draw(logits: Array, temperature: float, rng: np.random.Generator, never: Sequence[int] = ()) -> Array:
    """One token from each row of logits; temperature 0 takes the likeliest."""
    scores = logits.astype(float)
    scores[..., list(never)] = -np.inf
    if temperature > 0:
        scores = scores / temperature + rng.gumbel(size=scores.shape)
    tokens: Array = scores.argmax(-1)
    return tokens


def generate(
    module: Module, params: Arrays, fields: Fields, prime: Sequence[int], temperature: float = 1.0,
    seed: int = 0, never: Sequence[int] = (0,),
) -> Iterator[int]:  # fmt: skip
    """Tokens without end, each drawn given the prime and all tokens before; `prime` has one at least
    where the spec has an input."""
    rng = np.random.default_rng(seed)
    reader = _Reader(module, params, fields)
    for token in prime:
        reader.read(token)
    while True:
        token = int(draw(reader.logits(), temperature, rng, never)[0])
        reader.read(token)
        yield token


class _Reader:
    """A model that has read some tokens: the state after them, and what it expects next.

    Where the head is fed back, a step gives the expectation of the very token it is given; so the next
    one is asked for with a token that does not count."""

    def __init__(self, module: Module, params: Arrays, fields: Fields) -> None:
        self.module, self.params, self.fields = module, params, fields
        self.state = module.start(params, batch_size=1)
        self.expected: Array | None = None

    def read(self, token: int) -> None:
        name = self.fields.input or self.fields.head
        self.state, outputs = self.module.step(self.params, self.state, {name: np.array([token])})
        self.expected = outputs[self.fields.head]

    def logits(self) -> Array:
        if self.fields.input is None:
            nothing = {self.fields.head: np.zeros(1, np.int64)}
            return self.module.step(self.params, self.state, nothing)[1][self.fields.head]
        if self.expected is None:
            raise ValueError("the model has an input: at least one token to begin with is needed")
        return self.expected
