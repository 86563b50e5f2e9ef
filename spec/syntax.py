"""The syntax tree: what the text says, with places, before any name has a meaning.

Nodes are immutable; every node has the span of its text. Nothing here is expanded: `for` blocks,
cells, families (`h{l}`) and `affine` stand as written."""

from __future__ import annotations

from .records import dataclass
from .source import Source, Span


@dataclass(frozen=True, slots=True)
class Node:
    span: Span


# ---------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name: text and braces in turn. ``h`` is ("h",); ``h{l-1}.c`` is ("h", <l-1>, ".c")."""

    parts: tuple[str | Expr, ...]

    @property
    def text(self) -> str:
        """The name as written, braces included."""
        return "".join(p if isinstance(p, str) else "{" + p.span.text + "}" for p in self.parts)


@dataclass(frozen=True, slots=True)
class Number(Node):
    text: str  # as written: "1", "0.5", "1e-3"


@dataclass(frozen=True, slots=True)
class Ref(Node):
    """A name read as it stands: ``W``, ``h1.c``, ``t``, ``T``."""

    name: Name


@dataclass(frozen=True, slots=True)
class Subscript(Node):
    """``base[args]``: a time index (``h[t-1]``, ``e[t,s]``), a table row (``E[x[t]]``), or both in turn."""

    base: Expr
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Argument(Node):
    """One argument of a call; ``keyword`` is its name (``bias = 1``), or None."""

    keyword: Name | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``function(args)``, or ``function[over](args)`` for a reduction over axes (``sum[s](…)``)."""

    function: Name
    over: tuple[Expr, ...]
    args: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A string in double quotes (the pattern of ``einsum``); ``value`` is without the quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: str  # "-", "+" or "not"
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """``op`` is one of + - * / % ** @ == != < <= > >= and or."""

    op: str
    left: Expr
    right: Expr
    op_span: Span


Expr = Number | Ref | Subscript | Call | Text | Unary | Binary


# ----------------------------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Type(Node):
    """``real[heads, d]``, ``token(vocab)``, ``bool[88]``: kind, the token's count, sizes."""

    kind: str  # "real" | "int" | "bool" | "token"
    count: Expr | None
    sizes: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class DimItem(Node):
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Dim(Node):
    items: tuple[DimItem, ...]


@dataclass(frozen=True, slots=True)
class Axis(Node):
    """``axis t = 1..T``; ``first`` is the 1, ``last`` the T."""

    index: Name
    first: Expr
    last: Expr


@dataclass(frozen=True, slots=True)
class Target(Node):
    """What stands left: ``h[t]``, ``h[0]``, ``A``, ``b[0,s]``."""

    name: Name
    index: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Input(Node):
    items: tuple[InputItem, ...]


@dataclass(frozen=True, slots=True)
class InputItem(Node):
    target: Target
    type: Type


@dataclass(frozen=True, slots=True)
class ParamItem(Node):
    """``W : TYPE ~ INIT`` or ``b : TYPE = 0``; ``random`` tells ``~`` from ``=``; no ``init`` for neither."""

    name: Name
    type: Type
    random: bool
    init: Expr | None


@dataclass(frozen=True, slots=True)
class Param(Node):
    """``param …`` (``trained``) or ``const …``."""

    trained: bool
    items: tuple[ParamItem, ...]


@dataclass(frozen=True, slots=True)
class Equation(Node):
    """``h[t] : TYPE = [reverse] EXPR [sharing NAME]``."""

    target: Target
    type: Type | None
    reverse: bool
    value: Expr
    sharing: Name | None


@dataclass(frozen=True, slots=True)
class Head(Node):
    """``head y[t] : TYPE ~ DIST(args) weight W``."""

    target: Target
    type: Type
    distribution: Call
    weight: Expr | None


@dataclass(frozen=True, slots=True)
class Output(Node):
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Loss(Node):
    """``loss NAME = EXPR``; an index (``loss r[t] = …``) and a weight may stand too."""

    target: Target
    value: Expr
    weight: Expr | None


@dataclass(frozen=True, slots=True)
class Noise(Node):
    target: Target
    type: Type
    distribution: Call


@dataclass(frozen=True, slots=True)
class Stop(Node):
    """``stop when EXPR``."""

    condition: Expr


@dataclass(frozen=True, slots=True)
class CellItem(Node):
    """One item of a cell's header: ``x[t] : real[m]``, ``n`` (a dim), ``a : real = 0.9``."""

    target: Target
    type: Type | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Cell(Node):
    name: Name
    inputs: tuple[CellItem, ...]
    outputs: tuple[CellItem, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Use(Node):
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Import(Node):
    path: Text


@dataclass(frozen=True, slots=True)
class For(Node):
    """``for l in 1..N { … }``."""

    variable: Name
    first: Expr
    last: Expr
    body: tuple[Statement, ...]


Statement = (
    Dim | Axis | Input | Param | Equation | Head | Output | Loss | Noise | Stop | Cell | Use | Import | For
)


@dataclass(frozen=True, slots=True)
class Comment(Node):
    """A ``#`` comment, for the formatter; ``own_line`` when nothing stands before it."""

    own_line: bool


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file."""

    source: Source
    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...]
