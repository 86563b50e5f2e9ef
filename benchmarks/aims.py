"""What the compiled modules aim at, and what was measured: speeds, that is how many times as long the other takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from .cases import CELLS

Row = Mapping[str, Any]
OURS = ("O2", "O0", "hand", "not frozen")
ORDINARY, DIAGONAL = ("vanilla", "gru", "lstm_norm_peephole", "skip"), ("mingru", "lru")
BARE = ("linear",)  # the recurrence without the products of a cell around it, which all contenders have
NOT_TINY = ("small", "medium", "large", "long")


@dataclass(frozen=True)
class Aim:
    """``speed`` of a row, or None where it does not say; ``over`` makes one figure of those of several rows."""

    what: str
    least: float
    cells: tuple[str, ...]
    sizes: tuple[str, ...]
    speed: Callable[[Row], float | None]
    over: Callable[[Sequence[float]], float] = min

    def found(self, rows: Iterable[Row]) -> float | None:
        here = [row for row in rows if row["cell"] in self.cells and row.get("size", "") in self.sizes]
        speeds = [speed for row in here if (speed := self.speed(row)) is not None]
        return self.over(speeds) if speeds else None


def against(name: str) -> Callable[[Row], float | None]:
    return lambda row: row["seconds"][name] / row["seconds"]["O2"] if name in row["seconds"] else None


def fastest(row: Row) -> float | None:
    """Against the fastest of all peers."""
    peers = [value for name, value in row["seconds"].items() if name not in OURS]
    return min(peers) / row["seconds"]["O2"] if peers else None


def mean(values: Sequence[float]) -> float:
    """The geometric one."""
    return exp(sum(map(log, values)) / len(values))


ALL = ("tiny", *NOT_TINY)
STEPPING = ("vanilla", "lstm", *ORDINARY[1:], *DIAGONAL)

TRAINING = (
    Aim(
        "vanilla, GRU, layer-normalised, skip at small to long: each, fastest peer",
        0.95,
        ORDINARY,
        NOT_TINY,
        fastest,
    ),
    Aim("the same, geometric mean", 1.2, ORDINARY, NOT_TINY, fastest, mean),
    Aim("LSTM, small: fastest peer", 0.93, ("lstm",), ("small",), fastest),
    Aim("LSTM, medium: fastest peer", 0.87, ("lstm",), ("medium",), fastest),
    Aim("LSTM, large: fastest peer", 1.0, ("lstm",), ("large",), fastest),
    Aim("LSTM, long: fastest peer", 0.68, ("lstm",), ("long",), fastest),
    Aim("tiny: each, JAX", 0.45, ("vanilla", "lstm", "gru", "skip"), ("tiny",), against("jax scan")),
    Aim("tiny, layer-normalised: JAX", 0.2, ("lstm_norm_peephole",), ("tiny",), against("jax scan")),
    Aim("tiny: each, PyTorch's loop", 4.0, ("lstm", *ORDINARY), ("tiny",), against("torch loop")),
    *(
        aim
        for what, cells in (("diagonal recurrence alone", BARE), ("diagonal cells", DIAGONAL))
        for aim in (
            Aim(
                f"{what}, at small to large: each, fastest peer",
                2.0,
                cells,
                ("small", "medium", "large"),
                fastest,
            ),
            Aim(f"{what}, at tiny and long: each, fastest peer", 0.5, cells, ("tiny", "long"), fastest),
        )
    ),
    Aim("attention: each, PyTorch's loop", 2.0, ("attention",), ALL, against("torch loop")),
    *(
        Aim(f"{CELLS[cell]} at small to long: each, NumPy by hand", 0.91, (cell,), NOT_TINY, against("hand"))
        for cell in ("lstm", *ORDINARY)
    ),
)
BY_HAND = tuple(
    Aim(f"{CELLS[cell]} at small to long: each", 0.91, (cell,), NOT_TINY, lambda row: float(row["speed"]))
    for cell in ("lstm", *ORDINARY)
)
STREAMING = (Aim("a step: each, ONNX Runtime", 1.0, STEPPING, ("",), against("ONNX Runtime")),)


def lines(rows: Sequence[Row], aims: Sequence[Aim]) -> list[list[str]]:
    """What, at least, found: for each aim that the rows say something of."""
    found = [(aim, aim.found(rows)) for aim in aims]
    return [[a.what, f"{a.least:.2f}", f"{speed:.2f}"] for a, speed in found if speed is not None]
