"""One step at a time: the state.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


class State(dict):
    """The arrays between two steps. ``call`` is what the step that made them found out about its arguments, so
    that the next need not look again; a copy, and what is saved of it, is a plain dict."""

    def __reduce__(self):
        return dict, (dict(self),)


class Frozen(dict):
    """Parameters that do not change; ``prepared`` is what a step has of them besides. A copy, and what is saved of
    it, is a plain dict."""

    def __reduce__(self):
        return dict, (dict(self),)

    def __setitem__(self, *given):
        raise TypeError(
            "params: frozen, so that nothing can change; change those they were made of, and freeze again"
        )

    def __delitem__(self, name):
        self[name] = None

    def __ior__(self, other):
        self[other] = None

    def update(self, *given, **named):
        self[given] = None

    def setdefault(self, name, value=None):
        self[name] = value

    def pop(self, *given):
        self[given] = None

    def popitem(self):
        self[None] = None

    def clear(self):
        self[None] = None


def _frozen_call(params):
    """The parameters as copies that cannot be written to, and what else their preparation needs."""
    call = Call()
    call.params, call.dims, call.dtype = _checked_params(params)
    call.params = {name: aligned(array) for name, array in call.params.items()}
    return call


def aligned(array):
    """A copy that cannot be written to, in memory from a multiple of 64 bytes on: the product of a vector with a
    large matrix takes up to a sixth less time there."""
    room = np.empty(array.size + 64 // array.itemsize, array.dtype)
    found = on_line(room, array.size).reshape(array.shape)
    found[...] = array
    for one in (room, found):
        one.flags.writeable = False
    return found


def _checked_step(params, state, inputs, drawing=False):
    """What all steps have in common, the state, and this step's inputs; while sampling, targets are drawn."""
    call = state.call if type(state) is State else None
    if call is None or not _goes_on(call, params, state):
        call, state = _step_call(params, state)
    if type(inputs) is not dict or not _fit(inputs, call.expected[drawing], len(inputs)):
        if not hasattr(inputs, "keys"):
            raise ValueError(f"inputs: expected a dict of arrays, got {type(inputs).__name__}")
        if call.dtype.kind == "f" and any(np.iscomplexobj(inputs[name]) for name in inputs):
            call, state = _step_call(params, state, np.complex64)
        inputs = _step_inputs(call, inputs, drawing)
    return call, state, inputs


def _goes_on(call, params, state):
    """Whether the parameters are the very arrays of the step before, and the state has the shapes of then."""
    if type(params) is Frozen:
        return params is call.frozen and _fit(state, call.carried)
    if type(params) is not dict or len(params) != len(PARAMS):
        return False
    return [*map(id, map(params.get, PARAMS))] == call.known and _fit(state, call.carried)


def _fit(arrays, expected, count=None):
    """Whether these are arrays of the shapes and dtypes expected, and tokens below the number there are: what
    can be used as it is. ``count`` is how many there are, where there must be no others."""
    if expected is None or count not in (None, len(expected)):
        return False
    for name, shape, dtype, tokens in expected:
        array = arrays.get(name)
        if type(array) is not np.ndarray or array.shape != shape or array.dtype is not dtype:
            return False
        if tokens is not None and not _below(array, tokens):
            return False
    return True


def _below(tokens, count):
    """Whether they are tokens of which there are ``count``; one alone is looked at fastest as a number."""
    if tokens.size == 1:
        return 0 <= tokens.item() < count
    return not tokens.size or bool(tokens.min() >= 0 and tokens.max() < count)


def _step_call(params, state, *others):
    """What all steps have in common that are asked like this one, and the checked state. ``others`` are dtypes
    besides the parameters'."""
    call = Call()
    call.workspace, call.state, call.inputs, call.absent = None, None, {}, []
    call.lengths, call.longest = {}, {}
    call.params, call.dims, call.dtype = _checked_params(params)
    if not hasattr(state, "keys") or STREAM not in state:
        raise ValueError(f"state: expected what start returned, a dict with {STREAM!r}")
    kinds = {name: kind for name, (_, kind) in {**STATES, **STATICS}.items() if name in state}
    real = (state[name] for name, kind in kinds.items() if kind == "real")
    others += (np.complex64,) if any(map(np.iscomplexobj, real)) else ()
    call.frozen = params if type(params) is Frozen else None
    kind, call.dtype = call.dtype, np.result_type(call.dtype, *others)
    call.prepared = call.frozen.prepared if call.frozen is not None and call.dtype == kind else None
    call.params = {name: array.astype(call.dtype, copy=False) for name, array in call.params.items()}
    call.known = [*map(id, call.params.values())]  # which are kept, so that no other can be taken for them
    call.one = np.array(1)  # added to the count: an array takes less time than a number
    call.weights = [_at_hand(array) for array in call.params.values()]
    call.B = _array("state", STREAM, state[STREAM], "int").size
    _told_lengths(call, state)
    call.last = np.zeros(call.B, bool)
    fixed = {**_fixed(call, state), **_lengths_of(call)}
    checked = _checked_state({name: state[name] for name in state if name in STATES or name == STREAM}, call)
    call.fixed, state = [*fixed], {**checked, **fixed}
    call.carried = [(name, array.shape, array.dtype, None) for name, array in state.items()]
    if any(isinstance(axis, str) for axes in STATE_AXES.values() for axis in axes):
        call.carried = None  # what is past a sequence's own end has to be looked at
    call.expected = [_expected(call, drawing) for drawing in (False, True)]
    return call, state


def _told_lengths(call, state):
    """The lengths that `start` was given, and how long the arrays of the context are."""
    others = [length for axis, length in AXES.items() if axis != STREAM]
    _begun(state, [*others, *(length + ".max" for length in others), *([AXES[STREAM]] if COUNTED else [])])
    for axis, length in ((axis, length) for axis, length in AXES.items() if length in state):
        lengths = _array("state", length, state[length], "int").astype(np.intp)
        if lengths.shape != (call.B,):
            raise ValueError(f"state[{length!r}]: expected shape (B={call.B},), got {lengths.shape}")
        longest = lengths.max(initial=0)
        if axis != STREAM:
            longest = call.longest[axis] = _longest(state, length + ".max")
        if lengths.size and not 0 <= lengths.min() <= lengths.max() <= longest:
            found = f"{lengths.min()} to {lengths.max()}"
            raise ValueError(f"state[{length!r}]: expected 0 to {longest}, got {found}")
        call.lengths[axis] = lengths


def _longest(state, name):
    """How many steps the arrays of the context have."""
    found = _array("state", name, state[name], "int")
    return _checked_count(f"state[{name!r}]", found if found.shape else found.item())


def _entry(call, name, value, kind, axes=None):
    """An entry of the state in its shape and dtype."""
    shape, array = _state_shape(call, name, axes), _array("state", name, value, kind)
    if array.shape != shape:
        raise ValueError(f"state[{name!r}]: expected shape {shape}, got {array.shape}")
    return array.astype(call.dtype, copy=False) if kind == "real" else array


def _state_shape(call, name, axes=None):
    """The shape of an entry of the state; of what no step changes by its ``axes``."""
    axes = STATE_AXES[name] if axes is None else axes
    extents = (axis if isinstance(axis, int) else call.longest[axis] for axis in axes)
    return (*extents, call.B, *_state_shapes(call.dims)[name])


def _begun(state, names):
    """What comes from `start` alone."""
    missing = [name for name in names if name not in state]
    if missing:
        raise ValueError(f"state: missing {missing}; begin with start(params, batch_size, context)")


def _at_hand(array):
    """A parameter as a step wants it, a view: a vector as a row beside the batch, a matrix turned."""
    return array[None] if array.ndim == 1 else array.T if array.ndim == 2 else array


def _fixed(call, state):
    """What no step changes: from the state, or made anew of the parameters."""
    if any(STREAM not in axes for axes, *_ in INPUTS.values()):
        _begun(state, STATICS)
    made = state if all(name in state for name in STATICS) else _start(call)
    return {name: _entry(call, name, made[name], kind, axes) for name, (axes, kind) in STATICS.items()}


def _expected(call, drawing):
    """The arrays that a step must be given, as `_fit` takes them; None where they take a closer look."""
    found, shapes, counts = [], _shapes(call.dims), _token_counts(call.dims)
    for name, (axes, _, kind, _) in INPUTS.items():
        if STREAM in axes and name not in [*OPTIONAL, *NOISES, *(HEADS if drawing else ())]:
            if axes != (STREAM,) or kind not in ("real", "token"):
                return None
            dtype = call.dtype if kind == "real" else np.dtype(np.intp)
            found.append((name, (call.B, *shapes[name]), dtype, *counts.get(name, (None,))))
    return found


def _step_inputs(call, inputs, drawing):
    """The inputs of one step."""
    names = [name for name, (axes, *_) in INPUTS.items() if STREAM in axes]
    unknown = [name for name in inputs if name not in names]
    if unknown:
        raise ValueError(f"inputs: unknown {unknown}; a step takes {names}")
    found = {}
    for name in names:
        axes, _, kind, _ = INPUTS[name]
        if inputs.get(name) is not None:
            axes = tuple(axis for axis in axes if axis != STREAM)
            found[name] = _step_input(name, _array("inputs", name, inputs[name], kind), call, axes, kind)
        elif name not in [*OPTIONAL, *NOISES, *(HEADS if drawing else ())]:
            raise ValueError(f"inputs: missing {name!r}")
    return found


def _lengths_of(call):
    """The lengths that are known, for every step to come."""
    found = {AXES[axis]: lengths for axis, lengths in call.lengths.items()}
    longest = {AXES[axis] + ".max": np.array(call.longest[axis]) for axis in call.lengths if axis != STREAM}
    return {**found, **longest}


def _step_input(name, array, call, axes, kind):
    """One input of one step."""
    shape = tuple(call.longest[axis] for axis in axes) + (call.B,) + _shapes(call.dims)[name]
    if array.shape != shape:
        labels = [AXES[axis] for axis in axes] + ["B"] + list(SHAPES[name])
        raise ValueError(f"inputs[{name!r}]: expected shape {_named(labels)} = {shape}, got {array.shape}")
    return _checked_input(name, array, call, axes, kind, "inputs")


def _next_state(call, state, after, own=False):
    """The state after a step: what changed, the count, and what no step changes, its ``own`` where asked."""
    found = State({STREAM: state[STREAM] + call.one, **after})
    for name in call.fixed:
        found[name] = state[name].copy() if own else state[name]
    found.call = call
    return found


def _own(arrays, dtype=None):
    """Arrays that share no memory with anything; real numbers of ``dtype`` where it is given."""
    return {
        name: np.array(v, dtype if np.asarray(v).dtype.kind in "fc" else None) for name, v in arrays.items()
    }


def entries(table, *names):
    """Several entries of a table, in order."""
    return [table[name] for name in names]


def _steps_before(call):
    """How many steps each sequence had before the first of these."""
    return np.zeros(call.B, np.intp) if call.state is None else call.state[STREAM]


def _steps_done(call):
    """How many steps every sequence has behind it."""
    return _steps_before(call) + call.lengths[STREAM]


def _checked_total(call, state, last):
    """The steps of whole sequences: those that the state tells, else there is nothing after this call."""
    if call.whole is not None:
        return call.whole.total
    T, done = AXES[STREAM], _steps_done(call)
    if state is None or T not in state:
        if not np.all(last):
            raise ValueError(
                f"last: {T} is drawn first: begin with start(params, B, {{{T!r}: whole lengths}})"
            )
        return done
    total = _array("state", T, state[T], "int").astype(np.intp, copy=False)
    if total.shape != (call.B,):
        raise ValueError(f"state[{T!r}]: expected shape (B={call.B},), got {total.shape}")
    if (total < done).any():
        raise ValueError(
            f"state[{T!r}]: a sequence of {total[total < done][0]} steps goes on to {done.max()}"
        )
    return total
