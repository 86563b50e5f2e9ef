"""Equations as calls of a library's functions: what runs a system in PyTorch or JAX.

What lies on no cycle is computed for all steps at once, as the scheduler says; a loop along one axis becomes one
call of the library's `scan` (in PyTorch a Python loop, in JAX `lax.scan`), whose carried values are the last
steps of what the loop reads of its own past. A loop that is none of this kind (a recurrence over two axes) is
unrolled, step by step, its values kept one by one.

All sequences have full length, and no state is given. An array's dimensions are the axes in the order of the
system's list, then features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..compiler.ir import BATCH, Equation, System
from ..compiler.operators import TABLE
from ..compiler.operators.products import letters
from ..compiler.schedule import Loop, Node, Stage, Straight, schedule
from ..failure import Failure
from .libraries import Library, Tensor
from .loops import Body, scannable
from .operators import OPERATORS, REDUCTIONS, Use
from .reading import Reading


class Network:
    """A system at given sizes. ``lengths`` are those of its time axes, ``rows`` is the batch."""

    def __init__(
        self, library: Library, system: System, dims: Mapping[str, int], lengths: Mapping[str, int], rows: int
    ) -> None:
        self.library, self.system, self.dims = library, system, dims
        self.table = system.table()
        times = [axis.index for axis in system.axes if axis.index != BATCH]
        self.order = (*times, BATCH)
        sizes = {axis.index: axis.size for axis in system.axes if axis.size is not None}
        self.extents: dict[str, int] = {**lengths, **sizes, BATCH: rows}
        self.stages = schedule([Node(e.name, (e,)) for e in system.equations])
        self.wanted = {name for _, name in system.outputs}
        loops = [stage for stage in self.stages if isinstance(stage, Loop)]
        self.unrolled = any(scannable(loop, self.extents) is None for loop in loops)

    def equations(self, stages: Sequence[Stage] | None = None, outermost: bool = True) -> int:
        """How many are computed one by one: a scan's body once, that of a loop that is unrolled at every step."""
        count = 0
        for stage in self.stages if stages is None else stages:
            if isinstance(stage, Straight):
                count += 1
            elif outermost and (body := scannable(stage, self.extents)):
                count += len(body)
            else:
                count += self.extents[stage.axis] * self.equations(stage.body, outermost=False)
        return count

    def run(self, params: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every output by its key; axes in the order of the output's equation."""
        values = Values(self, params, batch)
        values.execute(self.stages)
        return {key: self._given_out(values, name) for key, name in self.system.outputs}

    def _given_out(self, values: Values, name: str) -> Tensor:
        axes = self.table[name].axes
        array = values.all_of(name)
        known = self.sorted(axes)
        order = [known.index(axis) for axis in axes]
        return self.library.transposed(array, [*order, *range(len(axes), len(array.shape))])

    def sorted(self, axes: Sequence[str] | set[str]) -> list[str]:
        return [axis for axis in self.order if axis in axes]

    def shape(self, equation: Equation) -> tuple[int, ...]:
        """Of its features."""
        return tuple(size.value(self.dims) for size in equation.shape)

    def function(self, equation: Equation) -> Callable[..., Tensor]:
        """The library's function for an equation that is no structure and no product."""
        if equation.op not in OPERATORS:
            raise Failure(f"{self.library.name}: there is no `{equation.op}`, which {equation.name} needs")
        reads = [self.table[read.name] for read in equation.reads]
        ranks, types = tuple(len(e.shape) for e in reads), tuple(e.type for e in reads)
        return OPERATORS[equation.op](Use(self.library, dict(equation.attrs), self.dims, ranks, types))


class Values(Reading):
    """One run: computes what the stages say, and keeps it."""

    def __init__(self, network: Network, params: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> None:
        super().__init__(network)
        self.params, self.batch = params, batch

    # ------------------------------------------------------------------------------------ stages

    def execute(self, stages: Sequence[Stage], env: Mapping[str, int] | None = None) -> None:
        """``env`` are the places along the axes of unrolled loops around."""
        env = env or {}
        for stage in stages:
            if isinstance(stage, Straight):
                self._store(stage.node.root, self.compute(stage.node.root, env), env)
            elif not env and (body := scannable(stage, self.network.extents)):
                self._scan(stage, body)
            else:
                extent = self.network.extents[stage.axis]
                for index in range(1, extent + 1)[:: stage.step]:
                    self.execute(stage.body, {**env, stage.axis: index})

    def _store(self, equation: Equation, value: Tensor, env: Mapping[str, int]) -> None:
        around = [axis for axis in self.network.sorted(equation.axes) if axis in env]
        if not around:
            self.arrays[equation.name] = value
            return
        self.around[equation.name] = around
        self.single.setdefault(equation.name, {})[tuple(env[axis] for axis in around)] = value

    # ---------------------------------------------------------------------------------- equations

    def compute(self, equation: Equation, env: Mapping[str, int]) -> Tensor:
        """An equation at all places but those that ``env`` fixes."""
        axes = [axis for axis in self.network.sorted(equation.axes) if axis not in env]
        if "leaf" in TABLE[equation.op].traits:
            return self.full(self._leaf(equation), axes, equation)
        operands = [self.read(read, env) for read in equation.reads]
        return self.full(self.apply(equation, operands, axes), axes, equation)

    def apply(self, equation: Equation, operands: list[tuple[Tensor, list[str]]], axes: list[str]) -> Tensor:
        """An operator on arrays whose leading dimensions are the axes told beside them."""
        if equation.op == "einsum":
            return self._product(equation, operands, axes)
        seen = self.network.sorted({axis for _, own in operands for axis in own} | set(axes))
        arrays = [self.beside(array, own, seen) for array, own in operands]
        if equation.op in REDUCTIONS:
            gone = [number for number, axis in enumerate(seen) if axis not in axes]
            return self._reduced(equation.op, arrays[0], gone)
        if equation.op == "softmax_over":
            return self.library.softmax(arrays[0], seen.index(str(equation.attr("axis"))))
        if equation.op == "stack":
            return self.library.np.stack(arrays, axes.index(str(equation.attr("axis"))))
        return self.network.function(equation)(*arrays)

    def beside(self, array: Tensor, own: list[str], seen: list[str]) -> Tensor:
        """With a dimension of 1 for each axis that it lacks; as it is where it has none."""
        if not own or own == seen:
            return array
        shape = iter(tuple(array.shape))
        lead = [next(shape) if axis in own else 1 for axis in seen]
        return array.reshape((*lead, *shape))

    def _reduced(self, op: str, array: Tensor, gone: list[int]) -> Tensor:
        for place in reversed(gone):
            array = REDUCTIONS[op](self.library, array, place)
        return array

    def _product(
        self, equation: Equation, operands: list[tuple[Tensor, list[str]]], axes: list[str]
    ) -> Tensor:
        """One einsum over features and axes; matrix by vector, which is the usual one, as the library's product."""
        spec = str(equation.attr("spec"))
        (a, left), *rest = operands
        if rest and spec in ("ij,j->i", "i,ij->j"):
            (b, right) = rest[0]
            matrix, vector, others = (a, b, left) if spec == "ij,j->i" else (b, a, right)
            own = right if spec == "ij,j->i" else left
            if not others and own == axes:
                return vector @ (matrix.T if spec == "ij,j->i" else matrix)
        names, result = letters(spec)
        upper = {axis: chr(ord("A") + number) for number, axis in enumerate(self.network.order)}
        words = ["".join(upper[axis] for axis in own) + name for (_, own), name in zip(operands, names)]
        known = [axis for axis in axes if any(axis in own for _, own in operands)]
        pattern = ",".join(words) + "->" + "".join(upper[axis] for axis in known) + result
        product = self.library.np.einsum(pattern, *(array for array, _ in operands))
        return self.beside(product, known, axes)

    def full(self, array: Tensor, axes: list[str], equation: Equation) -> Tensor:
        """Of the equation's own shape, whatever its operands lacked."""
        shape = (*(self.network.extents[axis] for axis in axes), *self.network.shape(equation))
        if tuple(array.shape) == shape:
            return array
        return self.library.np.broadcast_to(array, shape)

    def _leaf(self, equation: Equation) -> Tensor:
        """Parameters and inputs, or a number that may depend on the place."""
        op, extents, library = equation.op, self.network.extents, self.library
        if op == "param":
            return self.params[str(equation.attr("name"))]
        if op in ("input", "noise"):
            array = self.batch[str(equation.attr("name"))]
            order = [equation.axes.index(axis) for axis in self.network.sorted(equation.axes)]
            return library.transposed(array, [*order, *range(len(order), len(array.shape))])
        if op in ("index", "position"):
            count = library.np.arange(1, extents[str(equation.attr("axis"))] + 1)
            own = [str(equation.attr("axis"))]
            wide = self.beside(count, own, self.network.sorted(equation.axes))
            return library.cast(wide, equation.type)
        attrs: dict[str, Any] = dict(equation.attrs)
        if op == "count":
            counted: Any = 1
            for axis in dict.fromkeys((BATCH, *attrs["axes"])):
                counted *= extents[axis]
        else:
            numbers: dict[str, Callable[[], Any]] = {
                "number": lambda: attrs["value"],
                "dim": lambda: attrs["size"].value(self.network.dims),
                "length": lambda: extents[attrs["axis"]],
                "extent": lambda: extents[attrs["axis"]],
                "elapsed": lambda: 0,
                "last": lambda: True,
            }
            counted = numbers[op]()
        return library.number(counted, equation.type)

    # --------------------------------------------------------------------------------------- loops

    def _scan(self, loop: Loop, body: list[Equation]) -> None:
        """A loop along one axis, by the library's scan."""
        plan = Body(self, loop, body)
        length = self.network.extents[loop.axis]
        if not length:
            for equation in body:
                self.arrays[equation.name] = self._zeros(equation.name, self.everywhere(equation.name))
            return
        results = self.library.scan(plan.step, plan.first, plan.sequences, length, loop.step < 0)
        for name, stacked in zip(plan.kept, results):
            axes = self.network.sorted(self.table[name].axes)
            rest = [axis for axis in axes if axis != loop.axis]
            now = [loop.axis, *rest]
            order = [now.index(axis) for axis in axes]
            self.arrays[name] = self.library.transposed(
                stacked, [*order, *range(len(axes), len(stacked.shape))]
            )
