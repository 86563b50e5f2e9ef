"""The checked equations as a spec would write them: temporaries put back, `affine` and cells spelled out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from .compiler.ir import BATCH, BEFORE, Equation, Position, Read, here
from .compiler.operators import TABLE
from .compiler.program import Head, Program
from .compounds import compound

LEAVES = ("param", "input", "noise")
TRANSPARENT = ("copy", "carry", "real")  # shown as what they read
OVER = ("sum_over", "mean_over", "max_over", "logsumexp_over")

LOOSE, SUM, PRODUCT, SIGN, POWER, TIGHT = range(6)
BINDING = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "@": PRODUCT, "**": POWER}

Text = tuple[str, int]  # an expression, and how tight its outermost operator binds


def equations(program: Program) -> str:
    """Every equation, grouped by the axes along which it holds; in each group the heads are last."""
    shown = Equations(program)
    parts = [
        shown.title(axes) + "".join(f"  {line}\n" for line in lines) for axes, lines in shown.groups(program)
    ]
    return "\n".join(parts)


class Equations:
    """Writes equations as a spec would; another notation overrides how things look."""

    def __init__(self, program: Program) -> None:
        self.table = program.forward.table()
        self.lengths = {axis.index: axis.length for axis in program.forward.axes}
        self.stop, self.heads = program.stop, {head.name for head in program.heads}
        self.losses = dict((*program.losses, *program.alone))
        self.arguments = {name for head in program.heads for _, name in head.args}

    def groups(self, program: Program) -> list[tuple[tuple[str, ...], list[str]]]:
        """The lines that hold along the same axes, what holds along the fewest first."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for equation in program.forward.equations:
            if self.is_quantity(equation):
                axes = tuple(axis for axis in equation.axes if axis != BATCH)
                groups.setdefault(axes, []).extend(self.lines(equation))
        for head in program.heads:
            groups.setdefault(head.axes, []).append(self.head(head))
        return sorted(groups.items(), key=lambda group: len(group[0]))

    def title(self, axes: tuple[str, ...]) -> str:
        """``for t = 1..T``."""
        return (
            f"for {', '.join(f'{axis} = 1..{self.lengths[axis]}' for axis in axes)}\n" if axes else "once\n"
        )

    def is_quantity(self, equation: Equation) -> bool:
        made = equation.name in self.heads  # a target that is made of the lengths
        return equation.name == equation.origin and equation.op not in LEAVES and not made

    def outside(self, equation: Equation) -> Iterator[tuple[list[str], str]]:
        """Where outside its axes a quantity is not 0, as an index (`0`, `T+1`), and what it is there."""
        for boundary in equation.boundaries:
            ends = {
                axis: "0" if side == BEFORE else f"{self.lengths[axis]}+1" for axis, side in boundary.sides
            }
            value = self.value(boundary.name)[0]
            if value != "0":
                yield [ends.get(axis, axis) for axis in equation.axes if axis != BATCH], value

    def lines(self, equation: Equation) -> Iterator[str]:
        """The equation, and its values outside the axes where they are not 0."""
        for index, value in self.outside(equation):
            yield f"{equation.name}[{','.join(index)}] = {value}"
        if self.stop and equation.name == self.stop.condition:
            yield f"stop when {self.value(equation.name)[0]}"
            return
        left = equation.name + _bracketed([axis for axis in equation.axes if axis != BATCH])
        if equation.name in self.losses:
            yield f"loss {left} = {self.value(equation.name)[0]}{_weighted(self.losses[equation.name])}"
            return
        yield f"{left} : {equation.type}{_bracketed(equation.shape, ', ')} = {self.value(equation.name)[0]}"

    def head(self, head: Head) -> str:
        args = ", ".join(self.value(name)[0] for _, name in head.args)
        return f"{head.name}{_bracketed(head.axes)} ~ {head.distribution}({args}){_weighted(head.weight)}"

    def value(self, name: str) -> Text:
        """The right side of a quantity's equation."""
        equation = self.table[name]
        if equation.op in LEAVES:
            return name, TIGHT
        if equation.op in TRANSPARENT:
            return self.read(equation.reads[0])
        made = compound(equation, self.table)
        if made is not None:
            function, read = made
            return self.called(function, [self.read(read)])
        write: Callable[[Equation], Text] = getattr(self, SPECIAL.get(equation.op, "plain"))
        return write(equation)

    def read(self, read: Read) -> Text:
        """A quantity where it is read; a temporary as the expression it stands for."""
        equation = self.table[read.name]
        whole = read.at == here(equation.axes)
        if whole and equation.name != equation.origin and equation.name not in self.arguments:
            return self.value(read.name)
        places = [self.position(p) for p in read.at if p.over != BATCH]
        return self.reference(read, places), TIGHT

    def reference(self, read: Read, places: Sequence[str]) -> str:
        """A quantity at some steps."""
        return read.name + _bracketed(places)

    def position(self, position: Position) -> str:
        text = position.over or ""
        if position.ends:
            text += ("-" if position.ends < 0 else "+" if text else "") + self.lengths[position.of]
        if position.offset or not text:
            text += f"{position.offset:+d}" if text else str(position.offset)
        return text

    def plain(self, equation: Equation) -> Text:
        """Infix, prefix or call, as the operator's sign says."""
        sign = TABLE[equation.op].surface or equation.op
        operands = [self.read(read) for read in equation.reads]
        if sign in BINDING and len(operands) == 2:
            return self.infix(sign, *operands)
        if sign in ("-", "not"):
            return f"{sign}{' ' * (sign == 'not')}{inside(operands[0], SIGN)}", SIGN
        if not sign.isidentifier() or sign in ("and", "or"):
            return f"{inside(operands[0], SUM)} {sign} {inside(operands[1], SUM)}", LOOSE
        given = dict(equation.attrs)
        statics = [str(given[name]) for name in TABLE[equation.op].statics if name in given]
        return f"{sign}({', '.join([text for text, _ in operands] + statics)})", TIGHT

    def called(self, function: str, operands: Sequence[Text]) -> Text:
        return f"{function}({', '.join(text for text, _ in operands)})", TIGHT

    def infix(self, sign: str, left: Text, right: Text) -> Text:
        binding = BINDING[sign]
        right_binding = binding + (sign in "-/%@" or binding == POWER)
        return f"{inside(left, binding)} {sign} {inside(right, right_binding)}", binding

    def einsum(self, equation: Equation) -> Text:
        """``W @ h`` where the last size of the left goes with the first of the right, and nothing else."""
        spec = dict(equation.attrs)["spec"]
        letters, _, result = str(spec).partition("->")
        operands = [self.read(read) for read in equation.reads]
        left, _, right = letters.partition(",")
        if len(operands) == 2 and left and right and left[-1] == right[0] and result == left[:-1] + right[1:]:
            if result:
                return self.infix("@", *operands)
            return f"dot({operands[0][0]}, {operands[1][0]})", TIGHT
        return f'einsum("{spec}", {", ".join(text for text, _ in operands)})', TIGHT

    def over(self, equation: Equation) -> Text:
        """``sum[s](…)``."""
        (read,) = equation.reads
        gone = [p.over for p in read.at if p.over and p.over not in equation.axes and p.over != BATCH]
        return f"{TABLE[equation.op].surface}{_bracketed(gone)}({self.read(read)[0]})", TIGHT

    def along(self, equation: Equation) -> Text:
        return (
            f"{TABLE[equation.op].surface}[{dict(equation.attrs)['axis']}]({self.read(equation.reads[0])[0]})",
            TIGHT,
        )

    def expand(self, equation: Equation) -> Text:
        """A scalar needs no word for it."""
        (read,) = equation.reads
        operand = self.read(read)
        if not self.table[read.name].shape:
            return operand
        sizes = dict(equation.attrs)["sizes"]
        return (
            f"expand({', '.join([operand[0], *map(str, sizes if isinstance(sizes, tuple) else ())])})",
            TIGHT,
        )

    def take(self, equation: Equation) -> Text:
        table, key = (self.read(read)[0] for read in equation.reads)
        return f"{table}[{key}]", TIGHT

    def number(self, equation: Equation) -> Text:
        value = dict(equation.attrs)["value"]
        text = f"{value:.12g}" if isinstance(value, float) else str(value).lower()
        return text, SIGN if text.startswith("-") else TIGHT

    def dim(self, equation: Equation) -> Text:
        text = str(dict(equation.attrs)["size"])
        return text, TIGHT if text.isidentifier() else SUM

    def index(self, equation: Equation) -> Text:
        return str(dict(equation.attrs)["axis"]), TIGHT

    def length(self, equation: Equation) -> Text:
        return self.lengths[str(dict(equation.attrs)["axis"])], TIGHT


SPECIAL = {  # which method writes an operator, where `plain` does not
    **{op: op for op in ("einsum", "expand", "take", "number", "dim", "index", "length")},
    "softmax_over": "along",
    **dict.fromkeys(OVER, "over"),
}


def inside(expression: Text, binding: int) -> str:
    """In parentheses where it binds looser than its place allows."""
    text, own = expression
    return text if own >= binding else f"({text})"


def _weighted(weight: float) -> str:
    return f" weight {weight:g}" if weight != 1 else ""


def _bracketed(items: Iterable[object], between: str = ",") -> str:
    text = between.join(map(str, items))
    return f"[{text}]" if text else ""
