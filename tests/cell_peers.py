"""Cells of the library beside other libraries: outputs, loss and all gradients, in double precision.

Each peer has its own way to the numbers. PyTorch differentiates the spec's equations as they stand before any pass
(`rnnc/peers`), and its own layer where it has one. JAX differentiates the cells written by hand from the papers
(`tests/references/cells.py`), which share nothing with the compiler. ONNX Runtime runs the equations, forward."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log, pi
from types import ModuleType
from typing import Any

import numpy as np
import test_cells
from checked import program
from generate import specification
from outside import CHECKS
from outside.register import Run
from references import cells as by_hand
from rnnc import api, benching
from rnnc.benching import GRADIENT
from rnnc.compiler.driver import Options
from rnnc.files import Imports, to_source
from rnnc.measured import Measured
from rnnc.peers import run
from rnnc.peers.libraries import library as peer_library
from rnnc.peers.translate import Network
from test_peers import in_numpy

STEPS, ROWS = 7, 3
TOLERANCE = 1e-11
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Computed:
    """By its name everything that was computed: the output, the loss, a gradient."""

    how: str
    values: Mapping[str, Array]


def spec(name: str) -> str:
    """A cell, and a normal distribution round its output."""
    text = test_cells.spec(name)
    (size,) = program(text).forward.table()["h"].shape
    return f"{text}head y[t] : real[{size}] ~ normal(h[t])\n"


class Cell:
    """A cell compiled, with parameters off their starts, and sequences of full length."""

    def __init__(self, name: str) -> None:
        self.name = name
        source = to_source(f"{name}.rnn", spec(name).encode())
        self.compiled = api.compile_with(source, Options(), Imports(None))
        self.measured = Measured(self.compiled, {"t": STEPS}, ROWS, "float64", seed=5)
        self.params = dict(self.measured.drawn.params)
        self.batch = {name: value for name, value in self.measured.batch.items() if name != "T"}

    @property
    def module(self) -> ModuleType:
        return self.measured.module

    @cached_property
    def ours(self) -> Mapping[str, Array]:
        run = self.module.forward(self.params, self.batch)
        grads, inputs, _ = self.module.backward(self.params, run)
        return named(run.outputs["h"], run.loss, {**grads, "x": inputs["x"]})

    def network(self, library: Any) -> Network:
        """The spec's equations as they stand before any pass."""
        dims = dict(self.compiled.program.dims)
        return Network(library, self.compiled.program.forward, dims, self.measured.lengths, ROWS)

    @property
    def leaves(self) -> dict[str, Array]:
        """What gradients are taken by."""
        return {**{name: self.params[name] for name in self.module.TRAINED}, "x": self.batch["x"]}


def named(output: Any, loss: Any, grads: Mapping[str, Any]) -> dict[str, Array]:
    found = {"output": output, "loss": loss, **{f"{GRADIENT}{k}": grad for k, grad in grads.items()}}
    return {what: np.asarray(value) for what, value in found.items()}


def normal_loss(output: Any, y: Any) -> Any:
    """As the head says: the mean over steps and sequences of -log p(y)."""
    return ((y - output) ** 2).sum() * (0.5 / (STEPS * ROWS)) + 0.5 * log(2 * pi) * y.shape[-1]


# ------------------------------------------------------------------------------------------ the peers


def by_torch(cell: Cell) -> list[Computed]:
    found = [_differentiated_by_torch(cell, "equations", _equations_in_torch(cell))]
    layers = [check.run for check in CHECKS if (check.package, check.cell) == ("torch", cell.name)]
    return found + [_differentiated_by_torch(cell, "torch.nn", _layer(run)) for run in layers]


def _layer(run: Run) -> Callable[[Any, Any], tuple[Any, Any]]:
    def layer(params: Any, batch: Any) -> tuple[Any, Any]:
        return run({name.removeprefix("h."): value for name, value in params.items()}, batch["x"]), None

    return layer


def _equations_in_torch(cell: Cell) -> Callable[[Any, Any], tuple[Any, Any]]:
    network = cell.network(peer_library("torch", "float64"))

    def run(params: Any, batch: Any) -> tuple[Any, Any]:
        found = network.run(params, batch)
        return found["output:h"], found["loss"]

    return run


def _differentiated_by_torch(cell: Cell, how: str, run: Callable[[Any, Any], tuple[Any, Any]]) -> Computed:
    import torch

    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in cell.leaves.items()}
    params = {name: leaves.get(name, torch.tensor(value)) for name, value in cell.params.items()}
    batch = {name: leaves.get(name, torch.tensor(value)) for name, value in cell.batch.items()}
    output, loss = run(params, batch)
    loss = normal_loss(output, batch["y"]) if loss is None else loss
    grads = torch.autograd.grad(loss, list(leaves.values()))
    return Computed(how, named(output.detach(), loss.detach(), dict(zip(leaves, grads))))


def by_jax(cell: Cell) -> list[Computed]:
    """Without jit, so that what is written by hand for NumPy may look at its numbers."""
    import jax

    jax.config.update("jax_enable_x64", True)
    run = written_for(jax.numpy).CELLS[cell.name]
    fixed = {name: value for name, value in cell.params.items() if name not in cell.leaves}

    def outcome(leaves: Mapping[str, Any]) -> tuple[Any, Any]:
        params = {name.removeprefix("h."): value for name, value in {**fixed, **leaves}.items()}
        rows = [run(params, leaves["x"][:, row]) for row in range(ROWS)]
        output = jax.numpy.stack(rows, 1)
        return normal_loss(output, cell.batch["y"]), output

    (loss, output), grads = jax.value_and_grad(outcome, has_aux=True)(cell.leaves)
    return [Computed("from the papers", named(output, loss, grads))]


def written_for(numpy: Any) -> ModuleType:
    """The cells written by hand, over the functions of another NumPy."""
    found = importlib.util.find_spec(by_hand.__name__)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    vars(module)["np"] = numpy
    return module


def by_onnx(cell: Cell) -> list[Computed]:
    import in_onnx

    network = cell.network(in_onnx.library(in_numpy(), "float64"))

    def run(params: Any, batch: Any) -> dict[str, Any]:
        found = network.run(params, batch)
        return {"output": found["output:h"], "loss": found["loss"]}

    return [Computed("equations", in_onnx.executed(run, cell.params, cell.batch, "float64"))]


PEERS: dict[str, tuple[str, Callable[[Cell], list[Computed]]]] = {
    "PyTorch": ("torch", by_torch),
    "JAX": ("jax", by_jax),
    "ONNX Runtime": ("onnxruntime onnx", by_onnx),
}
"""By what each is called: the packages it needs, and what it computes."""


def differences(name: str, peer: str) -> dict[str, float]:
    """By what was computed and how: the largest difference, relative to the largest of the array."""
    cell, found = Cell(name), {}
    for computed in PEERS[peer][1](cell):
        ours = {what: cell.ours[what] for what in computed.values}
        sizes = benching.differences(ours, computed.values)
        found |= {f"{what}, {computed.how}": size for what, size in sizes.items()}
    return found


LENGTHS = (5, 3, 4)


def random_differences(seed: int) -> dict[str, float]:
    """Of a random spec: its module, and PyTorch on its equations as they stand before any pass."""
    source = to_source(f"{seed}.rnn", specification(seed).encode())
    compiled = api.compile_with(source, Options(), Imports(None))
    axes = [axis.index for axis in compiled.program.forward.axes if axis.length]
    measured = Measured(compiled, dict(zip(axes, LENGTHS)), 2, "float64", seed)
    measured.params = measured.drawn.params
    other = run.peer("torch", measured, compiled.program.forward)
    with np.errstate(all="ignore"):
        theirs = benching.computed_by(other, measured.has_loss)
        return benching.differences(benching.computed(measured), theirs)
