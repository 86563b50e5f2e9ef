"""Equations run by other libraries: values by NumPy for every example, gradients where PyTorch or JAX is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rnnc import api
from rnnc.benching import computed, computed_by, differences, largest
from rnnc.compiler import prelude
from rnnc.compiler.driver import Compiled, Options
from rnnc.compiler.ir import Equation
from rnnc.compiler.operators import SURFACE, TABLE
from rnnc.failure import Failure
from rnnc.measured import Measured
from rnnc.peers import run
from rnnc.peers.libraries import Library, library
from rnnc.peers.operators import OPERATORS, REDUCTIONS
from rnnc.peers.translate import Network

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(
    path for folder in ("examples", "benchmarks/specs") for path in (ROOT / folder).glob("*.rnn")
)
# Two axes in one recurrence, both directions, delays of three steps, noise, a table, a softmax over time.
VARIED = ("ctc", "bidirectional", "skip", "zoneout", "char_lstm", "attention_additive", "echo_state")
LENGTHS = (5, 3, 4)


def in_numpy() -> Library:
    """The library whose functions a printed module has: no gradients, but values to compare."""

    def scan(step: Any, carried: Any, sequences: Any, length: int, backwards: bool) -> list[Any]:
        found = []
        for t in reversed(range(length)) if backwards else range(length):
            carried, results = step(carried, [sequence[t] for sequence in sequences])
            found.append(results)
        return [np.stack(column) for column in zip(*(found[::-1] if backwards else found))]

    kinds = {"real": np.float64, "int": np.int64, "bool": np.bool_}
    over = {"softmax": prelude.softmax, "logsumexp": prelude.logsumexp}

    def along(name: str) -> Any:
        def function(a: Any, axis: int) -> Any:
            result = over[name](np.moveaxis(a, axis, -1))
            return np.moveaxis(result, -1, axis) if result.ndim == a.ndim else result

        return function

    return Library(
        "numpy",
        np,
        number=lambda value, kind: np.asarray(value, kinds[kind]),
        cast=lambda a, kind: np.asarray(a, kinds[kind]),
        transposed=lambda a, order: np.transpose(a, list(order)),
        sigmoid=prelude.sigmoid,
        softmax=along("softmax"),
        logsumexp=along("logsumexp"),
        lgamma=prelude.lgamma,
        stop_gradient=lambda a: a,
        largest=lambda a, axis: np.max(a, axis),
        take_along=lambda a, index: np.take_along_axis(a, index, -1),
        scan=scan,
    )


def measured(path: Path, level: int = 2) -> tuple[Compiled, Measured]:
    compiled = api.compile_file(path, Options(level=level))
    axes = [axis.index for axis in compiled.program.forward.axes if axis.length]
    return compiled, Measured(compiled, dict(zip(axes, LENGTHS)), 2, "float64", seed=3)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_values_are_those_of_the_module(path: Path) -> None:
    compiled, one = measured(path)
    # As the spec has them, and as they are printed: joined, with loops that do less.
    for system in (compiled.program.forward, compiled.forward):
        network = Network(in_numpy(), system, dict(one.program.dims), one.lengths, one.rows)
        with np.errstate(all="ignore"):
            found = network.run(one.params, one.batch)
        for name, value in one.forward().outputs.items():
            np.testing.assert_allclose(found[f"output:{name}"], value, rtol=1e-12, atol=1e-12)
        if one.has_loss:
            np.testing.assert_allclose(found["loss"], one.forward().loss, rtol=1e-12)


@pytest.mark.parametrize("name", run.PEERS)
@pytest.mark.parametrize("spec", VARIED)
def test_gradients_are_those_of_another_librarys_differentiation(name: str, spec: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    compiled, one = measured(ROOT / "examples" / f"{spec}.rnn")
    peer = run.peer(name, one, compiled.program.forward)
    worst, what = largest(differences(computed(one), computed_by(peer, one.has_loss)))
    assert worst < 1e-11, what


def test_every_operator_that_a_spec_can_use_is_there() -> None:
    usable = {one.name for operators in SURFACE.values() for one in operators}
    usable |= {one.name for one in TABLE.values() if one.surface}
    structure = {"einsum", "softmax_over", *REDUCTIONS}
    assert usable - structure - set(OPERATORS) == set()
    assert set(OPERATORS) <= set(TABLE)


def test_a_recurrence_over_two_axes_is_unrolled_and_others_are_not() -> None:
    compiled, one = measured(ROOT / "examples" / "ctc.rnn")
    assert Network(in_numpy(), compiled.forward, dict(one.program.dims), one.lengths, 2).unrolled
    for spec in ("skip", "lstm", "gru"):  # the last two have gates that are parts of one array
        compiled, one = measured(ROOT / "examples" / f"{spec}.rnn")
        assert not Network(in_numpy(), compiled.forward, dict(one.program.dims), one.lengths, 2).unrolled


def test_rows_of_tables_that_have_more_axes_than_the_index(tmp_path: Path) -> None:
    spec = tmp_path / "rows.rnn"
    spec.write_text("axis t = 1..T\ninput x[t] : real[3]\ninput k : token(3)\ny[t] = x[t][k]\noutput y\n")
    compiled, one = measured(spec)
    network = Network(in_numpy(), compiled.forward, dict(one.program.dims), one.lengths, one.rows)
    found = network.run(one.params, one.batch)["output:y"]
    np.testing.assert_array_equal(found, one.forward().outputs["y"])


def test_jax_is_not_given_what_it_would_compile_for_minutes() -> None:
    """Some equations at each of 40 × 40 places."""
    compiled = api.compile_file(ROOT / "examples" / "grid.rnn", Options())
    axes = [axis.index for axis in compiled.program.forward.axes if axis.length]
    one = Measured(compiled, dict.fromkeys(axes, 40), 2)
    network = Network(in_numpy(), compiled.forward, dict(one.program.dims), one.lengths, 2)
    with pytest.raises(Failure, match="written out, here .* equations, .* try fewer --steps"):
        run._jax(one, network)


@pytest.mark.parametrize("name", run.PEERS)
def test_a_network_with_nothing_to_train_has_a_loss(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    spec = tmp_path / "steps.rnn"
    spec.write_text("axis t = 1..T\ninput x[t] : real\nh[t] = h[t-1] + x[t]\nloss l = h[T] * h[T]\n")
    compiled, one = measured(spec)
    peer = run.peer(name, one, compiled.forward)
    assert largest(differences(computed(one), computed_by(peer, True)))[0] < 1e-12


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnc.peers.libraries.find_spec", lambda name: None)
    with pytest.raises(Failure, match="torch is not installed; pip install torch"):
        library("torch", "float32")


def test_an_operator_that_a_library_lacks_is_named() -> None:
    compiled, one = measured(ROOT / "examples" / "skip.rnn")
    network = Network(in_numpy(), compiled.forward, dict(one.program.dims), one.lengths, 2)
    with pytest.raises(Failure, match="numpy: there is no `digamma`, which q needs"):
        network.function(Equation("q", (), (), "real", "digamma"))
