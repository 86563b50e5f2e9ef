"""A matrix as a picture: the larger a number, the darker its place."""

from __future__ import annotations

from html import escape

import numpy as np

PLACE, MARGIN = 26, 64  # pixels


def matrix_svg(values: np.ndarray, rows: list[str], columns: list[str]) -> str:
    """`values` lie between 0 and 1; a word stands before each row and above each column."""
    width, height = MARGIN + PLACE * len(columns) + 8, MARGIN + PLACE * len(rows) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for j, word in enumerate(columns):
        place = MARGIN + PLACE * (j + 0.5)
        lines.append(f'<text x="{place}" y="{MARGIN - 8}" text-anchor="middle">{escape(word)}</text>')
    for i, word in enumerate(rows):
        place = MARGIN + PLACE * (i + 0.5) + 5
        lines.append(f'<text x="{MARGIN - 8}" y="{place}" text-anchor="end">{escape(word)}</text>')
        for j, value in enumerate(values[i]):
            x, y = MARGIN + PLACE * j, MARGIN + PLACE * i
            lines.append(
                f'<rect x="{x}" y="{y}" width="{PLACE - 1}" height="{PLACE - 1}" fill="#1f4e79" '
                f'fill-opacity="{float(value):.3f}" stroke="#cccccc" stroke-width="0.5"/>'
            )
    return "\n".join([*lines, "</svg>", ""])
