"""Batches: streams that go on, every held-out character once, sequences padded and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.runtime.batching import ArrayBatches, Fields, TextStreams, pad

FIELDS = Fields("x", "y", "T")


def streams(length, held_out=0, **options):
    tokens = np.arange(length + held_out)
    return TextStreams(tokens[:length], tokens[length:], FIELDS, **options)


sizes = {"length": st.integers(2, 300), "rows": st.integers(1, 40), "chunk": st.integers(1, 50)}


@settings(derandomize=True, max_examples=100, deadline=None)
@given(**sizes)
def test_streams_go_on(length, rows, chunk):
    source = streams(length, rows=rows, chunk=chunk)
    before = None
    for number in range(3 * source.chunks):
        batch, continues = source.batch(number)
        assert batch["x"].shape == (source.chunk, source.rows)
        assert (batch["y"] == batch["x"] + 1).all() and (np.diff(batch["x"], axis=0) == 1).all()
        assert continues == (number % source.chunks > 0)
        if continues:
            assert (batch["x"][0] == before + 1).all()
        before = batch["x"][-1]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(**sizes)
def test_an_epoch_repeats_nothing_and_leaves_little_out(length, rows, chunk):
    source = streams(length, rows=rows, chunk=chunk)
    for epoch in range(2):
        numbers = range(epoch * source.chunks, (epoch + 1) * source.chunks)
        seen = np.concatenate([source.batch(n)[0]["y"].ravel() for n in numbers])
        assert len(set(seen)) == len(seen) > length - source.rows * source.chunk - source.chunk - 1


def test_chunks_fall_elsewhere_each_epoch_and_by_seed():
    starts = [streams(1000, rows=4, chunk=50).batch(n * 4)[0]["x"][0, 0] for n in range(6)]
    assert len(set(starts)) > 2
    other = [streams(1000, rows=4, chunk=50, seed=1).batch(n * 4)[0]["x"][0, 0] for n in range(6)]
    assert starts != other


@settings(derandomize=True, max_examples=100, deadline=None)
@given(length=st.integers(2, 90), kept=st.integers(1, 200), rows=st.integers(1, 9), chunk=st.integers(1, 60))
def test_every_held_out_character_is_scored_once(length, kept, rows, chunk):
    source = streams(length, kept)
    scored, last = [], None
    for batch, continues, count in source.held_out(rows, chunk):
        valid = np.arange(len(batch["x"]))[:, None] < batch["T"]
        assert count in (0, valid.sum()) and continues == (last is not None)
        assert (batch["y"] == batch["x"] + 1)[valid].all()
        if continues:
            assert (batch["x"][0] == last + 1)[batch["T"] > 0].all()
        else:
            assert count == 0 and batch["x"].size and batch["x"].min() == max(length - 65, 0)
        scored += batch["y"][valid].tolist() if count else []
        last = batch["x"][-1]
    assert sorted(scored) == list(range(length, length + kept))


def test_without_an_input_only_the_head_is_fed():
    batch, _ = TextStreams(np.arange(50), np.arange(5), Fields(None, "y", "T"), rows=2).batch(0)
    assert list(batch) == ["y"]


def test_too_short_a_text():
    with pytest.raises(ValueError, match="at least 2"):
        streams(1)


def arrays(rows=25):
    return {"x": np.arange(rows * 3).reshape(3, rows), "c": np.arange(rows), "T": np.arange(rows) % 4}


AXES = {"x": 1, "c": 0, "T": 0}


def test_sequences_are_drawn_once_an_epoch():
    source = ArrayBatches(arrays(), AXES, ["T"], rows=4)
    orders = []
    for epoch in range(2):
        drawn = [source.batch(epoch * source.count + n) for n in range(source.count)]
        rows = np.concatenate([batch["c"] for batch, _ in drawn])
        assert len(set(rows)) == 20 and rows.max() < 23 and not any(goes_on for _, goes_on in drawn)
        assert all((batch["x"][1] == 25 + batch["c"]).all() for batch, _ in drawn)
        orders.append(rows.tolist())
    assert orders[0] != orders[1]
    assert (source.batch(7)[0]["c"] == ArrayBatches(arrays(), AXES, rows=4).batch(7)[0]["c"]).all()


def test_the_last_tenth_is_held_out():
    held = list(ArrayBatches(arrays(), AXES, ["T"], rows=4).held_out())
    assert [batch["c"].tolist() for batch, _, _ in held] == [[23, 24]]
    assert held[0][2] == 23 % 4 + 24 % 4
    few = list(ArrayBatches(arrays(5), AXES, rows=4).held_out())
    assert [count for _, _, count in few] == [4, 1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"x": np.zeros((3, 4)), "T": np.zeros(5)}, "different numbers"),
        ({"x": np.zeros(3)}, "at least 2 axes"),
        ({"x": np.zeros((3, 0))}, "no sequences"),
        ({}, "no sequences"),
    ],
)
def test_arrays_that_do_not_fit(data, said):
    with pytest.raises(ValueError, match=said):
        ArrayBatches(data, AXES)


def test_pad():
    padded, lengths = pad([np.ones((2, 3)), np.ones((0, 3)), np.ones((4, 3))])
    assert padded.shape == (4, 3, 3) and lengths.tolist() == [2, 0, 4]
    assert padded.sum((0, 2)).tolist() == [6, 0, 12] and (padded[:2, 0] == 1).all()
    assert pad([np.array([1, 2])], steps=5)[0].shape == (5, 1)
    with pytest.raises(ValueError, match="no sequences"):
        pad([])
