"""Factor: products with one factor in common, added, are one product.

    axis t = 1..T
    axis @
    d[t,@] : real[n] = input() {name: "d"}
    h[t,@] : real[n] = input() {name: "h"}
    g[t,@] : real[n] = input() {name: "g"}
    a[t,@] : real[n] = mul(d[t,@], h[t,@])
    b[t,@] : real[n] = mul(g[t,@], d[t,@])
    c[t,@] : real[n] = sub(a[t,@], b[t,@])
    output output:c = c

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    d[t,@] : real[n] = input() {name: "d"}
    h[t,@] : real[n] = input() {name: "h"}
    g[t,@] : real[n] = input() {name: "g"}
    c.1[t,@] : real[n] = sub(h[t,@], g[t,@])
    c[t,@] : real[n] = mul(d[t,@], c.1[t,@])
    output output:c = c

The gradient of an update gate comes out as it is written, d * (h - g), and that of a categorical head's
logits as d * (softmax - onehot): `spread_pick(d, y)` is the product of d and a `onehot`. In a chain of sums
the two products may stand a link apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...spec.records import dataclass
from ..ir import Equation, Read, System, along
from .rewriting import Rule, View, rewrite, turned


def factor(system: System) -> System:
    """The system with common factors taken out of sums."""
    return rewrite(system, RULES)


@dataclass(frozen=True, slots=True)
class _Product:
    """``sign * factor * rest``. ``wide``: the factor is a scalar, repeated; ``index``: the rest is 1 at it."""

    sign: int
    factor: Read
    wide: bool
    rest: Read
    index: bool = False


def common_factor(e: Equation, v: View) -> Equation | None:
    """a * d + b * d is d * (a + b)."""
    left, right = e.reads
    sign = -1 if e.op == "sub" else 1
    made = _joined(e, v, left, right, sign)
    return None if made is None else turned(e, "mul", *made)


def common_in_chain(e: Equation, v: View) -> Equation | None:
    """(x + a * d) + b * d is x + d * (a + b)."""
    left, right = e.reads
    inner = v.through(left, "add", once=True)
    if inner is None or inner.boundaries:
        return None
    for rest, other in (inner.reads, inner.reads[::-1]):
        made = _joined(e, v, other, right, -1 if e.op == "sub" else 1)
        if made is not None:
            axes = tuple(axis for axis in e.axes if any(axis in along(read) for read in made))
            return turned(e, "add", rest, v.new(e, "mul", *made, axes=axes, shape=e.shape))
    return None


def _joined(e: Equation, v: View, left: Read, right: Read, sign: int) -> tuple[Read, Read] | None:
    """Factor and sum of the rests, where the two have a factor in common."""
    for one in _products(v, left, 1):
        for other in _products(v, right, sign):
            if (one.factor, one.wide) == (other.factor, other.wide) and (one.sign, other.sign) != (-1, -1):
                first, second = (other, one) if one.sign < 0 else (one, other)
                op = "add" if first.sign == second.sign else "sub"
                rests = [_rest(e, v, product) for product in (first, second)]
                axes = tuple(axis for axis in e.axes if any(axis in along(read) for read in rests))
                total = v.new(e, op, *rests, axes=axes, shape=e.shape)
                return _factor(e, v, one), total
    return None


def _products(v: View, read: Read, sign: int) -> Iterator[_Product]:
    """The ways in which a quantity, read nowhere else, is a product."""
    if (inner := v.through(read, "neg", once=True)) is not None:
        yield from _products(v, inner.reads[0], -sign)
    elif (inner := v.through(read, "mul", once=True)) is not None and inner.type == "real":
        for factor, rest in (inner.reads, inner.reads[::-1]):
            repeated = v.through(factor, "expand")
            wide = repeated is not None and not v.source(repeated.reads[0]).shape
            taken = repeated.reads[0] if wide and repeated else factor
            yield _Product(sign, taken, wide, rest)
            if (negated := v.through(taken, "neg")) is not None:
                yield _Product(-sign, negated.reads[0], wide, rest)
    elif (inner := v.through(read, "spread_pick", once=True)) is not None and len(inner.shape) == 1:
        factor, index = inner.reads
        if (negated := v.through(factor, "neg")) is not None:
            factor, sign = negated.reads[0], -sign
        yield _Product(sign, factor, True, index, True)


def _rest(e: Equation, v: View, product: _Product) -> Read:
    if not product.index:
        return product.rest
    return v.new(e, "onehot", product.rest, axes=along(product.rest), shape=e.shape, size=e.shape[-1])


def _factor(e: Equation, v: View, product: _Product) -> Read:
    if not product.wide:
        return product.factor
    axes = along(product.factor)
    return v.new(e, "expand", product.factor, axes=axes, shape=e.shape, sizes=e.shape)


RULES: dict[str, Sequence[Rule]] = {
    "add": (common_factor, common_in_chain),
    "sub": (common_factor, common_in_chain),
}
