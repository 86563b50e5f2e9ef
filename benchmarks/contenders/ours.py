"""Compiled modules, and what we write by hand."""

from __future__ import annotations

import time
from functools import cache

from ..cases import SPECS, Case
from ..handwritten import HANDWRITTEN
from .contender import Absent, Contender


def compiled(case: Case, level: int = 2, skip: frozenset[str] = frozenset()) -> Contender:
    module, seconds = case.module(level, skip), _compile_seconds(case, level)
    params, batch = case.params, case.batch
    workspace = module.workspace(params, batch)
    return Contender(
        lambda: module.loss_and_grad(params, batch, workspace=workspace),
        lambda: module.forward(params, batch).outputs["y"],
        lambda result: (float(result[0]), {name: grad.copy() for name, grad in result[1].items()}),
        seconds,
    )


def textbook(case: Case) -> Contender:
    return compiled(case, level=0)


def checkpointed(case: Case) -> Contender:
    """The memory of one segment of the steps, for a second forward pass."""
    module, params, batch = case.module(), case.params, case.batch
    whole = compiled(case)
    return Contender(
        lambda: module.loss_and_grad(params, batch, checkpoint="auto"), whole.outputs, whole.result
    )


def handwritten(case: Case) -> Contender | Absent:
    if case.cell not in HANDWRITTEN:
        return Absent("–", "written by hand for five of the cells")
    size = case.size
    cell = HANDWRITTEN[case.cell](size.T, size.B, size.D, size.H, case.dtype)

    def outputs():
        cell.loss_and_grad(case.params, case.batch)
        return cell.h[-size.T :].copy()

    return Contender(
        lambda: cell.loss_and_grad(case.params, case.batch),
        outputs,
        lambda result: (result[0], {name: grad.copy() for name, grad in result[1].items()}),
    )


@cache
def _compile_seconds(case: Case, level: int) -> float:
    """From the text to the module's text: `load` remembers what it compiled before."""
    import rnnc
    from rnnc.compiler.driver import Options

    begin = time.perf_counter()
    rnnc.compile(SPECS / f"{case.cell}.rnn", Options(level=level), **case.dims)
    return time.perf_counter() - begin
