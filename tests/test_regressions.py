"""Specs that were once compiled wrongly, each as small as it goes: all that must hold of any spec holds."""

from __future__ import annotations

import numpy as np
import once_wrong
import once_wrong_places
import pytest
import rnnc
from oracles import Subject, compiled
from rnnc.spec.diagnostics import SpecError
from wordings import check_all

SPECS = once_wrong.SPECS | once_wrong_places.SPECS
REFUSED = {
    "a loss that is a vector": (
        "RNN309",
        """
dim n = 3
axis t = 1..T
input x[t] : real[n]
loss r[t] = x[t]
""",
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_holds_now(name: str) -> None:
    check_all(Subject(SPECS[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_now(name: str) -> None:
    code, text = REFUSED[name]
    with pytest.raises(SpecError) as error:
        compiled(text, 0)
    assert [found.code for found in error.value.diagnostics] == [code]


NO_LOSS = """
use clockwork
dim n = 2, m = 3
axis t = 1..T
input x[t] : real[m]
h[t] = reverse clockwork(x[t], n, 3)
output h
"""


LAST = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = tanh(h[t-1] + x[t])\ns = sum(h[T])\noutput s\n"


@pytest.mark.parametrize("text", [NO_LOSS, LAST], ids=["a slice", "repeated"])
def test_without_any_cotangent_the_gradients_are_0(text: str) -> None:
    """What is read of the cotangent inside the loop is a view of it."""
    m = rnnc.loads(text)
    params = m.init()
    grads, dbatch, _ = m.backward(params, m.forward(params, {"x": np.ones((4, 2, 3))}), {})
    assert all(not value.any() for value in (*grads.values(), *dbatch.values()))


def test_a_network_without_a_loss_is_tested_like_any_other() -> None:
    text = "axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n"
    assert not rnnc.test(rnnc.loads(text), examples=1).failed


def test_a_state_that_is_only_held_is_a_copy_of_its_own_past() -> None:
    text = "axis t = 1..T\ninput x[t] : real\nparam s : real = 0.5\np[0] = s\np[t] : real = p[t-1]\n"
    m = rnnc.loads(text + "h[t] = p[t-1] * h[t-1] + x[t]\noutput h\n")
    run = m.forward(m.init(dtype="float64"), {"x": np.ones((3, 1))})
    np.testing.assert_allclose(run.outputs["h"][:, 0], [1.0, 1.5, 1.75])


def test_a_cycle_of_many_quantities_compiles() -> None:
    loop = "for i in 1..1200 {\n  h{i}[t] = h{i-1}[t] + 0.5\n}\n"
    text = f"axis t = 1..T\ninput x[t] : real\nh0[t] = 0.5 * h1200[t-1] + x[t]\n{loop}output h1200\n"
    m = rnnc.loads(text)
    run = m.forward({}, {"x": np.ones((2, 1)), "T": np.array([2])})
    np.testing.assert_allclose(run.outputs["h1200"][:, 0], [601, 901.5])


def test_a_view_of_another_time_is_cut_without_its_source() -> None:
    text = "axis t = 1..T\ninput x[t] : real\nv[t] = 2.0 * x[t]\noutput v\n"
    m = rnnc.loads(text + "head y[t] : bool ~ bernoulli(stop_gradient(v[t-2]))\n")
    run = m.forward({}, {"x": np.ones((4, 2)), "y": np.ones((4, 2), bool), "T": np.array([4, 3])})
    np.testing.assert_array_equal(run.outputs["v"], [[2, 2], [2, 2], [2, 2], [2, 0]])


def test_the_gradient_of_one_operand_is_no_view_of_what_flows_in() -> None:
    text = "dim n = 4\nparam w : real[3, n+3, 3]\nconst r : real[3] = 0.3\n"
    m = rnnc.loads(text + 'head q : bool[3] ~ bernoulli(slice(einsum("b,cab->a", r, w), 1, 3))\n')
    _, grads = m.loss_and_grad(m.init(), {"q": np.ones((2, 3), bool)})
    assert grads["w"].flags.writeable
    assert 0 not in grads["w"].strides
