"""``rnnc train``: compiles a spec, trains it, shows how it goes, and leaves everything in a folder."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..failure import FINE, WRONG, Failure
from ..runtime import archive
from ..runtime.optimizers import SCHEDULES, SGD, Adam
from ..runtime.progress import ProgressLine
from ..runtime.runs import RunFolder, state_file
from ..runtime.sampling import Choice
from ..runtime.trainer import Limit, NotFinite, Trainer
from ..terminal import show_diagnostics
from ..training import Job, Settings, array_job, text_job
from .options import add_compile_options, at_least_zero, compile_options, whole
from .sample import show_text


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn")
    data = command.add_mutually_exclusive_group()
    data.add_argument("--text", metavar="FILE", help="train on this text (default: Python's own help pages)")
    data.add_argument(
        "--data", metavar="FILE.npz", help="train on arrays named like inputs, targets, lengths"
    )
    command.add_argument("--out", metavar="DIR", type=Path, help="where all files go (default: runs/NAME)")
    again = command.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    again.add_argument("--force", action="store_true", help="start over, whatever the folder holds")
    _add_settings(command.add_argument_group("how to train"))
    sample = command.add_argument_group("the sample drawn at the end")
    sample.add_argument("--length", type=whole(0), default=400, metavar="N", help="characters (default 400)")
    sample.add_argument("--temperature", type=at_least_zero, default=0.8, metavar="X", help="default 0.8")
    add_compile_options(command)


def _add_settings(group: argparse._ArgumentGroup) -> None:
    """No defaults here: a resumed run keeps what it was begun with."""
    group.add_argument("--seconds", type=at_least_zero, metavar="S", help="length of the run (default 60)")
    group.add_argument("--steps", type=whole(0), metavar="N", help="length of the run in steps instead")
    group.add_argument("--batch", type=whole(1), metavar="B", help="sequences or streams side by side")
    group.add_argument("--chunk", "--k1", type=whole(1), metavar="T", help="steps of text between updates")
    group.add_argument(
        "--k2",
        type=whole(1),
        metavar="T",
        help="steps that gradients flow back, T of --k1 or more (default: those)",
    )
    group.add_argument("--optimizer", choices=("adam", "sgd"))
    group.add_argument("--rate", type=at_least_zero, metavar="R", help="peak learning rate")
    group.add_argument("--momentum", type=at_least_zero, metavar="M", help="of sgd")
    group.add_argument("--schedule", choices=tuple(SCHEDULES))
    group.add_argument("--warmup", type=at_least_zero, metavar="PART", help="of the run, with a rising rate")
    group.add_argument("--clip", type=at_least_zero, metavar="NORM", help="largest norm of all gradients")
    group.add_argument("--dtype", choices=("float32", "float64"))
    group.add_argument("--seed", type=whole(0))


def run(arguments: argparse.Namespace) -> int:
    folder = arguments.out or Path("runs") / Path(arguments.spec).stem
    noted = _noted(folder, arguments)
    settings = Settings.merged(vars(arguments), noted.get("settings", {}))
    job = _job(arguments, settings)
    trainer = _trainer(job, settings)
    if noted:
        _restore(trainer, folder, noted, job)
    kept = RunFolder(folder, job.name, job.measure, job.about, asdict(settings))
    kept.create(job.compiled.text)
    _tell(job, trainer, noted)
    try:
        _train(trainer, kept)
    except NotFinite as error:
        raise Failure(_blown_up(error, trainer, kept), WRONG) from None
    _report(job, trainer, kept, arguments)
    return FINE


def _noted(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the run to be resumed was begun with; nothing for a new one."""
    state = state_file(folder)
    if arguments.resume:
        try:
            return archive.read_meta(state)
        except FileNotFoundError:
            raise Failure(f"{folder}: there is no run to resume") from None
        except ValueError as error:
            raise Failure(str(error)) from None
    if state.exists() and not arguments.force:
        raise Failure(
            f"{folder} holds a run: --resume goes on with it, --force starts over, --out DIR is elsewhere"
        )
    return {}


def _job(arguments: argparse.Namespace, settings: Settings) -> Job:
    options = replace(compile_options(arguments), dims=dict(settings.dim))
    if settings.data:
        return array_job(arguments.spec, options, settings)
    return text_job(arguments.spec, options, settings)


def _trainer(job: Job, settings: Settings) -> Trainer:
    return Trainer(
        job.module,
        job.module.init(seed=settings.seed, dtype=settings.dtype),
        job.batches,
        SGD(settings.momentum) if settings.optimizer == "sgd" else Adam(),
        Limit(settings.steps, settings.seconds),
        rate=settings.rate,
        schedule=SCHEDULES[settings.schedule](settings.warmup),
        clip=settings.clip,
        seed=settings.seed,
    )


def _restore(trainer: Trainer, folder: Path, noted: dict[str, Any], job: Job) -> None:
    path = state_file(folder)
    changed = [key for key, value in job.about.items() if noted.get(key) != value]
    if changed:
        raise Failure(f"{path}: the run was begun with another {changed[0]}")
    try:
        trainer.restore(archive.read(path, lambda headers, meta: None).arrays)
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None


def _train(trainer: Trainer, folder: RunFolder) -> None:
    line = ProgressLine(sys.stderr, folder.measure)
    with _interruptible() as interruption:
        trainer.on_step = [line, interruption]
        trainer.on_evaluation = [folder.keep]
        try:
            trainer.run()
        finally:
            line.clear()


class _Interruption:
    """Ctrl-C, held back until the step is done: a callback that raises it then. A second one is not held."""

    def __init__(self) -> None:
        self.wanted = False

    def note(self, *_: Any) -> None:
        self.wanted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __call__(self, trainer: Trainer) -> None:
        if self.wanted:
            raise KeyboardInterrupt


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    interruption = _Interruption()
    try:
        before = signal.signal(signal.SIGINT, interruption.note)
    except ValueError:  # not in the main thread: no signals come here
        yield interruption
        return
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(job: Job, trainer: Trainer, noted: dict[str, Any]) -> None:
    show_diagnostics(job.compiled.warnings)
    count = sum(value.size for value in trainer.params.values())
    lines = [f"{job.name}: {count:,} parameters; {job.summary}"]
    if noted:
        lines.append(f"going on from step {trainer.step}, {trainer.seconds:.0f} s")
    if trainer.done >= 1:
        lines.append("the run is complete: --seconds or --steps with more than before lengthens it")
    print("\n".join(lines), file=sys.stderr, flush=True)


def _blown_up(error: NotFinite, trainer: Trainer, folder: RunFolder) -> str:
    kept = f"; the best weights, of step {trainer.best_step}, are in {folder.best}" if trainer.best else ""
    return f"training stopped at {error}{kept}; try a smaller --rate or --clip"


def _report(job: Job, trainer: Trainer, folder: RunFolder, arguments: argparse.Namespace) -> None:
    measure = job.measure
    how = "interrupted" if trainer.interrupted else "done"
    state = f"best of step {trainer.best_step}; {how} after {trainer.step} steps, {trainer.seconds:.0f} s"
    print(f"held out: {trainer.best_loss * measure.scale:.3f} {measure.name} ({state})")
    for line in job.comparison():
        print(line)
    if job.text is not None and arguments.length:
        print(f"\na sample at temperature {arguments.temperature:g}:\n")
        show_text(job.module, trainer.best, job.text, arguments.length, Choice(arguments.temperature), seed=0)
        print()
    print(f"\nin {folder.path}: {', '.join(path.name for path in folder.files)}")
