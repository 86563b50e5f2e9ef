"""`loss_and_grad(…, checkpoint=…)`: the memory of one segment of the steps, for the price of a second forward pass.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_called`, `_forward` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _in_segments(params, batch, size, state, train, seed, last, workspace, alone):
    """The states between segments of ``size`` steps are kept, nothing else; then, from the last segment to the
    first, each is computed again and differentiated (Gruslys et al. 2016, with segments of one length).

    ``alone``: the loss has terms of the parameters alone, which every segment has, and the whole once."""
    whole = _called(params, batch, state, False, seed, last, None)
    _check_loss(whole)
    _crop(whole)
    whole.inputs, steps = None, whole.longest[STREAM]
    size = _checked_size(size, steps)
    given = (params, batch, train, seed, last, {} if workspace is None else workspace)
    starts, states = range(0, max(steps, 1), size), [state]
    for start in starts[:-1]:
        call = _segment(whole, given, start, size, states[-1])
        with _quiet(call):
            states.append(_final_state(call, _forward(call)))
    loss, grads, cotangents = 0.0, {}, {}
    for start in reversed(starts):
        call = _segment(whole, given, start, size, states.pop())
        part, found, dstate = _differentiated(call, cotangents)
        loss += part
        if grads:
            grads = {name: np.add(grads[name], value, grads[name]) for name, value in found.items()}
        else:
            grads = found
        cotangents = {f"state:{name}": value for name, value in dstate.items()}
    if alone and starts[1:]:
        call = _segment(whole, given, steps, size, None)  # no step: nothing but those terms
        call.final = False
        (part, found, _), more = _differentiated(call, {}), len(starts) - 1
        loss -= more * part
        grads = {name: np.subtract(grads[name], more * value, grads[name]) for name, value in found.items()}
    return loss, grads


def _differentiated(call, cotangents):
    """A part's share of the loss and of its gradient, and the cotangents of the state it began with."""
    with _quiet(call):
        tape = _forward(call)
        grads, _, dstate = _backward(call, tape, {"loss": 1.0, **cotangents}, "state")
    return _scalar(tape[LOSS]), grads, _own(dstate, call.dtype)


def _checked_size(size, steps):
    """How many steps a segment has; "auto" is about as many as there are segments."""
    if isinstance(size, str) and size == "auto":
        return max(int(np.ceil(np.sqrt(steps))), 1)
    if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f'checkpoint: expected "auto" or the steps of a segment, 1 or more, got {size!r}')
    return int(size)


def _segment(whole, given, start, size, state):
    """The call of the steps after ``start``; its means and ends are those of the whole."""
    params, batch, train, seed, last, workspace = given
    T, stop = whole.lengths[STREAM], min(start + size, whole.longest[STREAM])
    cut = {name: value for name, value in batch.items() if value is not None}
    for name, (axes, *_) in INPUTS.items():
        if STREAM in axes and name in cut:
            steps = (slice(None),) * axes.index(STREAM) + (slice(start, stop),)
            cut[name] = np.asarray(cut[name])[steps]
    cut[AXES[STREAM]] = np.clip(T - start, 0, stop - start)
    call = _called(params, cut, state, train, seed, np.logical_and(last, T <= stop), workspace, whole)
    call.begun, call.final = start, stop == whole.longest[STREAM]
    return call
