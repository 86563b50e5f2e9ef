"""Ragged batches in `loss_and_grad`: sequences of about the same length go together, so that little is computed
past their ends.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_forward` and the like are tables and functions that each module brings of its own. Nothing
here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _groups(call, choose=None):
    """The rows of a ragged batch, in the order of their lengths, all together or in the groups that ``choose``
    makes of them; none when all are equally long. Steps past the end of the longest are left out of the call."""
    if len(call.even) == len(call.lengths):
        return []
    _crop(call)
    if not any(map(call.ragged, call.lengths)):
        return []
    steps = sum(call.lengths.values())
    order = np.argsort(-steps, kind="stable")
    return [order] if choose is None else choose(call, order, steps[order])


def _alike(call, order, steps):
    """Groups of about the same length, where they take less time one after the other than all at once.

    A step of a row takes about a microsecond for 13,000 parameters. Besides its rows a step takes as long as one row
    more and 2 microseconds, for its calls; a group as long as 20 steps of a row and 150 microseconds."""
    parameters = max(sum(value.size for value in call.params.values()), 1)
    more, each = 1 + 26_000 / parameters, 20 + 2_000_000 / parameters
    work, found = [(0, call.B)], []
    while work:
        begin, end = work.pop()
        cuts = np.arange(begin + 1, end)
        times = steps[begin] * (more + cuts - begin) + steps[begin + 1 : end] * (more + end - cuts)
        whole = steps[begin] * (more + end - begin)
        if times.min(initial=whole) + each < whole:
            cut = int(cuts[times.argmin()])
            work += [(begin, cut), (cut, end)]
        else:
            found.append(order[begin:end])
    return found if found[1:] else [np.arange(call.B)]


def _in_groups(call, groups, alone, share):
    """The loss and its gradient, one group of rows after the other, each by ``share``.

    ``alone``: the loss has terms of the parameters alone, which every part has, and the batch once."""
    loss, grads, parts = 0.0, {}, 0
    for number, rows in enumerate(groups):
        part, found, count = share(call, rows, number)
        loss, parts = loss + part, parts + count
        for name, value in found.items():
            grads[name] = np.add(grads[name], value, grads[name]) if number else value
    if alone and parts > 1:
        part, found, _ = _together(call, groups[0][:0], len(groups))
        loss -= (parts - 1) * part
        for name, value in found.items():
            np.subtract(grads[name], (parts - 1) * value, grads[name])
    return loss, grads


def _together(call, rows, number):
    """The share of some rows in the loss and in its gradient, all their steps at once; in how many parts."""
    loss, grads, _ = _differentiated(_rows(call, rows, number), {})
    return loss, grads, 1


def _rows(call, rows, number):
    """The call of some rows, up to their last step; means are over the whole batch."""
    part = Call()
    part.batch, part.B = call, len(rows)
    part.params, part.dims, part.dtype, part.absent = call.params, call.dims, call.dtype, call.absent
    part.workspace = None if call.workspace is None else call.workspace.setdefault(number, {})
    part.lengths = {axis: lengths[rows] for axis, lengths in call.lengths.items()}
    part.longest = {axis: int(lengths.max(initial=0)) for axis, lengths in part.lengths.items()}
    part.inputs = {}
    for name, array in call.inputs.items():
        axes = INPUTS[name][0]
        taken = np.take(_cropped(array, axes, part.longest), rows, len(axes))
        part.inputs[name] = _cleaned(taken, (*axes, "@"), part)
    axes = {STREAM: (), **STATE_AXES}
    part.state = call.state and {
        name: np.take(_cropped(array, axes[name], part.longest), rows, len(axes[name]))
        for name, array in call.state.items()
    }
    part.last = call.last if call.last is None else call.last[rows]
    part.total = call.total if call.total is None else call.total[rows]
    return part
