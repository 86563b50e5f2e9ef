"""What is put together at -O2 stays within the range of its dtype, wherever each step of the spec does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from rnnc.compiler.driver import Options

LITERALS = """\
axis t = 1..T
input x[t] : real
param a : real = 1
y[t] = a * x[t]
p[t] = 1e-30 * (1e-30 * x[t])
q[t] = 1e30 * (1e30 * x[t])
r[t] = x[t] / 1e25 / 1e25
s[t] = 1e20 * (x[t] / 1e-25)
output y, p, q, r, s
"""
NORMALISED = """\
dim n = 4
axis t = 1..T
input x[t] : real[n]
param W : real[n, n] ~ normal(1.0)
h[t] = {root}
output h
"""
ROOTS = (
    "(W @ h[t-1] + x[t]) / expand(sqrt(sum(square(W @ h[t-1] + x[t]))), n) / sqrt(n)",
    "2 * (W @ h[t-1] + x[t]) / expand(sqrt(mean(square(W @ h[t-1] + x[t]))), n)",
    "layer_norm(W @ h[t-1] + x[t])",
    "(W @ h[t-1] + x[t]) / expand(norm(W @ h[t-1] + x[t]), n)",
)


@pytest.mark.parametrize("x", [1e-30, 1e30])
def test_literals_stay_apart_where_their_product_is_out_of_range(x: float) -> None:
    given = {"x": np.full((1, 1), x, np.float32)}
    with np.errstate(over="ignore"):
        found, wanted = (
            m.forward(m.init(), given).outputs
            for m in (rnnc.loads(LITERALS, Options(level=n)) for n in (2, 0))
        )
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], 1e-6)


@pytest.mark.parametrize("scale", [1e-16, 1e16])
@pytest.mark.parametrize("root", ROOTS)
def test_the_gradient_of_a_normalised_recurrence_has_no_cube_of_an_inverse(root: str, scale: float) -> None:
    m: Any = rnnc.loads(NORMALISED.format(root=root))
    found = {}
    for dtype in ("float32", "float64"):
        rng = np.random.default_rng(0)
        params = {"W": scale * rng.standard_normal((4, 4)).astype(dtype)}
        run = m.forward(params, {"x": (scale * rng.standard_normal((5, 2, 4))).astype(dtype)})
        grads, inputs, _ = m.backward(params, run, {"h": rng.standard_normal((5, 2, 4)).astype(dtype)})
        found[dtype] = scale * grads["W"], scale * inputs["x"]
    for one, other in zip(*found.values()):
        np.testing.assert_allclose(one, other, 1e-3, 1e-4)
