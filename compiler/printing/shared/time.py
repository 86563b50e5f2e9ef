"""Steps, padding and sequences' own ends.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _checked_cotangents(cotangents, call):
    """The caller's cotangents under the names the equations use."""
    if not hasattr(cotangents, "keys"):
        raise ValueError(f"cotangents: expected a dict, got {type(cotangents).__name__}")
    unknown = [name for name in cotangents if name not in COTANGENTS]
    if unknown:
        raise ValueError(f"cotangents: unknown {unknown}; this network has {list(COTANGENTS)}")
    found = {COTANGENTS[name]: value for name, value in cotangents.items() if value is not None}
    if "loss" in found:
        if call.absent:
            raise ValueError(
                f"cotangents['loss']: the loss needs {call.absent} in the batch of the forward pass"
            )
        if np.ndim(found["loss"]) or np.asarray(found["loss"]).dtype.kind not in "fiu":
            raise ValueError(f"cotangents['loss']: expected a number, got {found['loss']!r}")
    return found


def _checked_last(call, last):
    """Whether this call ends its sequences: one answer for all, or one for each."""
    found = np.asarray(last)
    if found.dtype != bool or found.shape not in ((), (call.B,)):
        raise ValueError(f"last: expected True, False or an array of them (B={call.B},), got {last!r}")
    return np.broadcast_to(found, (call.B,))


def _check_ends(call, axis, ends):
    """No sequence of the batch goes on after the step that the spec's rule says is its last."""
    T = (call.whole or call).lengths[axis]
    early = ends & (np.arange(1, len(ends) + 1)[:, None] < T - call.begun)
    if early.any():
        step, row = np.argwhere(early)[0]
        found = f"sequence {row} ends at step {call.begun + step + 1}, by `stop when`, and has {T[row]} steps"
        raise ValueError(f"batch: {found}")


def _crop(call):
    """Steps past the end of the longest sequence are nobody's: they are not computed."""
    if len(call.even) == len(call.lengths):
        return
    given = {axis: lengths for axis, lengths in call.lengths.items() if axis not in call.even}
    ends = {**call.longest, **{axis: int(lengths.max(initial=0)) for axis, lengths in given.items()}}
    if ends != call.longest:
        call.inputs = {name: _cropped(array, INPUTS[name][0], ends) for name, array in call.inputs.items()}
        if call.state is not None:
            axes = {STREAM: (), **STATE_AXES}
            call.state = {name: _cropped(array, axes[name], ends) for name, array in call.state.items()}
        call.longest = ends


def _cropped(array, axes, ends):
    """The steps of an array up to these ends."""
    return array[tuple(slice(ends.get(axis)) for axis in axes)]


def own_steps(a, axes, call):
    """``a``, whose leading dimensions are ``axes``, the batch "@" among them, with 0 past each sequence's own end."""
    return _cleaned(np.array(a, order="C"), axes, call) if any(map(call.ragged, axes)) else a


def _cleaned(a, axes, call):
    """``a`` itself, in which what is past a sequence's own end is made 0."""
    for place, axis in enumerate(axes):
        if call.ragged(axis):
            past = np.arange(1, a.shape[place] + 1)[:, None] > call.lengths[axis]
            steps = a if axes[:2] == (axis, "@") else np.moveaxis(a, (place, axes.index("@")), (0, 1))
            steps[past] = 0
    return a


def keep(valid, a, fill=0):
    """``a`` where ``valid`` (its leading dimensions), else ``fill``."""
    return np.where(valid.reshape(valid.shape + (1,) * (np.ndim(a) - valid.ndim)), a, fill)


def _quiet(call):
    """In a ragged batch steps past a sequence's own end are computed along, and never met: what overflows
    or divides by zero there is nothing to be told."""
    ragged = any(map(call.ragged, call.lengths))
    return np.errstate(**({"divide": "ignore", "over": "ignore", "invalid": "ignore"} if ragged else {}))


def at_step(a, step):
    """``a[step - 1]`` for each row of the batch, 0 where ``step`` is outside 1..len(a)."""
    inside = (step >= 1) & (step <= len(a))
    if not len(a):
        return np.zeros(step.shape + a.shape[2:], a.dtype)
    return keep(inside, a[np.where(inside, step, 1) - 1, np.arange(a.shape[1])])


def at_place(a, place):
    """``a[place - 1]``, 0 where ``place`` is outside 1..len(a)."""
    inside = (place >= 1) & (place <= len(a))
    return keep(inside, a[np.where(inside, place, 1) - 1])


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
    a = np.where(mask, a, -np.inf)
    top = a.real.max(axis=axis, initial=-np.inf, keepdims=True)
    powers = np.exp(a - np.where(np.isinf(top), 0, top))
    total = powers.sum(axis=axis, keepdims=True)
    return powers / np.where(total == 0, 1, total)


def first_max_over(a, valid, axis):
    """True at the first of the largest along a leading dimension."""
    mask = valid.reshape(valid.shape + (1,) * (a.ndim - valid.ndim)) if valid.ndim > 1 else valid
    masked = np.where(mask, a.real, -np.inf)
    places = np.arange(a.shape[axis]).reshape((-1,) + (1,) * (a.ndim - axis - 1))
    return (places == masked.argmax(axis=axis, keepdims=True)) & mask if a.shape[axis] else masked > 0


def padded(a, *slots):
    """``a`` with zero slots (before, after) along its leading axes."""
    return np.pad(a, [*slots, *[(0, 0)] * (a.ndim - len(slots))])


def add_at_end(a, lengths, value):
    """``value`` added to ``a`` at each sequence's own last step, if it has one."""
    rows = np.flatnonzero(lengths)
    a[lengths[rows] - 1, rows] += value[rows]


def carried(state, key, start):
    """The caller's state, or the start of a fresh sequence."""
    return start if state is None else state[key]


def _given(cotangents, call, *keys):
    """The caller's cotangents of several outputs and final states, each None when there is none."""
    return [_cotangent_if_given(cotangents, call, key) for key in keys]


def _cotangent_if_given(cotangents, call, key, *slots):
    """The caller's cotangent of an output or a final state; None when there is none."""
    return None if cotangents.get(key) is None else _cotangent(cotangents, call, key, *slots)


def _cotangent(cotangents, call, key, *slots):
    """The caller's cotangent of an output or a final state, 0 past each sequence's end and where there is none;
    around its steps as many ``slots`` as are asked for."""
    axes, features = _cotangent_shapes(call.dims)[key]
    extents = {**call.longest, "@": call.B}
    shape = (*(axis if isinstance(axis, int) else extents[axis] for axis in axes), *features)
    value = cotangents.get(key)
    if value is None:
        value = np.zeros(shape, call.dtype)
    name = key.partition(":")[2]
    value = _array("cotangents", name, value)
    if value.shape != shape:
        raise ValueError(f"cotangents[{name!r}]: expected shape {shape}, got {value.shape}")
    if value.dtype.kind == "c" and call.dtype.kind != "c":
        raise ValueError(f"cotangents[{name!r}]: expected real numbers, got {value.dtype}")
    value = own_steps(value.astype(call.dtype, copy=False), axes, call)
    return padded(value, *slots) if slots else value
