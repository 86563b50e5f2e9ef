"""The likeliest sequences, by beam search.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_step`, `_draw` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _searched(params, width, steps, context):
    """The likeliest sequences found with ``width`` at a time: those that have ended, then those cut off."""
    if not isinstance(width, (int, np.integer)) or width < 1:
        raise ValueError(f"width: expected a number of sequences, got {width!r}")
    _asked(width, steps, context)
    draws = Draws(np.random.default_rng(0), temperature=0)  # every target is given
    _, state, streams, most, *_ = _opened(params, draws, width, steps, _repeated(context, width))
    tokens, scores = np.zeros((0, width), np.intp), np.where(np.arange(width) == 0, 0.0, -np.inf)
    ended = []
    for t in range(int(most.max(initial=0))):
        state, tokens, scores, over = _continued(params, draws, state, _at_step(streams, t), tokens, scores)
        ended = sorted([*ended, *over], key=lambda found: -found[0])[:width]
        if not scores.max() > (ended[-1][0] if len(ended) == width else -np.inf):
            break
    going = [(score, tokens[:, row]) for row, score in enumerate(scores) if score > -np.inf]
    return _columns([*ended, *going][:width], len(ended))


def _repeated(context, width):
    """What is given for one sequence, once for each of the beam."""
    kinds = {name: kind for name, (_, _, kind, _) in INPUTS.items()}
    arrays = {name: _array("context", name, value, kinds.get(name, "int")) for name, value in context.items()}
    for name, array in arrays.items():
        place = len(_axes(name))
        if array.ndim <= place or array.shape[place] != 1:
            raise ValueError(f"context[{name!r}]: expected one sequence (B=1), got shape {array.shape}")
        arrays[name] = np.repeat(array, width, axis=place)
    return arrays


def _continued(params, draws, state, inputs, tokens, scores):
    """The likeliest continuations by one token: state, tokens, scores; and those that end with it."""
    (head,) = (name for name in HEADS if name in INPUTS)
    unknown = {head: np.zeros(len(scores), np.intp)}
    call, state, inputs = _checked_step(params, state, {**inputs, **unknown})
    logits = _step(call, state, inputs)[1][head]
    total = (scores[:, None] + logits - logsumexp(logits)[:, None]).ravel()
    best = np.argsort(-total, kind="stable")[: len(scores)]
    parents, token = np.divmod(best, logits.shape[-1])
    tokens, scores = np.concatenate([tokens[:, parents], token[None]]), total[best]
    rows = {name: np.take(state[name], parents, axis=len(STATE_AXES[name])) for name in STATES}
    state = {**state, **rows}
    everywhere = np.ones(len(scores), bool)
    draws.given = {name: (everywhere, token if name == head else ~everywhere) for name in HEADS}
    after, _, nll, ends = _draw(call, state, inputs, draws)
    events = sum(value for name, value in nll.items() if name != head)
    with np.errstate(divide="ignore"):
        over = np.where(ends, scores, scores + np.log(-np.expm1(-events)))
    found = [(over[row], tokens[:, row]) for row in np.flatnonzero(over > -np.inf)]
    return _next_state(call, state, after), tokens, np.where(ends, -np.inf, scores - events), found


def _columns(found, ended):
    """Sequences as one array, a column each, 0 after their ends."""
    (head,) = (name for name in HEADS if name in INPUTS)
    lengths = np.array([len(tokens) for _, tokens in found], np.intp)
    table = np.zeros((lengths.max(initial=0), len(found)), np.intp)
    for column, (_, tokens) in enumerate(found):
        table[: len(tokens), column] = tokens
    scores, over = np.array([score for score, _ in found], float), np.arange(len(found)) < ended
    last = over & (np.arange(1, len(table) + 1)[:, None] == lengths)
    events = {name: last for name in HEADS if name not in INPUTS}
    return Sample({head: table, **events}, lengths, scores, over)
