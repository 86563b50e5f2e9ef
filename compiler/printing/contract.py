"""The part of every printed module that is the same for all: arguments checked, steps padded, inits.

Its functions are copied into modules as they stand (see `page`); the names in capitals and `_dims`,
`_shapes` are tables that each printed module brings. Nothing here is imported by the compiler."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


class Run:
    """What `forward` returns: outputs, loss, nll (per head, per sequence), state; tape is for `backward`."""

    def __init__(self, outputs, loss, nll, state, tape):
        self.outputs, self.loss, self.nll, self.state, self.tape = outputs, loss, nll, state, tape


def _checked_dims(dims):
    """Every dim: those given by keyword, the defaults for the rest."""
    for name, value in dims.items():
        if name in FIXED:
            raise ValueError(f"init: {name} is fixed when the spec is compiled: {FIXED[name]}")
        if name not in DIMS:
            raise ValueError(f"init: unknown dim {name!r}; this network has {[d for d in DIMS if d not in FIXED]}")
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"init: {name}: expected a size, got {value!r}")
    return {**DIMS, **{name: int(value) for name, value in dims.items()}}


def _float_type(dtype):
    """A dtype that parameters may have."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64, np.complex64, np.complex128):
        raise ValueError(f"dtype: expected float32, float64 or complex128, got {dtype!r}")
    return found


class Call:
    """The checked arguments of one call, and its buffers."""

    def buffer(self, name, *shape, dtype=None):
        """An array that nobody else uses: a new one, or this workspace's of that name."""
        dtype = self.dtype if dtype is None else dtype
        if self.workspace is None:
            return np.empty(shape, dtype)
        kept = self.workspace.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self.workspace[name] = np.empty(shape, dtype)
        return kept


def _checked_params(params):
    """The parameters as arrays of one dtype, and the dims they have."""
    if not hasattr(params, "keys"):
        raise ValueError(f"params: expected a dict of arrays, got {type(params).__name__}")
    missing = [name for name in PARAMS if name not in params]
    unknown = [name for name in params if name not in PARAMS]
    if missing or unknown:
        raise ValueError(f"params: missing {missing}, unknown {unknown}")
    arrays = {name: np.asarray(params[name]) for name in PARAMS}
    dtype = np.result_type(*arrays.values()) if arrays else np.dtype(np.float64)
    if dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise ValueError(f"params: expected float32, float64 or complex128, got {dtype}")
    for name, array in arrays.items():
        if array.ndim != len(SHAPES[name]):
            raise ValueError(f"params[{name!r}]: expected shape {_named(SHAPES[name])}, got {array.shape}")
    dims = _dims(arrays)
    for name, shape in _shapes(dims).items():
        if name in arrays and arrays[name].shape != shape:
            found = f"expected shape {_named(SHAPES[name])} = {shape}, got {arrays[name].shape}"
            raise ValueError(f"params[{name!r}]: {found}")
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}, dims, dtype


def _named(shape):
    return "(" + ", ".join(shape) + ("," if len(shape) == 1 else "") + ")"


def _checked_call(params, batch, state, workspace=None, size=None, stream=True):
    """Every argument of a call: names, shapes and dtypes; the padding of inputs set to 0."""
    call = Call()
    call.workspace = workspace
    call.params, call.dims, call.dtype = _checked_params(params)
    if not hasattr(batch, "keys"):
        raise ValueError(f"batch: expected a dict of arrays, got {type(batch).__name__}")
    names = [name for name, (axes, *_) in INPUTS.items() if stream or STREAM not in axes]
    axes = {axis: length for axis, length in AXES.items() if stream or axis != STREAM}
    unknown = [name for name in batch if name not in names and name not in axes.values()]
    if unknown:
        raise ValueError(f"batch: unknown {unknown}; expected {[*names, *axes.values()]}")
    call.absent = [name for name in names if batch.get(name) is None]
    needed = [name for name in call.absent if name not in OPTIONAL]
    if needed:
        raise ValueError(f"batch: missing {needed}")
    arrays = {name: np.asarray(batch[name]) for name in names if name not in call.absent}
    extents = _extents(arrays, batch, call.dims, axes, size)
    call.B = extents.pop("B")
    call.longest = extents
    call.lengths = {axis: _lengths(batch, axis, extents[axis], call.B) for axis in axes}
    reals = [array for name, array in arrays.items() if INPUTS[name][2] == "real"]
    reals += [np.asarray(value) for name, value in _entries(state) if name in STATES]
    if any(array.dtype.kind == "c" for array in reals):
        call.dtype = np.result_type(call.dtype, np.complex64)
        call.params = {name: array.astype(call.dtype) for name, array in call.params.items()}
    call.inputs = {}
    for name in names:
        axes, _, kind, _ = INPUTS[name]
        shape = tuple(extents[axis] for axis in axes) + (call.B,) + _shapes(call.dims)[name]
        array = arrays.get(name)
        if array is None:
            array = np.zeros(shape, {"real": call.dtype, "bool": bool}.get(kind, np.intp))
        call.inputs[name] = _checked_input(name, array, call, axes, kind)
    call.state = _checked_state(state, call)
    return call


def _entries(state):
    return state.items() if hasattr(state, "items") else ()


def _extents(arrays, batch, dims, wanted, size):
    """B and the longest length of every axis, the same in all inputs."""
    found = {} if size is None else {"B": (size, "batch_size")}
    for name, array in arrays.items():
        axes, sizes, _, _ = INPUTS[name]
        labels = [AXES[axis] for axis in axes] + ["B"] + list(SHAPES[name])
        if array.ndim != len(labels):
            raise ValueError(f"batch[{name!r}]: expected shape {_named(labels)}, got {array.shape}")
        features = _shapes(dims)[name]
        if array.shape[len(axes) + 1 :] != features:
            wanted = [*labels[: len(axes) + 1], *(f"{a}={b}" for a, b in zip(SHAPES[name], features))]
            raise ValueError(f"batch[{name!r}]: expected shape {_named(wanted)}, got {array.shape}")
        for axis, extent in zip([*axes, "B"], array.shape):
            before, who = found.setdefault(axis, (extent, name))
            if before != extent:
                label = AXES.get(axis, axis)
                raise ValueError(f"batch[{name!r}]: {label} is {extent} here but {before} in {who!r}")
    for axis, length in wanted.items():
        given = batch.get(length)
        if given is not None and np.ndim(given) == 1:
            found.setdefault("B", (len(given), length))
            found.setdefault(axis, (int(np.max(given, initial=0)), length))
    absent = [AXES[axis] for axis in wanted if axis not in found]
    if "B" not in found or absent:
        raise ValueError(f"batch: nothing tells {', '.join(absent) or 'the batch size'}")
    return {axis: extent for axis, (extent, _) in found.items()}


def _lengths(batch, axis, longest, rows):
    """The lengths along an axis as an integer array (B,)."""
    name = AXES[axis]
    given = batch.get(name)
    if given is None:
        return np.full(rows, longest, np.intp)
    lengths = np.asarray(given)
    if lengths.shape != (rows,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"batch[{name!r}]: expected integers (B={rows},), got {lengths.dtype} {lengths.shape}")
    if rows and (lengths.min() < 0 or lengths.max() > longest):
        raise ValueError(f"batch[{name!r}]: expected 0 to {longest}, got {lengths.min()} to {lengths.max()}")
    return lengths.astype(np.intp)


def _checked_input(name, array, call, axes, kind):
    """One input in its dtype, 0 past each sequence's own end."""
    if kind == "real":
        if array.dtype.kind not in "fciub":
            raise ValueError(f"batch[{name!r}]: expected real numbers, got {array.dtype}")
        array = array.astype(call.dtype, copy=False)
    elif kind == "bool":
        if array.dtype.kind not in "biu":
            raise ValueError(f"batch[{name!r}]: expected bool, got {array.dtype}")
    elif array.dtype.kind not in "iu":
        raise ValueError(f"batch[{name!r}]: expected integers, got {array.dtype}")
    for position, axis in enumerate(axes):
        lengths, longest = call.lengths[axis], call.longest[axis]
        if (lengths < longest).any():
            steps = np.arange(1, longest + 1).reshape((-1,) + (1,) * (len(axes) - position))
            array = keep(np.broadcast_to(steps <= lengths, array.shape[: len(axes) + 1]), array)
    if kind == "token" and array.size:
        (count,) = _token_counts(call.dims)[name]
        if array.min() < 0 or array.max() >= count:
            found = f"{array.min()} to {array.max()}"
            raise ValueError(f"batch[{name!r}]: expected tokens 0 to {count - 1}, got {found}")
    if kind == "bool" and array.dtype != bool:
        if array.size and (array.min() < 0 or array.max() > 1):
            raise ValueError(f"batch[{name!r}]: expected 0 and 1, got {array.min()} to {array.max()}")
        array = array.astype(bool)
    return array if kind in ("real", "bool") else array.astype(np.intp, copy=False)


def _checked_state(state, call):
    """A carried state as `forward` and `step` return it; None for a fresh start."""
    if state is None:
        return None
    if not hasattr(state, "keys"):
        raise ValueError(f"state: expected a dict of arrays, got {type(state).__name__}")
    if NO_STREAM or STREAM is None:
        raise ValueError(f"state: {NO_STREAM or 'this network carries none'}")
    missing = [name for name in [*STATES, STREAM] if name not in state]
    if missing:
        raise ValueError(f"state: missing {missing}")
    checked = {STREAM: np.asarray(state[STREAM])}
    for name in STATES:
        array = np.asarray(state[name])
        shape = _state_shape(call, name)
        if array.shape != shape:
            raise ValueError(f"state[{name!r}]: expected shape {shape}, got {array.shape}")
        checked[name] = array
    if checked[STREAM].shape != (call.B,):
        raise ValueError(f"state[{STREAM!r}]: expected shape ({call.B},), got {checked[STREAM].shape}")
    for name, (_, kind) in STATES.items():
        checked[name] = checked[name].astype({"real": call.dtype, "bool": bool}.get(kind, np.intp), copy=False)
    return checked


def _checked_cotangents(cotangents):
    """The caller's cotangents under the names the equations use."""
    if not hasattr(cotangents, "keys"):
        raise ValueError(f"cotangents: expected a dict, got {type(cotangents).__name__}")
    unknown = [name for name in cotangents if name not in COTANGENTS]
    if unknown:
        raise ValueError(f"cotangents: unknown {unknown}; this network has {list(COTANGENTS)}")
    return {COTANGENTS[name]: value for name, value in cotangents.items() if value is not None}


def _checked_step(params, state, inputs, drawing=False):
    """The arguments of one step: a state, and this step's inputs; while sampling, targets are drawn."""
    call = Call()
    call.workspace, call.absent, call.lengths, call.longest = None, [], {}, {}
    call.params, call.dims, call.dtype = _checked_params(params)
    if not hasattr(state, "keys") or STREAM not in state:
        raise ValueError(f"state: expected what start returned, a dict with {STREAM!r}")
    call.B = len(state[STREAM])
    for axis, length in AXES.items():
        if length in state:
            call.lengths[axis], call.longest[axis] = state[length], int(state[length + ".max"])
    call.state = {**_fixed(call, state), **_checked_state({k: state[k] for k in state if k in STATES or k == STREAM}, call)}
    call.inputs = {**{f"past:{k}": call.state[k] for k in STATES}, f"{STREAM}.now": call.state[STREAM] + 1}
    names = [name for name, (axes, *_) in INPUTS.items() if STREAM in axes]
    unknown = [name for name in inputs if name not in names]
    if unknown:
        raise ValueError(f"inputs: unknown {unknown}; a step takes {names}")
    for name in names:
        axes, _, kind, _ = INPUTS[name]
        if inputs.get(name) is not None:
            axes = tuple(axis for axis in axes if axis != STREAM)
            call.inputs[name] = _step_input(name, np.asarray(inputs[name]), call, axes, kind)
        elif name not in OPTIONAL and not (drawing and name in HEADS):
            raise ValueError(f"inputs: missing {name!r}")
    return call


def _fixed(call, state):
    """What no step changes: from the state, or made anew of the parameters."""
    missing = [name for name in STATICS if name not in state]
    context = [name for name, (axes, *_) in INPUTS.items() if STREAM not in axes]
    if missing and context:
        raise ValueError(f"state: missing {missing}; begin with start(params, batch_size, context)")
    call.state = None
    made = _start(call) if missing else state
    return {name: np.asarray(made[name]) for name in STATICS}


def _lengths_of(call):
    """The lengths along other axes, for every step to come."""
    found = {}
    for axis, lengths in call.lengths.items():
        found[AXES[axis]], found[AXES[axis] + ".max"] = lengths, np.array(call.longest[axis])
    return found


def _step_input(name, array, call, axes, kind):
    """One input of one step."""
    shape = tuple(call.longest[axis] for axis in axes) + (call.B,) + _shapes(call.dims)[name]
    if array.shape != shape:
        labels = [AXES[axis] for axis in axes] + ["B"] + list(SHAPES[name])
        raise ValueError(f"inputs[{name!r}]: expected shape {_named(labels)} = {shape}, got {array.shape}")
    if kind == "real" and array.dtype.kind == "c":
        call.dtype = np.result_type(call.dtype, np.complex64)
    return _checked_input(name, array, call, axes, kind)


def _next_state(call, after):
    """The state after a step: what changed, the count, and what no step changes."""
    fixed = {**{name: call.state[name] for name in STATICS}, **_lengths_of(call)}
    return {STREAM: call.state[STREAM] + 1, **{name: np.array(value) for name, value in after.items()}, **fixed}


class Sample:
    """Drawn sequences: an attribute for each head, ``T`` (lengths), ``log_prob``."""

    def __init__(self, draws, lengths, log_prob):
        for name, value in draws.items():
            setattr(self, name, value)
        self.T, self.log_prob = lengths, log_prob


def _sampled(params, rng, size, steps, context, temperature):
    """Sequences of ``steps`` steps, or as many as the streamed inputs in the context have."""
    fed = [name for name, (axes, *_) in INPUTS.items() if STREAM in axes and name not in HEADS]
    missing = [name for name in fed if name not in context]
    if missing:
        raise ValueError(f"context: missing {missing}, which every step reads")
    streams = {name: np.asarray(context[name]) for name in fed}
    state = start(params, size, {name: value for name, value in context.items() if name not in fed})
    steps = min([steps, *(len(stream) for stream in streams.values())])
    draws, log_prob = {name: [] for name in HEADS}, np.zeros(size)
    for t in range(steps):
        call = _checked_step(params, state, {name: stream[t] for name, stream in streams.items()}, drawing=True)
        after, drawn, nll = _draw(call, rng, temperature)
        state = _next_state(call, after)
        for name, value in drawn.items():
            draws[name].append(value)
        log_prob -= sum(nll.values())
    shapes = {name: (0, size, *_shapes(_checked_params(params)[1])[name]) for name in HEADS}
    stacked = {name: np.stack(d) if d else np.zeros(shapes[name]) for name, d in draws.items()}
    return Sample(stacked, np.full(size, steps), log_prob)


def draw_categorical(rng, logits, temperature=1.0):
    """By the Gumbel maximum (Gumbel 1954); at temperature 0 the most likely."""
    noise = rng.gumbel(size=logits.shape)
    return np.argmax(logits + temperature * noise, axis=-1)


def draw_bernoulli(rng, logits, temperature=1.0):
    return logits + temperature * rng.logistic(size=logits.shape) > 0


def draw_normal(rng, mean, scale=1.0, temperature=1.0):
    return (mean + temperature * scale * rng.normal(size=mean.shape)).astype(mean.dtype)


def draw_poisson(rng, log_rate, temperature=1.0):
    """The rate's power 1 / temperature; at temperature 0 the mode."""
    if temperature == 0:
        return np.floor(np.exp(log_rate)).astype(np.intp)
    return rng.poisson(np.exp(log_rate / temperature))


def draw_normal_mixture(rng, logits, mean, scale, temperature=1.0):
    k = draw_categorical(rng, logits, temperature)[..., None]
    chosen = [np.take_along_axis(np.broadcast_to(a, logits.shape), k, -1)[..., 0] for a in (mean, scale)]
    return draw_normal(rng, *chosen, temperature=temperature)


def _steps_before(call):
    """How many steps each sequence had before the first of these."""
    return np.zeros(call.B, np.intp) if call.state is None else call.state[STREAM]


def _steps_done(call):
    """How many steps every sequence has behind it."""
    return _steps_before(call) + call.lengths[STREAM]


def _state_shape(call, name):
    """The shape of an entry of the state."""
    lags = STATES[name][0]
    return ((lags,) if lags > 1 else ()) + (call.B,) + _state_shapes(call.dims)[name]


def _scalar(value):
    """A 0-d value as a Python number."""
    return complex(value) if np.iscomplexobj(value) else float(value)


def keep(valid, a, fill=0):
    """``a`` where ``valid`` (its leading dimensions), else ``fill``."""
    return np.where(valid.reshape(valid.shape + (1,) * (np.ndim(a) - valid.ndim)), a, fill)


def at_step(a, step):
    """``a[step - 1]`` for each row of the batch, 0 where ``step`` is outside 1..len(a)."""
    inside = (step >= 1) & (step <= len(a))
    if not len(a):
        return np.zeros(step.shape + a.shape[2:], a.dtype)
    return keep(inside, a[np.where(inside, step, 1) - 1, np.arange(a.shape[1])])


def max_over(a, valid, axes):
    """The largest over leading dimensions, of valid places only; of none, -inf."""
    mask = valid.reshape(valid.shape + (1,) * (a.ndim - valid.ndim)) if valid.ndim > 1 else valid
    return np.where(mask, a, -np.inf).max(axis=axes, initial=-np.inf)


def logsumexp_over(a, valid, axes):
    """log(sum(exp(a))) over leading dimensions, of valid places only; of none, -inf."""
    mask = valid.reshape(valid.shape + (1,) * (a.ndim - valid.ndim)) if valid.ndim > 1 else valid
    top = np.where(mask, a.real, -np.inf).max(axis=axes, initial=-np.inf, keepdims=True)
    top = np.where(np.isinf(top), 0, top)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(np.where(mask, a, -np.inf) - top).sum(axis=axes))
    return total + top.reshape(total.shape)


def softmax_over(a, valid, axis):
    """exp(a) scaled to sum to 1 along a leading dimension; 0 at places that are not valid."""
    mask = valid.reshape(valid.shape + (1,) * (a.ndim - valid.ndim)) if valid.ndim > 1 else valid
    top = np.where(mask, a.real, -np.inf).max(axis=axis, initial=-np.inf, keepdims=True)
    powers = np.where(mask, np.exp(np.where(mask, a, 0) - np.where(np.isinf(top), 0, top)), 0)
    total = powers.sum(axis=axis, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def first_max_over(a, valid, axis):
    """True at the first of the largest along a leading dimension."""
    mask = valid.reshape(valid.shape + (1,) * (a.ndim - valid.ndim)) if valid.ndim > 1 else valid
    masked = np.where(mask, a.real, -np.inf)
    places = np.arange(a.shape[axis]).reshape((-1,) + (1,) * (a.ndim - axis - 1))
    return (places == masked.argmax(axis=axis, keepdims=True)) & mask if a.shape[axis] else masked > 0


def backwards(*arrays):
    """The arrays' steps in turn, from the last to the first."""
    return zip(*(array[::-1] for array in arrays))


def padded(a, *slots):
    """``a`` with zero slots (before, after) along its leading axes."""
    return np.pad(a, [*slots, *[(0, 0)] * (a.ndim - len(slots))])


def carried(state, key, start):
    """The caller's state, or the start of a fresh sequence."""
    return start if state is None else state[key]


def _cotangent(cotangents, key, call, axes, features, slots):
    """The caller's cotangent of an output, 0 past each sequence's end and where there is none."""
    extents = {**call.longest, "@": call.B}
    shape = (*(axis if isinstance(axis, int) else extents[axis] for axis in axes), *features)
    value = cotangents.get(key)
    if value is None:
        value = np.zeros(shape, call.dtype)
    value = np.asarray(value)
    if value.shape != shape:
        raise ValueError(f"cotangents[{key!r}]: expected shape {shape}, got {value.shape}")
    value = value.astype(call.dtype, copy=False)
    for position, axis in enumerate(axes):
        if axis in call.lengths and (call.lengths[axis] < call.longest[axis]).any():
            steps = np.arange(1, call.longest[axis] + 1).reshape((-1,) + (1,) * (len(axes) - position - 1))
            value = keep(np.broadcast_to(steps <= call.lengths[axis], value.shape[: len(axes)]), value)
    return padded(value, *slots)


# ------------------------------------------------------------------------------------------- inits


def init_normal(rng, shape, std=1.0):
    return rng.normal(0.0, std, shape)


def init_uniform(rng, shape, low=0.0, high=1.0):
    return rng.uniform(low, high, shape)


def init_constant(rng, shape, value):
    return np.full(shape, value, float)


def init_zeros(rng, shape):
    return np.zeros(shape)


def init_ones(rng, shape):
    return np.ones(shape)


def init_glorot(rng, shape):
    """Uniform within sqrt(6 / (fan in + fan out)) over the last two sizes (Glorot & Bengio 2010, eq. 16)."""
    fans = shape[-2:] if len(shape) > 1 else (1, *shape[-1:])
    limit = np.sqrt(6.0 / max(sum(fans), 1))
    return rng.uniform(-limit, limit, shape)


def init_he(rng, shape):
    """Normal with standard deviation sqrt(2 / fan in) (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, np.sqrt(2.0 / max(shape[-1] if shape else 1, 1)), shape)


def init_orthogonal(rng, shape, gain=1.0):
    """Rows or columns of the last two sizes orthonormal, times the gain (Saxe et al. 2014)."""
    *outer, rows, columns = shape if len(shape) > 1 else (1, *shape)
    long, short = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(rng.normal(size=(*outer, long, short)))
    q = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., None, :]
    return gain * (q if rows >= columns else np.swapaxes(q, -1, -2)).reshape(shape)


def init_identity(rng, shape):
    return np.broadcast_to(np.eye(*shape[-2:]), shape).copy()


def init_sparse(rng, shape, density=0.1, radius=0.9):
    """A random sparse matrix scaled to a spectral radius (Jaeger 2001)."""
    weights = rng.uniform(-1.0, 1.0, shape) * (rng.uniform(size=shape) < density)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return weights
    largest = np.abs(np.linalg.eigvals(weights)).max(axis=-1, initial=0.0)
    return weights * (radius / np.where(largest > 0, largest, 1.0))[..., None, None]


def init_range(rng, shape):
    return np.broadcast_to(np.arange(1.0, (shape[-1] if shape else 1) + 1), shape or (1,)).reshape(shape).copy()
