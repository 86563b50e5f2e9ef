"""Equations print as text and the text reads back as the same equations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.compiler.ir import AFTER, BATCH, BEFORE, Axis, Boundary, Equation, Position, Read, System
from rnnc.compiler.ir_text import TextError, equation_text, parse_system, system_text
from rnnc.spec.sizes import Size
from systems import CASES, Case

AXES = (Axis("t", "T"), Axis("s", "S"), Axis("u", size=3), Axis("h.lag", size=1), Axis(BATCH))
INDICES = [axis.index for axis in AXES]

names = st.from_regex(r"~?[A-Za-z][A-Za-z0-9_]{0,5}(\.[A-Za-z0-9_]{1,3}){0,2}", fullmatch=True)
words = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
dims = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
sizes = st.recursive(
    st.integers(-9, 9).map(Size.of) | dims.map(Size.of),
    lambda inner: st.tuples(inner, inner).flatmap(lambda p: st.sampled_from([p[0] + p[1], p[0] * p[1]])),
    max_leaves=4,
)
shapes = st.lists(sizes, max_size=3).map(tuple)
axes = st.lists(st.sampled_from(INDICES), max_size=4, unique=True).map(tuple)
values = st.recursive(
    st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.booleans()
    | st.none()
    | sizes,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    ends = draw(st.integers(-2, 2))
    of = draw(st.sampled_from(["t", "s"])) if ends else ""
    return Position(draw(st.none() | st.sampled_from(INDICES)), ends, of, draw(st.integers(-1024, 1024)))


reads = st.builds(Read, names, st.lists(positions(), max_size=3).map(tuple))
sides = st.tuples(st.sampled_from(INDICES), st.sampled_from([BEFORE, AFTER]))
boundaries = st.builds(Boundary, st.lists(sides, min_size=1, max_size=2).map(tuple), names)
equations = st.builds(
    Equation,
    names,
    axes,
    shapes,
    st.sampled_from(["real", "int", "bool"]),
    words,
    st.lists(reads, max_size=3).map(tuple),
    st.dictionaries(words, values, max_size=3).map(
        lambda d: tuple(sorted(d.items(), key=lambda item: item[0]))
    ),
    st.lists(boundaries, max_size=2).map(tuple),
)
keys = st.builds(lambda kind, name: f"{kind}:{name}", st.sampled_from(["output", "state", "grad"]), names)
systems = st.builds(
    lambda own, outputs, given: System(AXES, tuple(own), tuple(outputs), tuple(given)),
    st.lists(equations, max_size=3),
    st.lists(st.tuples(keys | st.just("loss"), names), max_size=2),
    st.lists(equations, max_size=1),
)


@given(systems)
@settings(max_examples=100)
def test_round_trip(system: System) -> None:
    assert parse_system(system_text(system)) == system


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_round_trip_of_whole_networks(case: Case) -> None:
    assert parse_system(system_text(case.system)) == case.system


def test_how_it_looks() -> None:
    text = """\
axis t = 1..T
axis u = 1..3
axis @
given W : real[n,2*m + 1] = param() {name: "W"}
h[t,@] : real[n] = einsum(W, h[t-1,@], x[T,@], a[u+T-3,@]) {spec: "ij,j->i"} before t: h.past; after t: h.end
b : bool = where(c[1], d[0]) {list: (<n>, 1, 0.5, true, none)}
output state:h = ~h.1
"""
    assert system_text(parse_system(text)) == text


def test_comments_and_empty_lines() -> None:
    assert parse_system("\n# nothing\n  \naxis @\n") == System((Axis(BATCH),), ())


def test_words_of_the_text_may_be_names() -> None:
    text = "given : real = copy(axis)\naxis : real = copy(output)\noutput : real = copy(given)\n"
    system = parse_system(text)
    assert [equation.name for equation in system.equations] == ["given", "axis", "output"]
    assert system_text(system) == text


def test_one_equation_needs_no_system() -> None:
    equation = Equation("a", ("t",), (), "real", "copy", (Read("b", (Position(None, 1, "t"),)),))
    assert equation_text(equation, {"t": "T"}) == "a[t] : real = copy(b[T])"
    assert equation_text(equation, {}) == "a[t] : real = copy(b[len(t)])"


@pytest.mark.parametrize(
    "text, problem",
    [
        ("a : real = copy(b", "',' is needed, found ''"),
        ("a : real =", "the line ends too early"),
        ("a : real copy(b)", "'=' is needed, found 'copy'"),
        ("a = copy(b)", "':' is needed, found '='"),
        ("a : real = copy(b[v])", "no axis has the index or the length 'v'"),
        ("a : real = copy(b) beside t: c", "a boundary begins with"),
        ("a : real = copy(b) {x: y}", "'y' is no value"),
        ("a : real = copy(b) {x: $}", "cannot read '$}'"),
        ("3 : real = copy(b)", "a name is needed, found '3'"),
    ],
)
def test_what_is_no_system_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(TextError, match="in: ") as error:
        parse_system(text)
    assert problem in str(error.value) and text in str(error.value)
