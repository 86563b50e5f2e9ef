"""Spread: an operator on a stack is a stack of its results, where that leaves less to do at every step.

    ~s[t,g2,@] : real[n] = stack(~i[t,@], ~f[t,@]) {axis: "g2"}
    ~i[t,@] : real[n] = mul(~c[t,@], g[t,@])
    ~f[t,@] : real[n] = mul(~c[t,@], c[t-1,@])
    ~a[t,g2,@] : real[n] = mul(~s[t,g2,@], slope[t,g2,@])

becomes `stack(mul(~i[t,@], slope[t,1,@]), mul(~f[t,@], slope[t,2,@]))`: then each member is a chain of
factors, those on no cycle (`g * slope`, for all steps at once) can be gathered outside the recurrence,
and the loop is left with one product for each member. What is added to single steps is spread as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...spec.records import replace
from ..ir import Equation, Position, Read, System
from ..operators import TABLE
from ..operators.products import letters
from ..schedule import cycles_of
from .rewriting import View, dropped, is_plain, turned


def spread(system: System) -> System:
    """The system with such operators spread; the same object when there are none."""
    if not any(e.op == "stack" for e in system.equations):
        return system
    cycles = cycles_of(system)
    if not cycles:
        return system
    view = View(system)
    pieced = {read.name for e in system.equations for read in _beside_pieces(e, view)}
    result: list[Equation] = []
    for equation in system.equations:
        changed = _spread(equation, view, cycles, equation.name in pieced) or _summed(equation, view, cycles)
        view.table[equation.name] = changed or equation
        result += [*view.added, changed or equation]
        view.added.clear()
    return system if tuple(result) == system.equations else system.with_equations(result)


def _spread(e: Equation, view: View, cycles: Mapping[str, int], pieced: bool) -> Equation | None:
    if e.name not in cycles or e.boundaries or "elementwise" not in TABLE[e.op].traits:
        return None
    for read in e.reads:
        whole = view.source(read)
        if whole.op != "stack" or not is_plain(read, whole) or set(whole.axes) != set(e.axes):
            continue
        chains = _is_product(e) and view.through(read, "stack", once=True) is not None
        if pieced or (chains and any(_gathers(view.source(s), cycles) for s in whole.reads)):
            return _steps(e, str(whole.attr("axis")), view)
    return None


def _summed(e: Equation, view: View, cycles: Mapping[str, int]) -> Equation | None:
    """A sum over the steps of a stack, or of its product with something, as the sum of the steps."""
    operands, result = letters(str(e.attr("spec"))) if e.op == "einsum" else ([""], "")
    if e.name not in cycles or e.op not in ("einsum", "sum_over") or set(operands) != {result}:
        return None
    for read in e.reads:
        whole = view.source(read)
        if whole.op == "stack" and is_plain(read, whole) and dropped(e) == {whole.attr("axis")}:
            axis, terms = str(whole.attr("axis")), list[Read]()
            for number in range(1, len(whole.reads) + 1):
                reads = [_at(r, axis, number, view) for r in e.reads]
                product = len(reads) == 2
                terms.append(view.new(e, "mul", *reads, axes=e.axes, shape=e.shape) if product else reads[0])
            total = terms[0]
            for term in terms[1:-1]:
                total = view.new(e, "add", total, term, axes=e.axes, shape=e.shape)
            return turned(e, "add", total, terms[-1])
    return None


def _steps(e: Equation, axis: str, view: View) -> Equation:
    """The operator at each step of the axis, stacked."""
    axes = tuple(a for a in e.axes if a != axis)
    size = next(len(s.reads) for read in e.reads if (s := view.source(read)).op == "stack" and axis in s.axes)
    steps: list[Read] = []
    for number in range(1, size + 1):
        reads = tuple(_at(read, axis, number, view) for read in e.reads)
        steps.append(view.new(e, e.op, *reads, axes=axes, shape=e.shape, **dict(e.attrs)))
    return turned(e, "stack", *steps, axis=axis)


def _at(read: Read, axis: str, step: int, view: View) -> Read:
    """An operand at one step of the axis, if it has it: of a stack, what stands there."""
    source = view.source(read)
    if source.op == "stack" and source.attr("axis") == axis and is_plain(read, source) and view.knows(source):
        return source.reads[step - 1]
    at = tuple(Position(None, offset=step + p.offset) if p.over == axis else p for p in read.at)
    return replace(read, at=at)


def _is_product(e: Equation) -> bool:
    return {"bilinear", "elementwise", "associative"} <= TABLE[e.op].traits


def _gathers(step: Equation, cycles: Mapping[str, int]) -> bool:
    """Whether a member is a product with a factor that is on no cycle."""
    return step.name in cycles and _is_product(step) and any(read.name not in cycles for read in step.reads)


def _beside_pieces(e: Equation, view: View) -> Iterator[Read]:
    """The terms of a sum that has a term for one step, or for some steps, alone."""
    if e.op == "add" and any(_is_piece(read, view) for read in e.reads):
        yield from e.reads


def _is_piece(read: Read, view: View) -> bool:
    source = view.source(read)
    moved = [p for a, p in zip(source.axes, read.at) if p.over is not None and p.over != a]
    return source.op == "place" and not source.attr("ends") or bool(moved)
