"""Real-time recurrent learning (Williams & Zipser 1989): the exact gradient of every step, going forward.

The state h of a network that goes step by step is carried along with how it moves with every number of
the trained parameters. Both go through the same step: the tangents of its equations, in all these directions at
once. They have one axis more, ``^``:

    h[@] = tanh(a[@])                   ^h[^,@] = (h[@] + 1) * (1 - h[@]) * ^a[^,@]
    a[@] = einsum(W, h.past[@])         ^a[^,@] = einsum(W, ^h.past[^,@]) + influence(h.past[@])

``influence`` is the product with W's own directions in W's place: all unit matrices, never written out. So
memory is that of the tangents of the state, numbers of the state times numbers of the parameters; time is that of
one step's products with each of them. A parameter that is read otherwise than by a product or by rows has
all its directions written out, the square of its size."""

from __future__ import annotations

from collections.abc import Iterable

from ..spec.records import dataclass, replace
from .ir import BATCH, EACH, Axis, Equation, System, attrs
from .operators import Builder, Term
from .operators.terms import apply, where
from .program import Program
from .stepping import PAST, OneStep, one_step
from .tangents import Forward

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Learning:
    """``start`` has how what is there before the first step moves, as outputs ``state:h`` and ``static:C``.
    ``step`` has the outputs ``state:h`` and ``loss``, and how these move: ``tangent:state:h``, ``tangent:loss``.
    ``moving`` are the keys of what moves."""

    start: System
    step: System
    moving: tuple[str, ...]


def why_not(program: Program) -> str:
    """Why a network cannot learn step by step, "" if it can."""
    if program.stream is None or program.no_stream:
        return program.no_stream or "the spec has no axis to step along"
    if not program.losses:
        return "the spec has no loss of each step"
    table = program.forward.table()
    for name, _ in program.losses:
        if program.stream not in table[name].axes:
            return f"{table[name].origin} has a loss of whole sequences, which counts at no step"
    return ""


def learning(program: Program) -> Learning:
    """The systems of a network that can learn step by step."""
    one = one_step(program, program.forward)
    start, step = one.start(), _with_loss(program, one)
    moving = _moving(program, start, step)
    axes = (*program.forward.axes, Axis(EACH))
    started = [(key, name) for key, name in start.outputs if key in moving]
    begun = _Influence(replace(start, axes=axes, outputs=tuple(started)), moving, program).system()
    made = _Influence(replace(step, axes=axes), moving, program).system()
    found = [(f"tangent:{key}", name) for key, name in made.outputs if key == "loss" or key in moving]
    return Learning(begun, replace(made, outputs=(*step.outputs, *found)), tuple(sorted(moving)))


def _with_loss(program: Program, one: OneStep) -> System:
    """A step with the sum of its losses over the rows that are ``live``: those that have this step. Beside the mean
    of all steps' losses a term of the parameters alone counts once, so beside their sum it counts with each."""
    name = f"{one.axis}.live"
    live = Equation(name, (BATCH,), (), "bool", "input", (), attrs(name=name))
    losses = (*program.losses, *program.alone)
    step = one.system([(f"element:{element}", element) for element, _ in losses], drawn=())
    table, builder = step.table(), Builder(prefix=f"{one.axis}.learn")
    total = builder.number(0.0)
    for element, weight in losses:
        kept = where(builder.term(live), builder.term(table[element]), 0)
        total = total + builder.apply("sum_over", kept, over=()) * weight
    equations = (*step.equations, live, *builder.equations.values())
    outputs = [(key, name) for key, name in step.outputs if not key.startswith("element:")]
    return replace(step, equations=equations, outputs=(*outputs, ("loss", total.read.name)))


def _moving(program: Program, start: System, step: System) -> frozenset[str]:
    """What of the state moves with some trained parameter, at the start or after any step."""
    found = frozenset[str]()
    while True:
        moved = _moved(start, found, program) | _moved(step, found, program)
        if moved == found:
            return found
        found = moved | found


def _moved(system: System, moving: frozenset[str], program: Program) -> frozenset[str]:
    moves = _Influence(system, moving, program).moves
    real = {name for name, e in system.table().items() if e.type == "real"}
    return moving | {key for key, name in system.outputs if name in moves & real and key != "loss"}


class _Influence(Forward):
    """Tangents in the direction of every number of the trained parameters."""

    def __init__(self, system: System, moving: Iterable[str], program: Program) -> None:
        self.pasts = {PAST + key.partition(":")[2] for key in moving if key.startswith("state:")}
        leaves = [f"param:{param.name}" for param in program.params if param.trained]
        self.statics = {e.name for e in system.given}
        super().__init__(system, frozenset((*leaves, *moving, *(f"input:{p}" for p in self.pasts))), (EACH,))

    def key(self, equation: Equation) -> str:
        if equation.name in self.statics:
            return f"static:{equation.name}"
        return "" if equation.op == "carry" else super().key(equation)

    def direction(self, leaf: Equation) -> Term:
        op = "basis" if leaf.op == "param" else "direction"
        axes = (EACH,) if leaf.op == "param" else self.over(leaf)
        return self.builder.direction(self.key(leaf), replace(leaf, axes=axes), op)

    def replaced(self, q: Equation, args: tuple[Term, ...], operand: int) -> Term | None:
        """A product with a parameter, or a row of one: its influence."""
        source = self.table[q.reads[operand].name]
        others = args[:operand] + args[operand + 1 :]
        if source.op != "param" or not others or any(set(term.axes) - set(q.axes) for term in others):
            return None
        statics = {"key": self.key(source), "operand": operand, "sizes": source.shape}
        if q.op == "einsum":
            return self._influence(q, *others, spec=str(q.attr("spec")), **statics)
        if q.op == "take":
            rank, size = len(args[1].shape), source.shape[0]
            place, row, rest = LETTERS[:rank], LETTERS[rank], LETTERS[rank + 1 : rank + len(source.shape)]
            hot = apply("onehot", args[1], size=size)
            return self._influence(q, hot, spec=f"{row}{rest},{place}{row}->{place}{rest}", **statics)
        return None

    def _influence(self, q: Equation, *factors: Term, **statics: object) -> Term:
        return self.builder.apply("influence", *factors, over=self.over(q), statics=statics)  # type: ignore[arg-type]
