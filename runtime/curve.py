"""The training curve as a table and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .trainer import Point

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 44, 52
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
    points = [point for line in lines.values() for point in line] or [(0, 0.0)]
    frame = _Frame(0, max(max(x for x, _ in points), 1), *_range([y for _, y in points]))
    parts = [
        *_axes(frame, measure),
        *_legend(),
        f'<text x="{LEFT}" y="24" class="title">{escape(title)}</text>',
    ]
    parts += [_line(frame, lines[name], COLOURS[name]) for name in lines if lines[name]]
    parts += [f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{COLOURS["held out"]}"/>'
              for x, y in lines["held out"]]  # fmt: skip
    return _PAGE.format(width=WIDTH, height=HEIGHT, body="\n".join(parts))


_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>text {{ font: 12px sans-serif; fill: #333 }} .title {{ font-weight: bold; font-size: 15px }}
.grid {{ stroke: #ddd }} .axis {{ stroke: #333 }}</style>
<rect width="100%" height="100%" fill="#fff"/>
{body}
</svg>
"""


@dataclass(frozen=True, slots=True)
class _Frame:
    """From data to places on the page."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, count: int = 8) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the values; a first few outliers do not flatten the rest."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[min(len(ordered) - 1, math.ceil(0.98 * (len(ordered) - 1)))]
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _axes(frame: _Frame, measure: Measure) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in ticks(frame.low, frame.high):
        y = f"{frame.y(value):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{value:.6g}</text>')
    for value in ticks(frame.left, frame.right):
        x = f"{frame.x(value):.1f}"
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 19}" text-anchor="middle">{value:,.0f}</text>')
    side = f"translate(16 {(TOP + bottom) / 2}) rotate(-90)"
    return [
        *parts,
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">training steps</text>',
        f'<text transform="{side}" text-anchor="middle">{escape(measure.name)}</text>',
    ]


def _legend() -> list[str]:
    parts = []
    for place, (name, colour) in enumerate(COLOURS.items()):
        x = WIDTH - RIGHT - 190 + 100 * place
        parts.append(f'<line x1="{x}" x2="{x + 18}" y1="20" y2="20" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 24}" y="24">{name}</text>')
    return parts


def _line(frame: _Frame, points: Sequence[tuple[int, float]], colour: str) -> str:
    shown = ((frame.x(x), frame.y(min(y, frame.high))) for x, y in points)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'
