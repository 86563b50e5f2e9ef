"""What each operator of the equations is in a library. Adjoint systems have further operators, which no peer needs:
it differentiates by itself."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..spec.records import dataclass
from ..spec.sizes import Size
from .libraries import Library, Tensor

Function = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an operator: static arguments, the dims, how many feature sizes each operand has, its type."""

    library: Library
    attrs: Mapping[str, Any]
    dims: Mapping[str, int]
    ranks: tuple[int, ...]
    types: tuple[str, ...]

    def size(self, name: str) -> int:
        size = self.attrs[name]
        assert isinstance(size, Size)
        return size.value(self.dims)


def _plain(name: str) -> Callable[[Use], Function]:
    """A function that the library has by the name that NumPy has."""
    return lambda use: getattr(use.library.np, name)


def _same(function: Function) -> Callable[[Use], Function]:
    return lambda use: function


def _repeated(a: Tensor, sizes: tuple[int, ...], use: Use) -> Tensor:
    shape = tuple(a.shape)
    return use.library.np.broadcast_to(a.reshape(shape + (1,) * len(sizes)), shape + sizes)


def _expand(use: Use) -> Function:
    sizes = tuple(size.value(use.dims) for size in use.attrs["sizes"])
    return lambda a: _repeated(a, sizes, use)


def _outer(use: Use) -> Function:
    left, right = use.ranks

    def outer(a: Tensor, b: Tensor) -> Tensor:
        shape = tuple(b.shape)
        place = len(shape) - right
        a = a.reshape(tuple(a.shape) + (1,) * right)
        return a * b.reshape(shape[:place] + (1,) * left + shape[place:])

    return outer


def _mod(use: Use) -> Function:
    if use.types[0] == "int":
        return use.library.np.remainder  # type: ignore[no-any-return]
    return lambda a, b: a - b * use.library.np.floor(a / b)


def _softplus(use: Use) -> Function:
    """Without the shortcut that one library takes for large numbers."""
    np = use.library.np
    return lambda a: np.logaddexp(a, a * 0)


def _where_positive(use: Use) -> Function:
    return lambda a: use.library.np.where(a > 0, a, 0 * a)


def _root(use: Use) -> Function:
    np = use.library.np
    return lambda a: np.where(a > 0, np.sqrt(np.where(a > 0, a, 1 + 0 * a)), 0 * a)


def _concat(use: Use) -> Function:
    np = use.library.np

    def concat(*parts: Tensor) -> Tensor:
        lead = np.broadcast_shapes(*(tuple(part.shape[:-1]) for part in parts))
        whole = [np.broadcast_to(part, (*lead, part.shape[-1])) for part in parts]
        return np.concatenate(whole, -1)

    return concat


def _slice(use: Use) -> Function:
    start, size = use.size("start"), use.size("size")
    return lambda a: a[..., start : start + size]


def _roll(use: Use) -> Function:
    shift = use.size("shift")
    return lambda a: use.library.np.roll(a, shift, -1)


def _onehot(use: Use) -> Function:
    library, places = use.library, use.size("size")
    return lambda k: library.cast(k[..., None] == library.np.arange(places), "real")


def _take(use: Use) -> Function:
    """Rows of a table that has no axes; one that has is indexed along its first feature size, axes before it."""
    rank = use.ranks[0]

    def take(table: Tensor, index: Tensor) -> Tensor:
        if len(table.shape) == rank:
            return table[index]
        lead = len(table.shape) - rank
        np = use.library.np
        axes = np.broadcast_shapes(tuple(table.shape[:lead]), tuple(index.shape[:lead]))
        table = np.broadcast_to(table, (*axes, *table.shape[lead:]))
        index = np.broadcast_to(index, (*axes, *index.shape[lead:]))
        grid = [
            np.arange(n).reshape((1,) * k + (n,) + (1,) * (len(index.shape) - k - 1))
            for k, n in enumerate(axes)
        ]
        return table[(*grid, index)]

    return take


def _pick(use: Use) -> Function:
    np = use.library.np

    def pick(a: Tensor, index: Tensor) -> Tensor:
        lead = np.broadcast_shapes(tuple(a.shape[:-1]), tuple(index.shape))
        a = np.broadcast_to(a, (*lead, a.shape[-1]))
        return use.library.take_along(a, np.broadcast_to(index, lead)[..., None])[..., 0]

    return pick


OPERATORS: dict[str, Callable[[Use], Function]] = {
    **{name: _plain(name) for name in "exp expm1 log log1p sqrt square sin cos tanh abs sign floor".split()},
    **{name: _plain(name) for name in "maximum minimum logaddexp where".split()},
    **{name: _plain(f"logical_{name}") for name in ("and", "or", "not")},
    **{name: _same(getattr(operator, name)) for name in "add sub mul pow neg eq ne lt le gt ge".split()},
    "div": _same(operator.truediv),
    "mod": _mod,
    "sigmoid": lambda use: use.library.sigmoid,
    "softplus": _softplus,
    "relu": _where_positive,
    "root": _root,
    "lgamma": lambda use: use.library.lgamma,
    "stop_gradient": lambda use: use.library.stop_gradient,
    "clip": lambda use: lambda a, low, high: use.library.np.minimum(use.library.np.maximum(a, low), high),
    "real": lambda use: lambda a: use.library.cast(a, "real"),
    "copy": _same(lambda a: a),
    "carry": _same(lambda start: start),  # no state is given
    "sum": _same(lambda a: a.sum(-1)),
    "mean": _same(lambda a: a.mean(-1)),
    "max": lambda use: lambda a: use.library.largest(a, -1),
    "min": lambda use: lambda a: -use.library.largest(-a, -1),
    "argmax": _same(lambda a: a.argmax(-1)),
    "argmin": _same(lambda a: a.argmin(-1)),
    "softmax": lambda use: lambda a: use.library.softmax(a, -1),
    "logsumexp": lambda use: lambda a: use.library.logsumexp(a, -1),
    "cumsum": lambda use: lambda a: use.library.np.cumsum(a, -1),
    "centered": _same(lambda a: a - a.mean(-2)[..., None, :]),
    "expand": _expand,
    "concat": _concat,
    "slice": _slice,
    "transpose": lambda use: lambda a: use.library.np.swapaxes(a, -1, -2),
    "roll": _roll,
    "outer": _outer,
    "onehot": _onehot,
    "take": _take,
    "pick": _pick,
}
"""Elementwise operators and those on feature sizes: operands come with their leading dimensions beside each other."""

REDUCTIONS: dict[str, Callable[[Library, Tensor, int], Tensor]] = {
    "sum_over": lambda library, a, place: a.sum(place),
    "mean_over": lambda library, a, place: a.mean(place),
    "max_over": lambda library, a, place: library.largest(a, place),
    "logsumexp_over": lambda library, a, place: library.logsumexp(a, place),
}
