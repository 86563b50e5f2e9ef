"""The cells a spec can call: its own, those it imports, those of the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from ...spec import syntax
from ...spec.cells import cell_source, library
from ...spec.diagnostics import Diagnostics, Label
from ...spec.parser import parse
from ...spec.records import dataclass
from ...spec.source import Source, Span
from ...spec.suggest import suggest
from .functions import CELL_HABITS, FUNCTIONS
from .report import Report
from .scope import CellDefinition

ReadImport = Callable[[str, Span], Source | None]
IMPORTS = 64

Cells = dict[str, CellDefinition]


@dataclass(slots=True)
class Loader:
    """Reads each file once. ``read_import`` gives the text of an import, or None and has reported why not."""

    report: Report
    diagnostics: Diagnostics
    read_import: ReadImport
    files: dict[str, Cells] = field(default_factory=dict)
    imports: int = 0

    def load(self, spec: syntax.Spec) -> Cells:
        """Every cell that can be called in a file; its cells can call one another."""
        cells: Cells = {}
        self.files[spec.source.path] = cells
        places: dict[str, Span] = {}
        for statement in spec.statements:
            match statement:
                case syntax.Use(_, names):
                    for name in names:
                        self._take(cells, places, name.span, self._from_library(name))
                case syntax.Import(span, path):
                    self._take(cells, places, span, self._imported(path))
                case syntax.Cell(_, name):
                    self._take(
                        cells, places, name.span, {name.text: CellDefinition(statement, name.text, cells)}
                    )
        return cells

    def _take(self, cells: Cells, places: dict[str, Span], span: Span, found: Cells) -> None:
        for name, cell in found.items():
            if name in FUNCTIONS or name == "affine":
                self.report("RNN202", span, f"`{name}` is a function: a cell needs another name")
            elif name in cells and cells[name].tree is not cell.tree:
                labels = [Label(places[name], f"`{name}` comes from here")]
                self.report("RNN202", span, f"there is a cell `{name}` already", labels=labels)
            else:
                cells[name] = cell
                places.setdefault(name, span)

    def _from_library(self, name: syntax.Name) -> Cells:
        if name.text not in library():
            near = CELL_HABITS.get(name.text) or suggest(name.text, library())
            self.report(
                "RNN206",
                name.span,
                f"the library has no cell `{name.text}`",
                help=f"did you mean `{near}`?" if near else f"it has {', '.join(library())}",
            )
            return {}
        found = self._file(cell_source(name.text))
        return {name.text: found[name.text]} if name.text in found else {}

    def _imported(self, path: syntax.Text) -> Cells:
        source = self.read_import(path.value, path.span) if self._more(path.span) else None
        if source is None:
            return {}
        found = self._file(source)
        return {name: cell for name, cell in found.items() if cell.tree.span.source.path == source.path}

    def _more(self, span: Span) -> bool:
        """Whether another file may be read."""
        self.imports += 1
        if self.imports > IMPORTS:
            self.report("RNN281", span, f"more than {IMPORTS} files are imported")
        return self.imports <= IMPORTS

    def _file(self, source: Source) -> Cells:
        if source.path in self.files:
            return self.files[source.path]
        spec = parse(source, self.diagnostics)
        return self.load(spec) if spec is not None else {}
