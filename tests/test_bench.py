"""``rnnc bench`` and ``rnnc show --cost``: what is timed, and what is said when peers differ or are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rnnc import api, benching, cost_view
from rnnc.__main__ import main
from rnnc.compiler.driver import Options
from rnnc.machine import Peaks
from rnnc.measured import Measured
from rnnc.peers.run import Peer

ROOT = Path(__file__).resolve().parent.parent
SKIP = str(ROOT / "examples" / "skip.rnn")
FAST = ["--steps", "4", "--batch", "2", "--seconds", "0", "--dim", "hidden=3"]


def test_the_module_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", SKIP, *FAST]) == 0
    out = capsys.readouterr().out
    assert "skip.rnn: 2 sequences, T = 4, float32, one thread; " in out
    lines = [line.split("  ")[0] for line in out.splitlines()]
    assert lines[3:] == ["forward", "forward and gradients", "one step", "memory", "compiling", ""]


def test_a_network_that_cannot_go_step_by_step_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(ROOT / "examples" / "bidirectional.rnn"), *FAST]) == 0
    assert "one step: not step by step: " in capsys.readouterr().out


def test_a_network_without_axes_has_no_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "still.rnn"
    spec.write_text("dim n = 3\ninput x : real[n]\nhead y : real[n] ~ normal(affine(tanh(x)))\n")
    assert main(["bench", str(spec), "--batch", "1", "--seconds", "0"]) == 0
    assert "still.rnn: 1 sequence, float32, one thread; 12 parameters\n" in capsys.readouterr().out


def test_axes_may_have_lengths_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    spec = str(ROOT / "examples" / "ctc.rnn")
    assert main(["bench", spec, "--steps", "6,U=2", *FAST[2:]]) == 0
    assert "T = 6, U = 2" in capsys.readouterr().out
    assert main(["bench", spec, "--steps", "V=2"]) == 2
    assert "--steps V=2: the lengths are T, U" in capsys.readouterr().err
    assert main(["bench", spec, "--steps", "many"]) == 2
    assert main(["bench", spec, "--against", "theano"]) == 2
    assert "expected some of torch, jax, got 'theano'" in capsys.readouterr().err


@pytest.mark.parametrize("spec", ["stop_symbol", "stop_event"])
def test_sequences_that_could_end_early_do_not(spec: str) -> None:
    compiled = api.compile_file(ROOT / "examples" / f"{spec}.rnn", Options())
    measured = Measured(compiled, {"t": 60}, 3)
    assert measured.batch["T"].tolist() == [60] * 3
    assert np.isfinite(measured.loss_and_grad()[0])


def test_a_length_that_the_spec_does_not_allow_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(ROOT / "examples" / "stop_length.rnn"), "--steps", "80"]) != 0
    error = capsys.readouterr().err
    assert "stop_length.rnn: no sequences of this length could be drawn; try fewer --steps" in error


def imitation(factor: float) -> Any:
    """A peer that is the module itself, with gradients multiplied."""

    def peer(name: str, measured: Any, system: Any) -> Peer:
        def numbers(found: Any) -> Any:
            loss, grads = found
            return loss, {k: np.array(grad) * (factor if k == "W_hh_2" else 1) for k, grad in grads.items()}

        return Peer(
            name,
            "imitated",
            measured.forward,
            measured.loss_and_grad,
            lambda run: {f"output:{k}": v for k, v in run.outputs.items()},
            numbers,
        )

    return peer


def test_a_peer_that_agrees_is_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "peer", imitation(1))
    assert main(["bench", SKIP, "--against", "jax", *FAST]) == 0
    out = capsys.readouterr().out
    assert "jax: imitated; agrees to 0.0e+00" in out and "(x" in out


def test_a_peer_that_differs_is_not_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "peer", imitation(1.01))
    assert main(["bench", SKIP, "--against", "torch", *FAST]) == 1
    out = capsys.readouterr().out
    assert "torch (imitated) is not timed: the gradient of W_hh_2 differs by 1.0e-02 of its largest" in out
    assert "(x" not in out and "fewer --steps" in out


def test_a_peer_that_is_missing_is_an_error_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnc.peers.libraries.find_spec", lambda name: None)
    assert main(["bench", SKIP, "--against", "torch", *FAST]) != 0
    error = capsys.readouterr().err
    assert error.startswith("rnnc: torch is not installed; pip install torch") and error.count("\n") == 1


def test_not_a_number_on_one_side_alone_is_a_difference() -> None:
    nan, number, flag = np.array([1.0, np.nan]), np.array([1.0, 2.0]), np.array([True, False])

    def worst(a: Any, b: Any) -> float:
        return benching.largest(benching.differences({"x": number, "a": a}, {"x": number + 1, "a": b}))[0]

    assert benching.differences({"a": nan, "b": flag}, {"a": nan, "b": flag}) == {"a": 0, "b": 0}
    assert worst(number, nan) == worst(nan, number) == worst(number, number[:1]) == float("inf")
    assert worst(flag, ~flag) == 1


def test_a_gradient_that_is_0_by_symmetry_may_be_other_rounding_elsewhere() -> None:
    large, b = f"{benching.GRADIENT}W", f"{benching.GRADIENT}b"
    ours = {large: np.array([2.0]), b: np.array([1e-16])}
    assert benching.differences(ours, {**ours, b: np.array([-1e-16])})[b] == 1e-16
    assert benching.differences(ours, {**ours, b: np.array([1e-3])})[b] > 1e12
    nothing = {"the loss": np.array(2.0), b: np.array([1e-16])}
    assert benching.differences(nothing, {**nothing, b: np.array([3e-16])})[b] == pytest.approx(1e-16)
    outputs = {**ours, "output y": np.array([1e-16])}
    assert benching.differences(outputs, {**outputs, "output y": np.array([2e-16])})["output y"] == 1


def test_what_a_peer_cannot_run_is_told_and_the_rest_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def peer(name: str, measured: Any, system: Any) -> Peer:
        if name == "torch":
            raise NotImplementedError("no such thing\nas this")
        return imitation(1)(name, measured, system)

    monkeypatch.setattr(benching, "peer", peer)
    assert main(["bench", SKIP, "--against", "torch,jax", *FAST]) == 1
    out = capsys.readouterr().out
    assert "torch cannot run it: NotImplementedError: no such thing\n" in out
    assert "jax: imitated; agrees to 0.0e+00" in out


def test_the_cost_stands_beside_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = Peaks(flops=1e9, functions=1e9, bytes=1e9)
    monkeypatch.setattr(cost_view, "measure_peaks", lambda: peaks)
    monkeypatch.setattr(cost_view, "SECONDS", 0.0)
    assert (
        main(
            ["show", SKIP, "--cost", "--steps", "5", "--batch", "3", "--dim", "input=2", "--dim", "hidden=4"]
        )
        == 0
    )
    out = capsys.readouterr().out
    # Of W_hh a step's gradient is 2 * 3 * 4 * 4 operations.
    assert [line for line in out.splitlines() if line.startswith("W_hh ")][0].split()[1:] == [
        "12.8",
        "96",
        "25.6",
    ]
    assert "measured" in out and "times the bound" in out
    monkeypatch.setattr(cost_view, "measure_peaks", lambda: replace(peaks, flops=1e3))
    assert main(["show", SKIP, "--cost", "--steps", "5", "--batch", "3"]) == 0
    assert "bound" in capsys.readouterr().out
