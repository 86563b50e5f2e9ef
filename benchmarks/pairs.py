"""Two ways to run the same step, alone in turn: neither finds the caches as a third has left them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from rnnc.timing import interleaved

from .contenders import Contender, agree, computed

PLACES = 4  # where arrays happen to lie is worth some hundredths: so many times, each in memory of its own


def ratio(
    what: str, one: Callable[[], Contender], other: Callable[[], Contender], seconds: float, clock: str
) -> float:
    """How many times as long the other takes; each is made first as often. ``what`` the other is, should it compute
    something else."""
    makers = {"one": one, "other": other}
    orders = [tuple(makers), tuple(makers)[::-1]] * (PLACES // 2)
    pairs = [{name: makers[name]() for name in order} for order in orders]
    agree(what, computed(pairs[0]["one"]), pairs[0]["other"])
    runs = [{name: contender.run for name, contender in pair.items()} for pair in pairs]
    times = [interleaved(pair, seconds / PLACES, clock, least=3) for pair in runs]
    return median(time["other"] / time["one"] for time in times)
