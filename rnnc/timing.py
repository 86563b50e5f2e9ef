"""Timing side by side: every contender once in a round, rounds until the time is used up, medians."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from statistics import median

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
LEAST, MOST = 5, 2000  # rounds


def interleaved(
    runs: Mapping[str, Callable[[], object]], seconds: float, clock: str = "wall", least: int = LEAST
) -> dict[str, float]:
    """The median time of each, in seconds. What is called right after another contender finds the caches as
    that one left them, so each round has an order of its own: none always comes after the same one."""
    now, names, chance = CLOCKS[clock], list(runs), random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in names}
    for run in runs.values():  # buffers are made, pages are touched
        run()
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        for round in range(MOST):
            if round >= least and time.perf_counter() > end:
                break
            chance.shuffle(names)
            for name in names:
                begin = now()
                runs[name]()
                times[name].append(now() - begin)
    finally:
        gc.enable()
    return {name: median(times[name]) for name in runs}


def repeated(run: Callable[[], object], count: int) -> Callable[[], object]:
    """For what is too short to be timed by itself."""

    def many() -> None:
        for _ in range(count):
            run()

    return many
