"""The gradient of a system is a system: every case against the complex step, and the rules it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from rnnc.compiler.differentiate import differentiate
from rnnc.compiler.ir_text import parse_system, system_text
from rnnc.compiler.operators import TABLE
from rnnc.compiler.validate import validate
from systems import CASES, Case, check_gradients, cotangents, evaluator, gradients, leaves, material

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_gradients_agree_with_the_complex_step(case: Case) -> None:
    given = material(case)
    validate(case.system)
    weights = cotangents(case.system, given)
    check_gradients(case.system, given, weights, gradients(case.system, given, weights))


@pytest.mark.parametrize("case", [case for case in CASES if case.carried], ids=lambda case: case.name)
def test_gradients_through_a_carried_state(case: Case) -> None:
    given = material(case, carried=True)
    weights = cotangents(case.system, given)
    found = gradients(case.system, given, weights)
    assert any(np.abs(found[f"dstate:{key}"]).max() > 0 for key in case.carried)
    check_gradients(case.system, given, weights, found)


@every_case
def test_the_adjoint_is_a_valid_system_and_prints(case: Case) -> None:
    adjoint = validate(differentiate(case.system, leaves(case.system)))
    assert parse_system(system_text(adjoint)) == adjoint


@every_case
def test_the_backward_pass_is_linear(case: Case) -> None:
    given = material(case)
    weights = cotangents(case.system, given)
    one = gradients(case.system, given, weights)
    four = gradients(case.system, given, {key: 4 * weight for key, weight in weights.items()})
    none = gradients(case.system, given, {})
    for key, gradient in one.items():
        np.testing.assert_array_equal(four[key], 4 * gradient)
        assert not np.any(none[key])


def test_roots_can_be_chosen() -> None:
    case = next(case for case in CASES if case.name == "skip")
    given = material(case)
    adjoint = differentiate(case.system, ["grad:W"], roots=["loss"])
    keys = [equation.attr("key") for equation in adjoint.equations if equation.op == "cotangent"]
    assert keys == ["loss"]
    weights = {"loss": 1.0}
    found = evaluator(adjoint, given, cotangents=weights, forward=case.system).outputs()
    check_gradients(case.system, given, weights, found)


def test_what_reaches_no_output_has_gradient_zero() -> None:
    text = """
axis @
W : real[n] = param() {name: "W"}
V : real[n] = param() {name: "V"}
loss : real = sum(W)
output loss = loss
"""
    system = parse_system(text)
    adjoint = differentiate(system, ["grad:W", "grad:V"])
    from rnnc.compiler.reference import Evaluator

    params = {"W": np.ones(3), "V": np.ones(3)}
    found = Evaluator(adjoint, params, {}, {"n": 3}, forward=system).gradients
    np.testing.assert_array_equal(found["W"], np.ones(3))
    np.testing.assert_array_equal(found["V"], np.zeros(3))


def test_only_what_lies_on_a_path_has_an_adjoint() -> None:
    case = next(case for case in CASES if case.name == "vanilla")
    adjoint = differentiate(case.system, ["grad:V"])
    names = {equation.name for equation in adjoint.equations}
    assert "~V" in names and "~z" in names
    assert not names & {"~h", "~x", "~W", "~y"}


def test_places_of_the_forward_equations_are_kept() -> None:
    from dataclasses import replace

    from rnnc.spec.source import Source, Span

    case = next(case for case in CASES if case.name == "vanilla")
    source = Source("a.rnn", "h[t] = …")
    marked = [replace(e, span=Span(source, 0, 4), origin="h") for e in case.system.equations]
    adjoint = differentiate(case.system.with_equations(marked), ["grad:W"])
    assert {(e.span, e.origin) for e in adjoint.equations} == {(Span(source, 0, 4), "h")}


def test_every_structural_operator_with_a_derivative_is_in_a_case() -> None:
    """Those with code are tried one by one in test_operators, `stack` in test_unroll."""
    used = {equation.op for case in CASES for equation in case.system.equations}
    wanted = {o.name for o in TABLE.values() if "structure" in o.traits and o.differentiable(0)}
    assert wanted - {"stack"} <= used
