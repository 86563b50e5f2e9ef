"""The property kit for tests of one's own, and the page about it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rnnc
from hypothesis import given, settings
from rnnc import properties as kit

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
VANILLA = rnnc.load(ROOT / "examples" / "vanilla.rnn")
BOTH = rnnc.load(ROOT / "examples" / "bidirectional.rnn")

few = settings(max_examples=10)


def test_the_page_names_every_property() -> None:
    table = PAGE[PAGE.index("## The properties") : PAGE.index("The derivative along u")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(rows))) == sorted(kit.NAMES)


def test_the_examples_of_the_page_pass(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    path = tmp_path / "test_page.py"
    path.write_text(code.replace('"examples/', f'r"{ROOT}/examples/'), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "3 passed" in done.stdout, done.stdout


def test_importing_the_kit_imports_nothing_else() -> None:
    code = (
        "import sys; from rnnc.properties import check_gradients, examples, states; import rnnc.pytest_plugin"
    )
    code += "; print([m for m in ('numpy', 'hypothesis', 'lark', 'rnnc.compiler') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_there_is_a_function_for_every_property() -> None:
    assert {f"check_{name.replace('-', '_')}" for name in kit.NAMES} <= set(dir(kit))
    assert kit.check_causality.__doc__ and "NaN" in kit.check_causality.__doc__
    with pytest.raises(AttributeError, match="there is no check_magic"):
        _ = kit.check_magic


def test_what_cannot_be_asked_says_why() -> None:
    with pytest.raises(kit.NotApplicable, match=r"streaming: not applicable: .*t\+1"):
        kit.check_streaming(BOTH)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a compiled module"):
        kit.check_gradients("vanilla.rnn")


@few
@given(kit.examples(VANILLA, hidden=3, T=6))
def test_sizes_that_are_named_stay(data: Any) -> None:
    assert data.params["W"].shape == (3, 3)
    assert len(data.batch["x"]) == 6 and data.batch["T"].max() == 6
    assert np.isfinite(VANILLA.forward(data.params, data.batch).loss)


@few
@given(kit.states(VANILLA, B=2), kit.lengths(5, 4), kit.parameters(VANILLA), kit.batches(VANILLA))
def test_states_lengths_parameters_batches(state, lengths, params, batch) -> None:  # type: ignore[no-untyped-def]
    assert len(state["h"]) == 2 and state["t"].shape == (2,)
    assert len(lengths) == 4 and lengths.max() == 5
    assert set(params) == set(VANILLA.PARAMS) and set(batch) == {"x", "y", "T"}


def test_an_unknown_size_is_named() -> None:
    with pytest.raises(ValueError, match="unknown size 'hiden'; there are T, B, input, hidden, classes"):
        kit.examples(VANILLA, hiden=3)


def test_a_network_without_a_state_draws_none() -> None:
    with pytest.raises(ValueError, match="carries no state"):
        kit.states(BOTH)
