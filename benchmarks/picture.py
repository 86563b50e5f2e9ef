"""The table as a picture: for every cell and size the time of each contender over that of -O2, on a logarithmic
scale. What lies right of the line takes longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any
from xml.sax.saxutils import escape

from .cases import CELLS

COLOURS = {
    "O0": "#9aa0a6",
    "hand": "#1b1b1b",
    "torch.nn": "#d1495b",
    "torch loop": "#ee9b5f",
    "torch.compile": "#b5838d",
    "jax scan": "#2e86ab",
    "jax associative": "#7fc8f8",
    "autograd": "#6a994e",
}
LEFT, RIGHT, TOP, ROW, GAP, WIDTH = 250, 30, 56, 15, 8, 980
LETTER = 6.2  # the width of one, about
LEAST, MOST = -3, 7  # powers of two at the ends of the scale

Row = Mapping[str, Any]


def picture(rows: Sequence[Row]) -> str:
    """An SVG."""
    places, y = [], float(TOP)
    for before, row in zip([None, *rows], rows):
        y += ROW + (GAP if before is not None and before["cell"] != row["cell"] else 0)
        places.append(y)
    height = y + 30
    parts = [_scale(y), _legend(rows), *(_line(row, place) for row, place in zip(rows, places))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" font-family="sans-serif" font-size="11" fill="#222">\n'
        f'<rect width="{WIDTH}" height="{height:g}" fill="#fff"/>\n{"".join(parts)}</svg>\n'
    )


def _x(ratio: float) -> float:
    power = min(max(log2(ratio), LEAST), MOST)
    return LEFT + (power - LEAST) / (MOST - LEAST) * (WIDTH - LEFT - RIGHT)


def _scale(bottom: float) -> str:
    """A vertical line for each power of two, a strong one at 1."""
    lines = []
    for power in range(LEAST, MOST + 1):
        x, label = _x(2.0**power), f"{2**power}" if power >= 0 else f"1/{2**-power}"
        stroke = "#222" if power == 0 else "#ddd"
        lines.append(
            f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom + 6:g}" stroke="{stroke}"/>'
            f'<text x="{x:.1f}" y="{TOP - 5}" text-anchor="middle">{label}</text>\n'
        )
    return "".join(lines)


def _legend(rows: Sequence[Row]) -> str:
    there = [name for name in COLOURS if any(name in row["seconds"] for row in rows)]
    items, x = [], float(LEFT)
    for name in there:
        items.append(
            f'<circle cx="{x:.1f}" cy="16" r="4.5" fill="{COLOURS[name]}"/>'
            f'<text x="{x + 9:.1f}" y="20">{_shown(name)}</text>\n'
        )
        x += 27 + LETTER * len(_shown(name))
    return f'<text x="10" y="20">time of a training step over that of -O2</text>\n{"".join(items)}'


def _line(row: Row, y: float) -> str:
    ours = row["seconds"]["O2"]
    label = f"{CELLS.get(row['cell'], row['cell'])}, {row['size']}"
    dots = "".join(
        f'<circle cx="{_x(value / ours):.1f}" cy="{y:g}" r="4.5" fill="{COLOURS[name]}" fill-opacity="0.85">'
        f"<title>{escape(label)}: {_shown(name)} {value / ours:.2f} times -O2 ({value * 1e3:.3g} ms)</title></circle>"
        for name, value in row["seconds"].items()
        if name in COLOURS
    )
    rule = f'<line x1="{LEFT}" y1="{y:g}" x2="{WIDTH - RIGHT}" y2="{y:g}" stroke="#eee"/>'
    return f'{rule}<text x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{escape(label)}</text>{dots}\n'


def _shown(name: str) -> str:
    return "-O0" if name == "O0" else "NumPy by hand" if name == "hand" else name
