"""Forward mode: every rule, system, example and cell against the complex step and against reverse mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES, STEP, close, module
from rnnc.compiler.driver import Options
from rnnc.compiler.ir import System
from rnnc.compiler.ir_text import parse_system, system_text
from rnnc.compiler.operators import TABLE, Call, Operator
from rnnc.compiler.tangents import tangents
from rnnc.compiler.validate import validate
from rnnc.runtime.properties import check_property
from rnnc.runtime.properties.subject import Subject
from rnnc.spec.cells import library
from rnnc.spec.sizes import Size
from systems import CASES, Case, Material, cotangents, evaluator, gradients, leaves, material
from test_cells import spec
from test_operators import DIFFERENTIABLE, TIES, Use, equation_of, uses

KINDS = {"grad": "param", "dinput": "input", "dstate": "state"}
JVP = frozenset({"jvp"})
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def moving(system: System, given: Material) -> list[str]:
    """The leaves that have a direction, as the gradients name them."""
    return [key for key in leaves(system) if given.state is not None or not key.startswith("dstate")]


def leaf(key: str) -> str:
    kind, _, name = key.partition(":")
    return f"{KINDS[kind]}:{name}"


def found_tangents(system: System, given: Material, along: Mapping[str, Any]) -> dict[str, Any]:
    """The tangents of all outputs along directions (``grad:W`` and so on)."""
    made = validate(tangents(system, map(leaf, along)))
    return evaluator(made, given, directions={leaf(key): value for key, value in along.items()}).outputs()


def check_tangents(system: System, given: Material) -> None:
    """Along one direction of all leaves: the complex step of each output, and the gradients."""
    rng = np.random.default_rng(5)
    along = {key: rng.normal(size=given.array(key).shape) for key in moving(system, given)}
    found, there = found_tangents(system, given, along), given
    for key, direction in along.items():
        kind, _, name = key.partition(":")
        there = there.moved(kind, name, there.array(key) + 1j * STEP * direction)
    for key, value in evaluator(system, there).outputs().items():
        if key in found:
            close(found[key], np.imag(value) / STEP)
    weights = {key: value for key, value in cotangents(system, given).items() if key in found}
    grads = gradients(system, given, weights)
    terms = [grads[key] * direction for key, direction in along.items()]
    size = sum(np.abs(term).sum() for term in terms)
    total = sum((weights[key] * value).sum() for key, value in found.items())
    assert abs(total - sum(term.sum() for term in terms)) <= 1e-11 * size + 1e-300


@pytest.mark.parametrize("operator", DIFFERENTIABLE, ids=lambda o: o.name)
def test_every_operator_moves_as_the_complex_step_says(operator: Operator) -> None:
    for use in uses(operator.name):
        if use.type == "real":
            check_tangents(*equation_of(use))


@every_case
def test_systems_agree(case: Case) -> None:
    check_tangents(case.system, material(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.carried], ids=lambda case: case.name)
def test_carried_states_move(case: Case) -> None:
    check_tangents(case.system, material(case, carried=True))


@every_case
def test_the_system_with_its_tangents_prints_and_is_read(case: Case) -> None:
    made = tangents(case.system, map(leaf, leaves(case.system)))
    assert parse_system(system_text(made)) == made


def test_every_operator_that_has_a_derivative_has_a_tangent() -> None:
    stated = {"linear", "bilinear", "flat"}
    for operator in TABLE.values():
        if operator.differentiable(0) or operator.differentiable(1):
            assert bool(operator.tangent) != bool(operator.traits & stated), operator.name
        elif operator.tangent is None and "leaf" not in operator.traits:
            assert operator.traits & stated or operator.name in ("digamma", "influence"), operator.name


def test_forward_mode_uses_no_rule_of_reverse_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in CASES if case.name == "gates")
    given = material(case)
    for name, operator in list(TABLE.items()):
        monkeypatch.setitem(TABLE, name, replace(operator, derivative=()))
    along = {key: np.ones(given.array(key).shape) for key in moving(case.system, given)}
    assert found_tangents(case.system, given, along)["loss"] != 0


def test_a_wrong_tangent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "tanh": lambda c: (1 - c.q) * c.da,
        "div": lambda c: (c.da + c.q * c.db) / c.b,
        "maximum": lambda c: c.da,
        "softmax": lambda c: c.q * c.da,
    }
    for name, rule in wrong.items():
        operator = TABLE[name]
        monkeypatch.setitem(TABLE, name, replace(operator, tangent=rule))
        with pytest.raises(AssertionError):
            test_every_operator_moves_as_the_complex_step_says(operator)


@pytest.mark.parametrize(("name", "operands", "wanted"), TIES)
def test_at_ties_and_edges_both_modes_choose_alike(name: str, operands: list[Any], wanted: list[Any]) -> None:
    size = Size.of(len(operands[0]))
    call = Call(((size,),) * len(operands), ("real",) * len(operands))
    system, _ = equation_of(Use(TABLE[name], call))
    params = {f"p{number}": np.array(operand) for number, operand in enumerate(operands)}
    for number, gradient in enumerate(wanted):
        for place in range(len(operands[0])):
            unit = np.eye(len(operands[0]))[place]
            found = found_tangents(system, Material(params, {}), {f"grad:p{number}": unit})
            assert found["output:q"].sum() == gradient[place]


# ------------------------------------------------------------------------------------------- modules


def test_three_derivations_agree_where_a_loss_goes_over_alignments() -> None:
    m = rnnc.load(EXAMPLES / "ctc.rnn", Options(extras=JVP))
    rng = np.random.default_rng(0)
    params = m.init(dtype="float64")
    labels = {"z": rng.integers(1, 6, (3, 2)), "U": np.array([3, 2])}
    batch = {"x": rng.normal(size=(9, 2, 8)), "T": np.array([9, 7]), **labels}
    run = m.forward(params, batch)
    assert run.loss < 1e3
    grads, _, _ = m.backward(params, run)
    along = {name: rng.normal(size=params[name].shape) for name in grads}
    moved = {name: value + 1j * STEP * along[name] for name, value in params.items()}
    tangent = m.jvp(params, batch, along).loss
    close(tangent, m.forward(moved, batch).loss.imag / STEP)
    close(tangent, sum((grads[name] * along[name]).sum() for name in along))


TEXTBOOK = ("attention_dot", "bidirectional", "skip", "teacher_forcing", "vanilla")


LONG = {"ctc"}  # labels longer than their frames have no finite loss: below


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(EXAMPLES.glob("*.rnn")) if path.stem not in LONG],
    ids=lambda path: path.stem,
)
def test_three_derivations_agree_for_every_example(path: Any) -> None:
    check_property(Subject(rnnc.load(path, Options(extras=JVP))), "forward-mode", examples=2)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_modules_have_the_same_tangents(name: str) -> None:
    m = rnnc.load(EXAMPLES / f"{name}.rnn", Options(level=0, extras=JVP))
    check_property(Subject(m), "forward-mode", examples=2)


@pytest.mark.parametrize("name", library())
def test_three_derivations_agree_for_every_cell(name: str) -> None:
    m = rnnc.loads(spec(name) + "loss l[t] = sum(square(h[t]))\n", Options(extras=JVP))
    check_property(Subject(m), "forward-mode", examples=2)


def test_unrolled_networks_have_tangents() -> None:
    m = rnnc.load(EXAMPLES / "skip.rnn", Options(extras=JVP, unroll=4))
    looped = rnnc.load(EXAMPLES / "skip.rnn", Options(extras=JVP))
    rng = np.random.default_rng(0)
    params = m.init(dtype="float64")
    shape = (4, 2, *(m.DIMS[size] for size in m.SHAPES["x"]))
    batch = {"x": rng.normal(size=shape), "y": np.zeros((4, 2), int) if "y" in m.INPUTS else None}
    batch = {name: value for name, value in batch.items() if value is not None}
    along = {name: rng.normal(size=value.shape) for name, value in params.items()}
    one, other = (module.jvp(params, batch, along) for module in (m, looped))
    close(one.loss, other.loss)
    for key in other.outputs:
        close(one.outputs[key], other.outputs[key])


@pytest.fixture
def small() -> tuple[Any, Any, Any]:
    m = rnnc.load(EXAMPLES / "vanilla.rnn", Options(extras=JVP))
    params = m.init(hidden=3, input=2, classes=2, dtype="float64")
    rng = np.random.default_rng(0)
    return m, params, {"x": rng.normal(size=(3, 2, 2)), "y": rng.integers(2, size=(3, 2))}


def test_without_a_direction_nothing_moves(small: Any) -> None:
    m, params, batch = small
    still = m.jvp(params, batch)
    assert still.loss == 0 and not still.outputs["y"].any() and not still.state["h"].any()


def test_without_targets_the_outputs_move(small: Any) -> None:
    m, params, batch = small
    moved = m.jvp(params, {"x": batch["x"]}, {"W": np.ones((3, 3))})
    assert moved.loss is None and moved.outputs["y"].any()


def test_padding_of_a_direction_does_not_matter(small: Any) -> None:
    m, params, batch = small
    ragged = {**batch, "T": np.array([3, 1])}
    direction = np.ones((3, 2, 2))
    once = m.jvp(params, ragged, None, {"x": direction}).loss
    direction[1:, 1] = np.nan
    assert m.jvp(params, ragged, None, {"x": direction}).loss == once


@pytest.mark.parametrize(
    ("directions", "told"),
    [
        (({"Q": 1},), "d_params: unknown ['Q']"),
        (({"W": np.ones(3)},), "d_params['W']: expected real (3, 3), got float64 (3,)"),
        ((None, {"y": np.ones((3, 2))}), "d_batch: unknown ['y']"),
        ((None, None, {"h": np.ones((2, 3))}), "d_state: the state has no direction"),
        ((3,), "d_params: expected a dict of arrays, got int"),
    ],
)
def test_wrong_directions_are_told(small: Any, directions: Any, told: str) -> None:
    m, params, batch = small
    with pytest.raises(ValueError) as error:
        m.jvp(params, batch, *directions)
    assert told in str(error.value)


def test_a_module_has_tangents_only_when_asked() -> None:
    assert not hasattr(module("vanilla", 2), "jvp")
