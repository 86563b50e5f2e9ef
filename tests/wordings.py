"""The same network in other words, or printed in another way, computes the same: more oracles for any spec."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from unittest import mock

import numpy as np
import oracles
from oracles import LEVELS, Subject, compiled, near
from rewrites import REWRITINGS, Rewritten, same
from rnnc.api import module_from
from rnnc.compiler.driver import Options, compile_source
from rnnc.spec.diagnostics import Diagnostics, SpecError
from rnnc.spec.formatter import format_spec
from rnnc.spec.parser import parse
from rnnc.spec.source import Source


def survives_the_formatter(s: Subject) -> None:
    tree = parse(Source("random.rnn", s.text), Diagnostics())
    assert tree is not None
    shown = format_spec(tree)
    again = parse(Source("random.rnn", shown), Diagnostics())
    assert again is not None and format_spec(again) == shown, "formatting twice changes the text"
    meaning = compile_source(
        Source("random.rnn", shown), Options(0, stop_after="check"), lambda path, span: None
    )
    assert meaning.dump("check") == s.made[min(LEVELS)].dump("check"), "formatting changes the meaning"


def survives_rewriting(s: Subject) -> None:
    """One way of saying it differently, one level, by the subject's seed: many specs meet them all."""
    _survives(s, s.seed)


def survives_every_rewriting(s: Subject) -> None:
    for number in range(len(REWRITINGS) * len(LEVELS)):
        _survives(s, number)


def _survives(s: Subject, number: int) -> None:
    way = REWRITINGS[number % len(REWRITINGS)]
    level = LEVELS[number // len(REWRITINGS) % len(LEVELS)]
    other = way(s.text, random.Random(s.seed))
    if other is None:
        return
    what = f"-O{level} {way.__name__}"
    try:
        module = module_from(compiled(other.text, level).text, f"rewritten_O{level}")
    except SpecError as error:
        raise AssertionError(f"{what}: {error}\n{other.text}") from None
    try:
        _agrees(s, level, module, other)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}\n{other.text}") from None


def _agrees(s: Subject, level: int, module: Any, other: Rewritten) -> None:
    """Outputs, losses and gradients are those of the spec as it was."""
    params = _params(s, module, other)
    lengths = {length: s.batch[length] for length in s.m.AXES.values()}
    noises = {} if other.name is same else dict(zip(s.m.NOISES, module.NOISES, strict=True))
    batch = {
        noises.get(name, other.name(name)): value for name, value in {**s.batch, **lengths}.items()
    }  # a noise in a cell has a name of several
    wanted, found = s.modules[level].forward(s.params, s.batch), module.forward(params, batch)
    for key, value in wanted.outputs.items():
        near(found.outputs[other.name(key)], value, key, 1e-11)
    if wanted.loss is None:
        return
    near(found.loss, wanted.loss, "loss", 1e-11)
    grads, _, _ = s.modules[level].backward(s.params, wanted)
    new, _, _ = module.backward(params, found)
    names = {id(params[name]): name for name in params}
    for name, grad in grads.items():
        near(new[names[id(s.params[name])]], grad, f"gradient of {name}", 1e-10)


def _params(s: Subject, module: Any, other: Rewritten) -> Mapping[str, Any]:
    """The subject's parameters under the names they now have; those of dead code get zeros."""
    if other.name is not same:
        assert len(module.PARAMS) == len(s.m.PARAMS), f"parameters {module.PARAMS}"
        return dict(zip(module.PARAMS, (s.params[name] for name in s.m.PARAMS)))
    assert set(module.PARAMS) >= set(s.m.PARAMS), f"parameters {module.PARAMS}"
    dead = {name: np.zeros((2, 3)) for name in set(module.PARAMS) - set(s.m.PARAMS)}
    return {**{name: s.params[name] for name in s.m.PARAMS}, **dead}


def equals_the_unrolled(s: Subject) -> None:
    """A sequence of K steps, written out, is what the loop makes of it."""
    steps = 1 + s.seed % 3
    level = LEVELS[s.seed // 3 % len(LEVELS)]
    try:
        options = Options(level=level, unroll=steps)
        made = compile_source(Source("random.rnn", s.text), options, lambda path, span: None)
    except SpecError as error:
        assert all(found.code == "RNN014" for found in error.diagnostics), error
        return
    module = module_from(made.text, f"unrolled_O{level}")
    axis = next(iter(module.UNROLL))
    lengths = {**s.lengths, axis: np.full(4, steps)}
    batch = s.batch_of(lengths)
    wanted, found = s.modules[level].forward(s.params, batch), module.forward(s.params, batch)
    for key, value in wanted.outputs.items():
        near(found.outputs[key], value, f"-O{level} unrolled {key}", 1e-11)
    if wanted.loss is None:
        return
    near(found.loss, wanted.loss, f"-O{level} unrolled loss", 1e-11)
    grads, _, _ = s.modules[level].backward(s.params, wanted)
    new, _, _ = module.backward(s.params, found)
    for name, grad in grads.items():
        near(new[name], grad, f"-O{level} unrolled gradient of {name}", 1e-10)


def scans_in_stretches_too(s: Subject) -> None:
    """What goes step by step in short sequences goes in stretches in long ones: from 3 steps on, here."""
    module = s.modules[max(LEVELS)]
    if not hasattr(module, "side_by_side"):
        return
    wanted = module.forward(s.params, s.batch)
    grads = module.backward(s.params, wanted, s.cotangents)
    with mock.patch.object(module, "side_by_side", lambda h: len(h) > 2):
        found = module.forward(s.params, s.batch)
        others = module.backward(s.params, found, s.cotangents)
    for key in s.cotangents:
        near(s.result(found, key), s.result(wanted, key), f"{key} in stretches", 1e-11)
    for one, two in zip(grads, others, strict=True):
        for name in one:
            near(two[name], one[name], f"gradient of {name} in stretches", 1e-10)


CORE = (oracles.equals_the_reference, oracles.has_right_gradients, scans_in_stretches_too)
OTHERS = (
    *(check for check in oracles.PROPERTIES if check not in CORE),
    survives_the_formatter,
    survives_rewriting,
    equals_the_unrolled,
)


def check_all(s: Subject) -> None:
    """Every oracle, every rewriting."""
    for check in (*CORE, *OTHERS, survives_every_rewriting):
        s.holds(check)


def check_some(s: Subject, count: int = 3) -> None:
    """The reference and the gradients, and some of the others by the seed."""
    rng = random.Random(s.seed)
    for check in (*CORE, *rng.sample(OTHERS, count)):
        s.holds(check)
