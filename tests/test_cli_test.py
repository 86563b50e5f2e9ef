"""`rnnc test`: a line for each property, failures in the user's terms, made small and kept; JSON and JUnit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rnnc.__main__ import main
from rnnc.runtime.properties.table import PROPERTIES

ROOT = Path(__file__).resolve().parent.parent
VANILLA = str(ROOT / "examples" / "vanilla.rnn")
BOTH = str(ROOT / "examples" / "bidirectional.rnn")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of `x` is too large at the second step of the first row, where there are two rows."""
    from rnnc.runtime.properties import gradient

    right = gradient.backward

    def backward(*args: object, **options: object) -> dict[str, np.ndarray]:
        found = right(*args, **options)
        if len(found["dbatch.x"]) > 1 and found["dbatch.x"].shape[1] > 1:
            found["dbatch.x"][1, 0] *= 1.001
        return found

    monkeypatch.setattr(gradient, "backward", backward)


def test_a_line_for_each_property_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", BOTH, "--property", "padding", "--property", "streaming", "--examples", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == BOTH
    assert lines[1].split() == ["padding", "passed", "bit", "for", "bit,", "2", "cases"]
    assert re.fullmatch(r"  streaming +not applicable: g reads g\[t\+1\].*", lines[2])
    assert lines[3] == "  1 passed, 0 failed, 1 not applicable"


def test_the_worst_error_is_told_against_the_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", VANILLA, "--property", "singles", "--examples", "2"]) == 0
    assert re.search(r"worst error [\d.e-]+ x 1e-12 relative, 2 cases", capsys.readouterr().out)


@pytest.mark.usefixtures("wrong")
def test_a_failure_is_small_and_in_the_users_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", VANILLA, "--property", "gradient"]) == 1
    out = capsys.readouterr().out
    assert f"{VANILLA}:4: gradient of input x" in out
    assert "line 4: input x[t] : real[input]" in out
    assert re.search(
        r"x\[1, 0, 0\] \(step t = 2, row 0, component \[0\]\): analytic [\d.e-]+, complex step", out
    )
    assert "at t = 2, B = 2, input = 1, hidden = 1, classes = 1, seed 0" in out
    assert f"again: rnnc test {VANILLA} --property gradient --seed 0 --examples 10" in out
    assert "0 passed, 1 failed" in out


@pytest.mark.usefixtures("wrong")
def test_a_failing_case_is_kept_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", VANILLA, "--property", "gradient", "--save", "kept"]) == 1
    path = Path("kept") / "vanilla.gradient.npz"
    assert np.load(path)["batch.x"].shape == (2, 2, 1)
    capsys.readouterr()
    assert main(["test", VANILLA, "--case", str(path)]) == 1
    assert "x[1, 0, 0]" in capsys.readouterr().out


@pytest.mark.usefixtures("wrong")
def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--property", "gradient", "--property", "layouts", "--examples", "3"]
    assert main(["test", VANILLA, *words, "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    first, second = found["properties"]
    assert found["totals"] == {"failed": 1, "passed": 1}
    assert (first["name"], first["status"], second["status"]) == ("gradient", "failed", "passed")
    failure = first["failure"]
    assert (failure["name"], failure["line"], failure["index"]) == ("dbatch.x", 4, [1, 0, 0])
    assert failure["sizes"] == {"t": 2, "B": 2, "input": 1, "hidden": 1, "classes": 1}
    assert failure["found"] == pytest.approx(1.001 * failure["wanted"])


@pytest.mark.usefixtures("wrong")
def test_junit_has_a_case_for_each_property() -> None:
    words = ["--property", "gradient", "--property", "streaming", "--examples", "2"]
    assert main(["test", VANILLA, BOTH, *words, "--junit", "report.xml"]) == 1
    suites = ElementTree.parse("report.xml").getroot()
    counts = [[suite.get(key) for key in ("tests", "failures", "skipped")] for suite in suites]
    assert counts == [["2", "1", "0"], ["2", "1", "1"]]
    case = suites[0][0]
    assert (case.get("name"), case.get("file"), case.get("line")) == ("gradient", VANILLA, "4")
    assert "x[1, 0, 0]" in str(case[0].text)


def test_junit_overwrites_nothing_but_its_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As where its name is forgotten, and the first spec is taken for it."""
    words = ["--property", "layouts", "--examples", "1"]
    mine = tmp_path / "mine.rnn"
    mine.write_text("dim n = 3\n")
    assert main(["test", *words, "--junit", str(mine), VANILLA]) == 2
    assert mine.read_text() == "dim n = 3\n" and "left alone (--force" in capsys.readouterr().err
    assert main(["test", *words, "--junit", str(mine), "--force", VANILLA]) == 0
    assert main(["test", *words, "--junit", str(mine), VANILLA]) == 0
    assert ElementTree.parse(mine).getroot().tag == "testsuites"


def test_the_list_has_every_statement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(f"{item.name}  ({item.tolerance})\n    {item.statement}\n" in out for item in PROPERTIES)


def test_what_is_wrong_with_a_spec_is_told_and_the_others_are_tested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.rnn").write_text("axis t = 1..T\nh[t] = 2 *\n", encoding="utf-8")
    assert main(["test", "bad.rnn", "none.rnn", VANILLA, "--property", "determinism", "--examples", "1"]) == 2
    captured = capsys.readouterr()
    assert "bad.rnn:2:11: error[RNN116]" in captured.err and "none.rnn: no such file" in captured.err
    assert "1 passed, 0 failed" in captured.out


def test_a_file_that_is_no_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("case.npz").write_bytes(b"no zip")
    np.savez("other.npz", x=np.zeros(3))
    for name in ("case.npz", "other.npz", "none.npz"):
        assert main(["test", VANILLA, "--case", name]) == 2
        assert f"rnnc: {name}: " in capsys.readouterr().err
