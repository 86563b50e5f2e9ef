"""Every spec of `examples/`: all that must hold of any spec, and equal to the network written by hand.

`references/forward.py` has the hand-written ones; the oldest examples have theirs, with derivatives written out as
well, in `references/cases.py` and are compared in `test_examples.py`."""

from __future__ import annotations

import functools
import itertools
import time
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import rnnc
from compiled import EXAMPLES
from oracles import STEP, Subject, compiled, near
from references import forward
from references.cases import CASES

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.rnn"))
BY_HAND = [name for name in NAMES if name not in {case.name for case in CASES}]
# A sequence of labels needs steps enough.
LENGTHS = {
    "ctc": {"t": [5, 4, 0, 3], "u": [2, 1, 0, 2]},
    "transducer": {"t": [4, 3, 0, 1], "u": [2, 1, 0, 3]},
}
SEEDS = {"ctc": 2}  # with two equal labels one after the other
LABELS = {"ctc": ("z",), "transducer": ("z",)}
every_example = pytest.mark.parametrize("name", NAMES)


@functools.cache
def text_and_seconds(name: str) -> tuple[str, float]:
    """A spec, and how long it took to compile."""
    text = (EXAMPLES / f"{name}.rnn").read_text()
    began = time.process_time()
    compiled(text, 2)
    return text, time.process_time() - began


@functools.cache
def subject(name: str) -> Subject:
    text, _ = text_and_seconds(name)
    return Subject(text, SEEDS.get(name, 0), lengths=LENGTHS.get(name, {}), labels=LABELS.get(name, ()))


@every_example
def test_all_that_must_hold_of_any_spec(name: str) -> None:
    """The reference evaluator's numbers, gradients by complex step, padding, chunks, single sequences, …"""
    subject(name).check()


@every_example
def test_compiles_in_less_than_a_second(name: str) -> None:
    assert text_and_seconds(name)[1] < 1


def sequence(s: Subject, row: int) -> dict[str, Any]:
    """One sequence of the batch, cut to its own lengths."""
    found = {}
    for name, (axes, *_) in s.m.INPUTS.items():
        lengths = tuple(slice(int(s.lengths[axis][row])) for axis in axes)
        found[name] = s.batch[name][(*lengths, row)]
    return found


def loss_by_hand(name: str, params: dict[str, Any]) -> Any:
    """Each term's elements pooled over the sequences, and the terms' averages added up."""
    s, terms = subject(name), defaultdict(list)
    for row in range(len(next(iter(s.lengths.values())))):
        for term, losses in getattr(forward, name)(params, **sequence(s, row)).items():
            terms[term] += losses
    return sum(sum(losses) / len(losses) for losses in terms.values())


@pytest.mark.parametrize("name", BY_HAND)
def test_equals_the_network_written_by_hand(name: str) -> None:
    s, rng = subject(name), np.random.default_rng(1)
    wanted = loss_by_hand(name, s.params)
    for level, module in s.modules.items():
        loss, grads = module.loss_and_grad(s.params, s.batch, train=False)
        near(loss, wanted, f"-O{level} loss")
        for param, grad in grads.items():
            direction = rng.standard_normal(grad.shape)
            moved = {**s.params, param: s.params[param] + 1j * STEP * direction}
            slope = float(np.imag(loss_by_hand(name, moved)) / STEP)
            terms = grad * direction
            assert abs(terms.sum() - slope) <= 1e-11 * (np.abs(terms).sum() + 1e-3), f"-O{level} {param}"
            assert np.any(grad), f"{param} has no gradient: the check would say nothing"


def test_the_directed_model_is_a_distribution() -> None:
    """All sequences that end within four steps, and all beginnings of four steps, together (eq. 10.31)."""
    m = rnnc.load(EXAMPLES / "directed_model.rnn", vocab=3, hidden=4)
    params = {name: 2 * value for name, value in m.init(seed=2, dtype="float64").items()}
    total = 0.0
    for length in range(1, 5):
        ends = (0, 1, 2) if length == 4 else (0,)
        y = np.array([(*w, e) for w in itertools.product((1, 2), repeat=length - 1) for e in ends]).T
        run = m.forward(params, {"y": y})
        total += np.exp(-run.nll["y"]).sum()
    assert total == pytest.approx(1, abs=1e-13)


def test_the_probabilities_of_all_labellings_sum_to_one() -> None:
    """What three steps can show, by the loss of connectionist temporal classification."""
    m = rnnc.load(EXAMPLES / "ctc.rnn", symbols=3, hidden=4)
    params = {name: 2 * value for name, value in m.init(seed=2, dtype="float64").items()}
    labels = [z for length in range(4) for z in itertools.product((1, 2), repeat=length)]
    x = np.random.default_rng(0).standard_normal((3, 1, 8))
    batches = [{"x": x, "z": np.array(z, int).reshape(-1, 1)} for z in labels]
    losses = np.array([m.forward(params, batch).loss for batch in batches])
    assert np.exp(-losses).sum() == pytest.approx(1, abs=1e-13)
    assert (losses > 1e29).sum() == 6  # three labels with a repeat, which needs a blank between


@pytest.mark.parametrize("name, derived", [("orthogonal_cayley", "W"), ("orthogonal_exp", "Q5")])
def test_the_derived_transition_is_orthogonal(name: str, derived: str) -> None:
    s = subject(name)
    w = s.m.forward(s.params, s.batch).outputs[derived]
    near(w @ w.T, np.eye(len(w)), "W W'")
    assert np.abs(w - np.eye(len(w))).max() > 0.5


def test_the_derived_transition_does_not_stretch() -> None:
    s = subject("spectral_scaling")
    norms = np.linalg.svd(s.m.forward(s.params, s.batch).outputs["S"])[1]
    assert norms[0] == pytest.approx(0.95, rel=0.02) and norms[-1] < 0.9
