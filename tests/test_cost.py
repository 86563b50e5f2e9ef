"""What a network costs, counted by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rnnc import api
from rnnc.compiler.cost import AS_WRITTEN, Cost, total, training_costs
from rnnc.compiler.driver import Options
from rnnc.compiler.ir import BATCH
from rnnc.machine import Peaks, versions

B, T, D, H = 5, 7, 3, 4


def costs(folder: Path, equations: str) -> tuple[dict[str, Cost], dict[str, Cost]]:
    spec = folder / "net.rnn"
    spec.write_text(
        f"dim d = {D}, n = {H}\naxis t = 1..T\ninput x[t] : real[d]\n{equations}", encoding="utf-8"
    )
    made = api.compile_file(spec, Options(skip=AS_WRITTEN))
    return training_costs(made.forward, made.adjoint, dict(made.program.dims), {"t": T, BATCH: B})


def test_products_functions_and_bytes_of_a_plain_network(tmp_path: Path) -> None:
    there, back = costs(
        tmp_path,
        "h[t] : real[n] = tanh(affine(x[t], h[t-1], bias = none))\nloss l[t] = dot(h[t], h[t])\n",
    )
    rows = B * T
    # Two products, their sum, tanh; h is written for the backward pass.
    assert there["h"] == Cost(rows * (2 * H * (D + H) + 2 * H), rows * H, 4 * rows * H)
    assert there["x"].bytes == 4 * rows * D
    # The gradient of a matrix is a product over all steps and sequences, written once.
    assert back["W_hx"] == Cost(2 * rows * H * D, 0, 4 * H * D)
    # That of the other is read too, for the gradient of h.
    assert back["W_hh"] == Cost(2 * rows * H * H, 0, 2 * 4 * H * H)
    # h is read; the cotangent that both products wait for is written and read.
    assert back["h"].bytes == 3 * 4 * rows * H
    assert total(back).functions == 0


def test_what_a_loop_does_not_need_costs_nothing(tmp_path: Path) -> None:
    """The gradient of an input is no part of a training step."""
    linear = "param W : real[n, d]\nloss l[t] = sum(W @ x[t])\n"
    there, back = costs(tmp_path, linear)
    assert "x" not in {name for name, cost in back.items() if cost.flops}
    assert total(there).functions == total(back).functions == 0


def test_the_bound_is_what_the_machine_takes_for_each() -> None:
    assert Peaks(flops=2.0, functions=4.0, bytes=8.0).bound(Cost(2.0, 2.0, 2.0)) == 1 + 0.5 + 0.25


def test_the_kernels_of_products_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's own; other libraries bring theirs."""
    found = [
        {"user_api": "blas", "filepath": f"/lib/{package}.libs/blas.so", "internal_api": "openblas",
         "version": "0.3.31", "architecture": kernels}
        for package, kernels in (("numpy", "SkylakeX"), ("scipy", "Haswell"))
    ]  # fmt: skip
    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(threadpool_info=lambda: found))
    assert f"numpy {np.__version__} (openblas 0.3.31, SkylakeX), torch" in versions()
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert f"numpy {np.__version__}, torch" in versions()
