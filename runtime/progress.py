"""The live progress line."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass, field
from typing import TextIO

from .curve import Measure
from .trainer import Trainer

SMOOTHING = 0.95


@dataclass
class ProgressLine:
    """A callback of the trainer: rewrites one line on a terminal; elsewhere prints one now and then."""

    stream: TextIO
    measure: Measure
    every: float = 10.0
    _shown: float = -math.inf
    _smooth: float = math.nan
    _width: int = 0
    _clock: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.live = self.stream.isatty()

    def __call__(self, trainer: Trainer) -> None:
        fresh = math.isnan(self._smooth)
        self._smooth = trainer.loss if fresh else SMOOTHING * self._smooth + (1 - SMOOTHING) * trainer.loss
        now = time.perf_counter()
        if now - self._shown < (0.1 if self.live else self.every):
            return
        self._shown = now
        self._clock = [*self._clock[-49:], (trainer.step, now)]
        self._show(self.text(trainer))

    def text(self, trainer: Trainer) -> str:
        """``step 1234 · loss 1.52 · 2.19 bits per character · best 2.31 · 41 steps/s · 0:32 left``."""
        parts = [f"step {trainer.step}", f"loss {self._smooth:.3f}"]
        if self.measure.scale != 1:
            parts.append(f"{self._smooth * self.measure.scale:.3f} {self.measure.name}")
        if trainer.best:
            parts.append(f"held out {trainer.best_loss * self.measure.scale:.3f}")
        speed = self.speed()
        parts.append(f"{speed:.1f} steps/s" if speed else "…")
        parts.append(f"{clock(self._left(trainer, speed))} left")
        return " · ".join(parts)

    def speed(self) -> float:
        """Steps per second, lately."""
        (first, began), (last, now) = self._clock[0], self._clock[-1]
        return (last - first) / (now - began) if now > began else 0.0

    def _left(self, trainer: Trainer, speed: float) -> float:
        limit, ends = trainer.limit, []
        if limit.seconds is not None:
            ends.append(limit.seconds - trainer.seconds)
        if limit.steps is not None and speed:
            ends.append((limit.steps - trainer.step) / speed)
        return max(0.0, min(ends)) if ends else math.nan

    def _show(self, text: str) -> None:
        if self.live:
            text = text[: shutil.get_terminal_size().columns - 1]
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def clear(self) -> None:
        """Leaves the terminal's line empty."""
        if self.live and self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
            self._width = 0


def clock(seconds: float) -> str:
    """``1:05``."""
    if math.isnan(seconds):
        return "–"
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{rest:02d}"
