"""How far each quantity is read outside its sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field

from ..spec.records import dataclass
from .checking.graph import outside
from .checking.infer import Typed
from .checking.terms import Term
from .ir import AFTER, BATCH, BEFORE, here


@dataclass(slots=True)
class Reach:
    """``steps`` tells by (quantity, axis, side) how many places outside may be read there; ``delays`` only
    what is read at ``t-k`` or ``t+k``, not what an end needs of an empty sequence. ``elsewhere`` are the
    quantities that are somewhere read not at the reader's own index, ``read`` all that are read."""

    steps: dict[tuple[str, str, int], int] = field(default_factory=dict)
    delays: dict[tuple[str, str, int], int] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


def subterms(terms: Iterable[Term]) -> Iterator[Term]:
    """Every term at or below the given ones, each object once."""
    pending, seen = list(terms), set()
    while pending:
        term = pending.pop()
        if id(term) not in seen:
            seen.add(id(term))
            yield term
            pending.extend(reversed(term.args))


def all_terms(typed: Typed) -> list[Term]:
    heads = [arg for shown in typed.heads.values() for arg in shown.args]
    return [*typed.terms.values(), *typed.starts.values(), *heads]


def reach(typed: Typed) -> Reach:
    found = Reach()
    for term in subterms(all_terms(typed)):
        if term.op == "read" and term.name in typed.model.quantities:
            _read(found, term, typed.model.quantities[term.name].axes)
    return found


def _read(found: Reach, term: Term, axes: tuple[str, ...]) -> None:
    found.read.add(term.name)
    if term.at != here(axes):
        found.elsewhere.add(term.name)
    for axis, position in zip(axes, term.at, strict=True):
        if position.over is not None and position.offset:
            side = BEFORE if position.offset < 0 else AFTER
            for table in (found.steps, found.delays):
                _most(table, (term.name, axis, side), abs(position.offset))
        elif position.over is None and not outside(position):
            _most(found.steps, (term.name, axis, BEFORE if position.ends else AFTER), 1)


def _most(table: dict[tuple[str, str, int], int], key: tuple[str, str, int], steps: int) -> None:
    table[key] = max(table.get(key, 0), steps)


__all__ = ["BATCH", "Reach", "all_terms", "reach", "subterms"]
