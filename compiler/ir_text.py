"""The equations as text, printed and read back; what is printed is always valid input.

    axis t = 1..T
    axis u = 1..3
    axis @
    given x[t,@] : real[n] = input() {name: "x"}
    h[t,@] : real[n] = add(x[t,@], h[t-1,@]) before t: h.past
    h.past[@] : real[n] = carry(zero[@]) {key: "h"}
    output state:h = h.end

A position counts with the axis's index and length: ``t-1``, ``T``, ``u+T-3``. Attributes are numbers,
"strings", true, false, none, sizes ``<4*n>`` and tuples of them. ``#`` begins a comment. Spans and
origins are not printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn, TypeVar

from ..spec.sizes import Size
from .ir import AFTER, BEFORE, Attr, Axis, Boundary, Equation, Position, Read, System

SIDES = {"before": BEFORE, "after": AFTER}
WORDS = {"true": True, "false": False, "none": None}


# ------------------------------------------------------------------------------------------- printing


def system_text(system: System) -> str:
    """The whole system, one line for each axis, equation and output."""
    lengths = {axis.index: axis.length for axis in system.axes}
    lines = [_axis_text(axis) for axis in system.axes]
    lines += ["given " + equation_text(equation, lengths) for equation in system.given]
    lines += [equation_text(equation, lengths) for equation in system.equations]
    lines += [f"output {key} = {name}" for key, name in system.outputs]
    return "\n".join(lines) + "\n"


def equation_text(equation: Equation, lengths: Mapping[str, str]) -> str:
    """One equation; ``lengths`` gives the name of each axis's length."""
    head = equation.name + _bracketed(equation.axes) + " : " + equation.type
    reads = ", ".join(
        read.name + _bracketed(_position_text(p, lengths) for p in read.at) for read in equation.reads
    )
    text = head + _bracketed(equation.shape) + f" = {equation.op}({reads})"
    if equation.attrs:
        text += " {" + ", ".join(f"{name}: {_attr_text(value)}" for name, value in equation.attrs) + "}"
    return text + ";".join(" " + _boundary_text(boundary) for boundary in equation.boundaries)


def _axis_text(axis: Axis) -> str:
    last = axis.length if axis.size is None else str(axis.size)
    return f"axis {axis.index} = 1..{last}" if last else f"axis {axis.index}"


def _bracketed(items: Iterable[object]) -> str:
    text = ",".join(map(str, items))
    return f"[{text}]" if text else ""


def _position_text(position: Position, lengths: Mapping[str, str]) -> str:
    text = position.over or ""
    if position.ends:
        factor = "" if abs(position.ends) == 1 else f"{abs(position.ends)}*"
        text += _signed(position.ends, text) + factor + (lengths.get(position.of) or f"len({position.of})")
    if position.offset or not text:
        text += _signed(position.offset, text) + str(abs(position.offset))
    return text


def _signed(value: int, before: str) -> str:
    return "-" if value < 0 else "+" if before else ""


def _boundary_text(boundary: Boundary) -> str:
    names = {value: word for word, value in SIDES.items()}
    return ", ".join(f"{names[side]} {axis}" for axis, side in boundary.sides) + f": {boundary.name}"


def _attr_text(value: Attr) -> str:
    if isinstance(value, Size):
        return f"<{value}>"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_attr_text, value)) + ")"
    if isinstance(value, str):
        return json.dumps(value)
    return str(value).lower() if value is None or isinstance(value, bool) else repr(value)


# -------------------------------------------------------------------------------------------- reading

_TOKEN = re.compile(
    r"""\s*(?: (?P<string> "(?:[^"\\]|\\.)*" )
             | (?P<number> -?(?:\d+\.\d+(?:e[+-]?\d+)? | \d+e[+-]?\d+ | inf\b) )
             | (?P<integer> \d+ )
             | (?P<name> [~^A-Za-z_][\w~^]*(?:\.[\w~^]+)* | @ )
             | (?P<sign> \.\. | [][(){}<>=:;,*+-] ) )""",
    re.VERBOSE,
)

Item = TypeVar("Item")


class TextError(ValueError):
    """Text that is not a system: what was found, and in which line."""


def parse_system(text: str) -> System:
    """The system that a text says; `TextError` when it says none."""
    axes: list[Axis] = []
    equations: list[Equation] = []
    given: list[Equation] = []
    outputs: list[tuple[str, str]] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, _, rest = line.strip().partition(" ")
        if rest.startswith(":"):
            word, rest = "", line.strip()  # an equation of that name
        if word == "axis":
            axes.append(_Line(line, rest, axes).axis())
        elif word == "output":
            outputs.append(_Line(line, rest, axes).output())
        elif word == "given":
            given.append(_Line(line, rest, axes).equation())
        else:
            equations.append(_Line(line, line.strip(), axes).equation())
    return System(tuple(axes), tuple(equations), tuple(outputs), tuple(given))


class _Line:
    """One line as tokens, read from left to right."""

    def __init__(self, line: str, text: str, axes: list[Axis]) -> None:
        self.line = line
        self.indices = {axis.index for axis in axes}
        self.lengths = {axis.length: axis.index for axis in axes if axis.length}
        self.tokens = self._tokens(text)
        self.next = 0

    def axis(self) -> Axis:
        index = self._word()
        if not self._skip("="):
            return Axis(index)
        self._expect("1", "..")
        last = self._take()
        return Axis(index, size=int(last)) if last.isdigit() else Axis(index, last)

    def output(self) -> tuple[str, str]:
        key = self._word()
        if self._skip(":"):
            key += ":" + self._word()
        self._expect("=")
        return key, self._word()

    def equation(self) -> Equation:
        name = self._word()
        axes = self._list("[", self._word, "]")
        self._expect(":")
        type = self._word()
        shape = self._list("[", self._size, "]")
        self._expect("=")
        op = self._word()
        reads = self._list("(", self._read, ")")
        attrs = self._list("{", self._named, "}")
        boundaries: list[Boundary] = []
        while not self._done():
            boundaries.append(self._boundary())
            self._skip(";")
        return Equation(name, axes, shape, type, op, reads, tuple(sorted(attrs)), tuple(boundaries))

    def _read(self) -> Read:
        return Read(self._word(), self._list("[", self._position, "]"))

    def _position(self) -> Position:
        over, ends, of, offset = None, 0, "", 0
        while self._peek() not in (",", "]", ""):
            sign = -1 if self._skip("-") else 1
            self._skip("+")
            token = self._take()
            if token.isdigit() and self._skip("*"):
                ends, of = sign * int(token), self._length(self._take())
            elif token.isdigit():
                offset = sign * int(token)
            elif token in self.indices:
                over = token
            else:
                ends, of = sign, self._length(token)
        return Position(over, ends, of, offset)

    def _length(self, name: str) -> str:
        if name not in self.lengths:
            self._fail(f"no axis has the index or the length {name!r}")
        return self.lengths[name]

    def _boundary(self) -> Boundary:
        sides: list[tuple[str, int]] = []
        while not self._skip(":"):
            word = self._word()
            if word not in SIDES:
                self._fail("a boundary begins with `before` or `after`")
            sides.append((self._word(), SIDES[word]))
            self._skip(",")
        return Boundary(tuple(sides), self._word())

    def _named(self) -> tuple[str, Attr]:
        name = self._word()
        self._expect(":")
        return name, self._attr()

    def _attr(self) -> Attr:
        if self._peek() == "(":
            return self._list("(", self._attr, ")")
        if self._skip("<"):
            size = self._size()
            self._expect(">")
            return size
        sign = -1 if self._skip("-") else 1
        token = self._take()
        if token.startswith('"'):
            return str(json.loads(token))
        if token in WORDS:
            return WORDS[token]
        return self._number(token, sign)

    def _number(self, token: str, sign: int) -> int | float:
        try:
            return sign * (int(token) if token.isdigit() else float(token))
        except ValueError:
            self._fail(f"{token!r} is no value")

    def _size(self) -> Size:
        total = Size.of(0)
        while self._peek() not in (",", "]", ">", ""):
            sign = -1 if self._skip("-") else 1
            self._skip("+")
            product = self._factor()
            while self._skip("*"):
                product = product * self._factor()
            total = total + Size.of(sign) * product
        return total

    def _factor(self) -> Size:
        token = self._take()
        return Size.of(int(token) if token.isdigit() else token)

    # ---------------------------------------------------------------------------------- tokens

    def _tokens(self, text: str) -> list[str]:
        found, place = [], 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._fail(f"cannot read {text[place:].strip()[:20]!r}")
            found.append(match[0].strip())
            place = match.end()
        return found

    def _list(self, opening: str, item: Callable[[], Item], closing: str) -> tuple[Item, ...]:
        found: list[Item] = []
        if self._skip(opening):
            while not self._skip(closing):
                found.append(item())
                if self._peek() != closing:
                    self._expect(",")
        return tuple(found)

    def _word(self) -> str:
        token = self._take()
        if not (token[0].isalpha() or token[0] in "~^_@"):
            self._fail(f"a name is needed, found {token!r}")
        return token

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            if not self._skip(token):
                self._fail(f"{token!r} is needed, found {self._peek()!r}")

    def _skip(self, token: str) -> bool:
        found = self._peek() == token
        self.next += found
        return found

    def _take(self) -> str:
        if self._done():
            self._fail("the line ends too early")
        self.next += 1
        return self.tokens[self.next - 1]

    def _peek(self) -> str:
        return "" if self._done() else self.tokens[self.next]

    def _done(self) -> bool:
        return self.next >= len(self.tokens)

    def _fail(self, problem: str) -> NoReturn:
        raise TextError(f"{problem} in: {self.line.strip()}")
