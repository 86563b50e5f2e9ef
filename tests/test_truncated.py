"""Truncated backpropagation, BPTT(k2; k1) of Williams & Peng (1990), against a loop written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.__main__ import main
from rnnc.runtime.batching import Fields, TextStreams
from rnnc.runtime.optimizers import SGD
from rnnc.runtime.trainer import Limit, Trainer

SPEC = """dim vocab = 5, hidden = 4
axis t = 1..T
input x[t] : token(vocab)
param E : real[vocab, hidden], W : real[hidden, hidden], b : real[hidden] ~ normal(0.1)
param V : real[vocab, hidden], s : real[hidden] ~ normal(0.1)
h[0] = s
h[t] = tanh(b + W @ h[t-1] + E[x[t]])
head y[t] : token(vocab) ~ categorical(V @ h[t])
"""
TEXT = np.random.default_rng(3).integers(1, 5, 160)
ROWS, RATE = 2, 0.3


def by_hand(params: dict[str, Any], k1: int, k2: int, updates: int) -> dict[str, Any]:
    """Each update: the last k1 steps have a loss, its gradient goes back k2 steps, one step at a time."""
    p = {name: value.copy() for name, value in params.items()}
    streams = TextStreams(TEXT, TEXT[:0], Fields("x", "y", "T"), ROWS, k1)
    stride = streams.chunks * k1
    row_of = np.arange(ROWS) * stride
    state: Any = None  # before step `begin`
    begin = 0
    for update in range(updates):
        end = (update + 1) * k1
        h, steps = {begin: np.tile(p["s"], (ROWS, 1)) if begin == 0 else state}, range(begin, end)
        for t in steps:
            h[t + 1] = np.tanh(p["b"] + h[t] @ p["W"].T + p["E"][TEXT[row_of + t]])
        g = {name: np.zeros_like(value) for name, value in p.items()}
        dh = np.zeros((ROWS, 4))
        for t in reversed(steps):
            if t >= end - k1:
                o = h[t + 1] @ p["V"].T
                d = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
                d[np.arange(ROWS), TEXT[row_of + t + 1]] -= 1
                d /= k1 * ROWS
                g["V"] += d.T @ h[t + 1]
                dh = dh + d @ p["V"]
            da = dh * (1 - h[t + 1] ** 2)
            g["b"] += da.sum(axis=0)
            g["W"] += da.T @ h[t]
            np.add.at(g["E"], TEXT[row_of + t], da)
            dh = da @ p["W"]
        if begin == 0:
            g["s"] += dh.sum(axis=0)
        later = max(0, end + k1 - k2)
        begin, state = later, h[later]
        for name in p:
            p[name] = p[name] - RATE * g[name]
    return p


@pytest.mark.parametrize(
    ("k1", "k2"), [(1, 1), (4, 4), (3, 9), (4, 6), (3, 7), (1, 5), (5, 60)], ids=lambda k: str(k)
)
def test_equals_the_loop_by_hand(k1: int, k2: int) -> None:
    m: Any = rnnc.loads(SPEC)
    params = m.init(seed=1, dtype="float64")
    batches = TextStreams(TEXT, TEXT[:0], Fields("x", "y", "T"), ROWS, k1, reach=k2)
    updates = 9
    assert batches.chunks >= updates
    own = {name: value.copy() for name, value in params.items()}
    trainer = Trainer(m, own, batches, SGD(0.0), Limit(updates), rate=RATE, clip=np.inf)
    for _ in range(updates):
        trainer.advance()
    for name, wanted in by_hand(params, k1, k2, updates).items():
        np.testing.assert_allclose(trainer.params[name], wanted, rtol=1e-11, atol=1e-13, err_msg=name)


def test_gradients_reach_further_than_the_chunk() -> None:
    m: Any = rnnc.loads(SPEC)
    found = []
    for reach in (4, 12):
        batches = TextStreams(TEXT, TEXT[:0], Fields("x", "y", "T"), ROWS, 4, reach=reach)
        trainer = Trainer(
            m, m.init(seed=1, dtype="float64"), batches, SGD(0.0), Limit(9), rate=0.0, clip=np.inf
        )
        for _ in range(4):
            trainer.advance()
        batch, goes_on = batches.batch(4)
        assert goes_on and len(batch["x"]) == reach
        found.append(trainer._gradients(batch, trainer._options(goes_on))[1]["W"])
    assert np.abs(found[0] - found[1]).max() > 1e-6


@pytest.mark.parametrize("stop", [2, 7])
def test_a_run_goes_on_as_if_it_had_not_stopped(stop: int) -> None:
    def run() -> Trainer:
        m: Any = rnnc.loads(SPEC)
        batches = TextStreams(TEXT, TEXT[:20], Fields("x", "y", "T"), ROWS, 3, reach=8)
        return Trainer(m, m.init(seed=1), batches, SGD(0.9), Limit(30), rate=0.1)

    whole, first, second = run(), run(), run()
    for _ in range(12):
        whole.advance()
    for _ in range(stop):
        first.advance()
    second.restore(first.arrays())
    for _ in range(12 - stop):
        second.advance()
    for name, value in whole.params.items():
        np.testing.assert_array_equal(second.params[name], value)


def test_fewer_steps_back_than_a_chunk_has_are_refused(capsys: Any, tmp_path: Any) -> None:
    spec, text = tmp_path / "a.rnn", tmp_path / "a.txt"
    spec.write_text(SPEC, "utf-8")
    text.write_text("abcd" * 100, "utf-8")
    words = ["train", str(spec), "--text", str(text), "--out", str(tmp_path / "run"), "--steps", "3"]
    assert main([*words, "--k1", "8", "--k2", "4"]) == 2
    assert "--k2: gradients that flow 4 steps back" in capsys.readouterr().err
    assert main([*words, "--k1", "4", "--k2", "12", "--length", "0"]) == 0
