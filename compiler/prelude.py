"""Functions that printed modules call: the printer copies the text of those it needs.

Nothing in the compiler imports this module but the reference evaluator. Each function stands alone
but for others of this file, keeps the dtype it is given (float32, float64, complex128), takes any
number of leading dimensions, and branches on real parts only, so that a complex step gives exact
derivatives. ``out``, where there is one, may be the operand itself."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """1 / (1 + exp(-x)), by way of tanh: no overflow, and faster than exp."""
    half = np.array(0.5, np.asarray(x).dtype)  # a number that is an array already takes half the time
    slope = np.tanh(np.multiply(x, half, out), out)
    result: Array = np.add(np.multiply(slope, half, out), half, out)
    return result


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    positive = x.real > 0
    result: Array = np.where(positive, x, 0) + np.log1p(np.exp(np.where(positive, -x, x)))
    return result


def absolute(x: Array) -> Array:
    """The larger of x and -x."""
    return np.where(x.real < 0, -x, x)


def centered(a: Array) -> Array:
    """Matrices less the mean of each of their columns."""
    result: Array = a - a.mean(axis=-2, keepdims=True)
    return result


def lgamma(x: Array) -> Array:
    """log of the gamma function for x > 0: Stirling's series at x + 8, carried down by the recurrence."""
    y = x + 8
    series = 0
    for term in (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = term + series / (y * y)
    product = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7)
    result: Array = (y - 0.5) * np.log(y) - y + 0.9189385332046727 + series / y - np.log(product)
    return result


def digamma(x: Array) -> Array:
    """The derivative of lgamma for x > 0, in the same way."""
    y = x + 8
    series = 0
    for term in (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12):
        series = term + series / (y * y)
    result: Array = np.log(y) - 0.5 / y - series / (y * y)
    for shift in range(8):
        result = result - 1 / (x + shift)
    return result


def floor_mod(a: Array, b: Array) -> Array:
    """a - b * floor(a / b)."""
    result: Array = a - b * np.floor(np.divide(a, b).real)
    return result


def logaddexp(a: Array, b: Array) -> Array:
    """log(exp(a) + exp(b)) without overflow; -inf when both are."""
    top = np.maximum(a.real, b.real)
    top = np.where(np.isinf(top), 0, top)
    with np.errstate(divide="ignore"):
        result: Array = np.log(np.exp(a - top) + np.exp(b - top)) + top
    return result


def logsumexp(x: Array) -> Array:
    """log(sum(exp(x))) over the last size without overflow; -inf when all are."""
    top = np.maximum.reduce(x.real, -1, keepdims=True)
    top = np.where(np.isinf(top), 0, top)
    with np.errstate(divide="ignore"):
        result: Array = np.log(np.add.reduce(np.exp(x - top), -1)) + top[..., 0]
    return result


def portion(a: Array, q: Array, out: Array | None = None) -> Array:
    """exp(a - q): the part of a in a log-sum-exp q; 0 where q is -inf."""
    result: Array = np.subtract(a, np.where(q.real == -np.inf, 0, q), out)
    return np.exp(result, out)


def share_of(a: Array, b: Array) -> Array:
    """exp(a) / (exp(a) + exp(b)), the derivative of their log-sum-exp by a; 0 where a is -inf."""
    with np.errstate(invalid="ignore"):
        apart = np.where(a.real == -np.inf, -np.inf, a - b)
    low = apart.real < 0
    smaller = np.exp(np.where(low, apart, -apart))
    result: Array = np.where(low, smaller, 1) / (1 + smaller)
    return result


def softmax(x: Array, out: Array | None = None) -> Array:
    """exp(x) over its sum along the last size, without overflow."""
    result: Array = np.subtract(x, np.maximum.reduce(x.real, -1, keepdims=True), out)
    np.exp(result, result)
    np.divide(result, np.add.reduce(result, -1, keepdims=True), result)
    return result


def expand(a: Array, sizes: tuple[int, ...]) -> Array:
    """The sizes appended by repetition: a view that cannot be written to."""
    a = np.asarray(a)
    return np.broadcast_to(a.reshape(a.shape + (1,) * len(sizes)), a.shape + sizes)


def concat(*parts: Array) -> Array:
    """One after the other along the last size; parts with fewer leading dimensions are repeated."""
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate([np.broadcast_to(part, lead + part.shape[-1:]) for part in parts], axis=-1)


def pad_slice(a: Array, start: int, total: int) -> Array:
    """Zeros of last size ``total``, but for a from ``start`` on."""
    result = np.zeros((*a.shape[:-1], total), a.dtype)
    result[..., start : start + a.shape[-1]] = a
    return result


def take_rows(table: Array, index: Array, rank: int) -> Array:
    """Row ``index`` of tables with ``rank`` feature sizes, one table for each leading position."""
    lead = table.ndim - rank
    table = np.broadcast_to(table, index.shape[:lead] + table.shape[lead:])
    grid = np.indices(index.shape, sparse=True)[:lead]
    return np.asarray(table[(*grid, index)])


def scatter_rows(rows: Array, index: Array, size: int, lead: int = 0) -> Array:
    """A table of ``size`` rows; row i is the sum of all ``rows`` whose index is i. One table for each position
    of the first ``lead`` dimensions."""
    tail = rows.shape[index.ndim :]
    if lead:
        tables = index.shape[:lead]
        first = size * np.arange(int(np.prod(tables))).reshape(tables + (1,) * (index.ndim - lead))
        return scatter_rows(rows, index + first, size * first.size).reshape(*tables, size, *tail)
    table = np.zeros((size, *tail), rows.dtype)
    if index.size == 0:
        return table
    order = np.argsort(index, axis=None, kind="stable")
    sorted_index = index.reshape(-1)[order]
    first = np.flatnonzero(np.diff(sorted_index, prepend=-1))
    table[sorted_index[first]] = np.add.reduceat(rows.reshape(-1, *tail)[order], first, axis=0)
    return table


def pick(a: Array, index: Array) -> Array:
    """Component ``index`` of the last size."""
    if a.shape[:-1] != index.shape:
        lead = np.broadcast_shapes(a.shape[:-1], index.shape)
        a, index = np.broadcast_to(a, lead + a.shape[-1:]), np.broadcast_to(index, lead)
    rows = a.reshape(index.size, a.shape[-1])
    result: Array = rows[np.arange(index.size), index.reshape(-1)].reshape(index.shape)
    return result


def onehot(index: Array, size: int, dtype: np.dtype[np.generic]) -> Array:
    """Vectors of ``size`` components: 1 at ``index``, else 0."""
    return np.asarray(index[..., None] == np.arange(size), dtype)


def spread_pick(a: Array, index: Array, size: int) -> Array:
    """Zeros of last size ``size``, but for a at component ``index``."""
    lead = np.broadcast_shapes(a.shape, index.shape)
    a, index = np.broadcast_to(a, lead), np.broadcast_to(index, lead)
    result = np.zeros((*lead, size), a.dtype)
    np.put_along_axis(result, index[..., None], a[..., None], axis=-1)
    return result


def scan(h: Array, past: Array, a: Array, b: Array, step: int = 1) -> None:
    """h[t] = a[t] * past[t] + b[t], where ``past`` is the same array one slot before; with ``step`` -1 from the
    last step to the first, and one slot after. Where steps are many and narrow, stretches of them are computed
    side by side, each from 0; what was before a stretch comes afterwards, times the product of its a's."""
    h, past, a, b = h[::step], past[::step], a[::step], b[::step]
    whole = 0
    if side_by_side(a):
        size = int(np.sqrt(len(a)))
        whole = len(a) // size * size
        shape = (whole // size, size, *h.shape[1:])
        factors = a[:whole].reshape(shape)
        own, power = (np.array(x[:whole], h.dtype, order="C").reshape(shape) for x in (b, a))
        for t in range(1, size):
            power[:, t] *= power[:, t - 1]
            own[:, t] += factors[:, t] * own[:, t - 1]
        for k, begin in enumerate(range(0, whole, size)):
            power[k] *= past[begin]
            np.add(own[k], power[k], h[begin : begin + size])
    for h_t, past_t, a_t, b_t in zip(h[whole:], past[whole:], once_for_all(a[whole:]), b[whole:]):
        np.multiply(a_t, past_t, h_t)
        np.add(h_t, b_t, h_t)


def scan_sums(d: Array, e: Array, a: Array, b: Array, ended: Array | None = None, step: int = 1) -> None:
    """d[t] = b[t] + e and then e = a[t] * d[t], for which a step's ``e`` waits at the next; it begins with what is
    before the first step, and ends with what the last leaves. 0 where a sequence has ``ended``."""
    d, a, b = d[::step], a[::step], b[::step]
    if side_by_side(a):
        left = (
            a if ended is None else np.where(ended[::step].reshape(a.shape[:2] + (1,) * (a.ndim - 2)), 0, a)
        )
        np.add(b[0], e, d[0])
        scan(d[1:], d[:-1], left[:-1], b[1:])
        np.multiply(left[-1], d[-1], e)
        return
    masks = [None] * len(a) if ended is None else ended[::step]
    for d_t, a_t, b_t, ended_t in zip(d, once_for_all(a), b, masks):
        np.add(b_t, e, d_t)
        np.multiply(a_t, d_t, e)
        if ended_t is not None:
            e[ended_t] = 0


def once_for_all(a: Array) -> Array:
    """What is the same at every step, as one block of memory for all of them."""
    return a if not len(a) or a.strides[0] else np.broadcast_to(np.ascontiguousarray(a[0]), a.shape)


def side_by_side(a: Array) -> bool:
    """Whether stretches pay: at least 256 steps of at most 256 numbers. Products of factors must not overflow;
    NaN, which stays where it is, decides nothing."""
    return len(a) >= 256 and a[0].size <= 256 and not bool((np.abs(a) > 1).any())
