"""`rnnc sample` on models that are not of text: conditioned, begun, searched, kept; and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES, close
from rnnc.__main__ import main
from rnnc.runtime.params import save_params
from rnnc.runtime.sampling import Choice

SMALL = {"hidden": 5}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def model(name, **dims):
    """A module with weights in a file, as `rnnc train` would leave them."""
    m = rnnc.load(EXAMPLES / f"{name}.rnn", **dims, **SMALL)
    params = m.init(seed=1, dtype="float64")
    save_params(Path("w.npz"), params, dims={**m.DIMS})
    return m, params


def sample(capsys, name, *words, status=0):
    spec = name if name.endswith(".rnn") else EXAMPLES / f"{name}.rnn"
    assert main(["sample", str(spec), "--params", "w.npz", *map(str, words)]) == status
    out, err = capsys.readouterr()
    return out if status == 0 else err


def drawn(out):
    """The sequences printed: steps, log-probability, whether ended, the numbers under each head."""
    found = []
    for block in out.split("# ")[1:]:
        title, *lines = block.rstrip("\n").split("\n")
        heads, name = {}, ""
        for line in lines:
            if line.endswith(":"):
                heads[name := line[:-1]] = []
            else:
                heads[name].append([float(number) for number in line.split()])
        steps, log_prob = re.match(r"\d+: (\d+) steps, log-probability (\S+)", title).groups()
        found.append((int(steps), float(log_prob.rstrip(",")), "ended" in title, heads))
    return found


def test_sequences_with_their_probability(capsys):
    m, params = model("stop_event", vocab=4)
    found = drawn(sample(capsys, "stop_event", "--count", 8, "--length", 2))
    assert len(found) == 8 and {ended for _, _, ended, _ in found} == {True, False}
    for steps, log_prob, ended, heads in found:
        y = np.array(heads["y"], int).reshape(steps, 1)
        assert len(heads["z"]) == steps and heads["z"][-1] == [float(ended)]
        run = m.forward(params, {"y": y, "T": np.array([steps])}, last=np.array([ended]))
        assert log_prob == pytest.approx(-sum(run.nll.values())[0], abs=1e-4)


def test_conditioned_and_begun(capsys):
    m, params = model("vector_each_step", vocab=5)
    x = np.random.default_rng(0).standard_normal((2, 6))
    np.savez("context.npz", x=x)
    np.savez("prefix.npz", y=np.array([[1, 3], [2, 0]]), T=np.array([2, 1]))
    files = ("--context", "context.npz", "--prefix", "prefix.npz")
    found = drawn(sample(capsys, "vector_each_step", *files, "--count", 3, "--length", 9))
    assert len(found) == 6
    for number, (steps, log_prob, ended, heads) in enumerate(found):
        y = np.array(heads["y"], int)
        assert y[0, 0] == (1, 3)[number // 3] and (number >= 3 or y[1, 0] == 2)
        batch = {"x": x[number // 3][None], "y": y, "T": np.array([steps])}
        run = m.forward(params, batch, last=np.array([ended]))
        assert log_prob == pytest.approx(-run.nll["y"][0], abs=1e-4)


def test_the_likeliest_sequences_for_each_context(capsys):
    m, params = model("vector_start", vocab=4)
    x = np.random.default_rng(0).standard_normal((2, 6))
    np.savez("context.npz", x=x)
    found = drawn(sample(capsys, "vector_start", "--context", "context.npz", "--beam", 4, "--length", 5))
    assert len(found) == 8
    for row in range(2):
        wanted = m.beam(params, 4, max_steps=5, context={"x": x[row : row + 1]})
        several = found[4 * row : 4 * row + 4]
        close([log_prob for _, log_prob, _, _ in several], wanted.log_prob, 1e-4)
        assert [v[0] for v in several[0][3]["y"]] == wanted.y[: wanted.T[0], 0].tolist()


def test_what_is_likeliest_with_an_event_at_its_end(capsys):
    model("stop_event", vocab=4)
    found = drawn(sample(capsys, "stop_event", "--beam", 3, "--length", 4))
    assert len(found) == 3
    for steps, _, ended, heads in found:
        [event] = heads.keys() - {"y"}
        assert [int(v[0]) for v in heads[event]] == [0] * (steps - 1) + [int(ended)]


def test_weights_of_another_network_are_called_so(capsys):
    model("forecast")
    words = ["sample", str(EXAMPLES / "stop_event.rnn"), "--params", "w.npz"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "w.npz" in said and "another network" in said and "`season`" in said and "RNN314" not in said
    words = ["show", str(EXAMPLES / "stop_event.rnn"), "--gradient-flow", "--weights", "w.npz"]
    assert main(words) == 2 and "another network" in capsys.readouterr().err


def test_arrays_instead_of_numbers(capsys):
    m, params = model("stop_length", vocab=4, lengths=6)
    assert sample(capsys, "stop_length", "--count", 7, "--out", "drawn.npz") == ""
    found = dict(np.load("drawn.npz"))
    assert set(found) >= {"y", "T", "log_prob", "ended"} and found["y"].shape == (found["T"].max(), 7)
    run = m.forward(params, {"y": found["y"], "T": found["T"]})
    close(found["log_prob"], -sum(run.nll.values()), 1e-12)
    m, params = model("vector_start", vocab=4)
    np.savez("context.npz", x=np.zeros((3, 6)))
    sample(capsys, "vector_start", "--context", "context.npz", "--beam", 2, "--out", "drawn.npz")
    assert np.load("drawn.npz")["y"].shape[1] == 6


def test_a_network_drawn_at_once(capsys):
    """Each sequence up to its own end, heads without steps too; no steps at all are no error."""
    model("weighted_heads")
    np.savez("context.npz", x=np.ones((4, 2, 8)), T=np.array([4, 2]))
    found = drawn(sample(capsys, "weighted_heads", "--context", "context.npz"))
    assert [(steps, len(heads["y"]), len(heads["next"]), len(heads["kind"])) for steps, *_, heads in found] == [
        (4, 4, 4, 1), (2, 2, 2, 1)]  # fmt: skip
    sample(capsys, "weighted_heads", "--context", "context.npz", "--out", "drawn.npz")
    assert np.load("drawn.npz")["T"].tolist() == [4, 2]
    model("directed_model")
    (none,) = drawn(sample(capsys, "directed_model", "--length", 0))
    assert none[0] == 0 and none[3] == {"y": []}


def test_likely_tokens_alone(capsys):
    model("directed_model", vocab=9)
    cold, one, few = (
        sample(capsys, "directed_model", "--length", 8, *words)
        for words in (("--temperature", 0), ("--top-k", 1), ("--top-p", "1e-9"))
    )
    assert cold == one == few
    assert sample(capsys, "directed_model", "--length", 8) != cold


def test_how_a_token_of_a_text_is_drawn():
    """`Choice` against frequencies worked out by hand."""
    chances = np.array([0.1, 0.4, 0.3, 0.2])
    logits, rng = np.log(np.tile(chances, (20_000, 1))), np.random.default_rng(0)
    for choice, wanted in (
        (Choice(), chances),
        (Choice(top_k=2), [0, 4 / 7, 3 / 7, 0]),
        (Choice(top_p=0.6), [0, 4 / 7, 3 / 7, 0]),
        (Choice(top_p=0.4), [0, 1, 0, 0]),
        (Choice(0.5), chances**2 / (chances**2).sum()),
        (Choice(0), [0, 1, 0, 0]),
    ):
        close(np.bincount(choice.draw(logits, rng), minlength=4) / 20_000, wanted, 0.02)
    assert set(Choice(top_k=1).draw(logits[:50], rng, never=[1])) == {2}


@pytest.mark.parametrize(
    "name, words, said",
    [
        ("vector_start", [], "missing"),
        ("directed_model", ["--prime", "abc"], "no model of text: --prefix"),
        ("canon", ["--top-k", "3"], "--top-k chooses among tokens"),
        ("canon", ["--beam", "3"], "--beam needs sequences of tokens"),
        ("directed_model", ["--prefix", "w.npz"], "is nothing the spec reads"),
        ("directed_model", ["--context", "nowhere.npz"], "nowhere.npz"),
        ("directed_model", ["--top-p", "0"], "a probability above 0"),
        ("directed_model", ["--prefix", "p.npz", "--beam", "2"], "without --prefix"),
    ],
)
def test_what_it_refuses(capsys, name, words, said):
    model(name)
    np.savez("p.npz", y=np.ones((1, 2), int))
    capsys.readouterr()
    try:
        err = sample(capsys, name, *words, status=2)
    except SystemExit:
        err = capsys.readouterr().err
    assert said in err and "Traceback" not in err


def test_weights_that_are_no_numbers_are_refused(capsys):
    m, params = model("directed_model")
    broken = next(iter(params))
    save_params(Path("w.npz"), {**params, broken: params[broken] * np.nan}, dims={**m.DIMS})
    assert f"w.npz: NaN in {broken}" in sample(capsys, "directed_model", status=2)
