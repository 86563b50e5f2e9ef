"""One step at a time: the state.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


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
            call.lengths[axis] = state[length]
            if axis != STREAM:
                call.longest[axis] = int(state[length + ".max"])
    call.last = np.zeros(call.B, bool)
    call.state = {
        **_fixed(call, state),
        **_checked_state({k: state[k] for k in state if k in STATES or k == STREAM}, call),
    }
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
        elif name in NOISES:
            call.absent.append(name)
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
    if kind == "real" and array.dtype.kind == "c":
        call.dtype = np.result_type(call.dtype, np.complex64)
    return _checked_input(name, array, call, axes, kind)


def _next_state(call, after):
    """The state after a step: what changed, the count, and what no step changes."""
    fixed = {**{name: call.state[name] for name in STATICS}, **_lengths_of(call)}
    return {STREAM: call.state[STREAM] + 1, **after, **fixed}


def _own(arrays, dtype=None):
    """Arrays that share no memory with anything; of ``dtype`` where it is given."""
    return {name: np.array(value, dtype) for name, value in arrays.items()}


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
    total = np.asarray(state[T])
    if total.shape != (call.B,) or total.dtype.kind not in "iu":
        raise ValueError(f"state[{T!r}]: expected integers (B={call.B},), got {total.dtype} {total.shape}")
    if (total < done).any():
        raise ValueError(
            f"state[{T!r}]: a sequence of {total[total < done][0]} steps goes on to {done.max()}"
        )
    return total
