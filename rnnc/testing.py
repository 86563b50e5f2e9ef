"""What the properties of a module may know of its spec, from the compiler.

`rnnc test`, the pytest plugin and the kit (`rnnc.runtime.properties`) ask here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import api, stages
from .compiler.driver import Compiled, Options
from .compiler.ir import Equation, Position
from .compiler.passes.dead import drop_dead
from .cone import reached
from .failure import Failure
from .files import Imports
from .runtime.properties.case import Case
from .runtime.properties.report import Tested, save, saved_case
from .runtime.properties.run import FAILED, Result, run_all, run_case
from .runtime.properties.subject import Reads, Subject
from .runtime.properties.table import NAMES, PROPERTIES, Property
from .spec.diagnostics import SpecError
from .spec.source import Source, Span


@dataclass(frozen=True)
class KnownSpec:
    """A compiled spec's lines, delays and operators, and other ways to compile it."""

    compiled: Compiled

    @property
    def path(self) -> str:
        return self.compiled.source.path

    @cached_property
    def _lines(self) -> dict[str, int]:
        program = self.compiled.program
        named: list[tuple[str, Span | None]] = [(e.name, e.span) for e in program.forward.equations]
        named += [(item.name, item.span) for item in program.inputs]
        named += [(param.name, param.span) for param in program.params]
        named += [(head.name, head.span) for head in program.heads]
        return {name: span.line for name, span in named if span and span.source is self.compiled.source}

    def line(self, name: str) -> int | None:
        return self._lines.get(name) or self._call(name)

    def _call(self, name: str) -> int | None:
        """What belongs to a copy of a cell stands where the cell is called: `h1.W_ix` at `h1[t] = …`."""
        copy = re.match(r"([A-Za-z]+)(\w*)\.", name)
        if copy is None:
            return None
        pattern = re.compile(rf"\s*({copy[1]}{copy[2]}\s*\[|{copy[1]}\{{)")
        lines = self.compiled.source.text.split("\n")
        return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), None)

    def source(self, line: int) -> str:
        return self.compiled.source.line(line).strip()

    @cached_property
    def delay(self) -> int:
        return max((abs(position.offset) for position in self._positions()), default=0)

    def _positions(self) -> Iterator[Position]:
        for equation in self.compiled.program.forward.equations:
            for read in equation.reads:
                yield from read.at

    @cached_property
    def operators(self) -> frozenset[str]:
        return frozenset(e.op for e in self._written if e.name in self._needed)

    @cached_property
    def stop_operators(self) -> frozenset[str]:
        return frozenset(e.op for e in self._written if e.name not in self._needed)

    @cached_property
    def _needed(self) -> frozenset[str]:
        """What results are made of: all but what the stopping rule alone reads."""
        forward = self.compiled.program.forward
        outputs = tuple(output for output in forward.outputs if output[0] != "stop")
        return frozenset(e.name for e in drop_dead(replace(forward, outputs=outputs)).equations)

    @cached_property
    def _written(self) -> list[Equation]:
        """The spec's own equations: the means of the losses are the compiler's, and so are targets made of the
        lengths."""
        program = self.compiled.program
        equations = program.forward.equations
        counts = {e.name for e in equations if e.op == "count"}
        counts |= {e.name for e in equations if counts & {read.name for read in e.reads}}
        made = {head.name for head in program.heads if not head.given}
        return [
            e
            for e in equations
            if not counts & {e.name, *(read.name for read in e.reads)}
            and re.sub(r"(\.\d+)+$", "", e.name) not in made
        ]

    def text(self) -> str:
        return self.compiled.text

    def reads(self, output: str, point: tuple[int, ...], steps: Mapping[str, int]) -> Reads:
        return reached(self.compiled.program, output, point, steps)

    def results(self, *given: Any) -> stages.Results:
        return stages.Equations(self.compiled.program.forward).values(stages.Arguments(*given))

    def as_checked(self, *given: Any, seed: int | None = None, single: bool = False) -> stages.Results:
        return stages.as_checked(self.compiled, stages.Arguments(*given), seed, single)

    def after_passes(self, *given: Any) -> Iterator[tuple[str, stages.Results, stages.Results]]:
        return stages.after_passes(self.compiled, stages.Arguments(*given))

    def elsewhere(self) -> str:
        source, options = self.compiled.source, self.compiled.options
        asked = {
            "path": source.path,
            "text": source.text,
            "level": options.level,
            "unroll": options.unroll,
            "dims": dict(options.dims),
            "skip": sorted(options.skip),
            "extras": sorted(options.extras),
        }
        root = str(Path(__file__).resolve().parent.parent)
        environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": root}
        code = "from rnnc.testing import compile_asked; compile_asked()"
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    def module(self, **options: Any) -> Any:
        changed = replace(self.compiled.options, **options)
        if repr(changed) not in self._made:
            source = self.compiled.source
            text = api.compile_with(source, changed, imports_of(source)).text
            self._made[repr(changed)] = api.module_from(text, "again")
        return self._made[repr(changed)]

    @cached_property
    def _made(self) -> dict[str, Any]:
        return {}


def compile_asked() -> None:
    """Compiles what standard input asks for, onto standard output; see `KnownSpec.elsewhere`."""
    asked = json.load(sys.stdin)
    source = Source(asked.pop("path"), asked.pop("text"))
    sets = {name: frozenset(asked[name]) for name in ("skip", "extras")}
    options = Options(**{**asked, **sets})
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(api.compile_with(source, options, imports_of(source)).text)


def imports_of(source: Source) -> Imports:
    """What a spec may import: files beside it, if it is a file."""
    return Imports(source.path if os.path.isfile(source.path) else None)


def from_compiled(compiled: Compiled, pinned: dict[str, int] | None = None) -> Subject:
    """A spec that was compiled, ready to be tested."""
    name = Path(compiled.source.path).stem
    return Subject(api.module_from(compiled.text, name), KnownSpec(compiled), name, pinned or {})


def known(module: Any) -> Subject:
    """A module with what its spec tells: as it was loaded here, else if the spec compiles by itself."""
    if not isinstance(module, ModuleType) or not hasattr(module, "SPEC"):
        raise TypeError(f"expected a compiled module, as `rnnc.load` gives it, got {type(module).__name__}")
    return _known(module)


@lru_cache(maxsize=64)
def _known(module: ModuleType) -> Subject:
    compiled = api.compiled_of(module) or _compiled_again(module)
    name = Path(compiled.source.path).stem if compiled and compiled.source.path[:1] != "<" else "module"
    return Subject(module, KnownSpec(compiled) if compiled else None, name)


def _compiled_again(module: ModuleType) -> Compiled | None:
    source, imports = Source("<string>", module.SPEC), Imports(None)
    try:
        compiled = api.compile_with(source, Options(), imports)
        changed = {name: size for name, size in compiled.program.dims if module.DIMS[name] != size}
        if changed:
            dims = {name: module.DIMS[name] for name in changed}
            compiled = api.compile_with(source, Options(dims=dims), imports)
    except SpecError:
        return None
    return compiled


@dataclass(frozen=True, slots=True)
class Settings:
    """``folder`` is where failing cases go, None for nowhere; ``options`` are those of the command line."""

    examples: int = 10
    seed: int = 0
    folder: Path | None = None
    options: str = ""


def tested(
    subject: Subject, path: str, names: Iterable[str] = NAMES, settings: Settings | None = None
) -> Tested:
    """The properties named, each on so many cases."""
    settings = settings or Settings()
    chosen = [item for item in PROPERTIES if item.name in names]
    return _told(subject, path, run_all(subject, chosen, settings.examples, settings.seed), settings)


def test_module(module: Any, examples: int = 10, seed: int = 0) -> Tested:
    """All properties of a module in memory."""
    subject = known(module)
    path = subject.spec.path if subject.spec is not None else f"<{subject.name}>"
    return tested(subject, path, settings=Settings(examples, seed))


def case_of(path: Path) -> tuple[Property, Case]:
    """What a failure left behind: the property and the case."""
    try:
        name, found = saved_case(path)
        (item,) = (item for item in PROPERTIES if item.name == name)
    except ValueError as error:
        raise Failure(str(error)) from None
    return item, found


def replayed(subject: Subject, path: str, case: Path, settings: Settings) -> Tested:
    """The one case that a failure left behind."""
    item, found = case_of(case)
    return _told(subject, path, [run_case(subject, item, found)], replace(settings, folder=None))


def _told(subject: Subject, path: str, results: list[Result], settings: Settings) -> Tested:
    folder = settings.folder
    failures = [result for result in results if result.status == FAILED]
    saved = {r.property.name: save(folder, subject, r) for r in failures} if folder is not None else {}
    return Tested(path, subject, results, settings.seed, settings.examples, settings.options, saved)
