"""Every spec of `examples/`: all that must hold of any spec, and equal to the network written by hand.

`references/forward.py` has the hand-written ones; the oldest examples have theirs, with derivatives written out as
well, in `references/cases.py` and are compared in `test_examples.py`."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
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
    return Subject(text, lengths=LENGTHS.get(name, {}), labels=LABELS.get(name, ()))


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
