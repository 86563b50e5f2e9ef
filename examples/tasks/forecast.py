"""The carbon dioxide over Mauna Loa, one month ahead, with the uncertainty told.

Weekly values since 1958 that statsmodels ships (Keeling & Whorf, Scripps), as monthly means; months
without a value are interpolated. What is learned and told is the change over twelve months; the last ten
years are the test. Beside it: the value twelve months before with the change that the last month had over
its own (the seasonal-naive forecast with drift), and without."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from common import Clock, example, package, train

TEST, STEPS = 120, 60

SETTINGS = {"steps": 600}


def monthly() -> np.ndarray:
    """Parts per million, for each month from the first to the last."""
    lines = (package("statsmodels") / "datasets/co2/co2.csv").read_text().split()[1:]
    rows = [line.split(",") for line in lines]
    month = np.array([12 * int(date[:4]) + int(date[4:6]) - 1 for date, _ in rows])
    value = np.array([float(value or "nan") for _, value in rows])
    months = np.arange(month[0], month[-1] + 1)
    known = {m: value[(month == m) & ~np.isnan(value)] for m in months}
    full = [m for m in months if len(known[m])]
    return np.interp(months, full, [known[m].mean() for m in full])


def windows(y: np.ndarray, when: np.ndarray, starts: np.ndarray, steps: int) -> dict[str, Any]:
    where = starts + np.arange(steps)[:, None]
    return {"y": y[where], "when": when[where], "T": np.full(len(starts), steps)}


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    level = monthly()
    change = (level[12:] - level[:-12]).astype("float32")
    learnt = change[:-TEST]
    y = (change - learnt.mean()) / learnt.std()
    angle = 2 * np.pi * np.arange(len(y)) / 12
    when = np.column_stack([np.sin(angle), np.cos(angle)]).astype("float32")
    module = example("forecast")
    # The last tenth of the windows, on which weights are judged, begins where the others have ended.
    late = np.arange(len(learnt) - STEPS - 25, len(learnt) - STEPS + 1)
    starts = np.concatenate([np.arange(late[0] - STEPS + 1), late])
    weights = train(module, windows(y, when, starts, STEPS), settings, rate=0.005)
    run = module.forward(weights, windows(y, when, np.array([0]), len(y)))
    centre, spread = (run.outputs[name][-TEST:, 0] * learnt.std() for name in ("y", "y.scale"))
    told = centre + learnt.mean()
    wanted, drift = change[-TEST:], change[-TEST - 1 : -1]
    inside = np.abs(wanted - told) < 1.2816 * spread  # eight in ten of a normal

    def error(forecast: np.ndarray | float) -> str:
        return f"root mean square error {np.sqrt(np.mean((wanted - forecast) ** 2)):.3f} ppm"

    clock.tell(
        a_year_before=error(0.0),
        a_year_before_with_drift=error(drift),
        network=f"{error(told)}; {inside.mean():.0%} in its 80% intervals",
    )
