"""A printed module needs NumPy and the standard library, and nothing else: no rnnc, no other package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import rnnc
from compiled import EXAMPLES
from rnnc.compiler.driver import Options

# For `python -I` in a folder of its own: any other import fails as if it were not installed.
DRIVER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "network"):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
for name in ("rnnc", "lark", "jinja2"):
    try:
        __import__(name)
    except ImportError as error:
        assert str(error).startswith("blocked"), error
    else:
        raise AssertionError("the block does not hold")

import numpy as np
import network as m

params = m.init(seed=1, dtype="float64", **SIZES)
rng = np.random.default_rng(0)
batch = {"x": BATCH_X, "y": rng.integers(0, COUNT, (6, 3)), "T": np.array([6, 0, 3])}
run = m.forward(params, batch)
grads, _, _ = m.backward(params, run)
loss, again = m.loss_and_grad(params, batch)
# the rows end at different steps, so that sums go in another order where nobody asks for outputs
close = {"rtol": 1e-12, "atol": 1e-14}
assert np.isclose(loss, run.loss, **close) and np.isfinite(loss)
assert all(np.allclose(grads[name], again[name], **close) for name in grads)
assert any(grads[name].any() for name in grads)
assert m.SPEC and m.DIMS and m.SHAPES
if SAMPLES:
    drawn = m.sample(params, np.random.default_rng(2), batch_size=4, max_steps=9)
    assert drawn.y.shape == (9, 4) and ((0 <= drawn.y) & (drawn.y < COUNT)).all()
    assert np.isfinite(drawn.log_prob).all()
print("stood alone")
"""

TOKENS = {
    "SIZES": "{'vocab': 7, 'embed': 3, 'hidden': 4}",
    "BATCH_X": "rng.integers(0, 7, (6, 3))",
    "COUNT": "7",
    "SAMPLES": "False",
}
VECTORS = {
    "SIZES": "{'input': 3, 'hidden': 4, 'classes': 5}",
    "BATCH_X": "rng.standard_normal((6, 3, 3))",
    "COUNT": "5",
    "SAMPLES": "False",
}
NETWORKS = {"vanilla": VECTORS, "bidirectional": VECTORS, "gru": VECTORS, "char_lstm": TOKENS}


def filled(values: dict[str, str]) -> str:
    text = DRIVER
    for name, value in values.items():
        text = text.replace(name, value)
    return text


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
@pytest.mark.parametrize("name", NETWORKS)
def test_runs_where_everything_else_is_blocked(name: str, level: int, tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(rnnc.compile(EXAMPLES / f"{name}.rnn", Options(level=level)))
    (tmp_path / "driver.py").write_text(filled(NETWORKS[name]))
    command = [sys.executable, "-I", "driver.py", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "stood alone\n"), done.stderr


@pytest.mark.parametrize("level", [0, 2], ids=["O0", "O2"])
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.rnn")), ids=lambda path: path.stem)
def test_imports_numpy_and_the_standard_library_alone(path: Path, level: int) -> None:
    found = set()
    for node in ast.walk(ast.parse(rnnc.compile(path, Options(level=level)))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module
            found.add(node.module.partition(".")[0])
    assert "numpy" in found
    assert found - {"numpy"} <= set(sys.stdlib_module_names)
