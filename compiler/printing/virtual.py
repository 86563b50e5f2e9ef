"""What has no statement of its own in fast code, because it costs nothing where it is read, or may be missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ..given import only_if_given
from ..ir import BATCH, System, remembered
from ..operators import TABLE
from ..schedule import cycles_of
from .inline import in_place, is_temporary
from .layout import lag_sizes


def printed_inside(
    system: System, kept: set[str], plain: frozenset[str], missing: Mapping[str, str]
) -> frozenset[str]:
    """What is printed in its readers: it costs nothing there (a ``plain`` number, a broadcast, a view of a
    matrix), or is printed under a condition (`optional`)."""
    barred = kept | _read_elsewhere(system)
    members = _members(system)
    added = {name for name, leaf in missing.items() if name != leaf}
    return frozenset(
        e.name
        for e in system.equations
        if e.name in plain
        or (e.name not in barred and (e.op == "expand" or (not e.axes and "view" in TABLE[e.op].traits)))
        or (e.name in members and e.name not in barred)
        or e.name in added
    )


def _members(system: System) -> set[str]:
    """Temporaries of parameters alone that a stack of them puts together with others."""
    readers: dict[str, list[str]] = defaultdict(list)
    for reader in system.equations:
        for read in reader.reads:
            readers[read.name].append(reader.op)
    small = (e for e in system.equations if not e.axes and "elementwise" in TABLE[e.op].traits)
    return {e.name for e in small if readers[e.name] == ["stack"] and is_temporary(e.name)}


def optional(system: System) -> dict[str, str]:
    """What is 0 when the caller gives no cotangent of some output, and is read by sums alone: the name of
    that cotangent. Such terms are added only when there is something to add."""
    found = only_if_given(system)
    barred = _read_elsewhere(system) | {name for _, name in system.outputs}
    met = _met_in_loops(system, found)
    barred |= met
    while True:
        bad = {n for n in found if n in barred and (n != found[n] or n in met)}
        for e in system.equations:
            terms = [r.name for r in e.reads if r.name in found]
            if e.name not in found and terms and (e.op not in ("add", "sub") or len(terms) > 1):
                bad |= set(terms)
        bad |= {n for n, leaf in found.items() if leaf not in found or leaf in bad}
        if not bad:
            return found
        found = {name: leaf for name, leaf in found.items() if name not in bad}


def _met_in_loops(system: System, found: Mapping[str, str]) -> set[str]:
    """Cotangents of every step that are added inside a loop, they or a part of them, and over which it runs:
    they must be arrays."""
    table, cycles = system.table(), cycles_of(system)
    lags = lag_sizes(system)
    leaves = {found[r.name] for e in system.equations if e.name in cycles for r in e.reads if r.name in found}
    return {leaf for leaf in leaves if any(a != BATCH and a not in lags for a in table[leaf].axes)}


@remembered
def _read_elsewhere(system: System) -> set[str]:
    """What is read at another place than the reader's own, or bounds something."""
    table = system.table()
    found = {b.name for e in system.equations for b in e.boundaries}
    for reader in system.equations:
        found |= {read.name for read in reader.reads if not in_place(table[read.name], read)}
    return found
