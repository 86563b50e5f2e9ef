"""The smallest spec that still does something: statements dropped, expressions replaced by parts of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rnnc.spec import syntax
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.parser import parse
from rnnc.spec.source import Source, Span
from rnnc.spec.tree import walk


def reduced(text: str, interesting: Callable[[str], bool]) -> str:
    """A spec in which nothing more can be left out without becoming uninteresting."""
    tried: set[str] = set()
    before = ""
    while text != before:
        before, place, candidates = text, 0, list(smaller(text))
        while place < len(candidates):
            candidate = candidates[place]
            if candidate not in tried and len(candidate) < len(text) and interesting(candidate):
                text, candidates = candidate, list(smaller(candidate))
            else:
                place += 1
            tried.add(candidate)
    return text


def smaller(text: str) -> Iterator[str]:
    """Specs with one thing less, the largest steps first."""
    spec = parse(Source("reduced.rnn", text), Diagnostics())
    if spec is None:
        return
    for statement in reversed(spec.statements):
        yield _with(text, statement.span, "")
    for node, _ in walk(spec.statements):
        if isinstance(node, syntax.Expr) and len(node.span.text) > 12:
            yield _with(text, node.span, "1")
    nodes = [node for node, _ in walk(spec.statements)]
    for node in nodes:
        yield from _parts(text, node)
    for node in sorted(nodes, key=lambda node: node.span.start - node.span.end):
        if isinstance(node, syntax.Expr) and not isinstance(node, syntax.Number):
            for child, _ in walk([node]):
                if isinstance(child, syntax.Expr) and child is not node:
                    yield _with(text, node.span, _closed(child))
            for simple in ("1", "0.5"):
                yield _with(text, node.span, simple)


def _parts(text: str, node: syntax.Node) -> Iterator[str]:
    """Lists with an item less, statements without what may be left out, blocks without their frame."""
    match node:
        case syntax.Output(_, items) | syntax.Dim(_, items) | syntax.Param(_, _, items) if len(items) > 1:
            for item in items:
                rest = [other.span.text for other in items if other is not item]
                first = text[node.span.start : items[0].span.start]
                yield _with(text, node.span, first + ", ".join(rest))
        case syntax.ParamItem(_, name, type, _, init) if init is not None:
            yield _with(text, node.span, f"{name.span.text} : {type.span.text}")
        case syntax.Head(span, _, _, distribution, weight) if weight is not None:
            yield _with(text, span, text[span.start : distribution.span.end])
        case syntax.Call(span, _, _, args) if len(args) > 1:
            for arg in args:
                kept = ", ".join(other.span.text for other in args if other is not arg)
                yield _with(text, span, f"{text[span.start : args[0].span.start]}{kept})")
        case syntax.Equation(span, target, type, _, value, sharing):
            if sharing is not None:
                yield _with(text, span, text[span.start : value.span.end])
            if type is not None:
                yield _with(
                    text, span, f"{target.span.text} = {text[type.span.end : span.end].partition('=')[2]}"
                )


def _closed(node: syntax.Node) -> str:
    simple = isinstance(node, syntax.Number | syntax.Ref | syntax.Subscript | syntax.Call)
    return node.span.text if simple else f"({node.span.text})"


def _with(text: str, span: Span, replacement: str) -> str:
    found = text[: span.start] + replacement + text[span.end :]
    return "\n".join(line for line in found.split("\n") if line.strip()) + "\n"
