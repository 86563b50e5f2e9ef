"""Stopping: what the three ways to end a sequence mean for its likelihood and its data."""

from __future__ import annotations

import numpy as np
import pytest
from compiled import check_gradient, close
from stopping_models import (
    EVENT,
    LENGTH,
    POISSON,
    SYMBOL,
    WAYS,
    compiled,
    context_of,
    every_level,
    every_way,
    finite,
    log_probs,
    params_of,
    sequences,
)

# ------------------------------------------------------------------------------------ one likelihood


@every_level
@pytest.mark.parametrize("way", ["symbol", "event"])
def test_what_ends_and_what_does_not_are_everything(way: str, level: int) -> None:
    """Sequences that end within N steps, and beginnings of N steps: together 1, exactly."""
    m = compiled(WAYS[way], level)
    params, longest = params_of(m), 5
    total = sum(np.exp(log_probs(way, m, params, y)).sum() for y in finite(way, longest))
    on = sequences(longest)
    on = on if way == "event" else on[:, (on != 0).all(axis=0)]
    assert 0.01 < total < 1
    rest = np.exp(log_probs(way, m, params, on, last=False)).sum()
    assert total + rest == pytest.approx(1, abs=1e-12)


@every_level
def test_all_lengths_are_everything(level: int) -> None:
    m = compiled(LENGTH, level)
    params = params_of(m)
    total = sum(np.exp(log_probs("length", m, params, y)).sum() for y in finite("length", 3))
    assert total == pytest.approx(1, abs=1e-12)


def test_a_poisson_length_leaves_a_known_rest() -> None:
    m = compiled(POISSON)
    params, rate = params_of(m), np.exp(0.7)
    total = sum(np.exp(log_probs("poisson", m, params, y)).sum() for y in finite("poisson", 5))
    terms = [np.exp(-rate) * rate**i / np.prod(range(1, i + 1)) for i in range(6)]
    assert total == pytest.approx(sum(terms), abs=1e-12)


@every_level
@every_way
def test_gradient(way: str, level: int) -> None:
    m = compiled(WAYS[way], level)
    params, lengths = params_of(m), np.array([3, 1, 2])
    y = np.array([[1, 0, 2], [2, 0, 0], [0, 0, 0]])
    batch = {"y": y, "T": lengths, **context_of(way, 3)}
    loss, grads = m.loss_and_grad(params, batch)
    close(loss, m.forward(params, batch).loss, 1e-14)
    check_gradient(lambda p: m.forward(p, batch).loss, params, grads)


@every_level
def test_levels_agree(level: int) -> None:
    for way, text in WAYS.items():
        y = sequences(3)[:, :1]
        params = params_of(compiled(text, 0))
        close(
            log_probs(way, compiled(text, level), params, y + 1),
            log_probs(way, compiled(text, 0), params, y + 1),
            1e-13,
        )


# -------------------------------------------------------------------------------- the rule and the data


@every_level
def test_an_end_symbol_stands_last_or_nowhere(level: int) -> None:
    m = compiled(SYMBOL, level)
    params = params_of(m)
    y = np.array([[1, 1], [0, 2], [2, 0]])
    with pytest.raises(ValueError, match="sequence 0 ends at step 2"):
        m.forward(params, {"y": y})
    with pytest.raises(ValueError, match="sequence 0 ends at step 2"):
        m.loss_and_grad(params, {"y": y})
    fine = m.forward(params, {"y": y, "T": np.array([2, 3])})
    prefix = m.forward(params, {"y": y[:, 1:], "T": np.array([2])})
    assert 0 < prefix.nll["y"][0] < fine.nll["y"][1]


@every_level
def test_the_event_is_made_from_the_lengths(level: int) -> None:
    m = compiled(EVENT, level)
    params, y = params_of(m), np.array([[1, 2, 0], [2, 2, 1]])
    lengths = np.array([2, 1, 2])
    run = m.forward(params, {"y": y, "T": lengths})
    logits = run.outputs["z"]
    terms = np.logaddexp(0, logits)
    terms[lengths - 1, np.arange(3)] -= logits[lengths - 1, np.arange(3)]
    valid = np.arange(1, 3)[:, None] <= lengths
    close(run.nll["z"], (terms * valid).sum(axis=0), 1e-13)
    with pytest.raises(ValueError, match="unknown"):
        m.forward(params, {"y": y, "z": y > 1})


@every_level
def test_chunks_of_events(level: int) -> None:
    """A chunk that does not end its sequence has no event; `last` answers for all rows, or for each."""
    m = compiled(EVENT, level)
    params, y, lengths = params_of(m), sequences(4)[:, :6], np.array([4, 3, 1, 2, 4, 0])
    whole = m.forward(params, {"y": y, "T": lengths})
    state, total = None, 0.0
    for start in (0, 2):
        part = {"y": y[start : start + 2], "T": np.clip(lengths - start, 0, 2)}
        run = m.forward(params, part, state=state, last=lengths <= start + 2)
        state, total = run.state, total + run.nll["z"] + run.nll["y"]
    close(total, whole.nll["z"] + whole.nll["y"], 1e-13)
    none = m.forward(params, {"y": y, "T": lengths}, last=False)
    each = m.forward(params, {"y": y, "T": lengths}, last=np.zeros(6, bool))
    close(none.nll["z"], each.nll["z"], 1e-15)
    with pytest.raises(ValueError, match="last: expected"):
        m.forward(params, {"y": y}, last=np.zeros(5, bool))


@every_level
def test_chunks_of_a_counted_length(level: int) -> None:
    """`T` is the whole's: the state that `start` makes tells it to every chunk."""
    m = compiled(LENGTH, level)
    params, y, lengths = params_of(m), sequences(3)[:, 1:6], np.array([3, 1, 2, 0, 3])
    context = context_of("length", 5)
    whole = m.forward(params, {"y": y, "T": lengths, **context})
    state, total = m.start(params, 5, {"T": lengths, **context}), 0.0
    for start, end in ((0, 1), (1, 3)):
        part = {"y": y[start:end], "T": np.clip(lengths - start, 0, end - start), **context}
        run = m.forward(params, part, state=state)
        close(run.nll["T"], whole.nll["T"], 1e-14)
        state, total = run.state, total + run.nll["y"]
    close(total, whole.nll["y"], 1e-13)
    assert (state["T"] == lengths).all() and (state["t"] == lengths).all()
    with pytest.raises(ValueError, match="goes on to"):
        m.forward(params, {"y": y, **context}, state=whole.state)
    with pytest.raises(ValueError, match="begin with start"):
        m.forward(params, {"y": y, **context}, last=False)
