"""Specs as tests: with ``-p rnnc.pytest_plugin``, every ``.rnn`` file that pytest finds is a file of tests,
one for each property (``lstm.rnn::gradient``).

Collecting needs the names of the properties only: NumPy and the compiler are imported when a test runs. What
does not hold is told with the place in the spec first, which editors and terminals make a link of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .runtime.properties.table import PROPERTIES, Property

if TYPE_CHECKING:
    from .runtime.properties.report import Tested
    from .runtime.properties.subject import Subject
    from .spec.diagnostics import SpecError

FOLDER = "rnnc-failures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("rnnc_examples", "random cases for each property of a spec", default="10")
    parser.addini("rnnc_seed", "the seed of the random cases", default="0")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SpecFile | None:
    if file_path.suffix != ".rnn":
        return None
    return SpecFile.from_parent(parent, path=file_path)


class SpecFile(pytest.File):
    """A spec; compiled once, by the first of its tests. ``error`` is why it could not be, ``shown`` whether
    that has been told."""

    error: SpecError | None = None
    shown = False

    def collect(self) -> Iterator[pytest.Item]:
        for item in PROPERTIES:
            yield SpecItem.from_parent(self, name=item.name, property=item)

    @cached_property
    def subject(self) -> Subject:
        from . import api, testing
        from .compiler.driver import Options
        from .spec.diagnostics import SpecError

        if self.error is None:
            try:
                return testing.from_compiled(api.compile_file(self.path, Options()))
            except SpecError as error:
                self.error = error
        raise self.error

    def told(self, error: SpecError) -> str:
        """What is wrong with the spec: once in full, then by its first line."""
        from .spec.render import render

        text = render(error.diagnostics, color=False)
        shown, self.shown = self.shown, True
        return text.split("\n")[0] if shown else text


class SpecItem(pytest.Item):
    """One property of one spec."""

    def __init__(self, *, property: Property, **options: Any) -> None:
        super().__init__(**options)
        self.property = property

    def runtest(self) -> None:
        from .testing import Settings, tested

        examples, seed = (int(self.config.getini(name)) for name in ("rnnc_examples", "rnnc_seed"))
        settings = Settings(examples, seed, Path(FOLDER))
        spec = self.parent
        assert isinstance(spec, SpecFile)
        found = tested(spec.subject, self._path(), [self.property.name], settings)
        if found.failed:
            raise PropertyFailed(found)
        (result,) = found.results
        if result.reason:
            raise pytest.skip.Exception(f"{result.status}: {result.reason}", _use_item_location=True)

    def _path(self) -> str:
        """As short as it can be and still be found from here."""
        return (
            str(self.path.relative_to(Path.cwd())) if self.path.is_relative_to(Path.cwd()) else str(self.path)
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from .spec.diagnostics import SpecError

        if isinstance(excinfo.value, PropertyFailed):
            return str(excinfo.value)
        if isinstance(excinfo.value, SpecError):
            assert isinstance(self.parent, SpecFile)
            return self.parent.told(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


class PropertyFailed(Exception):
    """The story of a failure, its place in the spec first."""

    def __init__(self, tested: Tested) -> None:
        from .runtime.properties.report import story

        (result,) = tested.results
        line = result.failure.line if result.failure else None
        first = f"{tested.path}:{line or 1}: {result.property.name} does not hold"
        super().__init__("\n".join([first, *story(tested, result)]))
