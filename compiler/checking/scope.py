"""Names and what they stand for: at the top of a spec, in a cell's copy, inside a loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...spec import syntax
from ...spec.records import dataclass, replace
from ...spec.sizes import Size
from ...spec.source import Span
from .model import Model
from .report import Report, Via


@dataclass(frozen=True, slots=True)
class AxisIndex:
    axis: str


@dataclass(frozen=True, slots=True)
class AxisLength:
    axis: str


@dataclass(frozen=True, slots=True)
class Dim:
    size: Size


@dataclass(frozen=True, slots=True)
class Thing:
    """A quantity or parameter, by its name in the whole program."""

    name: str


Binding = AxisIndex | AxisLength | Dim | Thing


@dataclass(frozen=True, slots=True)
class CellDefinition:
    """A cell and the cells that its own file can call."""

    tree: syntax.Cell
    name: str
    cells: Mapping[str, CellDefinition] = field(repr=False)


Place = tuple[str, tuple[tuple[str, int], ...], Span]


@dataclass(frozen=True, slots=True)
class Named:
    """The parameters of one `affine`: a weight for each argument, and a bias or none."""

    weights: tuple[str, ...]
    bias: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """``prefix`` begins the names of its quantities (``h1.``), ``params`` those of its parameters, which
    differ in a copy that shares another's. ``renamed`` maps a cell's output to the call's left side.
    ``loops`` are the loop variables' values; the other tables are shared by all of a scope's loops."""

    prefix: str = ""
    params: str = ""
    shares: bool = False
    via: Via = ()
    reverse: bool = False
    cells: Mapping[str, CellDefinition] = field(default_factory=dict)
    names: dict[str, Binding] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    loops: Mapping[str, int] = field(default_factory=dict)

    def inside(self, variable: str, value: int) -> Scope:
        """The same scope in one turn of a loop."""
        return replace(self, loops={**self.loops, variable: value})

    def place(self, span: Span) -> Place:
        """A place in the text, told apart from the same place in other copies and turns."""
        return self.prefix, tuple(self.loops.items()), span

    def spoil(self, text: str, span: Span) -> None:
        """Marks a name whose definition is wrong, which has been reported: it is not to be missed as well."""
        self.places.setdefault(text, span)

    def spoiled(self, text: str) -> bool:
        return text in self.places and text not in self.names

    def whole(self, local: str) -> str:
        """A name of this scope as the whole program knows it."""
        return self.renamed.get(local, self.prefix + local)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of a quantity or parameter before its expression is read."""

    what: str  # "input", "parameter", "equation", "argument", "head", "noise", "loss"
    axes: tuple[str, ...]
    span: Span
    local: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One use of a cell."""

    cell: CellDefinition
    scope: Scope
    span: Span


@dataclass(slots=True)
class Context:
    """What the expansion of one spec shares: the model being filled and every declared name."""

    report: Report
    model: Model
    overrides: Mapping[str, int]
    declared: dict[str, Declaration] = field(default_factory=dict)
    copies: dict[str, Copy] = field(default_factory=dict)
    affine: dict[Place, Named] = field(default_factory=dict)
