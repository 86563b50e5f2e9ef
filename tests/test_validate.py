"""Every invariant of a system, broken once."""

from __future__ import annotations

import pytest
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.validate import BrokenSystem, validate
from systems import CASES, Case

HEAD = """
axis t = 1..T
axis s = 1..S
axis u = 1..2
axis @
x[t,@] : real[n] = input() {name: "x"}
k[t,@] : int = input() {name: "k"}
p : real[n] = param() {name: "p"}
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_whole_networks_are_valid(case: Case) -> None:
    assert validate(case.system) == case.system


@pytest.mark.parametrize(
    "lines, problem",
    [
        ("a : real = copy(b)", "b is not defined"),
        ("a : real[n] = frob(p)", "no operator frob"),
        ("a : real[n] = add(p)", "add does not take 1 operands"),
        ("p : real[n] = copy(p)", "two of one name: equation p"),
        ("output loss = q", "output loss: no q"),
        ("output loss = p\noutput loss = p", "two of one name: output loss"),
        ("axis v = 1..T", "two of one name: length T"),
        ("a[t,@] : real[n] = copy(x[t])", "x has 2 axes, read at 1 positions"),
        ("a[t,@] : real[n] = copy(x[s,@])", "s is not bound"),
        ("a[t,t,@] : real[n] = copy(x[t,@])", "axes that repeat or do not exist"),
        ("a[@,t] : real[n] = copy(x[t,@])", "the batch axis is not last"),
        ("a[t] : real[n] = copy(p)", "a time axis without the batch axis"),
        ("a[t,@] : real[n] = copy(x[t,@+1])", "the batch axis is read elsewhere"),
        ("a[t,@] : real[m] = copy(x[t,@])", "real[n] is the operator's result"),
        ("a[t,@] : int[n] = copy(x[t,@])", "real[n] is the operator's result"),
        ("a[t,@] : real[n] = add(x[t,@], k[t,@])", "[n] does not go with a scalar"),
        ("a[t,@] : real = add(k[t,@], k[t,@])", "int[] is the operator's result"),
        ("a : real[n] = expand(p)", "expand needs the attributes ['sizes']"),
        ('a[t,@] : real = index() {axis: "v"}', "attribute axis is no axis"),
        ("a : real = number() {value: <n>}", "attribute value is no number"),
        ('a[@] : real[n] = softmax_over(x[1,@]) {axis: "t"}', "the result lacks the axis t"),
        ("a[t,@] : real[n] = copy(x[t,@]) before s: p", "a boundary's sides are axes of the equation"),
        ("a[t,@] : real[n] = copy(x[t,@]) before @: p", "the batch axis has no boundary"),
        ("a[t,@] : real[n] = copy(x[t,@]) before t: b", "b is not defined"),
        ("a[t,@] : real[n] = copy(x[t,@]) before t: p", "p has other axes than a boundary there"),
        ("a[t,@] : real[n] = copy(x[t,@]) before t: x", "x has other axes than a boundary there"),
        ("a[t,@] : real = copy(k[t,@]) before t: p", "p has another shape or type"),
    ],
)
def test_what_is_broken_is_told(lines: str, problem: str) -> None:
    with pytest.raises(BrokenSystem) as error:
        validate(parse_system(HEAD + lines))
    assert problem in str(error.value)


def test_a_position_counts_with_a_length() -> None:
    from dataclasses import replace

    from rnnc.compiler.ir import Position, Read

    system = parse_system(HEAD + "a[@] : real[n] = copy(x[T,@])")
    *rest, last = system.equations
    lag = replace(last, reads=(Read("x", (Position(None, 1, "u"), Position("@"))),))
    with pytest.raises(BrokenSystem, match="counts with the length of 'u'"):
        validate(system.with_equations([*rest, lag]))


def test_the_equation_is_named() -> None:
    with pytest.raises(BrokenSystem, match=r"in: a\[t,@\] : real\[m\] = copy\(x\[t,@\]\)"):
        validate(parse_system(HEAD + "a[t,@] : real[m] = copy(x[t,@])"))
