"""From text to syntax tree: Lark parses the text's shadow, `build` makes our nodes of what it found.

When that fails every statement is parsed by itself, so that all syntax errors of a file are found at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from lark import Lark, UnexpectedInput

from . import tables
from .build import build
from .diagnostics import LIMIT, Diagnostics
from .layout import Layout, lay_out
from .mistakes import Fault, breaks_off, explain, looks_like_statement
from .source import Source
from .syntax import Binary, Number, Ref, Spec, Statement, Subscript, Unary
from .tree import walk

DEPTH = 160  # of a statement's tree: later stages may recur


def parse(source: Source, diagnostics: Diagnostics) -> Spec | None:
    """The syntax tree of a text; None when something was wrong, which has then been reported."""
    before = len(diagnostics.items)
    layout = lay_out(source, diagnostics)
    if layout is None:
        return None
    try:
        tree = lark().parse(layout.shadow)
    except UnexpectedInput as error:
        _report_all(error, layout, source, diagnostics, before)
        return None
    statements: tuple[Statement, ...] = build(tree, source)
    _inspect(statements, diagnostics)
    sound = len(diagnostics.items) == before
    return Spec(source, statements, tuple(layout.comments)) if sound else None


@cache
def lark() -> Lark:
    """The parser, built when first needed."""
    return tables.parser()


# ------------------------------------------------------------------------------ what the grammar cannot see


def _inspect(statements: tuple[Statement, ...], diagnostics: Diagnostics) -> None:
    for statement in statements:
        for node, depth in walk([statement]):
            if depth > DEPTH:
                message = f"an expression more than {DEPTH} operations deep"
                help = "give a part of it a name of its own"
                diagnostics.report("RNN013", statement.span, message, help=help)
                return
            if isinstance(node, Binary) and node.op == "@":
                _inspect_product(node, diagnostics)


def _inspect_product(product: Binary, diagnostics: Diagnostics) -> None:
    """``h@-1``: the past as some papers write it."""
    right = product.right.operand if isinstance(product.right, Unary) else product.right
    if isinstance(right, Number):
        span = product.op_span.to(right.span)
        left = product.left.base if isinstance(product.left, Subscript) else product.left
        name = left.name.text if isinstance(left, Ref) else "h"
        help = f"an earlier step is read as `{name}[t-{right.text}]`"
        diagnostics.report("RNN114", span, "`@` multiplies by a matrix, and this is a number", help=help)


# ------------------------------------------------------------------------------------- all errors of a file


def _report_all(
    first: UnexpectedInput, layout: Layout, source: Source, diagnostics: Diagnostics, before: int
) -> None:
    """Every statement that does not parse; what stopped the whole parse if each of them does."""
    broken = iter(sorted(layout.broken))
    place = next(broken, None)
    doubtful = False  # the line may be the rest of a broken one
    for start, text in _lines(layout):
        end = start + len(text)
        if place is not None and place <= end:
            doubtful = True
            while place is not None and place <= end:
                place = next(broken, None)
            continue
        doubtful = (doubtful and not looks_like_statement(text)) or text.strip() == "{}"
        try:
            lark().parse(text)
        except UnexpectedInput as error:
            if not doubtful:
                explain(Fault(source, start, text, error), diagnostics)
                doubtful = breaks_off(text)
        if len(diagnostics.items) >= before + LIMIT:
            return
    if len(diagnostics.items) == before:
        explain(Fault(source, 0, layout.shadow, first), diagnostics)


def _lines(layout: Layout) -> Iterator[tuple[int, str]]:
    """The lines of a shadow, each a statement by itself: a block over several lines is cut off."""
    shadow = layout.shadow
    wide = [(start, end) for start, end in layout.blocks if shadow.find("\n", start, end) >= 0]
    headers = {shadow.rfind("\n", 0, start) + 1 for start, _ in wide}
    ends = {end for _, end in wide}
    start = 0
    for line in shadow.split("\n"):
        text = (
            "".join(" " if start + i in ends else sign for i, sign in enumerate(line))
            if "}" in line
            else line
        )
        yield start, text + "}" if start in headers else text
        start += len(line) + 1
