"""CONTRIBUTING.md tells the truth: its one statement adds an operator, from the language to the gradient."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

USE = '''
import numpy as np
import rnnc
from rnnc.compiler.driver import Options

SPEC = """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param W : real[n, n]
h[t] = cube(W @ h[t-1] + x[t])
head y[t] : real[n] ~ normal(h[t])
"""
m = rnnc.loads(SPEC, Options(extras=frozenset({"jvp"})))
rng = np.random.default_rng(0)
params = {"W": rng.uniform(-0.3, 0.3, (3, 3))}
batch = {"x": rng.uniform(-0.5, 0.5, (4, 2, 3)), "y": rng.normal(size=(4, 2, 3)), "T": np.array([4, 2])}
run = m.forward(params, batch)
assert np.allclose(run.outputs["y"][0], batch["x"][0] ** 3)
_, grads = m.loss_and_grad(params, batch)
along = rng.normal(size=(3, 3))
found = m.forward({"W": params["W"] + 1e-30j * along}, batch).loss.imag / 1e-30
assert abs(found - (grads["W"] * along).sum()) < 1e-12 * abs(found), (found, grads)
assert abs(m.jvp(params, batch, {"W": along}).loss - found) < 1e-12 * abs(found)
print("cubed")
'''


def test_one_statement_adds_an_operator(tmp_path: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"^```python\n(unary\(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    for folder in ("spec", "compiler", "runtime", "rnnc"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "compiler" / "operators" / "elementwise.py", "a", encoding="utf-8") as table:
        table.write(f"\n{statement}\n")
    done = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "cubed\n"), done.stderr
