"""The checked equations in LaTeX, as *Deep Learning* prints them: h^(t) in bold, products without a sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from .compiler.ir import BATCH, Equation, Read
from .compiler.operators import TABLE
from .compiler.program import Head, Program
from .equations import LOOSE, POWER, PRODUCT, SIGN, SUM, TIGHT, Equations, Text, inside

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
WORDS = {  # functions with a command of their own, and those written otherwise than they are called
    **{name: f"\\{name}" for name in ("tanh", "exp", "log", "sin", "cos", "min", "max")},
    "sigmoid": r"\sigma",
}
SIGNS = {
    "==": "=",
    "!=": r"\neq",
    "<": "<",
    "<=": r"\leq",
    ">": ">",
    ">=": r"\geq",
    "and": r"\wedge",
    "or": r"\vee",
}
AROUND = {
    "abs": (r"\left| ", r" \right|"),
    "floor": (r"\left\lfloor ", r" \right\rfloor"),
    "sqrt": (r"\sqrt{", "}"),
}
DISTRIBUTIONS = {
    "categorical": r"\mathrm{{Categorical}}\left(\mathrm{{softmax}}\left({0}\right)\right)",
    "bernoulli": r"\mathrm{{Bernoulli}}\left(\sigma\left({0}\right)\right)",
    "poisson": r"\mathrm{{Poisson}}\left(\exp\left({0}\right)\right)",
}


def latex(program: Program) -> str:
    """An `align*` (of amsmath) for the equations that hold along the same axes."""
    shown = Latex(program)
    parts = []
    for axes, lines in shown.groups(program):
        title = shown.title(axes).rstrip("\n")
        body = " \\\\\n".join(f"  {line}" for line in lines)
        parts.append(f"% {title}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\n")
    return "\n".join(parts)


class Latex(Equations):
    """Vectors and matrices are bold, times are superscripts in parentheses."""

    def lines(self, equation: Equation) -> Iterator[str]:
        for index, value in self.outside(equation):
            yield f"{self.named(equation, index)} &= {value}"
        if self.stop and equation.name == self.stop.condition:
            yield rf"\text{{stop}} &\;\text{{when}}\; {self.value(equation.name)[0]}"
            return
        index = [axis for axis in equation.axes if axis != BATCH]
        if equation.name in self.losses:
            yield f"{_loss(equation.name)}{_times(index)} &= {self.weighted(equation)}"
            return
        yield f"{self.named(equation, index)} &= {self.value(equation.name)[0]}"

    def head(self, head: Head) -> str:
        args = [self.value(name)[0] for _, name in head.args]
        left = self.named(self.table[head.name], head.axes)
        if head.distribution in DISTRIBUTIONS:
            return f"{left} &\\sim {DISTRIBUTIONS[head.distribution].format(*args)}"
        if head.distribution == "normal":
            variance = _power((args[1], TIGHT if _single(args[1]) else LOOSE), "2") if len(args) > 1 else "1"
            return f"{left} &\\sim \\mathcal{{N}}\\left({args[0]}, {variance}\\right)"
        if head.distribution == "normal_mixture":
            shares = _called(_roman("softmax"), args[:1])[0]
            mean, scale = (rf"\left[{text}\right]_k" for text in args[1:])
            return rf"{left} &\sim \sum_k {shares}_k \, \mathcal{{N}}\left({mean}, {scale}^2\right)"
        return f"{left} &\\sim {_called(_roman(head.distribution), args)[0]}"

    def weighted(self, equation: Equation) -> str:
        """A term of the loss, with its weight in front."""
        weight = self.losses[equation.name]
        value = self.value(equation.name)
        return value[0] if weight == 1 else rf"{_number(f'{weight:g}')} \, {inside(value, PRODUCT)}"

    def named(self, equation: Equation, index: Sequence[str]) -> str:
        return symbol(equation.name, len(equation.shape)) + _times(index)

    def value(self, name: str) -> Text:
        equation = self.table[name]
        if equation.op in ("param", "input", "noise"):
            return symbol(name, len(equation.shape)), TIGHT
        return super().value(name)

    def reference(self, read: Read, places: Sequence[str]) -> str:
        return self.named(self.table[read.name], places)

    def plain(self, equation: Equation) -> Text:
        sign = TABLE[equation.op].surface or equation.op
        operands = [self.read(read) for read in equation.reads]
        texts = [text for text, _ in operands]
        if sign in SIGNS:
            return f"{inside(operands[0], SUM)} {SIGNS[sign]} {inside(operands[1], SUM)}", LOOSE
        if sign in AROUND:
            return texts[0].join(AROUND[sign]), TIGHT
        write = SHAPED.get(sign)
        if write is not None:
            return write(operands)
        if sign == "*":
            word = r"\," if any(map(self.is_number, equation.reads)) else r"\odot"
            return f"{inside(operands[0], PRODUCT)} {word} {inside(operands[1], PRODUCT)}", PRODUCT
        if sign in ("+", "-", "/", "%", "**", "not"):
            return super().plain(equation)
        given = dict(equation.attrs)
        statics = [_number(str(given[name])) for name in TABLE[equation.op].statics if name in given]
        return _called(WORDS.get(sign, _roman(sign)), texts + statics)

    def called(self, function: str, operands: Sequence[Text]) -> Text:
        if function == "norm":
            return rf"\left\| {operands[0][0]} \right\|", TIGHT
        return _called(_roman(function), [text for text, _ in operands])

    def infix(self, sign: str, left: Text, right: Text) -> Text:
        if sign == "/":
            return rf"\frac{{{left[0]}}}{{{right[0]}}}", TIGHT
        if sign == "**":
            return _power(left, right[0]), POWER
        if sign == "@":
            return f"{inside(left, PRODUCT)} {inside(right, SIGN)}", PRODUCT
        word = r"\bmod" if sign == "%" else sign
        binding = SUM if sign in "+-" else PRODUCT
        return f"{inside(left, binding)} {word} {inside(right, binding + (sign in '-%'))}", binding

    def is_number(self, read: Read) -> bool:
        """Whether what is read has no sizes, or had none before it was repeated."""
        equation = self.table[read.name]
        return not equation.shape or (equation.op == "expand" and self.is_number(equation.reads[0]))

    def einsum(self, equation: Equation) -> Text:
        spec = str(dict(equation.attrs)["spec"])
        letters, _, result = spec.partition("->")
        left, _, right = letters.partition(",")
        operands = [self.read(read) for read in equation.reads]
        if len(operands) == 2 and left == right and len(left) == 1 and not result:
            return rf"{_transposed(operands[0])} {inside(operands[1], SIGN)}", PRODUCT
        if len(operands) == 2 and len(left) == 1 and right[:1] == left and result == right[1:]:
            return rf"{_transposed(operands[0])} {inside(operands[1], SIGN)}", PRODUCT
        text, binding = super().einsum(equation)
        if not text.startswith("einsum"):
            return text, binding
        shown = spec.replace("->", r" \to ")
        return _called(rf"\mathrm{{einsum}}_{{{shown}}}", [t for t, _ in operands])

    def over(self, equation: Equation) -> Text:
        (read,) = equation.reads
        gone = [p.over for p in read.at if p.over and p.over not in equation.axes and p.over != BATCH]
        text = self.read(read)
        word = TABLE[equation.op].surface
        under = ", ".join(f"{axis}=1" for axis in gone)
        if word == "sum":
            tops = ", ".join(self.lengths[axis] for axis in gone)
            return rf"\sum_{{{under}}}^{{{tops}}} {inside(text, PRODUCT)}", PRODUCT
        name = WORDS.get(str(word), _roman(str(word)))
        return _called(rf"{name}_{{{', '.join(gone)}}}", [text[0]])

    def along(self, equation: Equation) -> Text:
        axis = dict(equation.attrs)["axis"]
        return _called(rf"\mathrm{{softmax}}_{{{axis}}}", [self.read(equation.reads[0])[0]])

    def expand(self, equation: Equation) -> Text:
        """What is repeated is written as what it is."""
        return self.read(equation.reads[0])

    def take(self, equation: Equation) -> Text:
        table, key = (self.read(read)[0] for read in equation.reads)
        return rf"{table}_{{{key}}}", TIGHT

    def number(self, equation: Equation) -> Text:
        text, binding = super().number(equation)
        return _number(text), binding

    def dim(self, equation: Equation) -> Text:
        text = str(dict(equation.attrs)["size"])
        parts = (
            re.sub(r"[A-Za-z]\w*", lambda match: symbol(match[0], 0), text)
            .replace("**", "^")
            .replace("*", r" \, ")
        )
        return parts, TIGHT if text.isidentifier() else SUM


def _where(operands: Sequence[Text]) -> Text:
    condition, yes, no = (text for text, _ in operands)
    return (
        rf"\begin{{cases}} {yes} & \text{{if }} {condition} \\ {no} & \text{{otherwise}} \end{{cases}}",
        LOOSE,
    )


SHAPED: dict[str, Callable[[Sequence[Text]], Text]] = {  # operators with a shape of their own
    "where": _where,
    "square": lambda operands: (_power(operands[0], "2"), POWER),
    "outer": lambda operands: (f"{inside(operands[0], SIGN)} {_transposed(operands[1])}", PRODUCT),
    "transpose": lambda operands: (_transposed(operands[0]), TIGHT),
    "concat": lambda operands: (r"\left[" + "; ".join(text for text, _ in operands) + r"\right]", TIGHT),
    "pick": lambda operands: (rf"{inside(operands[0], TIGHT)}_{{{operands[1][0]}}}", TIGHT),
}


def symbol(name: str, rank: int) -> str:
    """A name as a symbol: bold for vectors and matrices, digits and what follows `_` below, the copy of a cell
    it belongs to as a further index (`h1.W_ix`: W with ix, h1 below)."""
    *owners, last = name.split(".")
    match = re.fullmatch(r"([A-Za-z]+?)(\d*)(?:_(\w+))?", last)
    base, digits, rest = (match[1], match[2], match[3]) if match else (last, "", None)
    letter = f"\\{base}" if base in GREEK else base if len(base) == 1 else _roman(base)
    if rank:
        letter = rf"\boldsymbol{{{letter}}}"
    below = [part for part in (digits, rest, ".".join(owners)) if part]
    text = ", ".join(part.replace("_", r"\_") for part in below)
    return f"{letter}_{{{text}}}" if text else letter


def _loss(name: str) -> str:
    return rf"\mathcal{{L}}_{{{_roman(name)}}}"


def _roman(word: str) -> str:
    shown = word.replace("_", r"\_")
    return rf"\mathrm{{{shown}}}"


def _times(places: Sequence[str]) -> str:
    return f"^{{({', '.join(places)})}}" if places else ""


def _called(name: str, arguments: Sequence[str]) -> Text:
    return rf"{name}\left({', '.join(arguments)}\right)", TIGHT


def _power(base: Text, exponent: str) -> str:
    """A symbol that has an index above already goes into parentheses."""
    text, _ = base
    return (
        f"{text}^{{{exponent}}}"
        if _single(text) and "^" not in text
        else rf"\left({text}\right)^{{{exponent}}}"
    )


def _transposed(base: Text) -> str:
    """TeX refuses two superscripts in a row."""
    text = inside(base, TIGHT)
    return rf"{{{text}}}^\top" if "^" in text else rf"{text}^\top"


def _single(text: str) -> bool:
    """One symbol or number, indices included."""
    return re.fullmatch(r"\\?[\w.]+(\{[^{}]*\})?(_\{[^{}]*\})?(\^\{[^{}]*\})?", text) is not None


def _number(text: str) -> str:
    """``1e-05`` as a power of ten."""
    mantissa, _, exponent = text.partition("e")
    if not exponent or not re.fullmatch(r"-?[\d.]+e[-+]?\d+", text):
        return text
    power = rf"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"
