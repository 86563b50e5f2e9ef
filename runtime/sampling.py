"""Drawing text from a model that predicts the next token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .batching import Fields
from .module import Array, Arrays, Module


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token is drawn: `temperature` 0 takes the likeliest; `top_k` keeps the likeliest alone, `top_p` the
    fewest that hold this much probability (Holtzman et al. 2020)."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def draw(self, logits: Array, rng: np.random.Generator, never: Sequence[int] = ()) -> Array:
        """One token from each row of logits."""
        scores = logits.astype(float)
        scores[..., list(never)] = -np.inf
        if self.temperature > 0:
            scores = self._kept(scores / self.temperature) + rng.gumbel(size=scores.shape)
        tokens: Array = scores.argmax(-1)
        return tokens

    def _kept(self, scores: Array) -> Array:
        """The scores, -inf for those left out; a token is kept while those above it hold less than `top_p`."""
        order = np.argsort(-scores, axis=-1, kind="stable")
        ranked = np.take_along_axis(scores, order, -1)[..., : self.top_k]
        if self.top_p is not None:
            powers = np.exp(ranked - ranked[..., :1])
            above = np.cumsum(powers, axis=-1) - powers
            ranked = np.where(above < self.top_p * powers.sum(axis=-1, keepdims=True), ranked, -np.inf)
        kept = np.full_like(scores, -np.inf)
        np.put_along_axis(kept, order[..., : self.top_k], ranked, -1)
        return kept


def generate(
    module: Module, params: Arrays, fields: Fields, prime: Sequence[int], choice: Choice, seed: int = 0,
    never: Sequence[int] = (0,),
) -> Iterator[int]:  # fmt: skip
    """Tokens without end, each drawn given the prime and all tokens before; `prime` has one at least
    where the spec has an input."""
    rng = np.random.default_rng(seed)
    reader = _Reader(module, params, fields)
    for token in prime:
        reader.read(token)
    while True:
        token = int(choice.draw(reader.logits(), rng, never)[0])
        reader.read(token)
        yield token


class _Reader:
    """A model that has read some tokens: the state after them, and what it expects next.

    Where the head is fed back, a step gives the expectation of the very token it is given; so the next
    one is asked for with a token that does not count."""

    def __init__(self, module: Module, params: Arrays, fields: Fields) -> None:
        self.module, self.params, self.fields = module, module.freeze(params), fields
        self.state = module.start(self.params, batch_size=1)
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
