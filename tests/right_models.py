"""Networks without a fault, of every kind: the properties must be quiet about all of them, at kinks and when
saturated too (`runtime.properties.strategies` multiplies the weights by 8 now and then)."""

from __future__ import annotations

import functools

from planted import LSTM, SPECS
from rnnc import testing
from rnnc.compiler.driver import Options, compile_source
from rnnc.runtime.properties.run import FAILED, PASSED, UNDECIDED, Result, run_one
from rnnc.runtime.properties.subject import Subject
from rnnc.runtime.properties.table import PROPERTIES
from rnnc.spec.source import Source
from stopping_models import POISSON, SYMBOL

RELU = """\
dim m = 3, n = 4
axis t = 1..T
input x[t] : real[m]
h[t] : real[n] = relu(affine(x[t], h[t-1], h[t-3]))
o[t] : real[n] = max(h[t], 0.2 * h[t-2])
head y[t] : real ~ normal(affine(o[t]), exp(affine(h[t])))
"""
BOTH = """\
use lstm, gru
dim n = 3, m = 2
axis t = 1..T
input x[t] : real[m]
h[t] = lstm(x[t], n)
g[t] = reverse gru(x[t], n)
p : real[n] = max[t](h[t])
head y : token(4) ~ categorical(affine(h[T], g[1], p))
"""
ATTENTION = """\
dim n = 4, v = 5, k = 3
axis s = 1..S
axis t = 1..T
input x[s] : token(v)
param E : real[v, n] ~ normal(1), F : real[k, n] ~ normal(1), w : real[n] ~ normal(1)
h[s] : real[n] = tanh(affine(E[x[s]], h[s-1]))
g[s] : real[n] = tanh(affine(E[x[s]], g[s+1]))
d[0] = h[S]
u[t,s] : real[n] = affine(d[t-1], h[s], g[s])
e[t,s] : real = dot(w, tanh(u[t,s]))
a[t,s] : real = softmax[s](e[t,s])
c[t] : real[n] = sum[s](a[t,s] * h[s])
d[t] : real[n] = tanh(affine(F[y[t-1]], d[t-1], c[t]))
head y[t] : token(k) ~ categorical(affine(d[t]))
stop when y[t] == 0
"""
GRID = """\
dim n = 2
axis t = 1..T
axis s = 1..S
input x[t,s] : real[n]
h[t,s] : real[n] = tanh(affine(x[t,s], h[t-1,s], h[t,s-1]))
head y[t,s] : real ~ normal(affine(h[t,s]), 1.0)
"""
MATRIX = """\
dim n = 3, m = 2
axis t = 1..T
input x[t] : real[m]
noise u[t] : real[n] ~ bernoulli(0.7)
k[t] : real[n] = affine(x[t])
v[t] : real[n] = u[t] * affine(x[t])
q[t] : real[n] = affine(x[t])
M[t] : real[n, n] = 0.9 * M[t-1] + outer(v[t], k[t])
z[t] : real[n] = max(z[t-1], abs(k[t]))
o[t] : real[n] = (M[t] @ q[t]) / (1.0 + z[t])
head y[t] : real[n] ~ normal(o[t], 1.0)
"""
TYPES = """\
dim n = 3, k = 4
axis t = 1..T
input x[t] : int
input b[t] : bool
input z : token(k)
param E : real[k, n] ~ normal(1)
h[t] : real[n] = where(b[t], tanh(affine(h[t-1], E[z])), h[t-1] + expand(0.1 * x[t], n))
head y[t] : bool ~ bernoulli(affine(h[t]))
"""
UNWRITTEN = """\
dim m = 2, n = 3
axis t = 1..T
input x[t] : real[m]
k[t] : real[n] = affine(x[t], bias = none)
S[t] : real[n, n] = S[t-1] + outer(k[t], h[t])
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
r[t] : real[n] = S[t-1] @ h[t]
a[t] : real = dot(h[t], r[t]) + norm(r[t])
y1[t] : real[n] = 1000.0 * affine(x[t])
b[t] : real[n] = (h[t] + y1[t]) - y1[t]
u[t] : real[1] = softmax(affine(x[t]))
output a, b, u
"""  # a state read before it is written, a norm at 0, terms that cancel, a softmax over one
NARROW = """\
axis t = 1..T
input x[t] : real
param a : real = 100, b : real = 0.01
h[t] : real = tanh(affine(x[t], h[t-1]))
head y[t] : real ~ normal(a + h[t], b * exp(h[t]))
"""  # a density that is narrow and far from 0
COUNTER = "axis t = 1..T\na[t] : real = 0.5 * a[t-1] + t\noutput a\n"
MODELS = {
    **SPECS, "symbol": SYMBOL, "poisson": POISSON, "relu": RELU, "both": BOTH, "attention": ATTENTION,
    "grid": GRID, "matrix": MATRIX, "types": TYPES, "unwritten": UNWRITTEN, "narrow": NARROW,
    "counter": COUNTER, "textbook": LSTM,
}  # fmt: skip
TEXTBOOK = ("textbook",)


@functools.cache
def right(name: str) -> Subject:
    options = Options(level=0 if name in TEXTBOOK else 2)
    return testing.from_compiled(
        compile_source(Source(f"{name}.rnn", MODELS[name]), options, lambda path, span: None)
    )


def alarms(name: str, seed: int, examples: int, apart: bool = False) -> list[Result]:
    """What fails or cannot be judged of a model that is right, ``apart``: with what needs another process."""
    chosen = [item for item in PROPERTIES if apart or not item.apart]
    results = [run_one(right(name), item, examples, seed, shrink=False) for item in chosen]
    assert any(result.status == PASSED for result in results)
    return [result for result in results if result.status in (FAILED, UNDECIDED)]
