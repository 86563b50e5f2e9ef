"""Ragged batches in `loss_and_grad`: sequences of about the same length go together, so that little is computed
past their ends.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_forward` and the like are tables and functions that each module brings of its own. Nothing
here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _groups(call):
    """The rows of a ragged batch in the order of their lengths, in groups that take less time one after the other
    than all at once; none when all can stay as they are.

    Besides its rows, a step takes as much time as so many rows more: calls take about 20 microseconds in all, and a
    row as long as its products, of which every parameter is in six (forward, and two going back)."""
    if not any(map(call.ragged, call.lengths)):
        return []
    parameters = sum(value.size for value in call.params.values())
    more = max(4.0, 250_000 / max(parameters, 1))
    steps = sum(call.lengths.values())
    order = np.argsort(-steps, kind="stable")
    steps, work, found = steps[order], [(0, call.B)], []
    while work:
        begin, end = work.pop()
        cuts = np.arange(begin + 1, end)
        times = steps[begin] * (more + cuts - begin) + steps[begin + 1 : end] * (more + end - cuts)
        whole = steps[begin] * (more + end - begin)
        if times.min(initial=whole) < 0.95 * whole:
            cut = int(cuts[times.argmin()])
            work += [(begin, cut), (cut, end)]
        else:
            found.append(order[begin:end])
    ordered = np.array_equal(order, np.arange(call.B))
    return found if found[1:] or not ordered else []


def _in_groups(call, groups, alone):
    """The loss and its gradient, one group of rows after the other.

    ``alone``: the loss has terms of the parameters alone, which every group has, and the batch once."""
    loss, grads = 0.0, {}
    for number, rows in enumerate(groups):
        part, found, _ = _differentiated(_rows(call, rows, number), {})
        loss, grads = (
            loss + part,
            {name: grads[name] + found[name] if grads else found[name] for name in found},
        )
    if alone and groups[1:]:
        part, found, _ = _differentiated(_rows(call, groups[0][:0], len(groups)), {})
        more = len(groups) - 1
        loss, grads = loss - more * part, {name: grads[name] - more * found[name] for name in found}
    return loss, grads


def _rows(call, rows, number):
    """The call of some rows, up to their last step; means are over the whole batch."""
    part = Call()
    part.batch, part.B = call, len(rows)
    part.params, part.dims, part.dtype, part.absent = call.params, call.dims, call.dtype, call.absent
    part.workspace = None if call.workspace is None else call.workspace.setdefault(number, {})
    part.lengths = {axis: lengths[rows] for axis, lengths in call.lengths.items()}
    part.longest = {axis: int(lengths.max(initial=0)) for axis, lengths in part.lengths.items()}
    part.inputs = {
        name: np.take(_cropped(array, INPUTS[name][0], part.longest), rows, len(INPUTS[name][0]))
        for name, array in call.inputs.items()
    }
    axes = {STREAM: (), **STATE_AXES}
    part.state = call.state and {
        name: np.take(_cropped(array, axes[name], part.longest), rows, len(axes[name]))
        for name, array in call.state.items()
    }
    part.last = call.last if call.last is None else call.last[rows]
    part.total = call.total if call.total is None else call.total[rows]
    return part
