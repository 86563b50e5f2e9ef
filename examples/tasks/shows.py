"""Every example that no other task uses, on data of our own making that it is the right tool for.

One line each: the nats per element that it gets on what is held out, and what stands beside it: the generator's own
probabilities, an answer that needs no network, or a network without the part in question, trained as long on the same
data. What the data are is in `made.py`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import made
import numpy as np
from common import Arrays, example, train

SETTINGS = {"names": [], "steps": 0}  # 0 steps: each line's own


@dataclass(frozen=True)
class Net:
    """An example with its sizes; `given` changes the parameters that it starts from."""

    spec: str
    sizes: dict[str, int] = field(default_factory=dict)
    given: Callable[[Arrays], Arrays] | None = None
    head: str = "y"
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Show:
    """A network, its task in a phrase, the data, other networks beside it, and how it is trained."""

    net: Net
    task: str
    make: made.Make
    beside: dict[str, Net] = field(default_factory=dict)
    steps: int = 600
    rate: float = 0.01
    learnt: int = 2000
    test: made.Make | None = None


def tags(spec: str, inputs: int, classes: int, hidden: int = 16) -> Net:
    return Net(spec, {"input": inputs, "classes": classes, "hidden": hidden})


def tagged(
    spec: str,
    task: str,
    make: made.Make,
    inputs: int,
    classes: int,
    *others: str,
    hidden: int = 16,
    **how: Any,
) -> Show:
    """An example that tags every step, beside others that do."""
    beside = {other: tags(other, inputs, classes, hidden) for other in others}
    return Show(tags(spec, inputs, classes, hidden), task, make, beside, **how)


def spelled(spec: str, way: str) -> Show:
    net = Net(spec, {"context": 6, "vocab": 12, "hidden": 32})
    return Show(net, f"a word spelled from a noisy code, {way}", made.words, steps=800)


def translated(spec: str, task: str, make: made.Make, *others: str, **how: Any) -> Show:
    sizes = {"source": 9, "target": 9, "embed": 8, "hidden": 24}
    return Show(Net(spec, sizes), task, make, {other: Net(other, sizes) for other in others}, **how)


def numbers(params: Arrays) -> Arrays:
    """A table in which each word's place says which number it is."""
    table = np.zeros_like(params["E"])
    table[:, 0] = np.linspace(-2, 2, len(table))
    return {**params, "E": table}


FROZEN = Net("frozen", {"vocab": 12, "embed": 4, "hidden": 24, "classes": 2})
KIND = {"input": 1, "hidden": 24, "classes": 3}
SHOWS = [
    tagged("vanilla", "adding two binary numbers", made.addition, 2, 2),
    tagged("gru", "a number kept while others pass by", made.register, 2, 4, "vanilla", steps=1000),
    tagged(
        "gru_reset_before", "a number kept while others pass by", made.register, 2, 4, "vanilla", steps=1000
    ),
    tagged(
        "lstm", "a number kept while others pass by", made.register, 2, 4, "vanilla", steps=1500, rate=0.02
    ),
    tagged(
        "lstm_peephole",
        "exactly ten steps after a mark",
        made.timing,
        1,
        2,
        "lstm",
        hidden=8,
        steps=1500,
        rate=0.02,
    ),
    Show(Net("lstm2", {"vocab": 4, "embed": 4, "hidden": 24}), "nested brackets of two kinds", made.brackets),
    Show(
        Net("directed_model", {"vocab": 6, "hidden": 32}),
        "a chain of symbols that depend on the last two",
        made.markov,
    ),
    tagged("many_to_one", "the most frequent of three symbols", made.majority, 3, 3),
    tagged("bidirectional", "the bit before and the bit after", made.neighbours, 1, 4, "vanilla"),
    tagged(
        "deep_stacked",
        "the parity of the parity of bits",
        made.parity_of_parity,
        1,
        2,
        "vanilla",
        hidden=8,
        steps=1000,
    ),
    tagged(
        "deep_transition",
        "the order of three things after swaps and turns",
        made.turns,
        2,
        6,
        "vanilla",
        hidden=8,
        steps=1000,
    ),
    tagged(
        "deep_skip",
        "the order of three things after swaps and turns",
        made.turns,
        2,
        6,
        "vanilla",
        hidden=8,
        steps=1000,
    ),
    spelled("vector_each_step", "read at every step"),
    spelled("vector_start", "read once"),
    spelled("vector_both", "read once and at every step"),
    tagged(
        "sequence_to_sequence",
        "symbols moved on by a number that is not told",
        made.shifted,
        4,
        4,
        "vanilla",
        hidden=32,
        steps=1500,
    ),
    tagged("teacher_forcing", "a ring walked as told, if steps did not fail", made.walk, 1, 5, "vanilla"),
    Show(
        Net("output_recurrence", {"input": 3, "outputs": 3, "hidden": 24}),
        "three leaky sums",
        made.integrator,
    ),
    translated(
        "encoder_decoder", "short strings said backwards", made.strings(1, 4, backwards=True), steps=1000
    ),
    translated(
        "attention_dot",
        "long strings said again",
        made.strings(4, 8, backwards=False),
        "encoder_decoder",
        steps=1000,
    ),
    tagged("leaky_fixed", "a sign that seldom changes, under noise", made.switching, 1, 2, "vanilla"),
    tagged("leaky_learned", "a sign that seldom changes, under noise", made.switching, 1, 2, "vanilla"),
    tagged("skip", "bits told thirty steps later", made.lagged, 1, 2, "vanilla", hidden=32, steps=800),
    tagged("taps", "the sign of a second difference", made.filtered, 1, 3, "vanilla"),
    tagged(
        "orthogonal_cayley",
        "bits told thirty steps later",
        made.lagged,
        1,
        2,
        "vanilla",
        hidden=32,
        steps=800,
    ),
    tagged(
        "orthogonal_exp", "bits told thirty steps later", made.lagged, 1, 2, "vanilla", hidden=32, steps=800
    ),
    tagged(
        "spectral_scaling", "sixty sequences with noisy tags", made.noisy_tags, 8, 2, "vanilla", learnt=60
    ),
    tagged("regularised", "sixty sequences with noisy tags", made.noisy_tags, 8, 2, "vanilla", learnt=60),
    tagged(
        "dropout",
        "forty sequences with noisy channels",
        made.redundant,
        8,
        2,
        "lstm",
        learnt=40,
        hidden=48,
        steps=1000,
    ),
    tagged("zoneout", "sixty sequences with noisy tags", made.noisy_tags, 8, 2, "vanilla", learnt=60),
    Show(
        replace(FROZEN, given=numbers),
        "is this number larger? words not seen in training",
        made.larger(12, 6),
        {"a table that means nothing": FROZEN},
        test=made.larger(12, 12),
    ),
    Show(
        Net("weighted_heads", {**KIND, "tags": 4}, head="kind"),
        "which of three waves, told its phase and next value too",
        made.waves,
        {"many_to_one": Net("many_to_one", KIND, renamed={"y": "kind"})},
        steps=1000,
    ),
    tagged("missing", "a level seen in three steps of ten", made.observed, 1, 2, "vanilla"),
    tagged("time_stamps", "charge that leaks between irregular pulses", made.charge, 1, 3, "vanilla"),
    Show(
        Net("mixture_density", {"hidden": 16, "parts": 4}),
        "a value that goes one of two ways",
        made.branches,
        {"one normal": Net("mixture_density", {"hidden": 16, "parts": 1})},
    ),
    Show(Net("siamese", {"vocab": 7}, head="same"), "two walks: steps of the same size?", made.pairs),
    Show(
        Net("grid", {"input": 1, "classes": 2, "hidden": 16}),
        "places reached through open ones",
        made.percolation,
    ),
    Show(Net("ctc", {"input": 5}), "symbols said over several frames", made.spoken),
    Show(Net("transducer", {"input": 5}), "symbols said over several frames", made.spoken),
]


def fitting(module: Any, batch: Arrays, renamed: dict[str, str]) -> Arrays:
    """What the module takes of a batch, some of it under another name."""
    named = {**batch, **{new: batch[old] for new, old in renamed.items()}}
    return {name: value for name, value in named.items() if name in {*module.INPUTS, *module.AXES.values()}}


def held_out(net: Net, module: Any, params: Arrays, batch: Arrays) -> float:
    """Nats per element of the head, or per sequence of a spec whose loss is no head's."""
    run = module.forward(params, batch)
    if net.head not in module.HEADS:
        return float(run.loss)
    counts = [batch[module.AXES[axis]] for axis in module.HEADS[net.head]]
    return float(run.nll[net.head].sum() / np.prod([np.ones(len(run.nll[net.head])), *counts], axis=0).sum())


def learned(net: Net, show: Show, learn: Arrays, test: Arrays, settings: argparse.Namespace) -> float:
    module = example(net.spec, **net.sizes)
    options = argparse.Namespace(steps=settings.steps or show.steps, seed=settings.seed)
    params = train(module, fitting(module, learn, net.renamed), options, rate=show.rate, given=net.given)
    return held_out(net, module, params, fitting(module, test, net.renamed))


def row(show: Show, settings: argparse.Namespace) -> str:
    """One line of the table."""
    began = time.process_time()
    learn, _ = show.make(np.random.default_rng([settings.seed, 1]), show.learnt)
    test, known = (show.test or show.make)(np.random.default_rng([settings.seed, 2]), 500)
    found = learned(show.net, show, learn, test, settings)
    others = {name: learned(net, show, learn, test, settings) for name, net in show.beside.items()}
    beside = ", ".join(f"{name} {nats:.3f}" for name, nats in {**others, **known}.items())
    spent = time.process_time() - began
    return f"| `{show.net.spec}.rnn` | {show.task} | {found:.3f} | {beside} | {spent:.1f} |"


def main(settings: argparse.Namespace) -> None:
    began = time.perf_counter()
    names = [show.net.spec for show in SHOWS]
    if unknown := sorted({*settings.names} - {*names}):
        sys.exit(f"there is no example {unknown[0]!r} here; there are {', '.join(names)}")
    print("| spec | what it does here | nats | beside it | CPU s |\n|---|---|---|---|---|")
    for show in SHOWS:
        if not settings.names or show.net.spec in settings.names:
            print(row(show, settings), flush=True)
    print(f"({time.perf_counter() - began:.0f} s)")
