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
def test_loss_when_all_parameters_are_zero(case: Case) -> None:
    """Every class is equally likely, or the mean is 0: the loss is known without the network."""
    rng = np.random.default_rng(0)
    params = {name: np.zeros_like(value) for name, value in case.params(rng).items()}
    batch = case.batch(rng, [4, 4])
    size = case.dims[case.target]
    wanted = np.log(size)
    if case.target == "outputs":
        wanted = (0.5 * batch["y"] ** 2).sum() / 8 + size * np.log(2 * np.pi) / 2
    assert case.loss_and_grads(params, batch)[0] == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_elements_no_loss(case: Case) -> None:
    rng = np.random.default_rng(0)
    params = case.params(rng)
    loss, grads = case.loss_and_grads(params, case.batch(rng, []))
    assert loss == 0
    assert not any(np.any(grad) for grad in grads.values())
