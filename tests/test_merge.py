"""What the pass `merge` makes one product or one term, and what it leaves apart."""

from __future__ import annotations

import numpy as np
import pytest
from rnnc.compiler.ir import System
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.passes import drop_dead
from rnnc.compiler.passes.merge import merge
from rnnc.compiler.reference import Evaluator
from rnnc.compiler.validate import validate

HEAD = 'axis u = 1..3\naxis @\npast[u,@] : real[n] = input() {name: "past"}\n'
HEAD += "".join(f'{name}[@] : real[n] = input() {{name: "{name}"}}\n' for name in "xyz")
HEAD += "".join(f'{name} : real[n,n] = param() {{name: "{name}"}}\n' for name in "UVW")
HEAD += "".join(f'{name} : real[n] = param() {{name: "{name}"}}\n' for name in "bcd")


def product(name: str, matrix: str, vector: str) -> str:
    return f'{name}[@] : real[n] = einsum({matrix}, {vector}) {{spec: "ij,j->i"}}\n'


def sums(**of: str) -> str:
    """``a="add p q"`` is a[@] = add(p, q); parameters have no axis."""
    lines = ""
    for name, text in of.items():
        op, *reads = text.split()
        shown = ", ".join(read if read in "bcd" else f"{read}[@]" for read in reads)
        lines += f"{name}[@] : real[n] = {op}({shown})\n"
    return lines


def merged(text: str, outputs: str = "a") -> System:
    """The system merged; it has the values that it had."""
    text = HEAD + text + "".join(f"output output:{name} = {name}\n" for name in outputs)
    before = validate(drop_dead(parse_system(text)))
    after = validate(drop_dead(merge(before)))
    rng = np.random.default_rng(0)
    shapes = {"param": {2: (4, 4), 1: (4,)}, "input": {2: (3, 2, 4), 1: (2, 4)}}
    given: dict[str, dict[str, np.ndarray]] = {"param": {}, "input": {}}
    for e in before.equations:
        if e.op in given:
            rank = len(e.shape) if e.op == "param" else len(e.axes)
            given[e.op][e.name] = rng.standard_normal(shapes[e.op][rank])
    one, other = (Evaluator(s, given["param"], given["input"], {"n": 4}) for s in (before, after))
    for _, name in before.outputs:
        np.testing.assert_allclose(other.array(name), one.array(name), rtol=1e-13, atol=1e-13)
    return after


def count(system: System, *ops: str) -> int:
    return sum(e.op in ops and "@" in e.axes for e in system.equations)


@pytest.mark.parametrize(
    ("text", "products", "terms"),
    [
        (sums(a="add p q"), 1, 0),
        (sums(a="sub p q"), 1, 0),
        (sums(s="sub b p", a="sub s q"), 1, 1),
        (sums(s="sub p b", t="sub c q", a="sub s t"), 1, 1),
        (sums(s="add x p", t="sub y q", a="sub s t"), 1, 2),
        (sums(s="neg p", a="sub s q"), 2, 1),
        (sums(s="sub b x", a="sub s c"), 0, 1),
    ],
)
def test_signs_go_into_the_matrices(text: str, products: int, terms: int) -> None:
    system = merged(product("p", "U", "x[@]") + product("q", "V", "y[@]") + text)
    assert (count(system, "einsum"), count(system, "add", "sub")) == (products, terms)


def test_three_products_and_all_biases() -> None:
    text = product("p", "U", "x[@]") + product("q", "V", "past[3,@]") + product("r", "W", "past[1,@]")
    system = merged(text + sums(s="add p b", t="add q c", v="add s t", w="add r d", a="add v w"))
    assert (count(system, "einsum"), count(system, "add"), count(system, "concat")) == (1, 1, 1)


def test_a_factor_goes_into_the_matrix() -> None:
    system = merged(product("p", "U", "x[@]") + product("q", "V", "y[@]") + sums(s="mul b p", a="add s q"))
    assert (count(system, "einsum"), count(system, "mul", "add")) == (1, 0)


def test_what_others_read_stays_as_it_is() -> None:
    text = product("p", "U", "x[@]") + product("q", "V", "y[@]")
    assert count(merged(text + sums(a="add p q"), "ap"), "einsum") == 2
    assert count(merged(text + sums(s="add p q", a="add s x"), "as"), "einsum") == 1
    assert count(merged(text + sums(s="mul b p", a="add s p")), "einsum", "mul") == 2


@pytest.mark.parametrize("text", [sums(a="add x x"), sums(s="add x x", t="add y x", a="sub s t")])
def test_what_is_added_twice(text: str) -> None:
    assert count(merged(text), "add", "sub") == text.count("add") + text.count("sub")


def test_a_product_that_is_added_twice_is_no_two_products() -> None:
    assert count(merged(product("p", "U", "x[@]") + sums(a="add p p")), "einsum") == 1


def test_a_matrix_that_changes_is_no_weight() -> None:
    changing = "X[@] : real[n,n] = expand(x[@]) {sizes: (<n>)}\n"
    text = product("p", "X[@]", "x[@]") + product("q", "U", "y[@]") + sums(a="add p q")
    assert count(merged(changing + text), "einsum") == 2
    system = validate(parse_system(HEAD + changing + text + "output output:a = a\n"))
    assert merge(system) is system


def test_a_sum_of_a_thousand_terms() -> None:
    chain = {f"s{k}": f"add s{k - 1} {'bcd'[k % 3]}" for k in range(1, 1000)}
    system = merged(sums(s0="copy x", **chain, a="tanh s999"))
    assert count(system, "add") == 1
