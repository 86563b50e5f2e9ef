"""Lines over numbers as an SVG picture: axes with round numbers, a legend, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 44, 52
COLOURS = ("#b8331f", "#2f6fb0", "#3a8a4d", "#8a5fb0", "#c98a1b", "#4aa5a5", "#7a7a7a", "#c2568f")
DECADES = 18  # what lies further below the greatest value of a logarithmic picture is left out


@dataclass(frozen=True, slots=True)
class Line:
    """Points in the order of x; ``marks`` puts a dot on each."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    marks: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What the picture says besides its lines; ``log``: y by its decimal logarithm; ``notes`` stand at the lower
    left, under each other."""

    title: str
    x: str
    y: str
    log: bool = False
    notes: Sequence[str] = ()


def draw(chart: Chart, lines: Sequence[Line]) -> str:
    """The picture as the text of an SVG file."""
    lines = [_logarithmic(line) for line in lines] if chart.log else lines
    points = [point for line in lines for point in line.points] or [(0, 0.0)]
    low, high = _range([y for _, y in points])
    if chart.log:
        low, high = max(math.floor(low), math.floor(high) - DECADES), math.ceil(high)
    frame = _Frame(0, max(max(x for x, _ in points), 1), low, high)
    title = f'<text x="{LEFT}" y="24" class="title">{escape(chart.title)}</text>'
    parts = [*_axes(frame, chart), *_legend(lines), title]
    parts += [_path(frame, line) for line in lines if line.points]
    parts += [f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{line.colour}"/>'
              for line in lines if line.marks for x, y in line.points]  # fmt: skip
    parts += [f'<text x="{LEFT + 8}" y="{HEIGHT - BOTTOM - 10 - 16 * place}">{escape(note)}</text>'
              for place, note in enumerate(reversed(chart.notes))]  # fmt: skip
    return _PAGE.format(width=WIDTH, height=HEIGHT, body="\n".join(parts))


_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<style>text {{ font: 12px sans-serif; fill: #333 }} .title {{ font-weight: bold; font-size: 15px }}
.grid {{ stroke: #ddd }} .axis {{ stroke: #333 }}</style>
<rect width="100%" height="100%" fill="#fff"/>
{body}
</svg>
"""


def _logarithmic(line: Line) -> Line:
    """Without the points at 0, which a logarithm has no place for."""
    points = [(x, math.log10(y)) for x, y in line.points if y > 0 and math.isfinite(y)]
    return Line(line.name, points, line.colour, line.marks, line.dashed)


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
        value = min(max(value, self.low), self.high)
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


def _axes(frame: _Frame, chart: Chart) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value, label in _levels(frame, chart.log):
        y = f"{frame.y(value):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{label}</text>')
    for value in ticks(frame.left, frame.right):
        x = f"{frame.x(value):.1f}"
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 19}" text-anchor="middle">{value:,.0f}</text>')
    side = f"translate(16 {(TOP + bottom) / 2}) rotate(-90)"
    return [
        *parts,
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(chart.x)}</text>',
        f'<text transform="{side}" text-anchor="middle">{escape(chart.y)}</text>',
    ]


def _levels(frame: _Frame, log: bool) -> list[tuple[float, str]]:
    """Heights with their labels; of logarithms, whole ones."""
    if not log:
        return [(value, f"{value:.6g}") for value in ticks(frame.low, frame.high)]
    every = -(-int(frame.high - frame.low) // 8)
    return [(power, f"1e{power}") for power in range(int(frame.high), int(frame.low) - 1, -every)]


def _legend(lines: Sequence[Line]) -> list[str]:
    """Names from right to left, the first one leftmost, as many as there is room for."""
    parts: list[str] = []
    x: float = WIDTH - RIGHT
    for line in reversed(lines):
        x -= 40 + 7 * len(line.name)
        if x < WIDTH / 3:
            break
        parts[:0] = [
            f'<line x1="{x}" x2="{x + 18}" y1="20" y2="20" stroke="{line.colour}" '
            f'stroke-width="3"{_dashes(line)}/>',
            f'<text x="{x + 24}" y="24">{escape(line.name)}</text>',
        ]
    return parts


def _path(frame: _Frame, line: Line) -> str:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in line.points)
    return f'<polyline fill="none" stroke="{line.colour}" stroke-width="2"{_dashes(line)} points="{path}"/>'


def _dashes(line: Line) -> str:
    return ' stroke-dasharray="6 4"' if line.dashed else ""
