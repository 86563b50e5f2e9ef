"""The training curve as a table and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .chart import Chart, Line, draw
from .trainer import Point

COLOURS = {"training": "#8fb3d9", "held out": "#b8331f"}


@dataclass(frozen=True, slots=True)
class Measure:
    """How losses (nats) are shown."""

    name: str = "loss"
    scale: float = 1.0


BITS = Measure("bits per character", 1 / math.log(2))


def to_csv(curve: Sequence[Point], measure: Measure) -> str:
    """One line per point; an empty field where nothing was measured."""
    unit = measure.name.replace(" ", "_")
    lines = [f"step,seconds,learning_rate,train_{unit},held_out_{unit}"]
    for p in curve:
        losses = ",".join("" if math.isnan(x) else f"{x * measure.scale:.6g}" for x in (p.train, p.held_out))
        lines.append(f"{p.step},{p.seconds:.3f},{p.rate:.6g},{losses}")
    return "\n".join(lines) + "\n"


def to_svg(curve: Sequence[Point], measure: Measure, title: str) -> str:
    """Loss against steps: training faint, held out strong, axes with round numbers."""
    lines = {
        "training": [(p.step, p.train * measure.scale) for p in curve if math.isfinite(p.train)],
        "held out": [(p.step, p.held_out * measure.scale) for p in curve if math.isfinite(p.held_out)],
    }
    drawn = [Line(name, points, COLOURS[name], name == "held out") for name, points in lines.items()]
    return draw(Chart(title, "training steps", measure.name), drawn)
