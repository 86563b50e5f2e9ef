"""A folder that holds a training run: module, best weights, state, curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import archive
from .curve import Measure, to_csv, to_svg
from .files import write_text
from .params import save_params
from .trainer import Trainer


@dataclass(frozen=True)
class RunFolder:
    """``name.py  best.npz  state.npz  curve.csv  curve.svg``. `about` is noted with the best weights,
    `settings` with the state besides."""

    path: Path
    name: str
    measure: Measure
    about: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def module(self) -> Path:
        return self.path / f"{self.name}.py"

    @property
    def best(self) -> Path:
        return self.path / "best.npz"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.module, self.best, state_file(self.path), self.path / "curve.csv", self.path / "curve.svg"

    def create(self, module_text: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.module, module_text)

    def keep(self, trainer: Trainer) -> None:
        """Brings every file up to date; a callback for after evaluations."""
        if trainer.best_step == trainer.step or not self.best.exists():
            save_params(self.best, trainer.best, **self.about)
        write_text(self.path / "curve.csv", to_csv(trainer.curve, self.measure))
        write_text(self.path / "curve.svg", to_svg(trainer.curve, self.measure, self.name))
        archive.write(
            state_file(self.path), trainer.arrays(), {**self.about, "settings": dict(self.settings)}
        )


def state_file(folder: Path) -> Path:
    return folder / "state.npz"
