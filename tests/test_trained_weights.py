"""What `rnnc train` left, used where there is NumPy alone: the file's own notes are passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES
from rnnc.runtime.params import save_params


@pytest.mark.parametrize("example", ["vanilla", "lstm"])
def test_weights_are_read_by_numpy(example: str, tmp_path: Path) -> None:
    m = rnnc.load(EXAMPLES / f"{example}.rnn", hidden=3)
    params = m.init(seed=1, dtype="float64")
    save_params(tmp_path / "best.npz", params, dims={**m.DIMS}, note="of training")
    read = dict(np.load(tmp_path / "best.npz"))
    assert read.keys() - params.keys() == {"__meta__"}
    rng = np.random.default_rng(0)
    batch = {"x": rng.normal(size=(4, 2, 8)), "y": rng.integers(0, 5, (4, 2)), "T": np.array([4, 2])}
    workspace = m.workspace(read, batch)
    for _ in range(2):
        found, grads = m.loss_and_grad(read, batch, workspace=workspace)
        wanted, _ = m.loss_and_grad(params, batch)
        assert found == wanted and grads.keys() == set(m.TRAINED)
    frozen = m.freeze(read)
    assert set(frozen) == set(m.PARAMS)
    for weights in (read, frozen):
        state = m.start(weights, 2)
        for x in batch["x"][:2]:
            state, out = m.step(weights, state, {"x": x})
        np.testing.assert_allclose(out["y"], m.forward(params, batch).outputs["y"][1], rtol=1e-12)
    with pytest.raises(ValueError, match="unknown"):
        m.forward({**params, "__other__": params["W_hx" if "W_hx" in params else next(iter(params))]}, batch)
