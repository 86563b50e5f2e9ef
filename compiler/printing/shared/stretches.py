"""Ragged batches of networks that run step by step, in `loss_and_grad`: rows that have ended are left out from the
next cut on, so that the work goes with the valid steps.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_forward` and the like are tables and functions that each module brings of its own. Nothing
here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _in_stretches(call, rows, number):
    """The share of some rows in the loss and in its gradient, and in how many parts it was found. The rows come in
    the order of their lengths; their steps are cut into stretches, each of which goes on from the state that the
    one before left, without the rows that have ended; then back, from the last stretch to the first."""
    parts, state, cotangents = [], _of_rows(call.state, rows), {}
    loss, grads = 0.0, {}
    with _quiet(call):
        for place, (begin, end, count) in enumerate(_cuts(call, call.lengths[STREAM][rows])):
            state = _of_rows(_final_state(*parts[-1]) if parts else state, slice(count))
            part = _stretch(call, rows[:count], begin, end, state, (number, place))
            parts.append((part, _forward(part)))
        for part, tape in reversed(parts):
            given = {f"state:{name}": _for_rows(value, name, part.B) for name, value in cotangents.items()}
            found, _, cotangents = _backward(part, tape, {"loss": 1.0, **given}, "state")
            loss += _scalar(tape[LOSS])
            if grads:
                grads = {name: np.add(grads[name], value, grads[name]) for name, value in found.items()}
            else:
                grads = found
    return loss, grads, len(parts)


def _cuts(call, lengths):
    """Stretches of the steps that take less time one after the other than all at once: where each begins and ends,
    and how many rows it has.

    A step of a row takes about a microsecond for 13,000 parameters, one more stretch as long as 20 steps of a row
    and 150 microseconds."""
    parameters = max(sum(value.size for value in call.params.values()), 1)
    each = 20 + 2_000_000 / parameters
    ends = np.unique(lengths)  # a cut is where rows end
    ends = ends[ends > 0]
    going = (lengths[:, None] > ends).sum(axis=0)  # and how many go on there
    rows, last = (int((lengths > 0).sum()), int(ends[-1])) if len(ends) else (len(lengths), 0)
    work, found = [(0, last, rows, 0, len(ends) - 1)], []
    while work:
        begin, end, rows, first, stop = work.pop()
        saved = (end - ends[first:stop]) * (rows - going[first:stop])
        cut = first + int(saved.argmax()) if stop > first else stop
        if stop > first and saved[cut - first] > each:
            middle = int(ends[cut])
            work += [(middle, end, int(going[cut]), cut + 1, stop), (begin, middle, rows, first, cut)]
        else:
            found.append((begin, end, rows))
    return found


def _stretch(call, rows, begin, end, state, number):
    """The call of some rows from one cut to the next; means are over the whole batch."""
    part = Call()
    part.batch, part.B, part.state = call, len(rows), state
    part.params, part.dims, part.dtype, part.absent = call.params, call.dims, call.dtype, call.absent
    part.workspace = None if call.workspace is None else call.workspace.setdefault(number, {})
    part.longest = {STREAM: end - begin}
    part.lengths = {STREAM: np.minimum(call.lengths[STREAM][rows] - begin, end - begin)}
    part.even = {STREAM} if (part.lengths[STREAM] == end - begin).all() else set()
    part.inputs = {name: np.take(array[begin:end], rows, 1) for name, array in call.inputs.items()}
    ragged, ended = part.ended(STREAM)
    if ragged:
        for array in part.inputs.values():
            array[ended] = 0
    return part


def _of_rows(state, rows):
    """A carried state of some rows."""
    if state is None:
        return None
    axes = {STREAM: (), **STATE_AXES}
    return {name: array[(slice(None),) * len(axes[name]) + (rows,)] for name, array in state.items()}


def _for_rows(value, name, count):
    """The gradient of a state that some of the first rows were taken of, for all of them."""
    place = len(STATE_AXES[name])
    found = np.zeros((*value.shape[:place], count, *value.shape[place + 1 :]), value.dtype)
    found[(slice(None),) * place + (slice(value.shape[place]),)] = value
    return found
