"""Cells of the library against other people's implementations, where these are installed: forward, and gradients too
where these are PyTorch's."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import close
from outside import CHECKS, Outside
from outside.register import as_it_is
from test_cells import spec

STEPS, ROWS = 7, 3
os.environ.setdefault("KERAS_BACKEND", "torch")


def drawn(m: Any, check: Outside) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    drawn = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in m.init(dtype="float64").items()}
    local = {name.removeprefix("h."): value for name, value in drawn.items()}
    check.restrict(local)
    return local


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.cell}: {check}")
def test_gives_what_they_give(check: Outside) -> None:
    pytest.importorskip(check.package, exc_type=ImportError)
    m = rnnc.loads(spec(check.cell))
    local = drawn(m, check)
    params = {f"h.{name}": value for name, value in local.items()}
    x = np.random.default_rng(5).standard_normal((STEPS, ROWS, 3))
    run = m.forward(params, {"x": x})
    if not check.tensors:
        close(run.outputs["h"], check.run(local, x), check.tolerance)
        return
    import torch

    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in local.items()}
    inputs = torch.tensor(x, requires_grad=True)
    found = check.run(tensors, inputs)
    close(run.outputs["h"], found.detach().numpy(), check.tolerance)
    if check.restrict is not as_it_is:
        return  # what it lacks has no gradient there
    cotangent = np.random.default_rng(6).standard_normal(found.shape)
    grads, dbatch, _ = m.backward(params, run, {"h": cotangent})
    (found * torch.tensor(cotangent)).sum().backward()
    wanted = np.concatenate([tensors[name].grad.numpy().ravel() for name in local])
    close(np.concatenate([grads[f"h.{name}"].ravel() for name in local]), wanted, check.tolerance)
    close(dbatch["x"], inputs.grad.numpy(), check.tolerance)
