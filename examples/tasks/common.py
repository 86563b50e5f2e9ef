"""What the tasks share: their arguments, data out of installed packages, training, the last line."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rnnc
from rnnc.runtime.batching import ArrayBatches
from rnnc.runtime.curve import Measure
from rnnc.runtime.optimizers import Adam, trapezoid
from rnnc.runtime.progress import ProgressLine
from rnnc.runtime.trainer import Limit, Trainer

EXAMPLES = Path(__file__).resolve().parent.parent
RUNS = Path("runs")
Arrays = dict[str, Any]


def arguments(name: str, doc: str, settings: dict[str, Any]) -> argparse.Namespace:
    """``--seed`` and what the task has for settings, with its defaults; a list is of words without an option.

    `doc` is told by ``--help``."""
    parser = argparse.ArgumentParser(f"python examples/tasks {name}", description=doc.split("\n\n")[0])
    for option, default in {**settings, "seed": 0}.items():
        if isinstance(default, list):
            parser.add_argument(option, nargs="*", help="(default: all)")
        else:
            parser.add_argument(
                f"--{option}", type=type(default), default=default, help=f"(default {default})"
            )
    return parser.parse_args()


def package(name: str, project: str = "") -> Path:
    """The folder of an installed package, which is not imported; a message and the end if there is none."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        sys.exit(f"this task takes its data from the package {project or name}: pip install 'rnnc[examples]'")
    return Path(found.origin).parent


def example(name: str, **dims: int) -> Any:
    """The module of `examples/NAME.rnn`."""
    return rnnc.load(EXAMPLES / f"{name}.rnn", **dims)


def train(
    module: Any, data: Arrays, settings: argparse.Namespace, rows: int = 32, rate: float = 0.01,
    given: Callable[[Arrays], Arrays] | None = None,
) -> Any:  # fmt: skip
    """The weights that did best on the last tenth of the sequences, by Adam on the others.

    `data` holds whole sequences under the names of the module's inputs, targets and lengths; `given` changes the
    parameters that training starts from."""
    params = module.init(seed=settings.seed, dtype="float32")
    axes = {name: len(item[0]) for name, item in module.INPUTS.items()} | dict.fromkeys(
        module.AXES.values(), 0
    )
    lengths = [module.AXES[axis] for axis in next(iter(module.HEADS.values()), ())]
    trainer = Trainer(
        module,
        given(params) if given else params,
        ArrayBatches(data, axes, lengths, rows, settings.seed),
        Adam(),
        Limit(steps=settings.steps),
        rate=rate,
        schedule=trapezoid(0.03),
        seed=settings.seed,
        evaluations=6,
    )
    line = ProgressLine(sys.stderr, Measure())
    trainer.on_step = [line]
    trainer.run()
    line.clear()
    return trainer.best


def rows_of(data: Arrays, module: Any, rows: Any) -> Arrays:
    """Some of the sequences, in the order asked for."""
    return {name: np.take(v, rows, len(module.INPUTS[name][0])) if name in module.INPUTS else v[rows]
            for name, v in data.items()}  # fmt: skip


class Clock:
    """What a task prints at the end: a name, its figures, how long it took."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def tell(self, **figures: str) -> None:
        for name, figure in figures.items():
            print(f"{name.replace('_', ' ')}: {figure}")
        print(f"({time.perf_counter() - self.began:.0f} s)")
