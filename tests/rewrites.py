"""The same network said in other words: a spec rewritten so that no number may change.

Each rewriting takes a spec's text and gives another, or None where it has nothing to take hold of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rnnc.spec import syntax
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.parser import parse
from rnnc.spec.source import Source, Span
from rnnc.spec.tree import walk

PREFIX = "q"
INITS = {"zeros", "ones", "glorot", "he", "identity", "range", "orthogonal", "none"}  # words, not quantities


@dataclass(frozen=True)
class Rewritten:
    """``name`` gives a quantity's name in the new text."""

    text: str
    name: Callable[[str], str]


def tree_of(text: str) -> syntax.Spec:
    spec = parse(Source("random.rnn", text), Diagnostics())
    assert spec is not None
    return spec


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    """Stretches of the text replaced; they do not overlap."""
    parts, done = [], 0
    for start, end, new in sorted(edits):
        parts += [text[done:start], new]
        done = end
    return "".join(parts) + text[done:]


def same(name: str) -> str:
    return name


# -------------------------------------------------------------------------------------- renaming


def renamed(text: str, rng: random.Random) -> Rewritten | None:
    """Every name of the spec's own begins with another letter: dims, axes, quantities, cells, their insides."""
    spec = tree_of(text)
    inside = {name for cell in _cells(spec) for name in _named_inside(cell)}
    own_cells = {cell.name.text for cell in _cells(spec)}
    words, lengths = _words(spec), _lengths(spec)
    edits = []
    for node, parent in _names(spec):
        if isinstance(parent, syntax.Use) or (isinstance(parent, syntax.Call) and node.text not in own_cells):
            continue
        if isinstance(parent, syntax.Argument) or node in words:
            continue
        edits.append((node.span.start, node.span.start, PREFIX.upper() if node in lengths else PREFIX))
        stem, dot, tail = node.text.rpartition(".")
        if dot and tail in inside:
            place = node.span.end - len(tail)
            edits.append((place, place, PREFIX))

    def name(old: str) -> str:
        stem, dot, tail = old.rpartition(".")
        return PREFIX + (f"{stem}.{PREFIX}{tail}" if dot and tail in inside else old)

    return Rewritten(edited(text, edits), name)


def _words(spec: syntax.Spec) -> set[syntax.Name]:
    """Names in the starting values of parameters, biases included, that are words of the language."""
    inits = [
        node.value for node, _ in walk(spec.statements) if isinstance(node, syntax.Argument) and node.keyword
    ]
    inits += [
        node.init for node, _ in walk(spec.statements) if isinstance(node, syntax.ParamItem) and node.init
    ]
    return {node for node, _ in walk(inits) if isinstance(node, syntax.Name) and node.text in INITS}


def _lengths(spec: syntax.Spec) -> set[syntax.Name]:
    """Inside a cell, the length that goes by the cell's index in capitals."""
    return {
        node
        for cell in _cells(spec)
        for index in {part.span.text.upper() for item in cell.outputs for part in item.target.index}
        for node, _ in walk(cell.body)
        if isinstance(node, syntax.Name) and node.text == index
    }


def _cells(spec: syntax.Spec) -> Iterator[syntax.Cell]:
    return (statement for statement in spec.statements if isinstance(statement, syntax.Cell))


def _named_inside(cell: syntax.Cell) -> Iterator[str]:
    for statement in cell.body:
        if isinstance(statement, syntax.Equation):
            yield statement.target.name.text


def _names(spec: syntax.Spec) -> Iterator[tuple[syntax.Name, syntax.Node]]:
    """Every name with the node it belongs to."""
    for node, _ in walk(spec.statements):
        for field in node.__dataclass_fields__:
            value = getattr(node, field)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, syntax.Name):
                    yield item, node


# ------------------------------------------------------------------------------ the other rewritings


def reordered(text: str, rng: random.Random) -> Rewritten | None:
    """Statements in another order, but for axes: of those, the last is the one that streams."""
    spec = tree_of(text)
    texts = [s.span.text for s in spec.statements if not isinstance(s, syntax.Axis)]
    axes = [s.span.text for s in spec.statements if isinstance(s, syntax.Axis)]
    rng.shuffle(texts)
    places = sorted(rng.sample(range(len(texts) + len(axes)), len(axes)))
    for place, axis in zip(places, axes):
        texts.insert(place, axis)
    return Rewritten("\n".join(texts) + "\n", same)


def plus_zero(text: str, rng: random.Random) -> Rewritten | None:
    """``+ 0`` or ``* 1`` behind the right sides of equations that say they are real."""
    edits = []
    for statement in tree_of(text).statements:
        match statement:
            case syntax.Equation(type=syntax.Type(kind="real"), value=value, reverse=False, sharing=None):
                ends = rng.choice([(") + 0", "("), (") * 1", "("), (")", "0 + ("), (")", "-(-("), ("", "")])
                closing = ends[0] + ")" * (ends[1] == "-(-(")
                edits += [(value.span.start, value.span.start, ends[1])]
                edits += [(value.span.end, value.span.end, closing)]
    return Rewritten(edited(text, edits), same) if edits else None


DEAD = (
    "dead1{0} = tanh(0.3 * {1})",
    "dead2{0} = 0.5 * dead2{2} + {1}",
    "dead3 : real[3] = expand(1.5, 3)",
    "param dead4 : real[2, 3] ~ normal(1)\ndead5 = sum(sum(dead4))",
)


def with_dead_code(text: str, rng: random.Random) -> Rewritten | None:
    """Equations that nothing reads, between the others."""
    spec = tree_of(text)
    axis = next(s.index.text for s in spec.statements if isinstance(s, syntax.Axis))
    lines = [line.format(f"[{axis}]", axis, f"[{axis}-1]") for line in rng.sample(DEAD, 3)]
    texts = [s.span.text for s in spec.statements]
    for line in lines:
        texts.insert(rng.randrange(len(texts) + 1), line)
    return Rewritten("\n".join(texts) + "\n", same)


def shared(text: str, rng: random.Random) -> Rewritten | None:
    """Part of an equation under a name of its own: what two equations say is what one says."""
    found = [
        (statement, value)
        for statement in tree_of(text).statements
        if isinstance(statement, syntax.Equation)
        for value in _parts(statement)
    ]
    if not found:
        return None
    statement, value = rng.choice(found)
    index = ", ".join(place.span.text for place in statement.target.index)
    named = "part9" + (f"[{index}]" if index else "")
    shorter = _replaced(statement.span, value.span, named)
    line = f"{named} = {value.span.text}"
    return Rewritten(edited(text, [(statement.span.start, statement.span.end, f"{shorter}\n{line}")]), same)


def _parts(equation: syntax.Equation) -> Iterator[syntax.Expr]:
    """Sums and products of the right side that a name can stand for: with a shape of their own, no weights."""
    indices = [place.span.text for place in equation.target.index]
    if any(not index.isidentifier() for index in indices) or equation.reverse or equation.sharing:
        return
    calls = [node for node, _ in walk([equation.value]) if isinstance(node, syntax.Call)]
    weighed = [
        call.span for call in calls if call.function.text == "affine"
    ]  # weights are called after operands
    for node in calls:
        if any(span.start <= node.span.start < span.end for span in weighed):
            continue
        if node.function.text in (
            "tanh",
            "sigmoid",
            "sin",
            "cos",
            "softplus",
        ):
            text = node.span.text
            if (
                "affine" not in text
                and "dropout" not in text
                and "[" in text
                and not _reduces(equation.value, node)
            ):
                yield node


def _reduces(root: syntax.Expr, part: syntax.Expr) -> bool:
    """Whether a part stands inside a reduction over an axis, whose index it may read."""
    return any(
        isinstance(node, syntax.Call)
        and node.over
        and node.span.start <= part.span.start
        and part.span.end <= node.span.end
        for node, _ in walk([root])
    )


def _replaced(whole: Span, part: Span, new: str) -> str:
    start = part.start - whole.start
    return whole.text[:start] + new + whole.text[start + part.end - part.start :]


REWRITINGS: tuple[Callable[[str, random.Random], Rewritten | None], ...] = (
    renamed,
    reordered,
    plus_zero,
    with_dead_code,
    shared,
)
