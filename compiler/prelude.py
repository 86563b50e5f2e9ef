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
    result = np.zeros((index.size, size), dtype)
    result[np.arange(index.size), index.reshape(-1)] = 1
    return result.reshape(*index.shape, size)


def spread_pick(a: Array, index: Array, size: int) -> Array:
    """Zeros of last size ``size``, but for a at component ``index``."""
    lead = np.broadcast_shapes(a.shape, index.shape)
    a, index = np.broadcast_to(a, lead), np.broadcast_to(index, lead)
    result = np.zeros((*lead, size), a.dtype)
    np.put_along_axis(result, index[..., None], a[..., None], axis=-1)
    return result


def weighed(weights: Array, rows: Array) -> Array:
    """The sum of all rows (the last dimension), each times its weight. What caches do not hold takes BLAS twice as
    long as NumPy's own loop; that goes by the first dimension, so that no sum is of very many terms."""
    if rows.nbytes < 2**24:
        return weights.reshape(-1) @ rows.reshape(weights.size, rows.shape[-1])
    first = len(weights)
    parts = np.einsum("ti,tij->tj", weights.reshape(first, -1), rows.reshape(first, -1, rows.shape[-1]))
    result: Array = parts.sum(axis=0)
    return result


def at_once(matrices: Array, out: Array) -> tuple[object, Array, Array]:
    """The function by which rows are multiplied with stacked matrices into ``out`` (matrices, rows, columns), and
    its second and third argument. For one row it is one product, with the columns of all matrices side by side."""
    if out.shape[1] != 1:
        return np.matmul, np.ascontiguousarray(matrices), out
    beside = np.ascontiguousarray(matrices.swapaxes(0, 1)).reshape(matrices.shape[1], out.size)
    return np.ndarray.dot, beside, out.reshape(1, out.size)


def scan(h: Array, past: Array, a: Array, b: Array, step: int = 1) -> None:
    """h[t] = a[t] * past[t] + b[t], where ``past`` is the same array one slot before; with ``step`` -1 from the
    last step to the first, and one slot after. An ``a`` that never changes has no dimension of steps."""
    if len(h):
        recur(h[::step], past[::step][0], every_step(a, h, step), b[::step])


def scan_sums(d: Array, e: Array, a: Array, b: Array, ended: Array | None = None, step: int = 1) -> None:
    """d[t] = b[t] + e and then e = a[t] * d[t], for which a step's ``e`` waits at the next; it begins with what is
    before the first step, and ends with what the last leaves. 0 where a sequence has ``ended``."""
    narrow = side_by_side(d)
    if narrow and ended is not None:
        a = np.where(ended.reshape(d.shape[:2] + (1,) * (d.ndim - 2)), 0, np.broadcast_to(a, d.shape))
    d, factors, b = d[::step], every_step(a, d, step), b[::step]
    if narrow:
        np.add(b[0], e, d[0])
        np.multiply(factors[-1], recur(d[1:], d[0], factors, b[1:]), e)
        return
    masks = [None] * len(d) if ended is None else ended[::step]
    for d_t, a_t, b_t, ended_t in zip(d, factors, b, masks):
        np.add(b_t, e, d_t)
        np.multiply(a_t, d_t, e)
        if ended_t is not None:
            e[ended_t] = 0


def every_step(a: Array, h: Array, step: int = 1) -> Array | list[Array]:
    """The factor at each step of h: one that never changes is one block of memory, with a row for each sequence."""
    if a.ndim == h.ndim:
        return a[::step]
    block = np.empty(h.shape[1:], a.dtype)
    block[...] = a
    return [block] * len(h)


def recur(h: Array, first: Array, a: Array | list[Array], b: Array) -> Array:
    """h[t] = a[t] * h[t-1] + b[t], with ``first`` before the first step; returns the last. Of many steps those go
    together whose copies stay in the cache."""
    few = 2**21 // max(h[:1].nbytes, 256)
    for begin in range(0, len(h), few):
        part = slice(begin, begin + few)
        run = in_stretches if side_by_side(h[part]) else step_by_step
        first = run(h[part], first, a[part], b[part])
    return first


def step_by_step(h: Array | list[Array], first: Array, a: Array | list[Array], b: Array) -> Array:
    """`recur`, as it stands."""
    multiply, add, product = np.multiply, np.add, np.empty_like(first)
    for h_t, a_t, b_t in zip(h, a, b):
        multiply(a_t, first, product)
        add(product, b_t, h_t)
        first = h_t
    return first


def in_stretches(h: Array, first: Array, a: Array | list[Array], b: Array) -> Array:
    """`recur` for stretches of the steps side by side, twice: from 0, for what each stretch leaves, and then from
    what is before it, which follows from this and the product of its a's (Martin & Cundy 2018)."""
    size = int(0.7 * len(h) ** 0.5)
    count = len(h) // size
    whole = size * count
    shape = (count, size, *h.shape[1:])
    terms = np.array(b[:whole].reshape(shape).swapaxes(0, 1), h.dtype, order="C")
    try:
        with np.errstate(all="ignore", over="raise"):
            if isinstance(a, list):
                factors, powers = every_step(a[0], terms), [a[0] ** size] * count
            else:
                factors = np.array(a[:whole].reshape(shape).swapaxes(0, 1), order="C")
                powers = np.multiply.reduce(factors, axis=0)
    except ArithmeticError:  # a product overflows
        return step_by_step(h, first, a, b)
    left, before = terms[0].copy(), np.empty((count + 1, *h.shape[1:]), h.dtype)
    step_by_step([left] * size, left, factors[1:], terms[1:])
    before[0] = first
    first = step_by_step(before[1:], first, powers, left)
    step_by_step(terms, before[:-1], factors, terms)
    np.copyto(h[:whole].reshape(shape), terms.swapaxes(0, 1))
    return step_by_step(h[whole:], first, a[whole:], b[whole:])


def side_by_side(h: Array) -> bool:
    """Whether stretches pay, twice the arithmetic in fewer calls: as measured, from 64 steps on, of up to 2 KB."""
    return len(h) >= 64 and h[0].nbytes <= 2048


def scan_coupled(h: list[Array], rows: list[list[Array]], past: list[Array], left: list[list[Array]]) -> bool:
    """h_i[t] = a_i1[t] * past_1[t] + a_i2[t] * past_2[t] + ... + b_i[t] for several h; rows [a_i1, a_i2, ..., b_i],
    ``past_i`` is h_i one slot before. Without them a step leaves products to the next, a_ij[t-1] * h_j[t-1], and of
    the last those in ``left``: [place, factor, j]. What never changes has no dimension of steps.

    False, and nothing done, for less than 80 steps, many numbers (as measured), or what overflows."""
    steps, row, full = len(h[0]), h[0].shape[1:], h[0].ndim
    fixed = all(np.ndim(a_ij) < full for *a_i, _ in rows for a_ij in a_i)
    if steps < 80 or len(h) ** 2 * h[0][0].nbytes > (2048 if fixed else 1024):
        return False
    before = 1 if past else 0
    x = np.empty((len(h), before + steps, *row), h[0].dtype)
    a = np.empty((len(h), len(h), 1 if fixed else before + steps - 1, *row), x.dtype)
    for i, (*a_i, b_i) in enumerate(rows):
        x[i, before:] = b_i
        for j, a_ij in enumerate(a_i):
            a[i, j] = a_ij if np.ndim(a_ij) < full else a_ij[: a.shape[2]]
    for x_i, past_i in zip(x, past):
        x_i[0] = past_i[0]
    few = 2**18 // max(x[:, 0].nbytes, 1)  # steps whose copies stay in the cache
    try:
        with np.errstate(all="ignore", over="raise"):
            for begin in range(0, before + steps - 1, few):
                odd_even(x[:, begin : begin + few + 1], a if fixed else a[:, :, begin : begin + few])
    except ArithmeticError:  # it may be a product of factors alone
        return False
    for place, factor, which in left:
        np.multiply(x[which, -1], factor if np.ndim(factor) < full else factor[-1], place)
    for h_i, x_i in zip(h, x):
        h_i[...] = x_i[before:]
    return True


def odd_even(x: Array, a: Array) -> None:
    """x_i[s] += a_i1[s-1] * x_1[s-1] + a_i2[s-1] * x_2[s-1] + ... from slot 1 on, in place. Odd slots follow from odd
    ones, by products of two a's and in the same way; then even ones from them (odd-even reduction, Hockney 1965)."""
    if x.shape[1] < 9:
        for s in range(1, x.shape[1]):
            now = x[:, s]
            now += added_products(a[:, :, (s - 1) % a.shape[2]], x[:, s - 1])
        return
    odd, even, after = x[:, 1::2], x[:, ::2], x[:, 2::2]
    to_odd, to_even, later = (a,) * 3 if a.shape[2] == 1 else (a[:, :, ::2], a[:, :, 1::2], a[:, :, 2::2])
    odd += added_products(to_odd, even[:, : odd.shape[1]])
    odd_even(odd, added_products(later[:, :, None], to_even[:, :, : odd.shape[1] - 1]))
    after += added_products(to_even, odd[:, : after.shape[1]])


def added_products(a: Array, b: Array) -> Array:
    """Added up over the second dimension: the product of matrices and vectors, element by element."""
    products = a * b
    total: Array = products[:, 0]
    for j in range(1, products.shape[1]):
        total += products[:, j]
    return total
