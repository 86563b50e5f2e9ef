"""Passes keep every value: by example, rule by rule, and on whole networks forward and backward."""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent

import numpy as np
import pytest
from rnnc.compiler.differentiate import differentiate
from rnnc.compiler.ir import System
from rnnc.compiler.ir_text import parse_system, system_text
from rnnc.compiler.passes import (
    BACK,
    COLLECTED,
    LOOPS,
    MERGED,
    PASSES,
    ROWS,
    SINGLE,
    SPREAD,
    SUMS,
    WIDE,
    WIDENED,
    Pass,
    drop_dead,
    share,
    simplify,
)
from rnnc.compiler.passes.cancel import cancel
from rnnc.compiler.passes.contract import contract
from rnnc.compiler.passes.copies import drop_copies
from rnnc.compiler.passes.products import plain_products
from rnnc.compiler.passes.scale import scale
from rnnc.compiler.reference import Evaluator
from rnnc.compiler.validate import validate
from systems import CASES, Case, cotangents, evaluator, leaves, material, run_passes

WIDEST = tuple(one for one in PASSES if one.name in ("contract", "share"))
REPEATED = tuple({one.name: one for one in (*PASSES, *BACK)}.values())
every_pass = pytest.mark.parametrize(
    "one",
    (
        *REPEATED,
        *SUMS,
        *(one for one in LOOPS if one.name == "defer"),
        MERGED[1],
        WIDENED[0],
        COLLECTED[0],
        SINGLE[0],
    ),
    ids=lambda one: one.name,
)
every_one = pytest.mark.parametrize(
    "one",
    (*REPEATED, *WIDE, *SPREAD, *LOOPS, *SUMS, *MERGED[:-1], ROWS[0], WIDENED[0], COLLECTED[0]),
    ids=lambda one: f"{one.name}-{one.run.__name__}",
)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def examples(doc: str) -> list[str]:
    """The indented systems of a docstring."""
    blocks = re.findall(r"(?:^    \S.*\n)+", doc, flags=re.MULTILINE)
    return [dedent(block) for block in blocks if block.lstrip().startswith("axis")]


@every_pass
def test_the_example_of_the_docstring(one: Pass) -> None:
    before, after = examples(one.doc)
    changed = one.run(validate(parse_system(before)))
    if "has been dropped" in one.doc:
        changed = drop_dead(changed)
    assert system_text(validate(changed)) == after


def same(left: Evaluator, right: Evaluator) -> None:
    """Two systems have the same outputs."""
    one, other = left.outputs(), right.outputs()
    assert one.keys() == other.keys()
    for key, value in one.items():
        scale = np.abs(value).max(initial=1.0)
        np.testing.assert_allclose(other[key], value, rtol=0, atol=1e-12 * scale, err_msg=key)


@every_case
@every_one
def test_a_pass_keeps_values(one: Pass, case: Case) -> None:
    given = material(case)
    changed = validate(one.run(case.system))
    same(evaluator(case.system, given), evaluator(changed, given))
    rounds = [changed]
    while len(rounds) < 9 and (after := one.run(rounds[-1])) is not rounds[-1]:
        rounds.append(after)
    assert len(rounds) < 9, "it never finds that there is nothing left to change"


@every_case
@every_one
def test_a_pass_keeps_gradients(one: Pass, case: Case) -> None:
    given = material(case)
    adjoint = differentiate(case.system, leaves(case.system))
    changed = validate(one.run(adjoint))
    weights = cotangents(case.system, given)
    left, right = (evaluator(a, given, forward=case.system, cotangents=weights) for a in (adjoint, changed))
    same(left, right)


@every_case
@pytest.mark.parametrize("carried", [False, True])
def test_all_passes_together(case: Case, carried: bool) -> None:
    given = material(case, carried=carried)
    weights = cotangents(case.system, given)
    small = run_passes(case.system)
    same(evaluator(case.system, given), evaluator(small, given))
    adjoint = differentiate(small, leaves(case.system))
    changed = run_passes(adjoint)
    plain = differentiate(case.system, leaves(case.system))
    one = evaluator(plain, given, forward=case.system, cotangents=weights)
    same(one, evaluator(changed, given, forward=small, cotangents=weights))
    assert run_passes(changed) is changed
    assert len(changed.equations) < len(adjoint.equations)


def test_a_pass_can_be_skipped() -> None:
    system = parse_system(
        "a : real = number() {value: 1.0}\nb : real = number() {value: 2.0}\noutput output:b = b\n"
    )
    assert run_passes(system, skip={"dead"}) is system
    assert len(run_passes(system).equations) == 1


HEAD = """
axis t = 1..T
axis s = 1..S
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : real[n] = input() {name: "y"}
a[t,@] : real = input() {name: "a"}
M[t,@] : real[n,n] = input() {name: "M"}
b[t,@] : bool = input() {name: "b"}
p : real[n] = param() {name: "p"}
c0.1 : real = number() {value: 0.0}
c0 : real[n] = expand(c0.1) {sizes: (<n>)}
c1.1 : real = number() {value: 1.0}
c1 : real[n] = expand(c1.1) {sizes: (<n>)}
c2.1 : real = number() {value: 2.0}
c2 : real[n] = expand(c2.1) {sizes: (<n>)}
m.1 : real = number() {value: -1.0}
m : real[n] = expand(m.1) {sizes: (<n>)}
nx[t,@] : real[n] = neg(x[t,@])
ny[t,@] : real[n] = neg(y[t,@])
ax[t,@] : real[n] = expand(a[t,@]) {sizes: (<n>)}
bx[t,@] : bool[n] = expand(b[t,@]) {sizes: (<n>)}
xy[t,@] : real[2*n] = concat(x[t-1,@], y[t,@])
s1[t,@] : real[2] = slice(x[t,@]) {size: <2>, start: <1>}
s3[t,@] : real[3] = slice(x[t,@]) {size: <3>, start: <3>}
MT[t,@] : real[n,n] = transpose(M[t,@])
soft[t,@] : real[n] = softmax(x[t,@])
sig[t,@] : real[n] = sigmoid(x[t,@])
total[@] : real[n] = sum_over(x[t,@])
total.1[@] : real[n] = sum_over(x[t,@])
xy.1[t,@] : real[n] = mul(x[t,@], y[t-1,@])
xp[t,@] : real[n] = mul(x[t,@], p)
Mp[t,@] : real[n] = einsum(M[t,@], p) {spec: "ij,j->i"}
wide[t,s,@] : real[n] = mul(x[t,@], y[t,@])
late[t,@] : real[n] = copy(x[t-1,@])
same[t,@] : real[n] = copy(x[t,@])
often[t,@] : real[n] = copy(p)
edged[t,@] : real[n] = copy(x[t,@]) before t: edge
edge[@] : real[n] = exp(total[@])
end[@] : real[n] = copy(x[T,@])
q.9[t,@] : real[n] = tanh(x[t,@])
half.1 : real = number() {value: 0.5}
half : real[n] = expand(half.1) {sizes: (<n>)}
least.1 : real = number() {value: 1e-40}
least : real[n] = expand(least.1) {sizes: (<n>)}
n.1 : real = dim() {size: <n>}
n : real[n] = expand(n.1) {sizes: (<n>)}
x2[t,@] : real[n] = mul(x[t,@], c2)
faint.1 : real = number() {value: 1e-200}
faint : real[n] = expand(faint.1) {sizes: (<n>)}
xf[t,@] : real[n] = mul(x[t,@], faint)
na[t,@] : real = neg(a[t,@])
nax[t,@] : real[n] = expand(na[t,@]) {sizes: (<n>)}
inverse : real = div(c1.1, n.1)
minus : real = neg(inverse)
sum[t,@] : real = sum(x[t,@])
nz[t,@] : real[n] = neg(x[t,@])
dot[t,@] : real = einsum(y[t,@], nz[t,@]) {spec: "i,i->"}
r : real = param() {name: "r"}
dot.1[t,@] : real = einsum(y[t,@], x[t,@]) {spec: "i,i->"}
xa[t,@] : real[n] = div(x[t,@], ax[t,@])
ra.1[t,@] : real = div(c2.1, a[t,@])
z[@] : real[n] = input() {name: "z"}
rz[@] : real[n] = div(c2, z[@])
longer[t,@] : real[n] = div(z[@], z[@])
ra[t,@] : real[n] = expand(ra.1[t,@]) {sizes: (<n>)}
"""


def result(run: object, lines: str) -> str:
    """The definition of q after a pass, its right side only."""
    changed = run(validate(parse_system(HEAD + lines)))  # type: ignore[operator]
    text = system_text(validate(changed)).splitlines()
    return next(line for line in text if line.startswith(("q[", "q :"))).split(" = ", 1)[1]


SIMPLER = """
q[t,@] : real[n] = add(x[t-1,@], c0)                     | copy(x[t-1,@])
q[t,@] : real[n] = add(c0, x[t,@])                       | copy(x[t,@])
q[t,@] : real[n] = sub(x[t,@], c0)                       | copy(x[t,@])
q[t,@] : real[n] = sub(c0, x[t,@])                       | neg(x[t,@])
q[t,@] : real[n] = mul(c1, x[t,@])                       | copy(x[t,@])
q[t,@] : real[n] = mul(x[t,@], m)                        | neg(x[t,@])
q[t,@] : real[n] = mul(x[t,@], c0)                       | copy(q.2)
q[t,@] : real[n] = div(x[t,@], c1)                       | copy(x[t,@])
q[t,@] : real[n] = div(c1, x[t,@])                       | div(c1, x[t,@])
q[t,@] : real[n] = pow(x[t,@], c2)                       | square(x[t,@])
q[t,@] : real[n] = mul(x[t,@], x[t,@])                   | square(x[t,@])
q[t,@] : real[n] = mul(x[t,@], x[t-1,@])                 | mul(x[t,@], x[t-1,@])
q[t,@] : real[n] = neg(nx[t,@])                          | copy(x[t,@])
q[t,@] : real[n] = neg(nx[t-1,@])                        | neg(nx[t-1,@])
q[t,@] : real[n] = add(x[t,@], ny[t,@])                  | sub(x[t,@], y[t,@])
q[t,@] : real[n] = sub(x[t,@], ny[t,@])                  | add(x[t,@], y[t,@])
q[t,@] : real[n] = add(x[t,@], nax[t,@])                 | sub(x[t,@], nax.1[t,@])
q[t,@] : real[n] = sub(x[t,@], nax[t-1,@])               | sub(x[t,@], nax[t-1,@])
q[t,@] : real[n] = mul(nx[t,@], ny[t,@])                 | mul(x[t,@], y[t,@])
q[t,@] : real[n] = mul(nx[t,@], p)                       | mul(x[t,@], q.1)
q[t,@] : real[n] = mul(p, nx[t,@])                       | mul(q.1, x[t,@])
q[t,@] : real[n] = mul(nx[t,@], y[t,@])                  | mul(nx[t,@], y[t,@])
q[t,@] : real[n] = mul(nx[t-1,@], p)                     | mul(nx[t-1,@], p)
q : real[n] = einsum(y[t,@], nx[t,@]) {spec: "i,i->i"}   | neg(q.1)
q : real[n,n] = einsum(nx[t,@], y[t,@]) {spec: "i,j->ij"}| einsum(nx[t,@], y[t,@]) {spec: "i,j->ij"}
q : real = add(c1.1, c2.1)                               | number() {value: 3.0}
q : real = div(c1.1, c0.1)                               | div(c1.1, c0.1)
q[t,@] : real[n] = tanh(c0)                              | copy(q.2)
q[t,@] : real[n] = where(bx[t,@], x[t,@], x[t,@])        | copy(x[t,@])
q[t,@] : real[n,m] = expand(ax[t,@]) {sizes: (<m>)}      | expand(a[t,@]) {sizes: (<n>, <m>)}
q[t,@] : real[n] = exp(ax[t,@])                          | expand(q.1[t,@]) {sizes: (<n>)}
q[t,@] : real[n] = slice(xy[t,@]) {size: <n>, start: <n>}| copy(y[t,@])
q[t,@] : real[1] = slice(s1[t,@]) {size: <1>, start: <1>}| slice(x[t,@]) {size: <1>, start: <2>}
q[t,@] : real[5] = concat(s1[t,@], s3[t,@])              | slice(x[t,@]) {size: <5>, start: <1>}
q[t,@] : real[5] = concat(s3[t,@], s1[t,@])              | concat(s3[t,@], s1[t,@])
q[t,@] : real[n,n] = transpose(MT[t,@])                  | copy(M[t,@])
q[t,@] : real[n] = log(soft[t,@])                        | sub(x[t,@], q.2[t,@])
q[t,@] : real[n] = log(sig[t,@])                         | neg(q.2[t,@])
q[t,@] : real[n] = log(sig[t-1,@])                       | log(sig[t-1,@])
"""
CONTRACTED = """
q[t,@] : real[n] = sum_over(x[t,@])                      | copy(x[t,@])
q : real[n] = sum_over(total.1[@])                       | sum_over(x[t,@])
q : real[n] = sum_over(nx[t,@])                          | neg(q.1)
q : real[n] = sum_over(xy.1[t,@])                        | einsum(x[t,@], y[t-1,@]) {spec: "i,i->i"}
q : real[n] = sum_over(xp[t,@])                          | mul(p, q.1)
q : real[n] = sum_over(xp[t-1,@])                        | sum_over(xp[t-1,@])
q[@] : real[n] = sum_over(wide[t,s,@])                   | sum_over(wide[t,s,@])
q[t,@] : real = sum(xp[t,@])                             | einsum(x[t,@], p) {spec: "i,i->"}
q[t,@] : real = sum(Mp[t,@])                             | einsum(M[t,@], p) {spec: "ij,j->"}
q[t,@] : real = sum(nx[t,@])                             | neg(q.1[t,@])
"""
PLAINER = """
q : real[n] = einsum(x[t,@]) {spec: "i->i"}              | sum_over(x[t,@])
q[t,@] : real = einsum(x[t,@]) {spec: "i->"}             | sum(x[t,@])
q : real = einsum(x[t,@]) {spec: "i->"}                  | einsum(x[t,@]) {spec: "i->"}
q[t,@] : real[n,n] = einsum(M[t,@]) {spec: "ij->ji"}     | transpose(M[t,@])
q[t,@] : real[n] = einsum(x[t,@], y[t,@]) {spec: "i,i->i"}| mul(x[t,@], y[t,@])
q[t,@] : real[n,n] = einsum(M[t,@], y[t,@]) {spec: "ij,i->ij"}| mul(M[t,@], q.1[t,@])
q[t,@] : real[n,n] = einsum(M[t,@], y[t,@]) {spec: "ij,j->ij"}| einsum(M[t,@], y[t,@]) {spec: "ij,j->ij"}
q[t,@] : real[n] = einsum(MT[t,@], x[t,@]) {spec: "ij,j->i"}| einsum(M[t,@], x[t,@]) {spec: "ji,j->i"}
q[t,@] : real = einsum(ax[t,@], x[t,@]) {spec: "i,i->"}  | einsum(a[t,@], x[t,@]) {spec: ",i->"}
q[t,@] : real = einsum(ax[t,@], a[t,@]) {spec: "i,->"}   | einsum(ax[t,@], a[t,@]) {spec: "i,->"}
"""
WITHOUT_COPIES = """
q[t,@] : real[n] = tanh(late[t,@])                       | tanh(x[t-1,@])
q[t,@] : real[n] = tanh(late[t-1,@])                     | tanh(late[t-1,@])
q[t,@] : real[n] = tanh(same[t-1,@])                     | tanh(x[t-1,@])
q[t,@] : real[n] = tanh(often[t,@])                      | tanh(p)
q[t,@] : real[n] = tanh(often[t-1,@])                    | tanh(often[t-1,@])
q[t,@] : real[n] = tanh(edged[t,@])                      | tanh(x[t,@])
q[t,@] : real[n] = tanh(edged[t-1,@])                    | tanh(edged[t-1,@])
q : real[n] = sum_over(often[t,@])                       | sum_over(often[t,@])
q[@] : real[n] = sum_over(same[t,@])                     | sum_over(x[t,@])
q[@] : real[n] = tanh(end[@])                            | tanh(x[T,@])
q[@] : real[n] = mul(end[@], end[@])                     | mul(end[@], end[@])
q[t,@] : real[n] = copy(q.9[t,@])                        | tanh(x[t,@])
q[t,@] : real[n] = copy(q.9[t-1,@])                      | copy(q.9[t-1,@])
"""
SCALED = """
q[t,@] : real[n] = mul(half, x2[t,@])                    | copy(x[t,@])
q[t,@] : real[n] = mul(x2[t,@], c2)                      | mul(q.2, x[t,@])
q[t,@] : real[n] = mul(faint, xf[t,@])                   | mul(faint, xf[t,@])
q[t,@] : real[n] = mul(half, x2[t-1,@])                  | mul(half, x2[t-1,@])
q[t,@] : real[n] = mul(ax[t,@], x2[t,@])                 | mul(q.2[t,@], x[t,@])
q[t,@] : real[n] = mul(y[t,@], x2[t,@])                  | mul(y[t,@], x2[t,@])
q[t,@] : real[n] = div(x[t,@], n)                        | mul(q.3, x[t,@])
q[t,@] : real = div(a[t,@], c2.1)                        | mul(q.1, a[t,@])
q[t,@] : real[n] = div(x[t,@], least)                    | div(x[t,@], least)
q[t,@] : real[n] = div(x[t,@], c0)                       | div(x[t,@], c0)
q[t,@] : real[n] = div(x[t,@], y[t,@])                   | div(x[t,@], y[t,@])
q : real = div(c2.1, n.1)                                | div(c2.1, n.1)
q[t,@] : real = mul(inverse, sum[t,@])                   | mean(x[t,@])
q[t,@] : real = mul(sum[t,@], minus)                     | neg(q.1[t,@])
q[t,@] : real = mul(c2.1, sum[t,@])                      | mul(c2.1, sum[t,@])
q[t,@] : real = mul(inverse, dot[t,@])                   | einsum(y[t,@], nz.2[t,@]) {spec: "i,i->"}
q[t,@] : real = mul(inverse, dot.1[t,@])                 | mul(inverse, dot.1[t,@])
q[t,@] : real = mul(r, dot[t,@])                         | mul(r, dot[t,@])
"""
CANCELLED = """
q[t,@] : real[n] = mul(ra[t,@], x[t,@])                  | mul(ra.2, xa[t,@])
q[t,@] : real[n] = mul(x[t-1,@], ra[t,@])                | mul(x[t-1,@], ra[t,@])
q[t,@] : real[n] = mul(x[t,@], ra[t-1,@])                | mul(x[t,@], ra[t-1,@])
q[t,@] : real[n] = mul(y[t,@], ra[t,@])                  | mul(y[t,@], ra[t,@])
q[t,@] : real[n] = mul(xa[t,@], x[t,@])                  | mul(xa[t,@], x[t,@])
q[@] : real[n] = mul(rz[@], z[@])                        | mul(rz[@], z[@])
"""


def rows(table: str) -> list[tuple[str, str]]:
    """The lines of a table: before, after."""
    return [(line.split("|")[0].strip(), line.split("|")[1].strip()) for line in table.strip().splitlines()]


@pytest.mark.parametrize("line, wanted", rows(SIMPLER))
def test_simplify(line: str, wanted: str) -> None:
    assert result(simplify, line) == wanted


@pytest.mark.parametrize("line, wanted", rows(CONTRACTED))
def test_contract(line: str, wanted: str) -> None:
    assert result(contract, line) == wanted


@pytest.mark.parametrize("line, wanted", rows(CANCELLED))
def test_cancel(line: str, wanted: str) -> None:
    assert result(cancel, line) == wanted


@pytest.mark.parametrize("line, wanted", rows(SCALED))
def test_scale(line: str, wanted: str) -> None:
    assert result(scale, line) == wanted


FROM_OUTSIDE = """\
axis t = 1..T
axis @
given x[t,@] : real[n] = input() {name: "x"}
given q[t,@] : real[n] = div(x[t,@], s[t,@])
given u : real = mul(v, w)
given r[t,@] : real[n] = input() {name: "r"}
a[t,@] : real[n] = div(r[t,@], x[t,@])
b[t,@] : real[n] = mul(a[t,@], x[t,@])
c[t,@] : real[n] = neg(b[t,@])
d[t,@] : real = einsum(c[t,@], r[t,@]) {spec: "i,i->"}
e[t,@] : real = mul(u, d[t,@])
output output:e = e
"""


@pytest.mark.parametrize("run", [cancel, scale])
def test_what_given_quantities_are_made_of_need_not_be_known(run: Callable[[System], System]) -> None:
    """Of the forward system an adjoint keeps what it reads itself, and nothing of what that reads."""
    system = parse_system(FROM_OUTSIDE)
    assert run(system) is system


SUMMED_TWICE = """\
axis t = 1..T
axis s = 1..S
axis @
v : real[n] = param() {name: "v"}
a[t,s,@] : real[n] = input() {name: "a"}
b[t,s,@] : real[n] = input() {name: "b"}
p[t,s,@] : real[n] = mul(v, a[t,s,@])
q[t,s,@] : real[n] = mul(p[t,s,@], b[t,s,@])
c[t,@] : real[n] = sum_over(q[t,s,@])
d[s,@] : real[n] = sum_over(q[t,s,@])
output c = c
output d = d
"""


def test_parameters_leave_a_product_that_several_sums_read() -> None:
    found = {e.name: e for e in drop_dead(run_passes(parse_system(SUMMED_TWICE), WIDEST)).equations}
    assert [found[name].op for name in "cd"] == ["mul", "mul"]
    for name in "cd":
        factor, total = found[name].reads
        assert (factor.name, found[total.name].op) == ("v", "einsum")
        assert [read.name for read in found[total.name].reads] == ["a", "b"]


def test_parameters_stay_where_a_product_is_read_by_others() -> None:
    system = parse_system(SUMMED_TWICE + "output q = q\n")
    assert not any(e.op == "einsum" for e in run_passes(system, WIDEST).equations)


@pytest.mark.parametrize("line, wanted", rows(PLAINER))
def test_products(line: str, wanted: str) -> None:
    assert result(plain_products, line) == wanted


@pytest.mark.parametrize("line, wanted", rows(WITHOUT_COPIES))
def test_copies(line: str, wanted: str) -> None:
    assert result(drop_copies, line) == wanted


def test_the_adjoint_of_a_temporary_is_no_temporary() -> None:
    """~x is a copy of ~x.a.1, the adjoint of x.a.1: nothing takes another's name, and nothing is lost."""
    text = HEAD + "~x.a.1[t,@] : real[n] = tanh(x[t,@])\n~x[t,@] : real[n] = copy(~x.a.1[t,@])\n"
    changed = validate(drop_copies(parse_system(text + "output dinput:x = ~x\noutput dinput:a = ~x.a.1\n")))
    assert {"~x", "~x.a.1"} <= set(changed.table())


def test_shared_values_stay_apart_as_outputs() -> None:
    lines = "q[t,@] : real[n] = tanh(x[t,@])\nr[t,@] : real[n] = tanh(x[t,@])\n"
    both = parse_system(HEAD + lines + "output output:q = q\noutput output:r = r\n")
    assert "r" in share(both).table()
    one = parse_system(HEAD + lines + "output output:q = q\n")
    assert "r" not in share(one).table()


def test_an_adjoint_finds_what_the_forward_system_has() -> None:
    text = HEAD.replace("\nx", "\ngiven x", 1) + "given e[t,@] : real[n] = exp(x[t,@])\n"
    text += (
        "~e[t,@] : real[n] = exp(x[t,@])\n~x[t,@] : real[n] = mul(~e[t,@], y[t,@])\noutput dinput:x = ~x\n"
    )
    changed = share(parse_system(text))
    assert "~x[t,@] : real[n] = mul(e[t,@], y[t,@])" in system_text(changed)


DEFERRED = """\
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
b[@] : real[n] = input() {name: "b"}
W : real[n,n] = param() {name: "W"}
d[t,@] : real[n] = add(x[t,@], q[t+3,@])
q[t,@] : real[n] = einsum(d[t,@], W) {spec: "i,ij->j"}
output output:d = d
"""


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("", "", True),
        ("q[t+3,@])", "q[t+3,@]) after t: b", False),  # past its end the factor is not 0, the product is
        ("q[t+3,@])", "q[t+1,@])", False),  # it is in its buffer still
        (
            "add(x[t,@], q[t+3,@])",
            "add(e[t,@], q[t+3,@])\ne[t,@] : real[n] = add(x[t,@], q[t+2,@])",
            False,  # it would be computed twice
        ),
        ("output output:d = d", "output output:d = d\noutput output:q = q", False),
    ],
)
def test_products_that_are_deferred(old: str, new: str, changes: bool) -> None:
    (one,) = (one for one in LOOPS if one.name == "defer")
    system = validate(parse_system(DEFERRED.replace(old, new) if old else DEFERRED))
    assert (one.run(system) is not system) == changes
