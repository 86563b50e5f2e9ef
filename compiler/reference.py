"""The reference evaluator: the value of `h[3]` is found by evaluating its equation at 3, and so on.

It works by demand, one instance of one equation at a time, remembers what it found, and knows no
order, no loops and no storage: the oracle for everything that does. Each sequence of a ragged batch
has its own length by definition. An adjoint system is evaluated together with its forward system, as
one table of equations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast

from ..spec.records import dataclass
from .ir import AFTER, BATCH, BEFORE, Axis, Equation, Position, Read, System, lag_axes
from .operators import TABLE, Call

Array = Any  # numpy.ndarray; NumPy is imported inside functions only
Indices = tuple[int, ...]  # one for each axis of a quantity: time from 1, batch row from 0
Key = tuple[str, Indices]
Point = dict[str, int]  # axis: index


@dataclass(frozen=True, slots=True)
class Instance:
    """An equation at a point; ``rows`` has the operands, once for each point of the axes it reduces."""

    equation: Equation
    point: Point
    rows: list[list[Array]]

    @property
    def attrs(self) -> dict[str, Any]:
        return dict(self.equation.attrs)

    def text(self, name: str) -> str:
        return str(self.equation.attr(name))


class EvaluationError(Exception):
    """A system that defines no value: an instance that needs itself, a missing leaf."""


class Evaluator:
    """The values of a system's quantities for given parameters and batch.

    ``params`` and ``batch`` are those of a compiled module: arrays by name, time-major, lengths under
    the axis's length. ``dims`` gives every dim. ``state`` is what was carried (by key; the step count
    under the axis's index, a length that a head gives under its name), None at the start. ``cotangents``
    are by output key; without any, the loss has 1. ``directions`` are by leaf (``param:W``). ``forward`` is
    the system an adjoint ``system`` belongs to."""

    def __init__(
        self,
        system: System,
        params: Mapping[str, Array],
        batch: Mapping[str, Array],
        dims: Mapping[str, int],
        *,
        state: Mapping[str, Array] | None = None,
        cotangents: Mapping[str, Array] | None = None,
        directions: Mapping[str, Array] | None = None,
        forward: System | None = None,
    ) -> None:
        import numpy as np

        self.np = np
        self.system = system
        self.table = {**(forward.table() if forward else {}), **system.table()}
        self.axes = {axis.index: axis for axis in system.axes}
        self.params, self.batch, self.dims = params, batch, dims
        self.state = state
        self.cotangents = {"loss": 1.0} if cotangents is None else cotangents
        self.directions = directions or {}
        self.dtype = self._dtype()
        self.lengths, self.rows = self._extents()
        self.values: dict[Key, Array] = {}
        self.codes: dict[str, tuple[Callable[..., Array], list[int]]] = {}

    # ------------------------------------------------------------------------------- asking

    def value(self, name: str, point: Mapping[str, int] | None = None) -> Array:
        """The value of one instance: an array of the quantity's feature shape."""
        wanted = (name, tuple((point or {})[axis] for axis in self.table[name].axes))
        stack, opened = [wanted], dict[Key, list[list[Key | None]]]()
        while stack:
            key = stack[-1]
            if key in self.values:
                stack.pop()
                continue
            operands = opened[key] if key in opened else self._operands(*key)
            missing = [k for row in operands for k in row if k is not None and k not in self.values]
            if not missing:
                self._compute(key, operands)
                continue
            if key in opened:
                raise EvaluationError(f"{name}: {key} needs itself")
            opened[key] = operands
            for needed in missing:
                if needed in opened:
                    raise EvaluationError(f"{name}: {needed} needs itself")
            stack += missing
        return self.values[wanted]

    def array(self, name: str) -> Array:
        """All instances: axes in order, then features; 0 past a sequence's end."""
        equation = self.table[name]
        lead = tuple(self._longest(axis) for axis in equation.axes)
        result = self.np.zeros(lead + self._shape(equation), self._kind(equation.type))
        for point in self._points({}, equation.axes):
            result[self._index(equation.axes, point)] = self.value(name, point)
        return result

    def output(self, key: str) -> Array:
        """The array of an output."""
        return self.array(self.system.output(key))

    def outputs(self) -> dict[str, Array]:
        """Every output's array."""
        return {key: self.array(name) for key, name in self.system.outputs}

    @property
    def loss(self) -> Array:
        return self.value(self.system.output("loss"))

    @property
    def gradients(self) -> dict[str, Array]:
        """The gradients of an adjoint system, by parameter."""
        found = {key: self.array(name) for key, name in self.system.outputs if key.startswith("grad:")}
        return {key.removeprefix("grad:"): value for key, value in found.items()}

    # ------------------------------------------------------------------------ extents and points

    def _dtype(self) -> Any:
        arrays = [*self.params.values(), *self.batch.values(), *(self.state or {}).values()]
        arrays = [a for a in map(self.np.asarray, arrays) if a.dtype.kind in "fc"]
        if any(a.dtype.kind == "c" for a in arrays):
            return self.np.dtype("complex128")
        return self.np.result_type(*(a.dtype for a in arrays)) if arrays else self.np.dtype("float64")

    def _extents(self) -> tuple[dict[str, Array], int]:
        """Each time axis's lengths by batch row, and the number of rows, told from the batch."""
        longest = {BATCH: 1}
        for equation in self.table.values():
            if equation.op in ("input", "noise") and equation.attr("name") in self.batch:
                longest.update(zip(equation.axes, self.np.shape(self.batch[str(equation.attr("name"))])))
        given = {
            a.index: self.np.asarray(self.batch[a.length])
            for a in self.axes.values()
            if a.length in self.batch
        }
        rows = next((len(lengths) for lengths in given.values()), longest[BATCH])
        times = [axis.index for axis in self.axes.values() if axis.length]
        lengths = {axis: given.get(axis, longest.get(axis, 0)) for axis in times}
        return {axis: self.np.broadcast_to(value, rows) for axis, value in lengths.items()}, rows

    def _extent(self, axis: Axis, point: Point) -> int:
        """How far an axis goes for the sequence of a point."""
        if axis.index == BATCH:
            return self.rows
        return axis.size if axis.size is not None else int(self.lengths[axis.index][point[BATCH]])

    def _longest(self, index: str) -> int:
        axis = self.axes[index]
        if axis.length:
            return int(max(self.lengths[index], default=0))
        return self.rows if axis.size is None else axis.size

    def _points(self, point: Point, axes: tuple[str, ...]) -> Iterator[Point]:
        """The point extended by all valid indices along further axes; the batch row goes first."""
        if not axes:
            yield point
            return
        axis = BATCH if BATCH in axes else axes[0]
        first = 0 if axis == BATCH else 1
        rest = tuple(other for other in axes if other != axis)
        for index in range(first, first + self._extent(self.axes[axis], point)):
            yield from self._points({**point, axis: index}, rest)

    # --------------------------------------------------------------------------------- operands

    def sources(self, name: str, indices: Indices) -> list[Key]:
        """The instances that an instance reads."""
        return [key for row in self._operands(name, indices) for key in row if key is not None]

    def _operands(self, name: str, indices: Indices) -> list[list[Key | None]]:
        """The instances an instance reads (None: 0), once for each point of the axes it reduces."""
        equation = self.table[name]
        point = dict(zip(equation.axes, indices))
        if equation.op == "carry" and self.state is not None:
            return []
        points = self._points(point, self._reduced(equation))
        return [[self._source(read, p) for read in equation.reads] for p in points]

    def _reduced(self, equation: Equation) -> tuple[str, ...]:
        """The axes an instance runs over: those it lacks, and the one that it works along."""
        over = [p.over for read in equation.reads for p in read.at if p.over is not None]
        found = dict.fromkeys(axis for axis in over if axis not in equation.axes)
        if equation.op in ("softmax_over", "first_max_over"):
            found[str(equation.attr("axis"))] = None
        return tuple(found)

    def _source(self, read: Read, point: Point) -> Key | None:
        """The instance that a read means: the quantity's own, or its boundary's; None for 0."""
        equation = self.table[read.name]
        at = {axis: self._position(position, point) for axis, position in zip(equation.axes, read.at)}
        row = {BATCH: at[BATCH]} if BATCH in at else point
        sides = tuple((a, s) for a in equation.axes if (s := self._side(self.axes[a], at[a], row)))
        if not sides:
            return read.name, tuple(at.values())
        boundary = equation.boundary(sides)
        return self._outside(equation, boundary, dict(sides), at, row) if boundary else None

    def _position(self, position: Position, point: Point) -> int:
        place = position.offset + (point[position.over] if position.over else 0)
        if position.ends:
            place += position.ends * self._extent(self.axes[position.of], point)
        return place

    def _side(self, axis: Axis, place: int, row: Point) -> int:
        if axis.index == BATCH:
            return 0
        return BEFORE if place < 1 else AFTER if place > self._extent(axis, row) else 0

    def _outside(
        self, equation: Equation, boundary: str, sides: Mapping[str, int], at: Point, row: Point
    ) -> Key | None:
        """The instance of a boundary quantity; its lag axes stand where the sides' axes stood."""
        axes = iter(self.table[boundary].axes)
        lags = lag_axes(equation, self.table[boundary], tuple(sides))
        indices = []
        for axis in equation.axes:
            lag = lags.get(axis)
            if axis in sides and lag is None:
                continue
            next(axes)
            if lag is None:
                indices.append(at[axis])
                continue
            size = self._longest(lag)
            shift = size if sides[axis] == BEFORE else -self._extent(self.axes[axis], row)
            if not 1 <= at[axis] + shift <= size:
                return None
            indices.append(at[axis] + shift)
        return boundary, tuple(indices)

    # ---------------------------------------------------------------------------------- computing

    def _compute(self, key: Key, operands: list[list[Key | None]]) -> None:
        name, indices = key
        equation = self.table[name]
        point = dict(zip(equation.axes, indices))
        rows = [
            [
                self._zero(self.table[r.name]) if k is None else self.values[k]
                for r, k in zip(equation.reads, row)
            ]
            for row in operands
        ]
        operator = TABLE[equation.op]
        if operator.code and "sums" in operator.traits:
            value = sum((self._apply(equation, row) for row in rows), self._zero(equation))
        elif operator.code:
            value = self._apply(equation, rows[0])
        else:
            value = getattr(self, "_op_" + equation.op)(Instance(equation, point, rows))
        self.values[key] = self.np.asarray(value, self._kind(equation.type))

    def _apply(self, equation: Equation, operands: list[Array]) -> Array:
        if equation.name not in self.codes:
            self.codes[equation.name] = self._code(equation)
        function, sizes = self.codes[equation.name]
        return function(self.dtype, *operands, *sizes)

    def _code(self, equation: Equation) -> tuple[Callable[..., Array], list[int]]:
        """The operator's expression as a function, and the sizes that fill its further slots."""
        reads = [self.table[read.name] for read in equation.reads]
        shapes, types = tuple(e.shape for e in reads), tuple(e.type for e in reads)
        call = Call(shapes, types, tuple(() for _ in reads), dict(equation.attrs))
        code = TABLE[equation.op].printed(call)
        return _function(code.text), [size.value(self.dims) for size in code.sizes]

    def _shape(self, equation: Equation) -> Indices:
        return tuple(size.value(self.dims) for size in equation.shape)

    def _kind(self, type: str) -> Any:
        """The dtype of a type."""
        return {"real": self.dtype, "int": self.np.dtype("int64"), "bool": self.np.dtype("bool")}[type]

    def _zero(self, equation: Equation) -> Array:
        return self.np.zeros(self._shape(equation), self._kind(equation.type))

    # ---------------------------------------------------------- operators without code, by name

    def _op_param(self, i: Instance) -> Array:
        return self.params[i.text("name")]

    def _op_input(self, i: Instance) -> Array:
        if i.text("name") not in self.batch:
            raise EvaluationError(f"the batch has no {i.text('name')}")
        return self._entry(self.batch[i.text("name")], i)

    _op_noise = _op_input

    def _op_number(self, i: Instance) -> Array:
        return i.attrs["value"]

    def _op_dim(self, i: Instance) -> Array:
        return i.attrs["size"].value(self.dims)

    def _op_index(self, i: Instance) -> Array:
        return self._op_elapsed(i) + self._op_position(i)

    def _op_elapsed(self, i: Instance) -> Array:
        before = (self.state or {}).get(i.text("axis"))
        return 0 if before is None else before[i.point[BATCH]]

    def _op_position(self, i: Instance) -> Array:
        return i.point[i.text("axis")]

    def _op_length(self, i: Instance) -> Array:
        whole = (self.state or {}).get(self.axes[i.text("axis")].length)
        return self._op_extent(i) if whole is None else whole[i.point[BATCH]]

    def _op_extent(self, i: Instance) -> Array:
        return self._extent(self.axes[i.text("axis")], i.point)

    def _op_last(self, i: Instance) -> Array:
        return True

    def _op_count(self, i: Instance) -> Array:
        return sum(1 for _ in self._points({}, tuple(dict.fromkeys((BATCH, *i.attrs["axes"])))))

    def _op_cotangent(self, i: Instance) -> Array:
        given = self.cotangents.get(i.text("key"))
        return self._zero(i.equation) if given is None else self._entry(given, i)

    def _op_direction(self, i: Instance) -> Array:
        given = self.directions.get(i.text("key"))
        return self._zero(i.equation) if given is None else self._entry(given, i)

    def _op_carry(self, i: Instance) -> Array:
        return i.rows[0][0] if self.state is None else self._entry(self.state[i.text("key")], i)

    def _op_fresh(self, i: Instance) -> Array:
        return i.rows[0][0] if self.state is None else self._zero(i.equation)

    def _op_place(self, i: Instance) -> Array:
        position = Position(None, i.attrs["ends"], i.text("of"), i.attrs["offset"])
        here = i.point[i.text("axis")] == self._position(position, i.point)
        return i.rows[0][0] if here else self._zero(i.equation)

    def _op_stack(self, i: Instance) -> Array:
        return i.rows[0][i.point[i.text("axis")] - 1]

    def _op_mean_over(self, i: Instance) -> Array:
        return sum((row[0] for row in i.rows), self._zero(i.equation)) / max(len(i.rows), 1)

    def _op_max_over(self, i: Instance) -> Array:
        result = self._zero(i.equation) - self.np.inf
        for row in i.rows:
            result = self.np.where(row[0].real > result.real, row[0], result)
        return result

    def _op_first_max_over(self, i: Instance) -> Array:
        values = self.np.array([row[0].real for row in i.rows])
        return values.argmax(0) == i.point[i.text("axis")] - 1

    def _op_logsumexp_over(self, i: Instance) -> Array:
        return self._along("logsumexp", i) if i.rows else self._zero(i.equation) - self.np.inf

    def _op_softmax_over(self, i: Instance) -> Array:
        return self._along("softmax", i)[..., i.point[i.text("axis")] - 1]

    def _along(self, op: str, i: Instance) -> Array:
        """An operator on the last size, applied along the points gathered."""
        return _function(op + "({0})")(self.dtype, self.np.stack([row[0] for row in i.rows], axis=-1))

    def _entry(self, array: Array, i: Instance) -> Array:
        """An instance's place in an array of all instances."""
        return self.np.asarray(array)[self._index(i.equation.axes, i.point)]

    def _index(self, axes: tuple[str, ...], point: Point) -> Indices:
        return tuple(point[axis] - (axis != BATCH) for axis in axes)


EXACT = frozenset({"dim", "real"})  # whole numbers, written as such
COPYING = frozenset({"identity", "view", "moves"})
WHOLE = frozenset({"add", "sub", "mul", "neg"})


class Shaken(Evaluator):
    """Every real number given or computed is off by its last bit (of float32's, where ``single``), or not, at random
    (as in Vignes's stochastic arithmetic): what then moves, and how far, no way of computing these equations can know
    better. What is written as a number, or only copied, is what it is."""

    def __init__(self, *given: Any, seed: int, single: bool = False, **more: Any) -> None:
        super().__init__(*given, **more)
        self.rng, self.single = self.np.random.default_rng(seed), single

    def _compute(self, key: Key, operands: list[list[Key | None]]) -> None:
        super()._compute(key, operands)
        value = self.values[key]
        if value.dtype.kind in "fc" and not self._is_exact(self.table[key[0]]):
            self.values[key] = self._off(value)

    def _off(self, value: Array) -> Array:
        if value.dtype.kind == "c":
            return self.np.asarray(self._off(value.real) + 1j * self._off(value.imag))
        last = self.np.finfo(self.np.float32 if self.single else value.dtype).eps
        off = last * self.rng.integers(-1, 2, value.shape)
        return self.np.asarray(value * (1 + off), value.dtype)

    def _is_exact(self, equation: Equation) -> bool:
        if equation.op == "number":
            value = equation.attr("value")
            return not self.single or float(self.np.float32(value)) == value
        if equation.op in WHOLE:  # an exponent less 1: of a negative number there is no other power
            return all(self._is_written(self.table[read.name]) for read in equation.reads)
        return equation.op in EXACT or not COPYING.isdisjoint(TABLE[equation.op].traits)

    def _is_written(self, equation: Equation) -> bool:
        """Whether a quantity is a whole number in the equations, or made of such."""
        if equation.op == "number":
            return float(cast(float, equation.attr("value"))).is_integer()
        made = equation.op in WHOLE or not COPYING.isdisjoint(TABLE[equation.op].traits)
        inner = (self.table.get(read.name) for read in equation.reads)
        still = made and bool(equation.reads) and not equation.axes and not equation.boundaries
        return still and all(one is not None and self._is_written(one) for one in inner)


@cache
def _function(text: str) -> Callable[..., Array]:
    """The template as a function of ``dtype`` and its slots."""
    import numpy as np

    from . import prelude

    count = 1 + max((int(slot) for slot in re.findall(r"\{(\d+)\}", text)), default=-1)
    slots = ", ".join(["dtype", *(f"_{number}" for number in range(count))])
    body = re.sub(r"\{(\d+)\}", r"_\1", text)
    return eval(f"lambda {slots}: {body}", {**vars(prelude), "np": np})  # type: ignore[no-any-return]
