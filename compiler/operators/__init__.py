"""The operator table: one record per operator, read by every stage."""

from __future__ import annotations

from . import elementwise, features, indexing, products, structure  # noqa: F401  (they fill the table)
from .record import TABLE, TRAITS, Call, Code, Operator, Shape, ShapeError, show
from .terms import Builder, Cotangent, Tangent, Term

__all__ = [
    "SURFACE",
    "TABLE",
    "TRAITS",
    "Builder",
    "Call",
    "Code",
    "Cotangent",
    "Operator",
    "Shape",
    "ShapeError",
    "Tangent",
    "Term",
    "show",
]

SURFACE: dict[str, tuple[Operator, ...]] = {}
"""What the language calls by a name or an infix sign; told apart by the number of operands, and (for
``sum[s](…)``) by whether axes are named."""

for _operator in TABLE.values():
    if _operator.surface:
        SURFACE[_operator.surface] = (*SURFACE.get(_operator.surface, ()), _operator)
