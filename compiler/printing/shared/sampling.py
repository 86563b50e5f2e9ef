"""Sequences drawn from the model.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_begin`, `_draw` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


class Sample:
    """Drawn sequences: an attribute for each head, ``T`` (lengths), ``log_prob``; ``ended`` tells which were
    ended by the spec's own rule."""

    def __init__(self, draws, lengths, log_prob, ended):
        for name, value in draws.items():
            setattr(self, name, value)
        self.T, self.log_prob, self.ended = lengths, log_prob, ended


class Draws:
    """How targets are drawn. ``given`` has those that are known already, and for which sequences."""

    def __init__(self, rng, temperature=1.0, top_k=None, top_p=None):
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng: expected a numpy Generator, got {type(rng).__name__}")
        if not (_is_real(temperature) and temperature >= 0):
            raise ValueError(f"temperature: expected 0 or more, got {temperature!r}")
        if top_k is not None and not (_is_real(top_k) and top_k >= 1):
            raise ValueError(f"top_k: expected 1 or more, got {top_k!r}")
        if top_p is not None and not (_is_real(top_p) and 0 < top_p <= 1):
            raise ValueError(f"top_p: expected a probability above 0, got {top_p!r}")
        self.rng, self.temperature, self.top_k, self.top_p = rng, temperature, top_k, top_p
        self.given = {}


def _is_real(value):
    number = np.asarray(value)
    return number.ndim == 0 and number.dtype.kind in "iuf"


def _asked(size, steps, context):
    """How many sequences of how many steps, and what is given with them."""
    _checked_count("batch_size", size)
    _checked_count("max_steps", steps)
    if not hasattr(context, "keys"):
        raise ValueError(f"context: expected a dict of arrays, got {type(context).__name__}")


def chosen(draws, name, value):
    """What was drawn, or what is given in its place."""
    if name not in draws.given:
        return value
    where, given = draws.given[name]
    return np.where(_beside(where, name), given, value).astype(value.dtype)


def _beside(rows, name):
    """One entry for each sequence, beside the values of a head."""
    return rows.reshape(rows.shape + (1,) * len(SHAPES.get(name, ())))


def _sampled(params, draws, size, steps, context, prefix):
    """Sequences drawn step by step, each until its end."""
    T = AXES[STREAM]
    if not hasattr(prefix, "keys"):
        raise ValueError(f"prefix: expected a dict of arrays, got {type(prefix).__name__}")
    call, state, streams, most, drawn, nll = _opened(params, draws, size, steps, context)
    begun = {name: value for name, value in prefix.items() if name != T}
    begun, known = _checked_streams(call, "prefix", begun, prefix.get(T), 0)
    if T in HEADS and (known > drawn[T]).any():
        raise ValueError(f"prefix: longer than its sequence; give {T} in the context")
    along, lengths, log_prob, ended = _steps_drawn(params, draws, state, streams, (begun, known), most)
    if T in HEADS:
        ended = lengths == drawn[T]
        nll[T] = np.where(ended, nll[T], 0)
    log_prob = log_prob - sum(map(_per_row, nll.values()))
    return Sample({**drawn, **along}, lengths, log_prob.astype(call.dtype), ended)


def _opened(params, draws, size, steps, context):
    """What stands before the first step: the state, with what is drawn once; inputs along the steps, and how
    many steps there are at most."""
    _asked(size, steps, context)
    T, once = AXES[STREAM], {name: value for name, value in context.items() if STREAM not in _axes(name)}
    wanted = once.pop(T, None)
    call = _checked_call(params, once, None, size=size, stream=False, drawing=True)
    streams = {name: value for name, value in context.items() if STREAM in _axes(name)}
    if wanted is not None:
        wanted = _array("context", T, wanted, "int")
    longest = steps if wanted is None else max(steps, int(wanted.max(initial=0)))
    streams, most = _checked_streams(call, "context", streams, wanted, longest)
    draws.given = {name: (np.ones(size, bool), call.inputs[name]) for name in HEADS if name in once}
    if T in HEADS and wanted is not None:
        draws.given[T] = (np.ones(size, bool), most)
    started, drawn, nll = _begin(call, draws)
    state = {STREAM: np.zeros(size, np.intp), **_lengths_of(call), **started}
    if T in HEADS:
        state[T] = drawn[T]
    return call, state, streams, np.minimum(most, np.minimum(steps, drawn.get(T, steps))), drawn, nll


def _at_step(streams, t):
    """The inputs of one step."""
    return {name: np.take(stream, t, _axes(name).index(STREAM)) for name, stream in streams.items()}


def _axes(name):
    """The axes of an input or of a head."""
    return INPUTS[name][0] if name in INPUTS else HEADS.get(name, ())


def _checked_streams(call, what, arrays, lengths, steps):
    """Arrays along the steps, 0 past each sequence's length; the lengths, ``steps`` where nothing tells."""
    known = [name for name in INPUTS if (name in HEADS) == (what == "prefix")]
    unknown = [name for name in arrays if name not in known]
    missing = [name for name, (axes, *_) in INPUTS.items() if STREAM in axes and name not in arrays]
    missing = [name for name in missing if name not in HEADS and name not in NOISES and what == "context"]
    if unknown:
        raise ValueError(f"{what}: unknown {unknown}; expected {known}")
    if missing:
        raise ValueError(f"{what}: missing {missing}, which every step reads")
    arrays = {name: _array(what, name, array, INPUTS[name][2]) for name, array in arrays.items()}
    places = {name: _axes(name).index(STREAM) for name in arrays}
    extents = {array.shape[places[name]] for name, array in arrays.items() if array.ndim > places[name]}
    if len(extents) > 1:
        raise ValueError(f"{what}: expected the same number of steps in all of {list(arrays)}")
    longest = extents.pop() if extents else steps
    part = Call()
    part.B, part.dims, part.dtype = call.B, call.dims, call.dtype
    part.longest = {**call.longest, STREAM: longest}
    part.lengths = {**call.lengths, STREAM: _lengths({AXES[STREAM]: lengths}, STREAM, longest, call)}
    for name, array in arrays.items():
        axes, _, kind, _ = INPUTS[name]
        shape = tuple(part.longest[axis] for axis in axes) + (call.B,) + _shapes(call.dims)[name]
        if array.shape != shape:
            raise ValueError(f"{what}[{name!r}]: expected shape {shape}, got {array.shape}")
        arrays[name] = _checked_input(name, array, part, axes, kind, what)
    return arrays, part.lengths[STREAM]


def _steps_drawn(params, draws, state, streams, prefix, most):
    """What is drawn at each step, 0 after a sequence's end; lengths, log-probabilities, who has ended."""
    drawn = {name: [] for name, axes in HEADS.items() if STREAM in axes}
    going, lengths = most > 0, np.zeros(len(most), np.intp)
    log_prob, ended = np.zeros(len(most)), np.zeros(len(most), bool)
    begun = int(prefix[1].max(initial=0))
    for t in range(int(most.max(initial=0))):
        call, state, inputs = _checked_step(params, state, _at_step(streams, t), drawing=True)
        draws.given = _beginning(*prefix, t) if t < begun else {}
        after, found, nll, ends = _draw(call, state, inputs, draws)
        if t + 1 < begun and (going & ends & (t + 1 < prefix[1])).any():
            raise ValueError(f"prefix: a sequence ends at step {t + 1} and goes on")
        state = _next_state(call, state, after)
        for name, values in drawn.items():
            values.append(np.where(_beside(going, name), found[name], found[name].dtype.type(0)))
        log_prob = log_prob - np.where(going, sum(map(_per_row, nll.values())), 0)
        lengths, ended = lengths + going, ended | (going & ends)
        going = going & ~ends & (t + 1 < most)
        if not going.any():
            break
    return (
        {name: _stacked(params, name, values, len(most)) for name, values in drawn.items()},
        lengths,
        log_prob,
        ended,
    )


def _stacked(params, name, values, rows):
    """The steps of a head as one array."""
    if values:
        return np.stack(values, _axes(name).index(STREAM))
    kind = INPUTS[name][2] if name in INPUTS else "bool"
    shape = (0,) * len(_axes(name)) + (rows,) + _shapes(_checked_params(params)[1]).get(name, ())
    return np.zeros(shape, {"real": float, "bool": bool}.get(kind, np.intp))


def _beginning(prefix, known, t):
    """What the given beginning has at a step; no sequence ends before that beginning does."""
    found = {name: (t < known, value) for name, value in _at_step(prefix, t).items()}
    events = [name for name, axes in HEADS.items() if STREAM in axes and name not in INPUTS]
    return {**found, **{name: (t + 1 < known, np.zeros(len(known), bool)) for name in events}}


def _per_row(nll):
    """Summed over what is not the batch."""
    return nll.sum(axis=tuple(range(nll.ndim - 1))) if nll.ndim > 1 else nll


def _sampled_whole(params, draws, size, steps, context):
    """Sequences whose lengths are known, drawn at once; ``steps`` each where nothing tells their lengths."""
    _asked(size, steps, context)
    given = [name for name in context if name in HEADS]
    if given:
        raise ValueError(f"context: {given} are drawn here, not given")
    told = {axis for name in context for axis in _axes(name)}
    lengths = {T: np.full(size, steps) for axis, T in AXES.items() if axis not in told}
    call = _checked_call(params, {**lengths, **context}, None, size=None if context else size, drawing=True)
    drawn, nll = _draw(call, draws)
    T = call.lengths[next(reversed(AXES))] if AXES else np.zeros(call.B, np.intp)
    return Sample(drawn, T, -sum(map(_per_row, nll.values())), np.zeros(call.B, bool))


def _choice(draws, logits):
    """By the Gumbel maximum (Gumbel 1954); at temperature 0 the most likely."""
    return np.argmax(logits.real + draws.temperature * draws.rng.gumbel(size=logits.shape), axis=-1)


def draw_categorical(draws, logits):
    """A token; with ``top_k`` or ``top_p`` one of the likeliest (Holtzman et al. 2020)."""
    if draws.top_k is not None or draws.top_p is not None:
        logits = _likeliest(logits.real, draws.temperature, draws.top_k, draws.top_p)
    return _choice(draws, logits)


def _likeliest(logits, temperature, top_k, top_p):
    """Logits, -inf for all but the ``top_k`` largest and the fewest that hold the probability ``top_p``."""
    order = np.argsort(-logits, axis=-1, kind="stable")
    ranked = np.take_along_axis(logits, order, -1)
    if top_k is not None:
        ranked = np.where(np.arange(ranked.shape[-1]) < top_k, ranked, -np.inf)
    if top_p is not None:
        powers = np.exp((ranked - ranked[..., :1]) / max(temperature, 1e-6))
        before = np.cumsum(powers, axis=-1) - powers
        ranked = np.where(before < top_p * powers.sum(axis=-1, keepdims=True), ranked, -np.inf)
    likeliest = np.empty_like(ranked)
    np.put_along_axis(likeliest, order, ranked, -1)
    return likeliest


def draw_bernoulli(draws, logits):
    return logits.real + draws.temperature * draws.rng.logistic(size=logits.shape) > 0


def draw_normal(draws, mean, scale=1.0):
    return (mean + draws.temperature * scale * draws.rng.normal(size=mean.shape)).astype(mean.dtype)


def draw_poisson(draws, log_rate):
    """The rate's power 1 / temperature; at temperature 0 the mode."""
    if draws.temperature == 0:
        return np.floor(np.exp(log_rate.real)).astype(np.intp)
    return draws.rng.poisson(np.exp(log_rate.real / draws.temperature))


def draw_normal_mixture(draws, logits, mean, scale):
    """A component, and from it a value."""
    k, place = _choice(draws, logits), logits.ndim - 1
    k = k.reshape(k.shape + (1,) * (mean.ndim - place))
    scale = np.broadcast_to(scale.reshape(scale.shape + (1,) * (mean.ndim - scale.ndim)), mean.shape)
    return draw_normal(draws, *(np.take_along_axis(a, k, place).squeeze(place) for a in (mean, scale)))
