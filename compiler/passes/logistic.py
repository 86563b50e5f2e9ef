"""Logistic: the derivative of a named quantity's softplus is its sigmoid, as a textbook writes it.

    axis t = 1..T
    axis @
    z[t,@] : real = input() {name: "z"}
    d[t,@] : real = input() {name: "d"}
    s[t,@] : real = softplus(z[t,@])
    a[t,@] : real = neg(s[t,@])
    b[t,@] : real = expm1(a[t,@])
    c[t,@] : real = mul(d[t,@], b[t,@])
    output output:c = c

becomes, when what nothing reads any more has been dropped,

    axis t = 1..T
    axis @
    z[t,@] : real = input() {name: "z"}
    d[t,@] : real = input() {name: "d"}
    b.1[t,@] : real = sigmoid(z[t,@])
    b[t,@] : real = neg(b.1[t,@])
    c[t,@] : real = mul(d[t,@], b[t,@])
    output output:c = c

The gradient of a Bernoulli head is d * (sigmoid(z) - y) then (Goodfellow et al., section 6.2.2.2). Told by the result
of softplus it needs no more than that is kept, which is why the operator's own rule is so."""

from __future__ import annotations

import re

from ..ir import Equation, System
from .rewriting import View, rewrite, turned


def logistic(system: System) -> System:
    """The system with such derivatives as sigmoids."""
    return rewrite(system, {"expm1": (_sigmoid,)})


def _sigmoid(e: Equation, v: View) -> Equation | None:
    negated = v.through(e.reads[0], "neg")
    softplus = v.through(negated.reads[0], "softplus") if negated is not None else None
    if softplus is None or re.search(r"\.\d+$", softplus.reads[0].name):
        return None
    of = softplus.reads[0]
    return (
        turned(e, "neg", v.new(e, "sigmoid", of, axes=e.axes, shape=e.shape))
        if of.at == e.reads[0].at
        else None
    )
