"""The canonical layout of a spec, written from its tree; comments and blank lines stay where they are."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from .pretty import INDENT, Doc, Group, Line, Notes, Term, flat, lines, text
from .syntax import (
    Argument,
    Axis,
    Binary,
    Call,
    Cell,
    CellItem,
    Comment,
    Dim,
    Equation,
    Expr,
    For,
    Head,
    Import,
    Input,
    Loss,
    Name,
    Node,
    Noise,
    Number,
    Output,
    Param,
    ParamItem,
    Ref,
    Spec,
    Statement,
    Stop,
    Subscript,
    Target,
    Text,
    Type,
    Unary,
    Use,
)

AnyNode = TypeVar("AnyNode", bound=Node)

# How tight an operator binds; what binds looser than its place allows stands in parentheses.
OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, POSTFIX = range(9)
BINARY = {"or": OR, "and": AND, "**": POWER}
BINARY |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARISON)
BINARY |= dict.fromkeys("+-", SUM) | dict.fromkeys("*/%@", PRODUCT)
CHAINS = (OR, AND, SUM, PRODUCT)  # group to the left
CLEARER = {(OR, AND), (SIGN, POWER)}  # inside the first, the second has parentheses though it needs none


def format_spec(spec: Spec) -> str:
    """The text of a spec in canonical layout."""
    return text(_Writer(spec.comments).body(spec.statements, 0, len(spec.source.text) + 1))


def binding(expr: Expr) -> int:
    """How tight the outermost operator of an expression binds."""
    if isinstance(expr, Binary):
        return BINARY[expr.op]
    if isinstance(expr, Unary):
        return NOT if expr.op == "not" else SIGN
    return POSTFIX


def loosest(op: str) -> tuple[int, int]:
    """How tight the left and the right operand of an operator must bind."""
    level = BINARY[op]
    if level == COMPARISON:
        return SUM, SUM
    return (POSTFIX, SIGN) if level == POWER else (level, level + 1)


class _Writer:
    """Goes through the tree in the order of the text. Wherever a line can end, the comments before what
    follows are taken along."""

    def __init__(self, comments: Sequence[Comment]) -> None:
        self.comments = deque(comments)

    def take(self, end: int) -> Notes:
        """The comments before an offset that are not taken yet."""
        notes = Notes()
        while self.comments and self.comments[0].span.start < end:
            comment = self.comments.popleft()
            if comment.own_line or notes:
                notes.below.append(comment.span.text.rstrip())
            else:
                notes.beside = comment.span.text.rstrip()
        return notes

    # statements

    def body(self, statements: Sequence[Statement], indent: int, end: int) -> list[Line]:
        """The lines of a file or block that ends at an offset."""
        found: list[Line] = []
        before: Node | None = None
        ends = [statement.span.start for statement in statements[1:]] + [end]
        for statement, following in zip(statements, ends, strict=False):
            before = self.own_lines(found, before, indent, statement.span.start)
            self.gap(found, before, statement)
            found += self.statement(statement, indent)
            before = self.beside(found, following) or statement
        self.own_lines(found, before, indent, end)
        return found

    def own_lines(self, found: list[Line], before: Node | None, indent: int, end: int) -> Node | None:
        """Comments between statements; returns what was written last."""
        while self.comments and self.comments[0].span.start < end:
            comment = self.comments.popleft()
            self.gap(found, before, comment)
            found.append(Line(indent, "", comment.span.text.rstrip()))
            before = comment
        return before

    def beside(self, found: list[Line], end: int) -> Comment | None:
        """The comment at the end of the last line, if there is one before an offset."""
        if not self.comments or self.comments[0].own_line or self.comments[0].span.start >= end:
            return None
        comment = self.comments.popleft()
        found[-1].comment = comment.span.text.rstrip()
        return comment

    def gap(self, found: list[Line], before: Node | None, after: Node) -> None:
        """An empty line where there were one or more."""
        if before is not None:
            between = after.span.source.text[before.span.end : after.span.start]
            found += [Line(0, "")] * bool(re.search(r"\n[ \t]*\n", between))

    def statement(self, node: Statement, indent: int) -> list[Line]:
        if not isinstance(node, Cell | For):
            return lines(self.simple(node), indent)
        found = lines(self.header(node), indent)
        self.beside(found, node.body[0].span.start if node.body else node.span.end)
        found += self.body(node.body, indent + INDENT, node.span.end)
        return [*found, Line(indent, "}")]

    def simple(self, node: Statement) -> Doc:
        match node:
            case Dim():
                return ["dim ", *_join([[f"{name(i.name)} = ", *self.value(i.value)] for i in node.items])]
            case Axis():
                return [f"axis {name(node.index)} = ", *self.range(node.first, node.last)]
            case Input():
                return ["input ", *_join([self.typed(i.target, i.type) for i in node.items])]
            case Param():
                keyword = "param " if node.trained else "const "
                return [keyword, *_join([self.param_item(item) for item in node.items])]
            case Equation():
                return self.equation(node)
            case Head():
                return ["head ", *self.drawn(node), *self.weight(node.weight)]
            case Noise():
                return ["noise ", *self.drawn(node)]
            case Output():
                return ["output ", ", ".join(map(name, node.names))]
            case Loss():
                return [
                    "loss ",
                    *self.target(node.target),
                    " = ",
                    *self.value(node.value),
                    *self.weight(node.weight),
                ]
            case Stop():
                return ["stop when ", *self.value(node.condition)]
            case Use():
                return ["use ", ", ".join(map(name, node.names))]
            case Import():
                return [f'import "{node.path.value}"']
            case _:
                raise TypeError(node)

    def header(self, node: Cell | For) -> Doc:
        """The line before a block."""
        if isinstance(node, For):
            return [f"for {name(node.variable)} in ", *self.range(node.first, node.last), " {"]
        inputs = self.group("(", node.inputs, ")", self.cell_item, node.outputs[0].span.start)
        outputs = _join([self.cell_doc(item) for item in node.outputs])
        return [f"cell {name(node.name)}", inputs, " -> ", *outputs, " {"]

    def equation(self, node: Equation) -> Doc:
        left = self.target(node.target) if node.type is None else self.typed(node.target, node.type)
        reverse = "reverse " if node.reverse else ""
        sharing = f" sharing {name(node.sharing)}" if node.sharing else ""
        return [*left, f" = {reverse}", *self.value(node.value), sharing]

    def param_item(self, node: ParamItem) -> Doc:
        doc: Doc = [f"{name(node.name)} : ", *self.type(node.type)]
        return doc if node.init is None else [*doc, " ~ " if node.random else " = ", *self.value(node.init)]

    def drawn(self, node: Head | Noise) -> Doc:
        left = self.typed(node.target, node.type)
        return [*left, " ~ ", *self.expr(node.distribution)]

    def weight(self, weight: Expr | None) -> Doc:
        return [] if weight is None else [" weight ", *self.value(weight)]

    def range(self, first: Expr, last: Expr) -> Doc:
        return [*(_compact(first) or self.value(first)), "..", *(_compact(last) or self.value(last))]

    def cell_item(self, node: CellItem) -> list[Term]:
        return [Term("", self.cell_doc(node))]

    def cell_doc(self, node: CellItem) -> Doc:
        left = self.target(node.target) if node.type is None else self.typed(node.target, node.type)
        return left if node.default is None else [*left, " = ", *self.value(node.default)]

    def typed(self, target: Target, type: Type) -> Doc:
        return [*self.target(target), " : ", *self.type(type)]

    def target(self, node: Target) -> Doc:
        return [name(node.name), *self.index(node.index)]

    def type(self, node: Type) -> Doc:
        doc: Doc = [node.kind]
        if node.count is not None:
            doc.append(self.group("(", [node.count], ")", self.terms))
        if node.sizes:
            doc.append(self.group("[", node.sizes, "]", self.terms))
        return doc

    # expressions

    def value(self, expr: Expr) -> Doc:
        """An expression outside brackets; to be broken it needs a pair."""
        group = self.paren(expr, soft=True)
        terms = group.items[0]
        single = len(terms) == 1 and not terms[0].notes and not group.notes
        return terms[0].doc if single else [group]

    def paren(self, expr: Expr, soft: bool = False) -> Group:
        notes = self.take(_begin(expr))
        terms = self.terms(expr)
        terms[-1].notes = self.take(expr.span.end)
        return Group("(", [terms], ")", soft=soft, notes=notes)

    def terms(self, expr: Expr) -> list[Term]:
        """An expression as a chain: the operands of its loosest operator, each with its comments."""
        rest: list[tuple[str, Expr]] = []
        while (
            isinstance(expr, Binary)
            and BINARY[expr.op] in CHAINS
            and (not rest or _same(expr.op, rest[-1][0]))
        ):
            rest.append((expr.op, expr.right))
            expr = expr.left
        if not rest:
            return [Term("", self.expr(expr))]
        level = BINARY[rest[-1][0]]
        found = [Term("", self.operand(expr, level, level))]
        for op, operand in reversed(rest):
            found[-1].notes = self.take(_begin(operand))
            found.append(Term(f" {op} ", self.operand(operand, level + 1, level)))
        return found

    def argument(self, node: Argument) -> list[Term]:
        found = self.terms(node.value)
        if node.keyword:
            found[0].prefix = f"{name(node.keyword)} = "
        return found

    def operand(self, expr: Expr, least: int, outer: int) -> Doc:
        """An expression inside another, in parentheses if it binds too loosely, or to be clear."""
        if binding(expr) >= least and (outer, binding(expr)) not in CLEARER:
            return self.expr(expr)
        return [self.paren(expr)]

    def expr(self, node: Expr) -> Doc:
        match node:
            case Number():
                return [node.text]
            case Text():
                return [f'"{node.value}"']
            case Ref():
                return [name(node.name)]
            case Unary():
                least = NOT if node.op == "not" else SIGN
                return ["not " if node.op == "not" else node.op, *self.operand(node.operand, least, least)]
            case Binary():
                level, (left, right) = BINARY[node.op], loosest(node.op)
                doc = [*self.operand(node.left, left, level), f" {node.op} "]
                return [*doc, *self.operand(node.right, right, level)]
            case Subscript():
                bare = isinstance(node.base, Ref | Call | Subscript)
                base = self.operand(node.base, POSTFIX if bare else POSTFIX + 1, POSTFIX)
                return [*base, *self.index(node.args)]
            case Call():
                over = self.index(node.over)
                return [
                    name(node.function),
                    *over,
                    self.group("(", node.args, ")", self.argument, node.span.end),
                ]

    def index(self, args: Sequence[Expr]) -> Doc:
        """``[t-1]``, ``[t,s]``; nothing for no index."""
        return [self.group("[", args, "]", self.index_terms, separator=",")] if args else []

    def index_terms(self, expr: Expr) -> list[Term]:
        compact = _compact(expr)
        return [Term("", compact)] if compact else self.terms(expr)

    def group(
        self,
        opening: str,
        nodes: Sequence[AnyNode],
        closing: str,
        item: Callable[[AnyNode], list[Term]],
        end: int = 0,
        separator: str = ", ",
    ) -> Group:
        """A bracket with items; one without is known to be closed before ``end``."""
        ends = [*map(_begin, nodes), _after(nodes[-1]) if nodes else end]
        group = Group(opening, [], closing, separator, notes=self.take(ends[0]))
        for node, following in zip(nodes, ends[1:], strict=True):
            group.items.append(item(node))
            group.items[-1][-1].notes = self.take(following)
        return group


def name(node: Name) -> str:
    """A name with its braces; nothing in them can be broken over lines."""
    return "".join(part if isinstance(part, str) else f"{{{_brace(part)}}}" for part in node.parts)


def _brace(expr: Expr) -> str:
    return flat(_compact(expr) or _Writer(()).expr(expr))


def _begin(node: Node) -> int:
    """Where the first word of a node is, after parentheses and comments."""
    return _skip(node, r"(?:[\s(]|#[^\n]*)*", node.span.start)


def _after(node: Node) -> int:
    """Where the next word or sign after a node is."""
    return _skip(node, r"(?:\s|#[^\n]*)*", node.span.end)


def _skip(node: Node, pattern: str, start: int) -> int:
    match = re.compile(pattern).match(node.span.source.text, start)
    return match.end() if match else start


def _compact(expr: Expr) -> Doc | None:
    """``t-1`` without spaces, in indices, braces and ranges; None for anything less simple."""
    match expr:
        case Binary(op="+" | "-", left=Number() | Ref() as left, right=Number() | Ref() as right):
            return [_leaf(left) + expr.op + _leaf(right)]
    return None


def _leaf(node: Number | Ref) -> str:
    return node.text if isinstance(node, Number) else name(node.name)


def _same(op: str, other: str) -> bool:
    return BINARY[op] == BINARY[other]


def _join(docs: Sequence[Doc]) -> Doc:
    """Docs with commas between them."""
    joined: Doc = []
    for doc in docs:
        joined += [", ", *doc] if joined else doc
    return joined
