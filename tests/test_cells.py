"""The library of cells: each against its equations written by hand, and as a network of its own."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
import rnnc
from checked import program
from oracles import Subject
from outside import CHECKS
from references.cells import CELLS
from rnnc.commands.cells import _headline
from rnnc.compiler.reference import Evaluator
from rnnc.compiler.validate import validate
from rnnc.spec.cells import cell_source, library

DIMS = {"m": 3, "n": 4, "p": 2}
ARGUMENTS = {
    "sru": "x[t]",
    "selective_ssm": "x[t], n",
    "lstm_projected": "x[t], n, p",
    "clockwork": "x[t], n, 3",
    "recurrent_highway": "x[t], n, 3",
    "linear_attention": "x[t], p, n",
    "gated_linear_attention": "x[t], p, n",
    "deltanet": "x[t], p, n",
    "gated_deltanet": "x[t], p, n",
    "retention": "x[t], p, n",
    "hgrn2": "x[t], p, n",
    "rg_lru": "x[t]",
    "phased_lstm": "x[t], t, n",
}
LENGTHS = [9, 6]


def spec(name: str) -> str:
    call = f"{name}({ARGUMENTS.get(name, 'x[t], n')})"
    return (
        f"use {name}\ndim m = 3, n = 4, p = 2\naxis t = 1..T\ninput x[t] : real[m]\nh[t] = {call}\noutput h\n"
    )


def test_every_cell_has_a_hand_written_twin() -> None:
    assert set(CELLS) == set(library())


@pytest.mark.parametrize("name", library())
def test_equals_the_hand_written_cell(name: str) -> None:
    found = program(spec(name))
    validate(found.forward)
    rng = np.random.default_rng(7)
    params = {p.name: 0.7 * rng.normal(size=[s.value(DIMS) for s in p.shape]) for p in found.params}
    if name == "lru":
        params["h.nu"] -= 1
    if name == "phased_lstm":  # periods and shares that are none otherwise
        params["h.period"], params["h.open"] = 3 + params["h.period"], 0.4 + 0.1 * params["h.open"]
    x = rng.normal(size=(max(LENGTHS), len(LENGTHS), DIMS["m"]))
    batch = {"x": x, "T": np.array(LENGTHS)}
    values = Evaluator(found.forward, params, batch, DIMS).output("output:h")
    local = {key.removeprefix("h."): value for key, value in params.items()}
    for row, length in enumerate(LENGTHS):
        wanted = CELLS[name](local, x[:length, row])
        np.testing.assert_allclose(values[:length, row], wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", library())
def test_says_where_it_comes_from(name: str) -> None:
    comment = [line for line in cell_source(name).text.split("\n") if line.startswith("#")]
    assert any(year in " ".join(comment) for year in ("199", "200", "201", "202"))


def test_the_page_has_every_cell_its_source_and_what_it_is_held_against() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "cells.md").read_text(encoding="utf-8")
    rows = [
        [part.strip() for part in line.split("|")[1:-1]] for line in page.split("\n") if "| `" in line[:3]
    ]
    assert [name for name, *_ in rows] == [f"`{name}`" for name in library()]
    for name, (_, source, against, departure) in zip(library(), rows):
        assert source == _headline(cell_source(name).text)[1]
        assert set(re.findall("`(.+?)`", against)) == {str(check) for check in CHECKS if check.cell == name}
        assert departure


def test_slstm_takes_a_first_input_however_small() -> None:
    """The running maximum starts below it, so that the normaliser is 1 and not 0."""
    m = rnnc.loads(spec("slstm"))
    params = m.init(dtype="float64")
    params["h.b_u"][:] = -800
    run = m.forward(params, {"x": np.ones((3, 1, 3))})
    plain = CELLS["slstm"](
        {k.removeprefix("h."): v for k, v in params.items()} | {"b_u": 0 * params["h.b_u"]}, np.ones((1, 3))
    )
    np.testing.assert_allclose(run.outputs["h"][0], plain, rtol=1e-12)
    assert np.isfinite(run.outputs["h"]).all()


@pytest.mark.parametrize("name", ["selective_ssm", "mamba2", "gated_deltanet", "s4d"])
def test_steps_start_between_a_thousandth_and_a_tenth_evenly_in_their_logarithm(name: str) -> None:
    m = rnnc.loads(spec(name))
    starts = [m.init(seed=seed, dtype="float64") for seed in range(100)]
    if name == "s4d":
        logarithms = np.ravel([start["h.rate"] for start in starts])
    else:
        logarithms = np.log(np.log1p(np.exp(np.ravel([start["h.b_step"] for start in starts]))))
    shares = np.sort((logarithms - np.log(0.001)) / np.log(100))
    np.testing.assert_allclose(shares, np.linspace(0, 1, len(shares)), atol=0.15)


@pytest.mark.parametrize("name", library())
def test_is_right_as_a_network(name: str) -> None:
    """Equal to the reference evaluator; gradients by complex step on a ragged batch; steps, chunks, padding; at
    both levels. Compiled in under a second."""
    began = time.process_time()
    rnnc.loads(spec(name))
    assert time.process_time() - began < 1
    Subject(spec(name), seed=3).check()
