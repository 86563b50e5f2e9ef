"""What `sums` makes of losses is what they are, term by term: in ragged batches, segments and groups of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import close, close_all
from rnnc.compiler.driver import Options

SPECS = Path(__file__).resolve().parent.parent / "benchmarks" / "specs"
HEAD = """\
dim n = 3
axis t = 1..T
input x[t] : real[n]
param w : real = 0.7
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
"""
PLANE = """\
dim n = 3
axis s = 1..S
axis t = 1..T
input x[s] : real[n], z[t] : real[n]
param w : real = 0.7
h[t] : real[n] = tanh(affine(z[t], h[t-1]))
e[t,s] = h[t] * x[s]
"""
LOSSES = {
    "squares": HEAD + "loss l[t] = 0.5 * sum(square(h[t])) + 0.9",
    "less": HEAD + "loss l[t] = sum(square(h[t])) - w",
    "from": HEAD + "loss l[t] = w - sum(h[t] * x[t]) / w",
    "a part": HEAD + "loss l[t] = w * sum(h[t])",
    "per sequence": HEAD + "loss l = sum[t](0.5 * sum(square(h[t])) + w)",
    "normal": HEAD + "head y[t] : real[n] ~ normal(h[t], 0.3)",
    "normal of one": HEAD + "head y[t] : real ~ normal(dot(h[t], x[t]), exp(w))",
    "a plane": PLANE + "loss l = sum[t](sum[s](sum(square(e[t,s])) + w))",
    "a plane of terms": PLANE + "loss l[t,s] = 2.0 * sum(square(e[t,s])) + w",
    "the same at all steps": PLANE + "loss l[t] = sum[s](0.41)",
    "the same at all steps of one axis": PLANE + "loss l[t] = sum[s](sum(square(x[s])) + w)",
    "several": HEAD + "loss a[t] = sum(square(h[t])) + w weight 0.3\nhead y[t] : real[n] ~ normal(h[t])",
}


def batch_of(m: Any, steps: int) -> dict[str, Any]:
    """Ragged, with sequences of no steps."""
    rng, shapes = np.random.default_rng(1), m._shapes(m.DIMS)
    given = {
        name: rng.standard_normal((steps,) * len(axes) + (4, *shapes[name]))
        for name, (axes, *_) in m.INPUTS.items()
    }
    return given | {length: rng.integers(0, steps + 1, 4) for length in m.AXES.values()}


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, steps: int) -> None:
    text = LOSSES[name] + "\n"
    plain, fast = (rnnc.loads(text, Options(level=level)) for level in (0, 2))
    params, batch = fast.init(seed=0, dtype="float64"), batch_of(fast, steps)
    wanted, found = plain.forward(params, batch), fast.forward(params, batch)
    close(found.loss, wanted.loss, 1e-13)
    close_all(found.nll, wanted.nll, 1e-13)
    close_all(found.outputs, wanted.outputs, 1e-13)
    close_all(found.state, wanted.state, 1e-13)
    loss, grads = fast.loss_and_grad(params, batch)
    close(loss, wanted.loss, 1e-12)
    close_all(grads, plain.backward(params, wanted)[0], 1e-12)
    for size in (1, 2) if steps and not fast.NO_STREAM else ():
        loss, again = fast.loss_and_grad(params, batch, checkpoint=size)
        close(loss, wanted.loss, 1e-12)
        close_all(again, grads, 1e-12)


def test_a_training_step_has_no_terms() -> None:
    """Only who asks for outputs has the likelihood of each sequence computed."""
    text = rnnc.compile(SPECS / "lstm.rnn")
    forward = text[text.index("def _forward") : text.index("def _backward")]
    run = text[text.index("def _run") : text.index("def _final_state")]
    assert "y_nll_total" not in forward and "y_mean" not in forward and " @ " in forward
    assert "y_nll_total = " in run
