"""Sampling: sequences drawn from a model, their log-probability, and beams."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from compiled import close, module
from stopping_models import (
    EVENT,
    LENGTH,
    NETWORK,
    POISSON,
    SYMBOL,
    TOKENS,
    WAYS,
    compiled,
    context_of,
    every_level,
    every_way,
    finite,
    log_probs,
    params_of,
    rng_of,
    sequences,
)

# ---------------------------------------------------------------------------------------------- sampling


@every_level
@every_way
def test_log_prob_is_the_likelihood_of_the_sample(way: str, level: int) -> None:
    m = compiled(WAYS[way], level)
    params, rows = params_of(m), 40
    drawn = m.sample(params, rng_of(), batch_size=rows, max_steps=60, context=context_of(way, rows))
    assert drawn.ended.all()
    assert drawn.y.shape == (drawn.T.max(), rows)
    run = m.forward(params, {"y": drawn.y, "T": drawn.T, **context_of(way, rows)})
    close(drawn.log_prob, -sum(run.nll.values()), 1e-13)
    past = np.arange(len(drawn.y))[:, None] >= drawn.T
    assert past.any() and not drawn.y[past].any()
    if way == "symbol":
        assert not drawn.y[drawn.T - 1, np.arange(rows)].any()
    if way == "event":
        assert drawn.z.dtype == bool
        assert (drawn.z == (np.arange(1, len(drawn.y) + 1)[:, None] == drawn.T)).all()


@every_way
def test_a_sample_that_is_cut_off_has_no_stop_term(way: str) -> None:
    m = compiled(WAYS[way])
    params, rows = params_of(m), 60
    drawn = m.sample(params, rng_of(1), batch_size=rows, max_steps=2, context=context_of(way, rows))
    assert 0 < drawn.ended.sum() < rows
    assert (drawn.T[~drawn.ended] == 2).all()
    batch = {"y": drawn.y, "T": drawn.T, **context_of(way, rows)}
    if way in ("symbol", "event"):
        run = m.forward(params, batch, last=drawn.ended)
        close(drawn.log_prob, -sum(run.nll.values()), 1e-13)
    else:
        run = m.forward(params, batch)
        close(drawn.log_prob[drawn.ended], -sum(run.nll.values())[drawn.ended], 1e-13)


@every_way
def test_frequencies_are_probabilities(way: str) -> None:
    m, rows = compiled(WAYS[way]), 40_000
    params = params_of(m)
    drawn = m.sample(params, rng_of(2), batch_size=rows, max_steps=4, context=context_of(way, rows))
    short = drawn.ended & (drawn.T <= 2)
    counts = Counter(tuple(drawn.y[: drawn.T[i], i].tolist()) for i in np.flatnonzero(short))
    for y in finite(way, 2):
        for column, log_prob in zip(y.T, log_probs(way, m, params, y), strict=True):
            wanted = np.exp(log_prob)
            found = counts[tuple(column.tolist())] / rows
            assert abs(found - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / rows) + 1e-4, column


def test_temperature() -> None:
    m = compiled(SYMBOL)
    params = params_of(m)
    cold = m.sample(params, rng_of(), batch_size=3, max_steps=9, temperature=0)
    assert (cold.y == cold.y[:, :1]).all()
    logits = m.forward(params, {"y": cold.y, "T": cold.T}).outputs["y"]
    assert (logits.argmax(-1) == cold.y)[: cold.T[0]].all()
    warm = m.sample(params, rng_of(), batch_size=30_000, max_steps=1, temperature=2.0)
    scores = np.exp(m.forward(params, {"y": np.zeros((1, 1), int)}).outputs["y"][0, 0] / 2)
    close(np.bincount(warm.y[0]) / 30_000, scores / scores.sum(), 0.02)
    again = m.forward(params, {"y": warm.y[:, :9]})
    close(warm.log_prob[:9], -again.nll["y"], 1e-13)  # at temperature 1


def test_top_k_and_top_p() -> None:
    m = compiled(SYMBOL)
    params = params_of(m)
    logits = m.forward(params, {"y": np.zeros((1, 1), int)}).outputs["y"][0, 0]
    chances = np.exp(logits) / np.exp(logits).sum()
    order = np.argsort(-chances)
    two = m.sample(params, rng_of(), batch_size=20_000, max_steps=1, top_k=2).y[0]
    wanted = np.where(np.isin(range(3), order[:2]), chances, 0)
    close(np.bincount(two, minlength=3) / 20_000, wanted / wanted.sum(), 0.02)
    just = chances[order[0]] + 1e-6
    for p, kept in ((just - 2e-6, 1), (just, 2), (1.0, 3)):
        found = m.sample(params, rng_of(), batch_size=2_000, max_steps=1, top_p=p).y[0]
        assert set(found) == set(order[:kept])
    assert (m.sample(params, rng_of(), batch_size=50, max_steps=1, top_k=1).y[0] == order[0]).all()


@every_way
def test_a_given_beginning(way: str) -> None:
    """The sample goes on from the beginning; its probability is that of the whole."""
    m, rows = compiled(WAYS[way]), 30
    params, context = params_of(m), context_of(way, rows)
    known = np.arange(rows) % 3
    if way in ("length", "poisson"):
        context["T"] = 2 + np.arange(rows) % 2
    prefix = {"y": np.array([[1] * rows, [2] * rows]), "T": known}
    drawn = m.sample(params, rng_of(4), batch_size=rows, max_steps=50, context=context, prefix=prefix)
    assert (drawn.T >= known).all()
    assert (drawn.y[0][known > 0] == 1).all() and (drawn.y[1][known > 1] == 2).all()
    assert len(set(drawn.y[0][known == 0])) > 1
    context.pop("T", None)
    run = m.forward(params, {"y": drawn.y, "T": drawn.T, **context})
    close(drawn.log_prob, -sum(run.nll.values()), 1e-13)


def test_a_beginning_that_has_ended_is_refused() -> None:
    m = compiled(SYMBOL)
    with pytest.raises(ValueError, match="prefix: a sequence ends at step 1"):
        m.sample(params_of(m), rng_of(), prefix={"y": np.array([[0], [1]])})
    with pytest.raises(ValueError, match="prefix"):
        m.sample(params_of(m), rng_of(), prefix={"q": np.array([[0], [1]])})
    with pytest.raises(ValueError, match="prefix"):
        m.sample(params_of(m), rng_of(), prefix={"y": np.array([0, 1])})
    counted = compiled(LENGTH)
    short = {"c": np.ones(1), "T": np.array([1])}
    with pytest.raises(ValueError, match="prefix: longer than its sequence"):
        counted.sample(params_of(counted), rng_of(), context=short, prefix={"y": np.array([[1], [1]])})


def test_a_length_counts_down_step_by_step() -> None:
    m = compiled(POISSON)
    params, lengths = params_of(m), np.array([4, 4, 4])
    y = sequences(4)[:, 30:33]
    run = m.forward(params, {"y": y, "c": np.ones(3), "T": lengths})
    state = m.start(params, 3, {"c": np.ones(3), "T": lengths})
    for t in range(4):
        state, out = m.step(params, state, {"y": y[t]})
        close(out["y"], run.outputs["y"][t], 1e-13)
    with pytest.raises(ValueError, match="T"):
        m.start(params, 3, {"c": np.ones(3)})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"temperature": value} for value in (-1, None, "warm", True)),
        *({"top_k": value} for value in (0, "3")),
        *({"top_p": value} for value in (0, 1.5, "all")),
        *({"batch_size": value} for value in (-1, None, 2.0, True)),
        *({"max_steps": value} for value in (-1, None, 2.5, "many")),
        {"context": 3},
        {"prefix": 3},
    ],
    ids=str,
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    m = compiled(SYMBOL)
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))}: expected "):
        m.sample(params_of(m), rng_of(), **wrong)


def test_inputs_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="unknown"):
        compiled(SYMBOL).sample(params_of(compiled(SYMBOL)), rng_of(), context={"q": 1})


@pytest.mark.parametrize("value", ["long", {3}, np.ma.masked_array([2, 3], [True, True])], ids=str)
def test_lengths_that_are_no_integers(value: Any) -> None:
    m = compiled(LENGTH)
    context = {"T": value, **context_of("length", 2)}
    with pytest.raises(ValueError, match=r"^context\['T'\]: "):
        m.sample(params_of(m), rng_of(), batch_size=2, context=context)


# --------------------------------------------------------------------------- heads of every other kind


TOPIC = """\
dim k = 3, n = 4
axis t = 1..T
input x[t] : real[n]
param A : real[2, n] ~ normal(1)
param a : real[2] ~ normal(1)
head c : token(2) ~ categorical(a)
h[0] = A[c]
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
head m[t] : real[n] ~ normal(h[t], 0.5)
head y[t] : token(k) ~ categorical(affine(m[t], A[c]))
"""


@every_level
def test_a_head_without_an_index_is_drawn_first(level: int) -> None:
    m, rows = compiled(TOPIC, level), 200
    params, x = {**params_of(m), "a": np.zeros(2)}, rng_of(1).standard_normal((3, rows, 4))
    lengths = np.arange(rows) % 4
    drawn = m.sample(params, rng_of(), batch_size=rows, context={"x": x, "T": lengths})
    assert set(drawn.c) == {0, 1} and (drawn.T == lengths).all()
    batch = {"x": x, "y": drawn.y, "m": drawn.m, "c": drawn.c, "T": lengths}
    close(drawn.log_prob, -sum(m.forward(params, batch).nll.values()), 1e-13)
    ones = m.sample(
        params, rng_of(), batch_size=rows, context={"x": x, "T": lengths, "c": np.ones(rows, int)}
    )
    assert (ones.c == 1).all()


MIXTURE = """\
dim k = 3
axis t = 1..T
param w : real[k] ~ normal(1)
param mu : real[k, 2] ~ normal(2)
param s : real ~ normal(0.1)
head y[t] : real[2] ~ normal_mixture(w, mu, expand(expand(exp(s), k), 2))
head n[t] : int ~ poisson(s)
head b[t] : bool[2] ~ bernoulli(expand(s, 2))
"""


def test_other_distributions() -> None:
    m, rows = compiled(MIXTURE), 20_000
    params = params_of(m)
    drawn = m.sample(params, rng_of(), batch_size=rows, max_steps=2)
    assert drawn.y.shape == (2, rows, 2) and drawn.b.shape == (2, rows, 2)
    close(
        drawn.log_prob,
        -sum(m.forward(params, {"y": drawn.y, "n": drawn.n, "b": drawn.b}).nll.values()),
        1e-12,
    )
    weights = np.exp(params["w"]) / np.exp(params["w"]).sum()
    close(drawn.y.mean(axis=(0, 1)), weights @ params["mu"], 0.05)
    assert abs(drawn.n.mean() - np.exp(params["s"])) < 0.05
    assert abs(drawn.b.mean() - 1 / (1 + np.exp(-params["s"]))) < 0.02


@pytest.mark.parametrize("name", ["bidirectional", "many_to_one"])
def test_what_cannot_be_stepped_is_drawn_at_once(name: str) -> None:
    m = module(name, 2)
    params = m.init(seed=0, dtype="float64")
    axes, sizes, *_ = m.INPUTS["x"]
    shape = [m.DIMS[size] for size in sizes]
    x, lengths = rng_of(2).standard_normal((5, 4, *shape)), np.array([5, 2, 0, 3])
    drawn = m.sample(params, rng_of(), context={"x": x, "T": lengths})
    run = m.forward(params, {"x": x, "T": lengths, "y": drawn.y})
    close(drawn.log_prob, -run.nll["y"], 1e-12)
    if name == "bidirectional":
        assert not drawn.y[np.arange(5)[:, None] >= lengths].any()


COUNTDOWN = """\
dim k = 3, n = 4
axis t = 1..T
param E : real[k, n] ~ normal(1)
left[t] : real = T - t
h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1]) + expand(left[t], n))
head y[t] : token(k) ~ categorical(affine(h[t]))
"""


@every_level
def test_feedback_in_a_network_that_reads_its_length(level: int) -> None:
    """No steps, for T is observed; whole sequences are drawn in a loop."""
    m, rows = compiled(COUNTDOWN, level), 20_000
    params = params_of(m)
    with pytest.raises(NotImplementedError, match="T"):
        m.start(params)
    drawn = m.sample(params, rng_of(), batch_size=rows, max_steps=2)
    close(drawn.log_prob, -m.forward(params, {"y": drawn.y}).nll["y"], 1e-12)
    wanted = np.exp(-m.forward(params, {"y": sequences(2)}).nll["y"])
    found = np.bincount(drawn.y[0] * TOKENS + drawn.y[1], minlength=9) / rows
    assert wanted.sum() == pytest.approx(1)
    assert np.abs(found - wanted).max() < 0.02


def test_no_head_no_sample() -> None:
    m = compiled("axis t = 1..T\ninput x[t] : real\nh[t] = x[t] + h[t-1]\noutput h\n")
    with pytest.raises(NotImplementedError, match="no head"):
        m.sample({}, rng_of())


def test_modules_that_do_not_stop_have_nothing_of_it() -> None:
    names = ("_check_ends", "_checked_last", "_fill_noise")
    assert [name for name in names if hasattr(compiled(NETWORK), name)] == []
    assert hasattr(compiled(SYMBOL), "_check_ends") and hasattr(compiled(EVENT), "_checked_last")
    assert not hasattr(compiled(EVENT), "_check_ends")


# ------------------------------------------------------------------------------------------ beam search


def every_ended(way: str, m: Any, params: Any, longest: int) -> list[tuple[float, tuple[int, ...]]]:
    """All sequences that end within so many steps, the likeliest first."""
    found = [
        (float(log_prob), tuple(column.tolist()))
        for y in finite(way, longest)
        for column, log_prob in zip(y.T, log_probs(way, m, params, y), strict=True)
    ]
    return sorted(found, reverse=True)


def columns(found: Any) -> list[tuple[int, ...]]:
    return [tuple(found.y[:steps, i].tolist()) for i, steps in enumerate(found.T)]


@every_level
@pytest.mark.parametrize("way", ["symbol", "event"])
def test_a_full_beam_is_exhaustive(way: str, level: int) -> None:
    m = compiled(WAYS[way], level)
    for seed in range(3):
        params = params_of(m, seed)
        wanted = every_ended(way, m, params, 4)
        found = m.beam(params, 121, max_steps=4)  # 3 + 9 + 27 + 81 = 120 sequences at most
        assert found.ended.sum() == len(wanted)
        close(found.log_prob[found.ended], np.array([log_prob for log_prob, _ in wanted]), 1e-12)
        assert columns(found)[: len(wanted)] == [tokens for _, tokens in wanted]


@pytest.mark.parametrize("way", ["symbol", "event"])
def test_a_narrow_beam(way: str) -> None:
    """What it finds has the score it says, and a wider one finds nothing worse."""
    m = compiled(WAYS[way])
    for seed in range(4):
        params, best = params_of(m, seed), -np.inf
        for width in (1, 2, 8, 40):
            found = m.beam(params, width, max_steps=12)
            batch = {"y": found.y, "T": found.T}
            close(found.log_prob, -sum(m.forward(params, batch, last=found.ended).nll.values()), 1e-12)
            ended = found.log_prob[found.ended]
            assert (np.diff(ended) <= 0).all()
            best = max(best, ended.max(initial=-np.inf))
        assert found.log_prob[0] == pytest.approx(best, abs=1e-9)


def test_a_beam_has_the_events_that_end_its_sequences() -> None:
    """As a sample has them: at the last step of those that have ended."""
    m = compiled(WAYS["event"])
    found = m.beam(params_of(m), 40, max_steps=3)
    [event] = m.HEADS.keys() - {"y"}
    events = getattr(found, event)
    assert events.shape == found.y.shape and events.dtype == bool and not found.ended.all()
    steps = np.arange(1, len(events) + 1)[:, None]
    np.testing.assert_array_equal(events, (steps == found.T) & found.ended)


CONDITIONED = """\
dim k = 3, n = 4
axis s = 1..S
axis t = 1..T
input x[s] : token(k)
param E : real[k, n] ~ normal(1)
g[s] : real[n] = tanh(affine(E[x[s]], g[s-1]))
a[t,s] : real = dot(h[t-1], g[s])
w[t,s] : real = softmax[s](a[t,s])
c[t] : real[n] = sum[s](w[t,s] * g[s])
h[0] = g[S]
h[t] : real[n] = tanh(affine(E[y[t-1]], h[t-1], c[t]))
head y[t] : token(k) ~ categorical(affine(h[t]))
stop when y[t] == 0
"""


@every_level
def test_a_beam_and_samples_given_a_sequence(level: int) -> None:
    m = compiled(CONDITIONED, level)
    params = params_of(m)
    x = np.array([[1, 2], [2, 0], [1, 1]])
    context = {"x": x, "S": np.array([3, 1])}
    drawn = m.sample(params, rng_of(), batch_size=2, context=context, max_steps=30)
    run = m.forward(params, {"y": drawn.y, "T": drawn.T, **context})
    close(drawn.log_prob, -run.nll["y"], 1e-13)
    one = {"x": x[:, 1:], "S": np.array([1])}
    found = m.beam(params, 50, max_steps=4, context=one)
    columns_of = {name: np.repeat(value, len(found.T), axis=-1) for name, value in one.items()}
    run = m.forward(params, {"y": found.y, "T": found.T, **columns_of})
    close(found.log_prob, -run.nll["y"], 1e-13)
    with pytest.raises(ValueError, match="one sequence"):
        m.beam(params, 5, context=context)
    with pytest.raises(ValueError, match="width"):
        m.beam(params, 0, context=one)


def test_beams_only_where_sequences_of_tokens_end() -> None:
    assert not any(hasattr(compiled(text), "beam") for text in (NETWORK, LENGTH, POISSON, MIXTURE, COUNTDOWN))


ELSEWHERE = """\
dim n = 4
axis s = 1..S
axis t = 1..T
input x[s] : real[n]
param v : real[n] ~ normal(1)
g[0] = v
g[s] : real[n] = tanh(affine(x[s], g[s-1]))
a[t,s] : real = dot(h[t-1], g[s-1] + g[S] + x[s+1])
c[t] : real[n] = sum[s](a[t,s] * x[s-1])
h[t] : real[n] = tanh(affine(h[t-1], c[t]))
head y[t] : real[n] ~ normal(affine(h[t]))
"""


@every_level
def test_steps_read_the_context_anywhere(level: int) -> None:
    """At other places than their own too: before the first, past the last, at the end."""
    m, rng = compiled(ELSEWHERE, level), rng_of()
    params, lengths = params_of(m), np.array([5, 2, 0])
    x = rng.standard_normal((5, 3, 4))
    run = m.forward(params, {"x": x, "S": lengths, "y": np.zeros((4, 3, 4))})
    state = m.start(params, 3, {"x": x, "S": lengths})
    for t in range(4):
        state, out = m.step(params, state, {})
        close(out["y"], run.outputs["y"][t], 1e-13)


@every_level
@every_way
@pytest.mark.parametrize("lengths", [[], [0, 0], [1], [0, 2]], ids=str)
def test_shortest_batches(way: str, lengths: list[int], level: int) -> None:
    m, rows = compiled(WAYS[way], level), len(lengths)
    params, context = params_of(m), context_of(way, len(lengths))
    batch = {"y": np.ones((max(lengths, default=0), rows), int), "T": np.array(lengths, int), **context}
    run = m.forward(params, batch)
    loss, grads = m.loss_and_grad(params, batch)
    assert np.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())
    assert all(nll.shape == (rows,) for nll in run.nll.values())
    drawn = m.sample(params, rng_of(), batch_size=rows, max_steps=0, context=context)
    assert drawn.y.shape == (0, rows) and drawn.y.dtype == int and not drawn.T.any()


@every_way
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_other_dtypes_draw_the_same(way: str, dtype: str) -> None:
    m, context = compiled(WAYS[way]), context_of(way, 5)
    params = params_of(m)
    wanted = m.sample(params, rng_of(), batch_size=5, max_steps=4, context=context)
    other = {name: value.astype(dtype) for name, value in params.items()}
    found = m.sample(other, rng_of(), batch_size=5, max_steps=4, context=context)
    assert (found.y == wanted.y).all()
    close(found.log_prob, wanted.log_prob, 1e-5)
