"""``rnnc show --gradient-flow``: the weights and data it is of. Needs NumPy, as no other view does."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np

from . import api
from .compiler.driver import Compiled
from .failure import Failure
from .files import Imports
from .flow import Flow, flow_of
from .roles import batch_axes
from .runtime.module import Arrays, Module
from .runtime.params import load_params
from .runtime.properties.case import Case
from .runtime.properties.data import draw
from .runtime.properties.subject import Subject
from .training import read_arrays


def show(compiled: Compiled, arguments: argparse.Namespace) -> str:
    """The picture where the output's name asks for one, else the text."""
    try:
        flow = measured(compiled, arguments)
    except ValueError as error:
        raise Failure(f"{arguments.spec}: {error}") from None
    return flow.svg() if arguments.out.endswith(".svg") else str(flow)


def measured(compiled: Compiled, arguments: argparse.Namespace) -> Flow:
    module = api.module_from(compiled.text, Path(compiled.source.path).stem)
    if arguments.weights:
        params, weights = load_params(arguments.weights, cast(Module, module))[0], arguments.weights
    else:
        params, weights = module.init(seed=arguments.seed, dtype="float64"), "starting weights"
    batch, data = _batch(compiled, module, arguments)
    flow = flow_of(compiled.source, compiled.options, Imports(arguments.spec), params, batch)
    notes = (
        f"{weights}; {data}",
        "L is the loss of every sequence's last step, or the sum of its outputs there",
    )
    return replace(flow, title=f"gradient flow of {Path(compiled.source.path).name}", notes=notes)


def _batch(compiled: Compiled, module: ModuleType, arguments: argparse.Namespace) -> tuple[Arrays, str]:
    """The first sequences of the data, or random ones."""
    if not arguments.data:
        subject = Subject(module)
        case = Case(
            tuple((axis, arguments.steps) for axis in subject.axes), arguments.batch, (), arguments.seed
        )
        found = draw(subject, case, ragged=False).batch
        return found, f"{arguments.batch} sequences of {arguments.steps} steps drawn at random"
    arrays, _ = read_arrays(arguments.data, compiled.program, "float64")
    places = batch_axes(compiled.program)
    count = min([arguments.batch, *(value.shape[places[name]] for name, value in arrays.items())])
    first = {name: np.take(value, range(count), places[name]) for name, value in arrays.items()}
    return first, f"the first {count} sequences of {arguments.data}"
