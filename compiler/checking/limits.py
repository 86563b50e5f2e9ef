"""How many things of a kind a spec may have, once loops and cells are written out: what is above that takes long to
compile, or makes a module that nobody can read."""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from ...spec.records import dataclass
from ...spec.source import Span
from .report import Report, Via

MOST = {
    "dims": 500,
    "cells": 500,
    "inputs": 500,
    "parameters": 2_000,
    "noises": 500,
    "heads": 100,
    "losses": 500,
    "outputs": 500,
    "equations": 2_000,
}
KINDS = {
    "input": "inputs",
    "noise": "noises",
    "head": "heads",
    "loss": "losses",
}  # by role; others are equations


class TooMany(Exception):
    """A limit has been passed, which has been reported."""


@dataclass(slots=True)
class Tally:
    """What has been met so far."""

    report: Report
    met: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, span: Span, count: int = 1, via: Via = ()) -> None:
        self.met[kind] += count
        if self.met[kind] > MOST[kind]:
            help = "the limits count what loops and cells make; split the network, or make vectors of scalars"
            self.report("RNN284", span, f"more than {MOST[kind]:,} {kind}", via=via, help=help)
            raise TooMany
