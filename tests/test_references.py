"""The hand-written networks are right on their own: their gradients agree with the complex step."""

from __future__ import annotations

import numpy as np
import pytest

from references.cases import CASES, Case

STEP = 1e-30


def directional(case: Case, params, batch, direction) -> float:
    """The derivative of the loss along `direction`, exact to rounding."""
    moved = {name: value + 1j * STEP * direction[name] for name, value in params.items()}
    return float(case.loss_and_grads(moved, batch)[0].imag / STEP)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("seed", range(3))
def test_gradient_by_complex_step(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    params, batch = case.params(rng), case.batch(rng, [6, 1, 0, 4])
    _, grads = case.loss_and_grads(params, batch)
    for name, grad in grads.items():  # one parameter at a time: a mistake is named
        zero = {other: np.zeros_like(value) for other, value in params.items()}
        direction = zero | {name: rng.standard_normal(grad.shape)}
        found = directional(case, params, batch, direction)
        terms = np.abs(grad * direction[name]).sum()
        assert abs(found - (grad * direction[name]).sum()) <= 1e-12 * terms + 1e-15, name
        assert np.any(grad), f"{name} has no gradient: the check would say nothing"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loss_of_uniform_predictions(case: Case) -> None:
    """With all parameters zero every class is equally likely: the loss is the log of their number."""
    rng = np.random.default_rng(0)
    params = {name: np.zeros_like(value) for name, value in case.params(rng).items()}
    loss, _ = case.loss_and_grads(params, case.batch(rng, [3, 5]))
    assert loss == pytest.approx(np.log(case.dims["classes"]), rel=1e-14)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_elements_no_loss(case: Case) -> None:
    rng = np.random.default_rng(0)
    params = case.params(rng)
    loss, grads = case.loss_and_grads(params, case.batch(rng, []))
    assert loss == 0
    assert not any(np.any(grad) for grad in grads.values())
