"""Results as tables of benchmarks/README.md: each part between its own two markers, with date, machine, versions."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from math import exp, log
from pathlib import Path
from typing import Any

from rnnc.compiler.passes import NAMES
from rnnc.machine import processor, versions

from . import aims
from .calls import lines
from .cases import CELLS
from .picture import picture

README = Path(__file__).with_name("README.md")
OURS = aims.OURS
Row = Mapping[str, Any]


def write(result: Mapping[str, Any], readme: Path = README) -> None:
    """Puts what was measured of a part where it belongs; all else stays as it is."""
    name = f"{result['part']} {result['threads']}"
    text = between(readme.read_text(encoding="utf-8"), name, section(result))
    if result["part"] == "training":
        svg = picture(result["rows"])
        readme.with_name(f"training-{result['threads']}.svg").write_text(svg, encoding="utf-8")
    readme.write_text(text, encoding="utf-8")


def between(text: str, name: str, content: str) -> str:
    """The text with something else between the markers of a part, which are put at the end if it has none."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if begin not in text:
        text = f"{text.rstrip()}\n\n{begin}\n{end}\n"
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    return f"{before}{begin}\n{content.rstrip()}\n{end}{after}"


def section(result: Mapping[str, Any]) -> str:
    part, threads, rows = result["part"], result["threads"], result["rows"]
    count = "one thread" if threads == 1 else f"{threads} threads"
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    clock = "" if result["clock"] == "wall" else ", time of the process alone"
    head = f"{date}, {processor()}, {count}{clock}; at best {result['peaks']}. {versions()}.\n"
    image = f"\n![times relative to -O2](training-{threads}.svg)\n" if part == "training" else ""
    return f"{head}{image}\n{TABLES[part](rows)}{notes(rows)}"


# ------------------------------------------------------------------------------------------- tables


def training(rows: Sequence[Row]) -> str:
    names = _names(rows)
    head = ["cell", "size", "-O2 ms", "times the bound", *map(_shown, names), "fastest peer"]
    lines = [
        [
            CELLS.get(row["cell"], row["cell"]),
            f"{row['size']} {row['shape']}",
            f"**{_number(row['seconds']['O2'] * 1e3)}**",
            f"{row['seconds']['O2'] / row['bound']:.1f}" if row["bound"] else "",
            *(_cell(row, name) for name in names),
            fastest(row),
        ]
        for row in rows
    ]
    return f"{table([head, *lines])}\n{means(rows)}\n{aimed(rows, aims.TRAINING)}\n{compile_times(rows)}"


def aimed(rows: Sequence[Row], goals: Sequence[aims.Aim]) -> str:
    return table([["how many times as long others take", "aim", "here"], *aims.lines(rows, goals)])


def fastest(row: Row) -> str:
    """The fastest peer, and how many times as long it takes as -O2: above 1 the compiled module is ahead."""
    peers = {name: value for name, value in row["seconds"].items() if name not in OURS}
    if not peers:
        return ""
    name = min(peers, key=peers.__getitem__)
    return f"{peers[name] / row['seconds']['O2']:.2f} ({name})"


def means(rows: Sequence[Row]) -> str:
    """Geometric means over the cells, by size: speed of -O2 against the fastest peer and against what is written
    by hand."""
    head = ["geometric means", "against the fastest peer", "against NumPy by hand"]
    lines = []
    for size in dict.fromkeys(row["size"] for row in rows):
        same = [row["seconds"] for row in rows if row["size"] == size]
        peers = [min(v for k, v in s.items() if k not in OURS) / s["O2"] for s in same if set(s) - set(OURS)]
        hand = [s["hand"] / s["O2"] for s in same if "hand" in s]
        lines.append([size, *(f"{_mean(ratios):.2f}" if ratios else "" for ratios in (peers, hand))])
    return table([head, *lines])


def compile_times(rows: Sequence[Row]) -> str:
    """Seconds before the first step, at the smallest size measured of each cell."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        found[row["cell"]] = {**row["compile_seconds"], **found.get(row["cell"], {})}
    names = list(dict.fromkeys(name for times in found.values() for name in times))
    head = ["seconds to compile", *(_shown(name) for name in names)]
    lines = [
        [CELLS.get(cell, cell), *(f"{times[name]:.2f}" if name in times else "" for name in names)]
        for cell, times in found.items()
    ]
    return table([head, *lines])


def streaming(rows: Sequence[Row]) -> str:
    names = _names(rows)
    head = ["cell", "H", "-O2 µs", *map(_shown, names), "fastest peer"]
    lines = [
        [
            CELLS.get(row["cell"], row["cell"]),
            str(row["H"]),
            f"**{row['seconds']['O2'] * 1e6:.1f}**",
            *(_cell(row, name, 1e6) for name in names),
            fastest(row),
        ]
        for row in rows
    ]
    return f"{table([head, *lines])}\n{aimed(rows, aims.STREAMING)}"


def lengths(rows: Sequence[Row]) -> str:
    names = ["O2", *_names(rows)]
    head = ["T", *(f"{_shown(name)} {unit}" for name in names for unit in ("ms", "MiB"))]
    lines = [
        [
            f"{row['T']:,}",
            *(
                text
                for name in names
                for text in (
                    (_number(row["seconds"][name] * 1e3), f"{row['memory'][name]:.0f}")
                    if name in row["seconds"]
                    else (row["absent"][name][0], "")
                )
            ),
        ]
        for row in rows
    ]
    return table([head, *lines])


def batches(rows: Sequence[Row]) -> str:
    names = _names(rows)
    head = ["size", "-O2 ms", *map(_shown, names), "fastest peer"]
    lines = [
        [
            f"{row['size']} {row['shape']}",
            f"**{_number(row['seconds']['O2'] * 1e3)}**",
            *(_cell(row, name) for name in names),
            fastest(row),
        ]
        for row in rows
    ]
    return table([head, *lines])


def ragged(rows: Sequence[Row]) -> str:
    head = ["cell", "size", "full ms", "ragged ms", "ragged / full", "valid steps / all"]
    lines = [
        [
            CELLS[row["cell"]],
            row["shape"],
            _number(row["full"] * 1e3),
            _number(row["ragged"] * 1e3),
            f"{row['ragged'] / row['full']:.2f}",
            f"{row['valid']:.2f}",
        ]
        for row in rows
    ]
    return table([head, *lines])


def ablation(rows: Sequence[Row]) -> str:
    cells = [CELLS.get(row["cell"], row["cell"]) for row in rows]
    head = ["times as long without", *(f"{cell}, {row['size']}" for cell, row in zip(cells, rows))]
    names = [name for name in NAMES if any(name in row["without"] for row in rows)]
    worth = [{name: f"{ratio:.2f}" for name, ratio in row["without"].items()} for row in rows]
    return table([head, *([name, *(row.get(name, "–") for row in worth)] for name in names)])


def by_hand(rows: Sequence[Row]) -> str:
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    speeds = {(row["cell"], row["size"]): f"{row['speed']:.2f}" for row in rows}
    cells = dict.fromkeys(row["cell"] for row in rows)
    lines = [[CELLS[cell], *(speeds.get((cell, size), "") for size in sizes)] for cell in cells]
    head = ["times as long by hand", *sizes]
    return f"{table([head, *lines])}\n{aimed(rows, aims.BY_HAND)}"


def calls(rows: Sequence[Row]) -> str:
    """A table for each case, whose columns are the same for each contender."""
    return "\n".join(_calls(row) for row in rows)


def _calls(row: Row) -> str:
    columns = [
        f"{_shown(name)}: {what}" for name in row["seconds"] for what in ("calls", "µs each", "ms", "share")
    ]
    return table([[f"{CELLS[row['cell']]}, {row['size']} {row['shape']}", *columns], *lines(row)])


def compiling(rows: Sequence[Row]) -> str:
    """Single figures beside what is aimed at; then how each time grows: by how much with every doubling."""
    single = [["seconds", "at most", "found"]]
    for row in (row for row in rows if row["aim"] is not None):
        found = ", ".join(f"{seconds:.3f} {name}".strip() for name, seconds in row["seconds"].items())
        single.append([row["what"], f"{row['aim']:.2f}", found])
    return "\n".join([table(single), *(_growing(row) for row in rows if row["aim"] is None)])


def _growing(row: Row) -> str:
    seconds = list(row["seconds"].values())
    ratios = [f"{after / before:.2f}" for before, after in zip(seconds, seconds[1:])]
    lines = [["seconds", *map(_number, seconds)], ["times the one before", "", *ratios]]
    return table([[row["what"], *row["seconds"]], *lines])


TABLES: dict[str, Callable[[Sequence[Row]], str]] = {
    "training": training,
    "streaming": streaming,
    "lengths": lengths,
    "batches": batches,
    "ragged": ragged,
    "ablation": ablation,
    "hand": by_hand,
    "calls": calls,
    "compiling": compiling,
}


def notes(rows: Sequence[Row]) -> str:
    """What the short words in the tables mean."""
    found = {(name, *reason) for row in rows for name, reason in row.get("absent", {}).items()}
    return "".join(f"\n* {_shown(name)}, {short}: {why}." for name, short, why in sorted(found))


def _names(rows: Sequence[Row]) -> list[str]:
    """The contenders beside -O2, in the order in which they were asked for."""
    seen = (name for row in rows for name in (*row["seconds"], *row["absent"]) if name != "O2")
    return list(dict.fromkeys(seen))


def _shown(name: str) -> str:
    ours = {"O2": "-O2", "O0": "-O0", "checkpoint": "-O2 with checkpoints", "not frozen": "-O2, not frozen"}
    return ours.get(name, name)


def _cell(row: Row, name: str, unit: float = 1e3) -> str:
    """A time, and how many times that of -O2 it is; or why there is none."""
    if name not in row["seconds"]:
        return str(row["absent"].get(name, ("",))[0])
    value = row["seconds"][name]
    return f"{_number(value * unit)} (×{_number(value / row['seconds']['O2'])})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _mean(ratios: Sequence[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown: the first row is the head, columns after the first are numbers."""
    head, *lines = rows
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *lines))
