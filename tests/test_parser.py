"""The grammar: what it accepts, the tree it makes, what it says about mistakes, and that nothing hangs it."""

from __future__ import annotations

import time
from pathlib import Path

import golden_files
import mutate
import pytest
from lark import Lark
from rnnc.spec.diagnostics import LIMIT, Diagnostics
from rnnc.spec.formatter import format_spec
from rnnc.spec.lexical import SIZE, read_source
from rnnc.spec.mistakes import HABITS, Fault, Habit
from rnnc.spec.parser import parse
from rnnc.spec.render import render, to_json
from rnnc.spec.source import Source
from rnnc.spec.syntax import Binary, Call, Equation, Expr, Name, Number, Ref, Spec, Subscript, Unary
from rnnc.spec.tables import GRAMMAR
from rnnc.spec.tree import walk
from syntax_trees import bare, random_spec

GOLDENS = sorted((golden_files.FOLDER / "syntax").glob("*.golden"))


def outcome(text: str) -> tuple[Spec | None, Diagnostics]:
    diagnostics = Diagnostics()
    return parse(Source("spec.rnn", text), diagnostics), diagnostics


def parsed(text: str) -> Spec:
    spec, diagnostics = outcome(text)
    assert spec is not None, render(diagnostics.items)
    return spec


def shape(expr: Expr) -> str:
    """An expression with every pair of parentheses written out."""
    match expr:
        case Number():
            return expr.text
        case Ref():
            return expr.name.text
        case Unary():
            return f"({expr.op} {shape(expr.operand)})"
        case Binary():
            return f"({shape(expr.left)} {expr.op} {shape(expr.right)})"
        case Subscript():
            return f"{shape(expr.base)}[{','.join(map(shape, expr.args))}]"
        case Call():
            over = f"[{','.join(map(shape, expr.over))}]" if expr.over else ""
            return f"{expr.function.text}{over}({', '.join(shape(argument.value) for argument in expr.args)})"
        case _:
            return repr(expr.value)


def value(text: str) -> Expr:
    statement = parsed(f"a = {text}").statements[0]
    assert isinstance(statement, Equation)
    return statement.value


def test_grammar_has_no_conflicts() -> None:
    pytest.importorskip("interegular")
    Lark(GRAMMAR.read_text("ascii"), start="spec", parser="lalr", strict=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c ** d", "(a + (b * (c ** d)))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c % d @ e", "((((a / b) * c) % d) @ e)"),
        ("a ** b ** c", "(a ** (b ** c))"),
        ("-x ** 2", "(- (x ** 2))"),
        ("2 ** -x", "(2 ** (- x))"),
        ("- - x", "(- (- x))"),
        ("-a * b", "((- a) * b)"),
        ("a * -b", "(a * (- b))"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a + b < c - d", "((a + b) < (c - d))"),
        ("not not a", "(not (not a))"),
        ("W @ h[t-1] + U @ x[t]", "((W @ h[(t - 1)]) + (U @ x[t]))"),
        ("E[x[t]]", "E[x[t]]"),
        ("e[t,s][k]", "e[t,s][k]"),
        ("sum[s](a[t,s] * h[s])", "sum[s]((a[t,s] * h[s]))"),
        ("sum[s,u](a)[k]", "sum[s,u](a)[k]"),
        ("f(a)[t]", "f(a)[t]"),
        ("(a + b)[t]", "(a + b)[t]"),
        ("f()", "f()"),
        ("f(g(a), b)", "f(g(a), b)"),
        ("h1.c[T]", "h1.c[T]"),
        ("h{l-1}[t]", "h{l-1}[t]"),
        ("input + dim * loss", "(input + (dim * loss))"),
        ("1e-3 + 2.5", "(1e-3 + 2.5)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(value(text)) == expected


ACCEPTED = """\
dim input = 8
dim gates = 4 * n, m = (n + 1) * 2
axis t = 1..T
input x[t] : real[n], c : token(m)[k], d[t,s] : bool
param W : real[n, m] ~ normal(0.1), b : real[n] = 0, s : real
param a : real[n] ~ log(uniform(1.0, 16.0))
const R : real[n, n] ~ sparse(0.1, 0.9)
h[0] = 0
g[T+1] = s
h[t] = tanh(W @ h[t-1] + U @ x[t])
h[t] : real[n] = 3
A = exp(b)
b[t,0] : real = logaddexp(a, b)
h1.c[0] = D
h{l}[t] = h{l-1}[t-1]
W_{l}_x.c{m} : real = 0
e[t,s] = dot(v, tanh(Wq @ d[t-1] + Wk @ h[s]))
a[t,s] = softmax[s](e[t,s])
c[t] = einsum("hij,hj->hi", A, b)
i[t] = sigmoid(affine(x[t], h[t-1], bias = none))
h[t] = reverse lstm(x[t], hidden)
h[t] = lstm(a[t], hidden) sharing hq
h{l}[t] = reverse lstm(a[t], hidden) sharing h{l-1}
head y[t] : token(n) ~ categorical(affine(h[t])) weight 0.5
head y : token(k) ~ categorical(affine(h[T]))
head T : int ~ poisson(a @ c)
head z[t] : bool ~ bernoulli(0)
output o
output a, b
loss penalty = 0.1 * sum(square(W))
loss r[t] = x[t] weight 2 * n
noise m[t] : real[n] ~ bernoulli(0.9)
noise m : real ~ uniform(0, 1)
stop when y[t] == 0
stop when z[t] and t > 3
use lstm, gru
import "cells.rnn"
cell f(x[t] : real[m], n, a : real = 0.9) -> h[t] : real[n], c[t] : real[n] { h[t] = x[t] }
cell f() -> h[t] { }
for l in 1..N { h{l}[t] = l }
for l in 1..3{}
weight = 3
when = sharing + in
token[t] = real
h[t] = where(t % 4 == 0, a, b)
"""


@pytest.mark.parametrize("text", ACCEPTED.splitlines())
def test_accepted(text: str) -> None:
    assert len(parsed(text).statements) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# only a comment",
        "a = 1\n\n\n# between\nb = 2\n",
        "\ta = 1  \n  b = 2",
        "a = f(\n  b,  # first\n\n  c\n)\n",
        "a = (b\n+ c)\n",
        "cell f(\n x[t] : real[m], # input\n n\n) -> h[t] {\n\n  h[t] = x[t]\n\n}\n",
        "for l in 1..2 {\n  for m in 1..2 {\n    h{l}_{m} = 1\n  }\n}\n",
        "for l in 1..2 { a = 1\n b = 2 }",
    ],
)
def test_layout_of_lines(text: str) -> None:
    parsed(text)


def test_every_node_has_the_place_of_its_text() -> None:
    text = "h[t] : real[n] = f(a) * ( b + 1 )  # note\ncell c(n) -> h[t] {\n  h[t] = 1\n}\n"
    spec = parsed(text)
    places = {type(node).__name__: node.span.text for node, _ in walk(spec.statements[:1])}
    assert places["Equation"] == "h[t] : real[n] = f(a) * ( b + 1 )"
    assert places["Target"] == "h[t]"
    assert places["Type"] == "real[n]"
    assert places["Call"] == "f(a)"
    assert [node.span.text for node, _ in walk(spec.statements) if isinstance(node, Binary)] == [
        "f(a) * ( b + 1 )",
        "( b + 1 )",
    ]
    assert spec.statements[1].span.text == text[text.index("cell") : -1]
    assert [comment.span.text for comment in spec.comments] == ["# note"]


def test_names_of_families_keep_their_braces() -> None:
    name = next(node for node, _ in walk(parsed("h{l-1}.c = 0").statements) if isinstance(node, Name))
    assert name.text == "h{l-1}.c"
    assert [part if isinstance(part, str) else shape(part) for part in name.parts] == ["h", "(l - 1)", ".c"]


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_messages(path: Path, request: pytest.FixtureRequest) -> None:
    text = golden_files.given(path)
    spec, diagnostics = outcome(text)
    assert spec is None
    golden_files.check(path, text, render(diagnostics.items), request)


def test_every_habit_is_in_a_golden_file(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[Habit] = []
    report = Habit.report

    def noted(habit: Habit, fault: Fault, diagnostics: Diagnostics) -> bool:
        found = report(habit, fault, diagnostics)
        met.extend([habit] * found)
        return found

    monkeypatch.setattr(Habit, "report", noted)
    for path in GOLDENS:
        outcome(golden_files.given(path))
    assert [habit for habit in HABITS if habit not in met] == []


def test_all_mistakes_of_a_file_are_found() -> None:
    spec, diagnostics = outcome("a = 1 +\nb = 2\nc = W x\nfor l in 1..2 {\n  d = ^\n}\ne = 3;\n")
    assert spec is None
    assert [item.span.line for item in diagnostics.items] == [1, 3, 5, 7]


def test_no_more_mistakes_than_the_limit() -> None:
    assert len(outcome("a = W x\n" * 1000)[1].items) == LIMIT


HOSTILE = {
    "brackets": "(" * (1 << 20),
    "closing": ")" * (1 << 20),
    "blocks": "{\n" * (1 << 19),
    "sum": "a = " + "1+" * (1 << 18) + "1",
    "signs": "a = " + "-" * (1 << 19) + "1",
    "long sum": "a = " + "1+" * 9_000 + "1",
    "long signs": "a = " + "-" * 18_000 + "1",
    "long powers": "a = " + "1**" * 9_000 + "1",
    "name": "a" * (1 << 20),
    "dots": "a = " + ".".join("a" * (1 << 13)) + " x",
    "number": "a = " + "1" * (1 << 20),
    "newlines": "\n" * (1 << 20),
    "comments": "#\n" * (1 << 19),
    "spaces": " " * (1 << 20),
    "strange": "é" * (1 << 18),
    "signs of other languages": "$" * 19_000,
    "wrong lines": "a = W x\n" * 3_000,
    "one wrong line": "a = " + "f(b, " * 60 + "1 " * 18_000,
    "wrong blocks": "for l in 1..2 {\n  a = W x\n}\n" * 1_000,
    "strings": '"' * (1 << 19),
    "families": "a{" * 10_000,
    "open lines": "f(\n" + "a[\n" * 60 + "h[" * 3 + "\n" * 18_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_answered_at_once(name: str) -> None:
    parsed("a = 1")  # the parser is built
    start = time.process_time()
    diagnostics = Diagnostics()
    source = read_source("spec.rnn", HOSTILE[name].encode()[:SIZE], diagnostics)
    assert source is not None
    parse(source, diagnostics)
    render(diagnostics.items)
    assert time.process_time() - start < 4


def test_damaged_specs_get_an_answer(request: pytest.FixtureRequest) -> None:
    """No exception, a place for every message, no long wait; what still parses is formatted as meant."""
    count = request.config.getoption("--mutants")
    specs = [text for path in GOLDENS if (text := golden_files.given(path))]
    specs += [format_spec(random_spec(seed, 2)) for seed in range(20)] + [ACCEPTED]
    for data in mutate.mutants(specs, count):
        start = time.process_time()
        diagnostics = Diagnostics()
        source = read_source("spec.rnn", data, diagnostics)
        spec = parse(source, diagnostics) if source else None
        assert (spec is None) == bool(diagnostics.items), data
        assert all(
            item.span.text or item.span.start <= len(item.span.source.text) for item in diagnostics.items
        )
        assert render(diagnostics.items).count("error[") <= LIMIT
        assert to_json(diagnostics.items)
        if spec is not None:
            assert bare(parsed(format_spec(spec)).statements) == bare(spec.statements), data
        assert time.process_time() - start < 1, data
