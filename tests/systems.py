"""Systems of equations for the tests of all that works on them, and their gradients by complex step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rnnc.compiler.differentiate import differentiate
from rnnc.compiler.ir import BATCH, System
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.passes import PASSES, Pass, Run, changes
from rnnc.compiler.reference import Evaluator
from rnnc.compiler.validate import validate

STEP = 1e-30
DIMS = {"n": 3, "m": 4, "k": 2}
Arrays = dict[str, np.ndarray]

LOSS = """
nll[t,@] : real = sub(lse[t,@], hit[t,@])
lse[t,@] : real = logsumexp(z[t,@])
hit[t,@] : real = pick(z[t,@], y[t,@])
total[@] : real = sum_over(nll[t,@])
whole : real = sum_over(total[@])
number : real = count() {axes: ("t")}
loss : real = div(whole, number)
output loss = loss
"""

VANILLA = (
    """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : int = input() {name: "y"}
U : real[m,n] = param() {name: "U"}
W : real[m,m] = param() {name: "W"}
b : real[m] = param() {name: "b"}
V : real[k,m] = param() {name: "V"}
h.1[t,@] : real[m] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
h.2[t,@] : real[m] = add(b, h.1[t,@])
h.3[t,@] : real[m] = einsum(U, x[t,@]) {spec: "ij,j->i"}
h.4[t,@] : real[m] = add(h.2[t,@], h.3[t,@])
h[t,@] : real[m] = tanh(h.4[t,@])
z[t,@] : real[k] = einsum(V, h[t,@]) {spec: "ij,j->i"}
output output:z = z
"""
    + LOSS
)

SKIP = (
    """
axis t = 1..T
axis u = 1..3
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : int = input() {name: "y"}
W : real[n,n] = param() {name: "W"}
R : real[n,n] = param() {name: "R"}
s : real[n] = param() {name: "s"}
V : real[k,n] = param() {name: "V"}
h.1[t,@] : real[n] = einsum(W, h[t-3,@]) {spec: "ij,j->i"}
h.2[t,@] : real[n] = einsum(R, h[t-1,@]) {spec: "ij,j->i"}
h.3[t,@] : real[n] = add(h.1[t,@], h.2[t,@])
h.4[t,@] : real[n] = add(h.3[t,@], x[t,@])
h[t,@] : real[n] = tanh(h.4[t,@]) before t: h.past
h.start[@] : real[n] = copy(s)
h.past[u,@] : real[n] = carry(h.start[@]) {key: "h"}
h.last[u,@] : real[n] = copy(h[u+T-3,@])
z[t,@] : real[k] = einsum(V, h[t,@]) {spec: "ij,j->i"}
output state:h = h.last
output output:h = h
"""
    + LOSS
)

STATE = """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
W : real[n,n] = param() {name: "W"}
s : real[n] = param() {name: "s"}
h.1[t,@] : real[n] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
h.2[t,@] : real[n] = add(h.1[t,@], x[t,@])
h[t,@] : real[n] = sigmoid(h.2[t,@]) before t: h.past
h.start[@] : real[n] = tanh(s)
h.past[@] : real[n] = carry(h.start[@]) {key: "h"}
h.last[@] : real[n] = copy(h[T,@])
time[t,@] : real = index() {axis: "t"}
far[t,@] : real = sub(length[@], time[t,@])
length[@] : real = length() {axis: "t"}
c.1[t,@] : real[n] = expand(far[t,@]) {sizes: (<n>)}
c.2[t,@] : real[n] = mul(c.1[t,@], h[t,@])
c.3[t,@] : real[n] = mul(c.2[t,@], c[t-1,@])
c[t,@] : real[n] = sin(c.3[t,@]) before t: c.past
c.past[@] : real[n] = carry(one) {key: "c"}
one : real[n] = expand(one.1) {sizes: (<n>)}
one.1 : real = number() {value: 1.0}
c.last[@] : real[n] = copy(c[T,@])
d[@] : real[n] = square(c.last[@])
d.1 : real[n] = sum_over(d[@])
loss : real = sum(d.1)
output loss = loss
output state:h = h.last
output state:c = c.last
output output:c = c
"""

BIDIRECTIONAL = (
    """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : int = input() {name: "y"}
W : real[n,n] = param() {name: "W"}
R : real[n,n] = param() {name: "R"}
e : real[n] = param() {name: "e"}
V : real[k,n] = param() {name: "V"}
h.1[t,@] : real[n] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
h.2[t,@] : real[n] = add(h.1[t,@], x[t,@])
h[t,@] : real[n] = tanh(h.2[t,@])
g.1[t,@] : real[n] = einsum(R, g[t+1,@]) {spec: "ij,j->i"}
g.2[t,@] : real[n] = add(g.1[t,@], x[t-1,@])
g[t,@] : real[n] = tanh(g.2[t,@]) after t: g.end
g.end[@] : real[n] = copy(e)
j[t,@] : real[n] = mul(h[t,@], g[t,@])
z.1[t,@] : real[n] = add(j[t,@], g[1,@])
z[t,@] : real[k] = einsum(V, z.1[t,@]) {spec: "ij,j->i"}
"""
    + LOSS
)

# Reads g[t+2]: the values past the end have a lag axis, and one for each slot comes from the context c.
AHEAD = """
axis t = 1..T
axis u = 1..2
axis @
x[t,@] : real[n] = input() {name: "x"}
c[@] : real[n] = input() {name: "c"}
W : real[n,n] = param() {name: "W"}
g.1[t,@] : real[n] = einsum(W, g[t+2,@]) {spec: "ij,j->i"}
g.2[t,@] : real[n] = add(g.1[t,@], g[t+1,@])
g.3[t,@] : real[n] = add(g.2[t,@], x[t,@])
g[t,@] : real[n] = tanh(g.3[t,@]) after t: g.end
slot[u,@] : real = position() {axis: "u"}
slots[u,@] : real[n] = expand(slot[u,@]) {sizes: (<n>)}
g.end[u,@] : real[n] = mul(slots[u,@], c[@])
first[@] : real[n] = add(g[1,@], g[T+1,@])
loss.1 : real[n] = sum_over(first[@])
loss : real = sum(loss.1)
output loss = loss
output output:g = g
"""

MANY_TO_ONE = """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
k[@] : int = input() {name: "k"}
E : real[n,n] = param() {name: "E"}
W : real[n,n] = param() {name: "W"}
s : real[n] = param() {name: "s"}
h.1[t,@] : real[n] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}
h.2[t,@] : real[n] = mul(h.1[t,@], x[t,@])
h.3[t,@] : real[n] = softplus(h.2[t,@])
h[t,@] : real[n] = add(h.3[t,@], h[t-1,@]) before t: h.start
h.start[@] : real[n] = copy(s)
q.1[@] : real[n] = take(E, k[@])
q[@] : real[n] = mul(h[T,@], q.1[@])
p[@] : real[n] = softmax(q[@])
p.1[@] : real = pick(p[@], k[@])
p.2[@] : real = log(p.1[@])
loss.1 : real = sum_over(p.2[@])
number : real = count() {axes: ()}
loss : real = div(loss.1, number)
output loss = loss
output output:p = p
"""

# Encoder over s in both directions, decoder over t that attends; the largest score along s as well.
ATTENTION = (
    """
axis t = 1..T
axis s = 1..S
axis @
a[s,@] : real[n] = input() {name: "a"}
y[t,@] : int = input() {name: "y"}
W : real[n,n] = param() {name: "W"}
Q : real[m,n] = param() {name: "Q"}
K : real[m,n] = param() {name: "K"}
v : real[m] = param() {name: "v"}
V : real[k,n] = param() {name: "V"}
h.1[s,@] : real[n] = einsum(W, h[s-1,@]) {spec: "ij,j->i"}
h.2[s,@] : real[n] = add(h.1[s,@], a[s,@])
h[s,@] : real[n] = tanh(h.2[s,@])
q[t,@] : real[m] = einsum(Q, d[t-1,@]) {spec: "ij,j->i"}
k[s,@] : real[m] = einsum(K, h[s,@]) {spec: "ij,j->i"}
e.1[t,s,@] : real[m] = add(q[t,@], k[s,@])
e.2[t,s,@] : real[m] = tanh(e.1[t,s,@])
e[t,s,@] : real = einsum(v, e.2[t,s,@]) {spec: "i,i->"}
w[t,s,@] : real = softmax_over(e[t,s,@]) {axis: "s"}
w.1[t,s,@] : real[n] = expand(w[t,s,@]) {sizes: (<n>)}
w.2[t,s,@] : real[n] = mul(w.1[t,s,@], h[s,@])
c[t,@] : real[n] = sum_over(w.2[t,s,@])
top[t,@] : real = max_over(e[t,s,@])
most[t,@] : real = logsumexp_over(e[t,s,@])
mid[@] : real[n] = mean_over(h[s-1,@])
d.1[t,@] : real[n] = add(c[t,@], h[S,@])
d.2[t,@] : real[n] = add(d.1[t,@], mid[@])
d[t,@] : real[n] = tanh(d.2[t,@]) before t: d.start
d.start[@] : real[n] = copy(h[S,@])
full.1[@] : bool = gt(length[@], zero)
length[@] : real = length() {axis: "s"}
zero : real = number() {value: 0.0}
top.1[t,@] : real = where(full.1[@], top[t,@], zero)
most.1[t,@] : real = where(full.1[@], most[t,@], zero)
gap[t,@] : real = sub(top.1[t,@], most.1[t,@])
gap.2[t,@] : real[k] = expand(gap[t,@]) {sizes: (<k>)}
z.1[t,@] : real[k] = einsum(V, d[t,@]) {spec: "ij,j->i"}
z[t,@] : real[k] = mul(z.1[t,@], gap.2[t,@])
"""
    + LOSS
)

# A table of two-axis values with edges of its own, read along the diagonal and across axes.
GRID = """
axis t = 1..T
axis s = 1..S
axis @
x[t,@] : real = input() {name: "x"}
a[s,@] : real = input() {name: "a"}
b[t,s,@] : real = sin(b.3[t,s,@]) before t: b.top; before s: b.left; before t, before s: b.corner
b.1[t,s,@] : real = add(b[t-1,s,@], b[t,s-1,@])
b.2[t,s,@] : real = mul(b.1[t,s,@], b[t-1,s-1,@])
b.3[t,s,@] : real = add(b.2[t,s,@], x[t,@])
b.top[s,@] : real = exp(a[s,@])
b.left[t,@] : real = mul(x[t,@], w)
b.corner[@] : real = copy(w)
w : real = param() {name: "w"}
d[t,@] : real = copy(b[t,t,@])
f[t,@] : real = mul(a[t-1,@], d[t,@])
g[@] : real = sum_over(f[t,@])
far[t,@] : real = copy(l[t-2,@])
l[s,@] : real = mul(a[s,@], w) before s: l.start; after s: l.end
l.start[@] : real = sin(w)
l.end[@] : real = exp(w)
l.sum[@] : real = sum_over(far[t,@])
top[@] : real = max_over(b[t,s,@])
some[@] : bool = gt(top[@], low)
low : real = number() {value: -inf}
zero : real = number() {value: 0.0}
top.1[@] : real = where(some[@], top[@], zero)
loss.1[@] : real = add(g[@], b[T,S,@])
loss.2[@] : real = add(loss.1[@], l.sum[@])
loss.3[@] : real = add(loss.2[@], top.1[@])
loss : real = sum_over(loss.3[@])
output loss = loss
"""

# Places, scatters and padded slices are what adjoints are made of; they have derivatives all the same.
ADJOINTS = """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : int = input() {name: "y"}
s[@] : real[n] = input() {name: "s"}
p[t,@] : real[n] = place(s[@]) {axis: "t", ends: 1, of: "t", offset: -1}
q[t,@] : real[n] = mul(p[t,@], x[t,@])
f[@] : real[n] = fresh(s[@]) {key: "h"}
r[t,@] : real[n] = mul(q[t,@], x[1,@])
rows : real[k,n] = scatter_rows(x[t,@], y[t,@]) {size: <k>}
rows.1 : real[k,n] = square(rows)
rows.2 : real[k] = sum(rows.1)
loss.1 : real = sum(rows.2)
g[t,@] : real[n] = mul(f[@], r[t,@])
g.1[t,@] : real = sum(g[t,@])
loss.2 : real = sum_over(g.1[t,@])
loss : real = add(loss.1, loss.2)
output loss = loss
"""


# A gated cell: products that share operands, slices and sums of many terms on a cycle.
GATES = """
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
y[t,@] : int = input() {name: "y"}
V : real[k,m] = param() {name: "V"}
"""
for _gate in "ifg":
    GATES += f"""
W{_gate} : real[m,n] = param() {{name: "W{_gate}"}}
R{_gate} : real[m,m] = param() {{name: "R{_gate}"}}
b{_gate} : real[m] = param() {{name: "b{_gate}"}}
{_gate}.1[t,@] : real[m] = einsum(W{_gate}, x[t,@]) {{spec: "ij,j->i"}}
{_gate}.2[t,@] : real[m] = einsum(R{_gate}, h[t-1,@]) {{spec: "ij,j->i"}}
{_gate}.3[t,@] : real[m] = add({_gate}.1[t,@], {_gate}.2[t,@])
{_gate}.4[t,@] : real[m] = add({_gate}.3[t,@], b{_gate})
"""
GATES += (
    """
i[t,@] : real[m] = sigmoid(i.4[t,@])
f[t,@] : real[m] = sigmoid(f.4[t,@])
g[t,@] : real[m] = tanh(g.4[t,@])
c.1[t,@] : real[m] = mul(f[t,@], c[t-1,@])
c.2[t,@] : real[m] = mul(i[t,@], g[t,@])
c[t,@] : real[m] = add(c.1[t,@], c.2[t,@])
h[t,@] : real[m] = tanh(c[t,@])
z[t,@] : real[k] = einsum(V, h[t,@]) {spec: "ij,j->i"}
"""
    + LOSS
)


@dataclass(frozen=True)
class Case:
    """A system, whether it takes a carried state, and the lengths of its ragged batches by axis."""

    name: str
    text: str
    carried: tuple[str, ...] = ()
    lengths: dict[str, list[int]] = field(default_factory=lambda: {"T": [5, 0, 1, 3]})

    @property
    def system(self) -> System:
        return parse_system(self.text)


CASES = (
    Case("vanilla", VANILLA),
    Case("gates", GATES),
    Case("skip", SKIP, ("h",)),
    Case("state", STATE, ("h", "c")),
    Case("bidirectional", BIDIRECTIONAL),
    Case("ahead", AHEAD),
    Case("many to one", MANY_TO_ONE),
    Case("attention", ATTENTION, lengths={"T": [4, 0, 1, 3, 2], "S": [3, 2, 1, 0, 5]}),
    Case("grid", GRID, lengths={"T": [4, 0, 1, 3, 2], "S": [3, 2, 1, 0, 5]}),
    Case("adjoints", ADJOINTS),
)


@dataclass(frozen=True)
class Material:
    """What a system is evaluated with."""

    params: Arrays
    batch: Arrays
    state: Arrays | None = None

    def moved(self, kind: str, name: str, value: np.ndarray) -> Material:
        """The same with one array replaced."""
        parts = {"grad": self.params, "dinput": self.batch, "dstate": self.state}
        parts[kind] = {**(parts[kind] or {}), name: value}
        return Material(parts["grad"] or {}, parts["dinput"] or {}, parts["dstate"])

    def array(self, key: str) -> np.ndarray:
        kind, _, name = key.partition(":")
        return {"grad": self.params, "dinput": self.batch, "dstate": self.state or {}}[kind][name]


def material(case: Case, seed: int = 0, carried: bool = False) -> Material:
    """Random arrays for every leaf of a system; biases and states away from zero."""
    rng = np.random.default_rng(seed)
    extents = {axis.index: max(case.lengths[axis.length]) for axis in case.system.axes if axis.length}
    rows = len(next(iter(case.lengths.values())))
    params: Arrays = {}
    batch: Arrays = {name: np.array(lengths) for name, lengths in case.lengths.items()}
    state: Arrays = {}
    for equation in case.system.equations:
        sizes = {axis.index: axis.size for axis in case.system.axes if axis.size}
        extent = {**extents, **sizes, BATCH: rows}
        shape = (*(extent[axis] for axis in equation.axes), *(size.value(DIMS) for size in equation.shape))
        if equation.op == "param":
            params[str(equation.attr("name"))] = rng.normal(size=shape)
        elif equation.op == "input" and equation.type == "int":
            batch[str(equation.attr("name"))] = rng.integers(DIMS["k"], size=shape)
        elif equation.op == "input":
            batch[str(equation.attr("name"))] = rng.normal(size=shape)
        elif equation.op == "carry":
            state[str(equation.attr("key"))] = rng.normal(size=shape)
    return Material(params, batch, state if carried else None)


def evaluator(system: System, given: Material, **options: Any) -> Evaluator:
    return Evaluator(system, given.params, given.batch, DIMS, state=given.state, **options)


def leaves(system: System) -> list[str]:
    """Everything a gradient may be wanted of."""
    kinds = {"param": ("grad", "name"), "input": ("dinput", "name"), "carry": ("dstate", "key")}
    found = [(kinds[e.op], e) for e in system.equations if e.op in kinds and e.type == "real"]
    return [f"{kind}:{e.attr(static)}" for (kind, static), e in found]


def cotangents(system: System, given: Material, seed: int = 7) -> dict[str, Any]:
    """A random cotangent for every real output."""
    rng = np.random.default_rng(seed)
    arrays = evaluator(system, given).outputs()
    return {key: rng.normal(size=value.shape) for key, value in arrays.items()}


def gradients(system: System, given: Material, weights: Mapping[str, Any]) -> Arrays:
    """The adjoint system's outputs."""
    adjoint = differentiate(system, leaves(system))
    return evaluator(adjoint, given, cotangents=weights, forward=system).outputs()


def check_gradients(system: System, given: Material, weights: Mapping[str, Any], found: Arrays) -> None:
    """``found`` against the complex step, in two random directions for each array."""
    rng = np.random.default_rng(3)
    for key, gradient in found.items():
        kind, _, name = key.partition(":")
        if kind == "dstate" and given.state is None:
            continue
        for _ in range(2):
            direction = rng.normal(size=gradient.shape)
            moved = given.moved(kind, name, given.array(key) + 1j * STEP * direction)
            outputs = evaluator(system, moved).outputs()
            total = sum(np.sum(weight * outputs[output]) for output, weight in weights.items())
            terms = np.abs(gradient * direction)
            slack = 1e-11 * terms.sum() + 1e-14 * np.abs(gradient).max(initial=0) * np.sqrt(gradient.size)
            error = abs(np.imag(total) / STEP - (gradient * direction).sum())
            assert error <= slack, f"{key}: {error} > {slack}"


def run_passes(
    system: System, passes: Sequence[Pass] = PASSES, skip: Collection[str] = (), *, once: bool = False
) -> System:
    """The system after the passes, over and over until nothing changes (or ``once``); valid after each."""
    for _, after in changes(system, (Run(tuple(passes), once),), skip):
        system = validate(after)
    return system
