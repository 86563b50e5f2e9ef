"""A spec after expansion: one flat table of quantities, with every name bound."""

from __future__ import annotations

from dataclasses import field

from ...spec.records import dataclass
from ...spec.sizes import Size
from ...spec.source import Source, Span
from ..program import Init
from .report import Via
from .tree import Expr
from .types import Type

Sides = tuple[tuple[str, int], ...]  # (axis, BEFORE or AFTER), in the order of the quantity's axes


@dataclass(frozen=True, slots=True)
class Axis:
    index: str
    length: str
    span: Span


@dataclass(frozen=True, slots=True)
class Start:
    """``h[0] = EXPR`` or ``g[T+1] = EXPR``."""

    value: Expr
    span: Span
    via: Via


@dataclass(frozen=True, slots=True)
class Distribution:
    """What stands after ``~`` of a head or a noise."""

    name: str
    args: tuple[Expr, ...]
    place: Span


@dataclass(slots=True)
class Quantity:
    """``role``: input, equation, argument (of a cell's copy), head, noise, loss or stop.

    ``types`` are all the types written for it: at a cell's header, at its equation, at the call."""

    name: str
    role: str
    axes: tuple[str, ...]
    span: Span
    via: Via
    types: list[Type] = field(default_factory=list)
    value: Expr | None = None
    distribution: Distribution | None = None
    weight: float = 1.0
    starts: dict[Sides, Start] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """``shared`` copies of it carry types of their own, which must be equal."""

    name: str
    type: Type
    init: Init
    trained: bool
    span: Span
    via: Via


@dataclass(frozen=True, slots=True)
class Stop:
    """``stop when EXPR``: ``name`` is the quantity that tells for each step whether it is the last; ``event``
    is the Bernoulli head whose target this is, when the expression is just that."""

    name: str
    axis: str
    event: str
    span: Span


@dataclass(slots=True)
class Model:
    """``unknowns`` are the dims of cells that are found from their arguments; ``fixed`` are dims that the
    expansion has used the value of, with what for; ``uses`` are the names of dims read somewhere."""

    source: Source
    dims: dict[str, int] = field(default_factory=dict)
    dim_spans: dict[str, Span] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    params: dict[str, Parameter] = field(default_factory=dict)
    outputs: dict[str, Span] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    unknowns: dict[str, Span] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    stop: Stop | None = None

    def length_head(self, axis: str) -> Quantity | None:
        """The head whose value an axis's length is."""
        found = self.quantities.get(self.axes[axis].length)
        return found if found is not None and found.role == "head" else None


def sizes_of(types: list[Type]) -> frozenset[str]:
    return frozenset().union(*(type.dims for type in types))


__all__ = ["Axis", "Distribution", "Model", "Parameter", "Quantity", "Sides", "Size", "Start", "sizes_of"]
