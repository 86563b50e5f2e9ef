"""Batches: a long text cut into parallel streams, ragged sequences padded, arrays drawn at random.

A source of batches is a function of the batch's number (and a seed), so that training can go on from
any step without replaying what came before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from .module import Array, Arrays

WARM_UP = 64  # characters read before the first one that is scored


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps of a batch; ``weight`` is their part in its loss, 0 for those that only lead up to it."""

    steps: slice
    weight: float


class Batches(Protocol):
    streamed: bool  # whether batches continue one another's sequences

    def batch(self, number: int) -> tuple[Arrays, bool]:
        """A training batch (from 0), and whether it goes on from a state that an earlier one left."""

    def epoch(self, number: int) -> float:
        """How often all data was seen before this batch."""

    def held_out(self) -> Iterator[tuple[Arrays, bool, int]]:
        """Batches never trained on: batch, whether it goes on, and how many elements it scores."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What the tokens of a text are called: the input that sees each token (None when the head is fed
    back), the head that predicts the next one, and the length."""

    input: str | None
    head: str
    length: str

    def chunk(self, tokens: Array, targets: Array) -> Arrays:
        return {self.head: targets} if self.input is None else {self.input: tokens, self.head: targets}


class TextStreams:
    """A text as `rows` parallel streams read in chunks: truncated backpropagation with carried state.

    Gradients of a chunk's loss flow back over `reach` steps, the chunk's own among them: BPTT(reach; chunk) of
    Williams & Peng (1990), with the steps before the chunk computed anew with the present parameters. Every pass over
    the text starts at another offset, so chunks are cut at other places."""

    streamed = True

    def __init__(
        self, train: Array, held_out: Array, fields: Fields, rows: int = 32, chunk: int = 64, seed: int = 0,
        reach: int | None = None,
    ) -> None:  # fmt: skip
        if len(train) < 2:
            raise ValueError(f"the training text has {len(train)} characters; at least 2 are needed")
        self.train, self.fields, self.seed = train, fields, seed
        self.rest = held_out if len(held_out) else train[1:]
        self.rows = max(1, min(rows, (len(train) - 1) // 2))
        self.chunk = max(1, min(chunk, (len(train) - 1) // self.rows // 2))
        self.chunks = (len(train) - self.chunk) // (self.rows * self.chunk)
        self.reach = self.chunk if reach is None else reach
        if self.reach < self.chunk:
            raise ValueError(
                f"gradients that flow {self.reach} steps back leave steps of a chunk out ({self.chunk})"
            )

    def batch(self, number: int) -> tuple[Arrays, bool]:
        epoch, index = divmod(number, self.chunks)
        offset = int(np.random.default_rng([self.seed, epoch]).integers(self.chunk)) if epoch else 0
        begin, end = self._begin(index), (index + 1) * self.chunk
        starts = offset + self.chunks * self.chunk * np.arange(self.rows)
        where = starts + np.arange(begin, end)[:, None]
        return self.fields.chunk(self.train[where], self.train[where + 1]), begin > 0

    def _begin(self, index: int) -> int:
        """The stream's first step that gradients of a chunk's loss reach."""
        return max(0, (index + 1) * self.chunk - self.reach)

    def pieces(self, number: int) -> tuple[list[Piece], int]:
        """A batch cut where its chunk begins and where the next batch does; how many pieces are before that."""
        index = number % self.chunks
        begin, own, end = self._begin(index), index * self.chunk, (index + 1) * self.chunk
        later = self._begin(index + 1)
        cuts = sorted({begin, own, later, end})
        found = [
            Piece(slice(a - begin, b - begin), (b - a) / self.chunk if a >= own else 0.0)
            for a, b in pairwise(cuts)
        ]
        return found, cuts.index(later)

    def epoch(self, number: int) -> float:
        return number / self.chunks

    def held_out(self, rows: int = 32, chunk: int = 128) -> Iterator[tuple[Arrays, bool, int]]:
        """Every character predicted once, by streams that carry their state. Each first reads some of the
        text before its part, which is not scored."""
        warm = min(WARM_UP, len(self.train) - 1)
        tokens = np.concatenate([self.train[len(self.train) - 1 - warm :], self.rest])
        count = len(self.rest)
        stride = -(-count // rows)
        starts = warm + stride * np.arange(rows)
        ends = np.minimum(starts + stride, warm + count)
        for begin, end in [(-warm, 0), *((b, min(b + chunk, stride)) for b in range(0, stride, chunk))]:
            where = starts + np.arange(begin, end)[:, None]
            lengths = np.clip(ends - starts - begin, 0, end - begin)
            where = np.minimum(where, warm + count - 1)
            batch = self.fields.chunk(tokens[where], tokens[where + 1])
            yield {**batch, self.fields.length: lengths}, begin > -warm, int(lengths.sum()) * (begin >= 0)


class ArrayBatches:
    """Whole sequences drawn without replacement from arrays; the last tenth is held out.

    `axes` tells, for each array, which of its axes is the batch's. `lengths` names the arrays whose
    product counts a sequence's elements (none: one each)."""

    streamed = False

    def __init__(
        self, data: Mapping[str, Array], axes: Mapping[str, int], lengths: Sequence[str] = (),
        rows: int = 32, seed: int = 0,
    ) -> None:  # fmt: skip
        self.data, self.axes, self.lengths, self.seed = dict(data), axes, lengths, seed
        total = batch_size(data, axes)
        kept = total // 10
        self.training, self.kept = np.arange(total - kept), np.arange(total - kept, total)
        self.rows = min(rows, len(self.training))
        self.count = len(self.training) // self.rows

    def batch(self, number: int) -> tuple[Arrays, bool]:
        epoch, index = divmod(number, self.count)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.training)
        return self._take(order[index * self.rows : (index + 1) * self.rows]), False

    def epoch(self, number: int) -> float:
        return number / self.count

    def held_out(self) -> Iterator[tuple[Arrays, bool, int]]:
        """In the order of the file; the training data itself when there is too little to hold any out."""
        chosen = self.kept if len(self.kept) else self.training
        for begin in range(0, len(chosen), self.rows):
            batch = self._take(chosen[begin : begin + self.rows])
            yield batch, False, self._elements(batch, len(chosen[begin : begin + self.rows]))

    def _take(self, rows: Array) -> Arrays:
        return {name: np.take(value, rows, self.axes[name]) for name, value in self.data.items()}

    def _elements(self, batch: Arrays, rows: int) -> int:
        sizes = [batch[name] for name in self.lengths if name in batch]
        return int(np.prod(sizes, axis=0).sum()) if sizes else rows


def batch_size(data: Mapping[str, Array], axes: Mapping[str, int]) -> int:
    """The number of sequences all arrays agree on."""
    sizes: dict[int, str] = {}
    for name, value in data.items():
        if value.ndim <= axes[name]:
            raise ValueError(f"{name!r}: expected at least {axes[name] + 1} axes, got shape {value.shape}")
        sizes.setdefault(value.shape[axes[name]], name)
    if len(sizes) > 1:
        found = ", ".join(f"{name!r} has {size}" for size, name in sizes.items())
        raise ValueError(f"the arrays hold different numbers of sequences: {found}")
    if not sizes or 0 in sizes:
        raise ValueError("there are no sequences in it")
    return next(iter(sizes))


def pad(sequences: Sequence[Array], steps: int | None = None) -> tuple[Array, Array]:
    """Sequences of unequal lengths as one time-major array (zeros in the padding), and their lengths."""
    if not sequences:
        raise ValueError("pad: no sequences")
    lengths = np.array([len(sequence) for sequence in sequences])
    shape = (lengths.max() if steps is None else steps, len(sequences), *np.shape(sequences[0])[1:])
    padded = np.zeros(shape, np.result_type(*sequences))
    for column, sequence in enumerate(sequences):
        padded[: len(sequence), column] = sequence
    return padded, lengths
