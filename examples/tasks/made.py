"""Data of our own making for `shows`: for each example something that it is the right tool for.

Every generator takes a source of random numbers and how many sequences are wanted, and returns them under the names of
the spec's inputs, targets and lengths, with what is known of them: the nats per element that the generator's own
probabilities give, or those of an answer that needs no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rnnc.runtime.batching import pad

Array = np.ndarray
Made = tuple[dict[str, Any], dict[str, float]]
Make = Callable[[np.random.Generator, int], Made]


def entropy(labels: Array, seen: Array | None = None) -> float:
    """Nats per label of the frequencies, or of those beside each value of something seen."""
    whole = np.zeros_like(labels) if seen is None else seen
    parts = [labels[whole == value] for value in np.unique(whole)]
    shares = [(len(part) / labels.size, np.unique(part, return_counts=True)[1] / len(part)) for part in parts]
    return float(sum(-weight * (p * np.log(p)).sum() for weight, p in shares))


def steps(x: Array, y: Array, **more: Array) -> dict[str, Any]:
    """Sequences of one length, time first; x is given a last axis if it has none."""
    inputs = x[..., None] if x.ndim == 2 else x
    return {"x": inputs.astype("float32"), "y": y, "T": np.full(x.shape[1], len(x)), **more}


def delayed(x: Array, lag: int) -> Array:
    """x of so many steps before, at first 0."""
    return np.concatenate([np.zeros_like(x[:lag]), x[:-lag]])


def addition(rng: np.random.Generator, rows: int) -> Made:
    """Two binary numbers, lowest bit first, and the bits of their sum."""
    x = rng.integers(0, 2, (16, rows, 2))
    y, carry = np.zeros((16, rows), int), np.zeros(rows, int)
    for t, bits in enumerate(x.sum(axis=-1)):
        carry, y[t] = divmod(bits + carry, 2)
    return steps(x, y), {"without the carry": entropy(y, x.sum(axis=-1))}


def register(rng: np.random.Generator, rows: int) -> Made:
    """A number is written when the mark says so, and kept while others pass by; which quarter of 0 to 1 it is in."""
    x, writes = rng.random((40, rows)), rng.random((40, rows)) < 0.08
    kept = np.zeros((40, rows))
    for t in range(40):
        kept[t] = np.where(writes[t], x[t], kept[t - 1])
    y = (4 * kept).astype(int)
    return steps(np.stack([x, writes], axis=-1), y), {"frequencies": entropy(y)}


def timing(rng: np.random.Generator, rows: int) -> Made:
    """Rare marks; the answer is 1 exactly ten steps after the last mark."""
    marks = rng.random((40, rows)) < 0.05
    since, y = np.full(rows, 99), np.zeros((40, rows), int)
    for t in range(40):
        since = np.where(marks[t], 0, since + 1)
        y[t] = since == 10
    return steps(marks, y), {"frequencies": entropy(y)}


def brackets(rng: np.random.Generator, rows: int) -> Made:
    """Two kinds of brackets, at most four deep: opened with probability 1/2, closed as they were opened."""
    text, chance = np.zeros((33, rows), int), np.ones((33, rows))
    for row in range(rows):
        stack: list[int] = []
        for t in range(33):
            opens = not stack or (len(stack) < 4 and rng.random() < 0.5)
            chance[t, row] = (0.5 if 0 < len(stack) < 4 else 1.0) * (0.5 if opens else 1.0)
            if opens:
                stack.append(int(rng.integers(2)))
            text[t, row] = stack[-1] if opens else 2 + stack.pop()
    batch = {"x": text[:-1], "y": text[1:], "T": np.full(rows, 32)}
    known = float(-np.log(chance[1:]).mean())
    return batch, {"true probabilities": known, "counts after one symbol": entropy(text[1:], text[:-1])}


def markov(rng: np.random.Generator, rows: int) -> Made:
    """A chain of five symbols whose next one depends on the last two; symbol 0 ends it."""
    table = np.random.default_rng(7).dirichlet(np.full(6, 0.3), (6, 6)) * 0.9
    table[..., 0] += 0.1
    drawn, nats = [], 0.0
    for _ in range(rows):
        text = [0, 0]
        while len(text) == 2 or (text[-1] and len(text) < 200):
            text.append(int(rng.choice(6, p=table[text[-2], text[-1]])))
            nats -= np.log(table[text[-3], text[-2], text[-1]])
        drawn.append(np.array(text[2:]))
    y, lengths = pad(drawn)
    every = np.concatenate(drawn)
    known = {"true probabilities": float(nats / len(every)), "frequencies": entropy(every)}
    return {"y": y, "T": lengths}, known


def majority(rng: np.random.Generator, rows: int) -> Made:
    """Three symbols, 7 to 21 of them; which was the most frequent (the first of equals)."""
    drawn = [rng.integers(0, 3, rng.integers(7, 22)) for _ in range(rows)]
    y = np.array([np.bincount(text, minlength=3).argmax() for text in drawn])
    x, lengths = pad([np.eye(3, dtype="float32")[text] for text in drawn])
    return {"x": x, "y": y, "T": lengths}, {"frequencies": entropy(y)}


def neighbours(rng: np.random.Generator, rows: int) -> Made:
    """Bits; the answer is the bit before together with the bit after."""
    x = rng.integers(0, 2, (22, rows))
    x[0] = x[-1] = 0  # beyond the ends
    return steps(2 * x[1:-1] - 1, x[:-2] + 2 * x[2:]), {"without the later bit": float(np.log(2) * 19 / 20)}


def parity_of_parity(rng: np.random.Generator, rows: int) -> Made:
    """Bits; the running parity of their running parity."""
    x = rng.integers(0, 2, (12, rows))
    y = x.cumsum(axis=0).cumsum(axis=0) % 2
    return steps(2 * x - 1, y), {"frequencies": entropy(y)}


def turns(rng: np.random.Generator, rows: int) -> Made:
    """Two moves of three things, a swap and a turn round; which of their six orders they are in."""
    moves = np.array([[1, 0, 3, 2, 5, 4], [2, 5, 4, 1, 0, 3]])  # of each order: the one the move makes of it
    x = rng.integers(0, 2, (12, rows))
    y = np.zeros((12, rows), int)
    for t in range(12):
        y[t] = moves[x[t], y[t - 1] if t else 0]
    return steps(np.eye(2)[x], y), {"frequencies": entropy(y)}


def words(rng: np.random.Generator, rows: int) -> Made:
    """A code of six signs, with noise, and the word of two to six letters that it stands for; 0 ends it."""
    fixed = np.random.default_rng(7)
    book = [np.append(fixed.integers(1, 12, fixed.integers(2, 7)), 0) for _ in range(32)]
    codes = np.array(
        [[1 - 2 * (n >> k & 1) for k in range(5)] + [1 - 2 * (n.bit_count() & 1)] for n in range(32)]
    )
    chosen = rng.integers(0, 32, rows)
    y, lengths = pad([book[n] for n in chosen])
    x = codes[chosen] + 0.3 * rng.standard_normal((rows, 6))
    known = {"all words known, but not the code": float(np.log(32) / lengths.mean())}
    return {"x": x.astype("float32"), "y": y, "T": lengths}, known


def shifted(rng: np.random.Generator, rows: int) -> Made:
    """Symbols of four, all moved on by the same number, which is drawn once for each sequence and not told."""
    x = rng.integers(0, 4, (12, rows))
    known = {"true probabilities": float(np.log(4) / 12), "no feedback": float(np.log(4))}
    return steps(np.eye(4)[x], (x + rng.integers(0, 4, rows)) % 4), known


def walk(rng: np.random.Generator, rows: int) -> Made:
    """A ring of five places, walked as the input says; three steps in ten fail."""
    x, fails = rng.integers(0, 2, (20, rows)), rng.random((20, rows)) < 0.3
    y = (np.where(fails, 0, 2 * x - 1)).cumsum(axis=0) % 5
    return steps(2 * x - 1, y), {
        "true probabilities": float(-np.where(fails, np.log(0.3), np.log(0.7)).mean())
    }


def integrator(rng: np.random.Generator, rows: int) -> Made:
    """Three leaky sums of three inputs; the likelihood is that of deviation 1."""
    x = rng.standard_normal((20, rows, 3))
    y = np.zeros_like(x)
    for t in range(20):
        y[t] = 0.9 * (y[t - 1] if t else 0) + x[t]
    floor = 1.5 * np.log(2 * np.pi)
    mean = float(floor + 0.5 * ((y - y.mean(axis=(0, 1))) ** 2).sum(axis=-1).mean())
    return steps(x, y.astype("float32")), {"exact answer": float(floor), "the mean": mean}


def strings(low: int, high: int, backwards: bool) -> Make:
    """Strings of eight symbols to be said again, or from the end; 0 ends them."""

    def make(rng: np.random.Generator, rows: int) -> Made:
        drawn = [rng.integers(1, 9, rng.integers(low, high + 1)) for _ in range(rows)]
        (x, read), (y, said) = pad(drawn), pad([np.append(s[:: -1 if backwards else 1], 0) for s in drawn])
        source = float((np.log(high - low + 1) + np.log(8) * read.mean()) / said.mean())
        return {"x": x, "y": y, "S": read, "T": said}, {"without the source": source}

    return make


def filtered_chances(x: Array, z: Array) -> Array:
    """The probability of each sign of `switching`, given what is heard up to then (by Bayes' rule)."""
    up, chances = np.full(x.shape[1], 0.5), np.zeros(x.shape)
    for t in range(len(x)):
        before = up if t == 0 else 0.99 * up + 0.01 * (1 - up)
        up = before / (before + (1 - before) * np.exp(-x[t] / 8))
        chances[t] = np.where(z[t] > 0, up, 1 - up)
    return chances


def switching(rng: np.random.Generator, rows: int) -> Made:
    """A sign that changes with probability 0.01, under noise of deviation 4."""
    z = np.where(rng.random((120, rows)) < 0.01, -1, 1)
    z[0] = np.where(rng.random(rows) < 0.5, -1, 1)
    z = z.cumprod(axis=0)
    x = z + 4 * rng.standard_normal(z.shape)
    return steps(x, (z > 0).astype(int)), {"exact filter": float(-np.log(filtered_chances(x, z)).mean())}


def lagged(rng: np.random.Generator, rows: int) -> Made:
    """Bits, to be told thirty steps later: places that are moved on by one, which is an orthogonal map."""
    x = rng.integers(0, 2, (70, rows))
    return steps(2 * x - 1, delayed(x, 30)), {"a guess where it matters": float(np.log(2) * 40 / 70)}


def filtered(rng: np.random.Generator, rows: int) -> Made:
    """Whether a second difference of noise is small, positive or negative."""
    x = rng.standard_normal((20, rows))
    second = x - 2 * delayed(x, 1) + delayed(x, 2)
    y = np.where(np.abs(second) < 1, 0, np.where(second > 0, 1, 2))
    return steps(x, y), {"frequencies": entropy(y)}


def noisy_tags(rng: np.random.Generator, rows: int) -> Made:
    """Eight noisy channels, of which two, and the same two one step before, decide the tag."""
    x = rng.standard_normal((15, rows, 8))
    score = x[..., 0] + x[..., 1] + delayed(x, 1)[..., 0] - delayed(x, 1)[..., 1]
    y = ((score + 0.5 * rng.standard_normal(score.shape)) > 0).astype(int)
    return steps(x, y), {"frequencies": entropy(y)}


def redundant(rng: np.random.Generator, rows: int) -> Made:
    """Eight channels, all of them the same sign under noise of deviation 2; the tag is the sign one step before."""
    z = rng.choice([-1, 1], (15, rows))
    x = z[..., None] + 2 * rng.standard_normal((15, rows, 8))
    # The evidence for a sign is 2 x / 4, summed over the channels; before the first step there is none.
    evidence = delayed(z * x.sum(axis=-1), 1) / 2
    return steps(x, (delayed(z, 1) > 0).astype(int)), {
        "exact": float(np.logaddexp(0, -evidence)[1:].sum() / z.size)
    }


def larger(vocab: int, known: int) -> Make:
    """Numbers as words: whether this one is larger than the last. Only the `known` even ones are drawn."""

    def make(rng: np.random.Generator, rows: int) -> Made:
        x = rng.integers(0, known, (12, rows)) * (vocab // known)
        before = np.concatenate([np.full((1, rows), vocab), x[:-1]])
        y = (x > before).astype(int)
        return {"x": x, "y": y, "T": np.full(rows, 12)}, {"frequencies": entropy(y)}

    return make


def waves(rng: np.random.Generator, rows: int) -> Made:
    """Noisy waves of three lengths: the quarter of the wave, the next value, and which of the three it is."""
    kind = rng.integers(0, 3, rows)
    angle = rng.random(rows) + np.arange(13)[:, None] / np.array([6, 8, 11])[kind]
    x = (np.sin(2 * np.pi * angle) + 0.5 * rng.standard_normal(angle.shape))[..., None]
    tags = (4 * angle[:-1]).astype(int) % 4
    return steps(x[:-1], tags, next=x[1:].astype("float32"), kind=kind), {"frequencies": entropy(kind)}


def observed(rng: np.random.Generator, rows: int) -> Made:
    """A value that seldom jumps, seen in three steps of ten, and noise in the others: whether it is above 0."""
    level = rng.standard_normal((30, rows))
    for t in range(1, 30):
        level[t] = np.where(rng.random(rows) < 0.1, level[t], level[t - 1])
    seen = rng.random((30, rows)) < 0.3
    y = (level > 0).astype(int)
    x = np.where(seen, level, rng.standard_normal((30, rows)))
    return steps(x, y, seen=seen[..., None]), {"frequencies": entropy(y)}


def charge(rng: np.random.Generator, rows: int) -> Made:
    """Pulses at irregular times charge something that loses e^-t in time t: none, little or much is left."""
    time = rng.exponential(1.0, (20, rows)).cumsum(axis=0)
    x = rng.random((20, rows))
    level = np.zeros_like(x)
    for t in range(20):
        level[t] = x[t] + (level[t - 1] * np.exp(time[t - 1] - time[t]) if t else 0)
    y = np.digitize(level, [0.6, 1.2])
    return steps(x, y, time=time.astype("float32")), {"frequencies": entropy(y)}


def branches(rng: np.random.Generator, rows: int) -> Made:
    """Half the last value with its sign turned, and 1 more or 1 less, and noise of deviation 0.1."""
    signs, noise = rng.choice([-1, 1], (20, rows)), rng.standard_normal((20, rows))
    y = np.zeros((20, rows))
    for t in range(20):
        y[t] = -0.5 * (y[t - 1] if t else 0) + signs[t] + 0.1 * noise[t]
    density = np.logaddexp(-0.5 * noise**2, -0.5 * (noise + 20 * signs) ** 2) - 0.5 * np.log(2 * np.pi * 0.01)
    known = float(np.log(2) - density.mean())
    return {"y": y.astype("float32"), "T": np.full(rows, 20)}, {"true density": known}


def pairs(rng: np.random.Generator, rows: int) -> Made:
    """Two walks round a ring of seven, each of its own length: do both go in steps of the same size?"""
    sizes = rng.integers(1, 4, (2, rows))
    sizes[1] = np.where(rng.random(rows) < 0.5, sizes[0], 1 + (sizes[0] - 1 + rng.integers(1, 3, rows)) % 3)

    def walked(size: int) -> Array:
        count = rng.integers(8, 13)
        moves = np.where(rng.random(count) < 0.2, rng.integers(1, 7, count), size)
        return (rng.integers(7) + moves.cumsum()) % 7

    (a, first), (b, second) = (pad([walked(size) for size in way]) for way in sizes)
    same = sizes[0] == sizes[1]
    return {"a": a, "b": b, "S": first, "T": second, "same": same}, {"frequencies": entropy(same)}


def percolation(rng: np.random.Generator, rows: int) -> Made:
    """Places open with probability 0.7: which of them are reached from the first, going right and down."""
    x = (rng.random((7, 7, rows)) < 0.7).astype(int)
    y = np.zeros((8, 8, rows), int)
    y[0, 1] = 1
    for i, j in np.ndindex(7, 7):
        y[i + 1, j + 1] = x[i, j] & (y[i, j + 1] | y[i + 1, j])
    side = np.full(rows, 7)
    place = np.arange(49).reshape(7, 7, 1) * 2 + x
    batch = {"x": x[..., None].astype("float32"), "y": y[1:, 1:], "I": side, "J": side}
    return batch, {"frequencies by place": entropy(y[1:, 1:], place)}


def spoken(rng: np.random.Generator, rows: int) -> Made:
    """One to four symbols of five, each for one to three frames with noise between: what was said?"""

    def said() -> tuple[Array, Array]:
        z = rng.integers(1, 6, rng.integers(1, 5))
        runs = [np.append(np.repeat(k, rng.integers(1, 4)), np.zeros(rng.integers(1, 3), int)) for k in z]
        frames = np.concatenate(runs)
        return np.eye(6)[frames][:, 1:] + 0.3 * rng.standard_normal((len(frames), 5)), z

    drawn = [said() for _ in range(rows)]
    (x, frames), (z, labels) = (pad(part) for part in zip(*drawn, strict=True))
    known = {"without the sound": float(np.log(4) + np.log(5) * labels.mean())}
    return {"x": x.astype("float32"), "z": z, "T": frames, "U": labels}, known
