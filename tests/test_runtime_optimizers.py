"""Optimisers against their textbook formulas, clipping, schedules."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from rnnc.runtime.optimizers import (
    SCHEDULES,
    SGD,
    Adam,
    clip,
    constant,
    cosine,
    global_norm,
    linear,
    trapezoid,
)


def example(seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(3, 4)).astype(dtype), "b": rng.normal(size=3).astype(dtype)}
    grads = [{name: rng.normal(size=v.shape).astype(dtype) for name, v in params.items()} for _ in range(5)]
    return params, grads


def test_adam_is_the_papers():
    params, grads = example()
    wanted = {name: value.copy() for name, value in params.items()}
    m, v = (dict.fromkeys(params, 0.0) for _ in range(2))
    adam = Adam(beta1=0.8, beta2=0.95, epsilon=1e-3)
    for t, grad in enumerate(grads, 1):
        adam.update(params, grad, 0.1)
        for name, g in grad.items():
            m[name] = 0.8 * m[name] + 0.2 * g
            v[name] = 0.95 * v[name] + 0.05 * g * g
            mean, square = m[name] / (1 - 0.8**t), v[name] / (1 - 0.95**t)
            wanted[name] = wanted[name] - 0.1 * mean / (np.sqrt(square) + 1e-3)
    for name in params:
        np.testing.assert_allclose(params[name], wanted[name], rtol=1e-12)


def test_momentum_is_the_textbooks():
    params, grads = example()
    start, velocity = params["W"].copy(), 0.0
    sgd = SGD(momentum=0.5)
    for grad in grads:
        sgd.update(params, grad, 0.1)
        velocity = 0.5 * velocity - 0.1 * grad["W"]
        start = start + velocity
    np.testing.assert_allclose(params["W"], start, rtol=1e-12)


@pytest.mark.parametrize("make", [Adam, SGD])
def test_restored_goes_on_bit_for_bit(make):
    params, grads = example(dtype=np.float32)
    other = {name: value.copy() for name, value in params.items()}
    one, two, three = make(), make(), make()
    for grad in grads:
        one.update(params, grad, 0.1)
    for grad in grads[:2]:
        two.update(other, grad, 0.1)
    three.restore(two.arrays())
    for grad in grads[2:]:
        three.update(other, grad, 0.1)
    assert all((params[name] == other[name]).all() for name in params)
    assert params["W"].dtype == np.float32


@pytest.mark.parametrize("make", [Adam, SGD])
def test_in_place_and_only_what_has_a_gradient(make):
    params, grads = example()
    weights, bias, before = params["W"], params["b"].copy(), params["W"].copy()
    make().update(params, {"W": grads[0]["W"]}, 0.1)
    assert params["W"] is weights and (weights != before).all() and (params["b"] == bias).all()


def test_adam_is_a_small_part_of_a_step():
    params = {"W": np.ones(120_000, np.float32)}
    grads = {"W": np.ones(120_000, np.float32)}
    adam = Adam()
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        adam.update(params, grads, 0.01)
        times.append(time.perf_counter() - begun)
    assert min(times) < 2e-3  # a step of such a network takes ten times as long


def test_global_norm():
    grads = {"a": np.array([[3.0]], np.float32), "b": np.array([4.0, 0.0], np.float32)}
    assert global_norm(grads) == 5 and global_norm({}) == 0
    assert global_norm({"a": np.full(4, 1e30, np.float32)}) == pytest.approx(2e30)
    with np.errstate(all="ignore"):
        assert math.isnan(global_norm({"a": np.array([1.0, math.nan])}))
        assert math.isinf(global_norm({"a": np.array([1.0, -math.inf])}))


def test_clip_scales_only_what_is_too_long():
    grads = {"a": np.array([3.0]), "b": np.array([4.0])}
    assert clip(grads, 10) == 5 and grads["a"][0] == 3
    assert clip(grads, 1) == 5
    assert global_norm(grads) == pytest.approx(1) and grads["a"][0] == pytest.approx(0.6)


def test_schedules():
    assert [constant()(d) for d in (0, 0.5, 1)] == [1, 1, 1]
    assert [linear()(d) for d in (0, 0.25, 1)] == [1, 0.75, 0]
    assert [cosine()(d) for d in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [trapezoid()(d) for d in (0, 0.6, 0.8, 1)] == pytest.approx([1, 1, 0.5, 0])
    assert cosine(floor=0.1)(1) == pytest.approx(0.1)
    for make in SCHEDULES.values():
        warm = make(0.2)
        assert warm(0) == 0 and warm(0.1) == pytest.approx(0.5) and warm(0.2) == pytest.approx(1)
        assert all(0 <= warm(d / 50) <= 1 for d in range(51)) and make(1.0)(0.2) == pytest.approx(0.2)
