"""Steps written one after the other (`--unroll`): the body of a loop once for each, with a name for each step.

    for a_t, h_tm1, h_t in call.forwards('h', a, h[:-1], h[1:]):        a_t1, a_t2 = a
        np.add(a_t, h_tm1, h_t)                                         h_t0, h_t1, h_t2 = h
                                                                        np.add(a_t1, h_t0, h_t1)
                                                                        np.add(a_t2, h_t1, h_t2)

The loop on the left is never printed: its variables have a mark where the number of the step will be
(`Scope.mark`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field

from ...spec.records import dataclass
from ..ir import Read
from .folding import headed
from .frame import KAPPA, Frame, Scope, Slots
from .lines import Lines
from .naming import free_name
from .python import text
from .reading import slots, subscript

MARKED = re.compile(rf"(\w*{KAPPA}\w*)")
MARK = re.compile(rf"{KAPPA}+(?:([mp])(\d+))?")


@dataclass(slots=True)
class Written:
    """The names of steps in one function: one for each step of an array, whichever loop reads it."""

    names: dict[tuple[str, int], str] = field(default_factory=dict)

    def write(self, frame: Frame, scope: Scope, body: Lines, out: Lines) -> None:
        """All steps of a loop, whose ``body`` is printed with one indentation more than ``out``."""
        self._name_steps(scope, out)
        lines = [(MARKED.split(line[4:]), scope.only.get(n)) for n, line in enumerate(body.lines)]
        for number in range(1, scope.count + 1)[:: scope.step]:
            told = self._told(scope, number)
            made = ["".join(map(told, parts)) for parts, only in lines if only in (None, number)]
            out.lines += _titled(f"# {scope.axis} = {number}", headed(made), "    " * out.indent)

    def _name_steps(self, scope: Scope, out: Lines) -> None:
        """Names for the steps that are read or written, those of an array in one statement."""
        arrays: dict[str, list[Slots]] = {}
        for iterable, variable in scope.iterables.items():
            if variable in scope.slots:
                slot = scope.slots[variable]
                arrays.setdefault(slot.whole, []).append(slot)
            else:
                _unpack([self._other(scope, variable, n) for n in range(1, scope.count + 1)], iterable, out)
        for found in arrays.values():
            one, offsets = found[0], [each.offset for each in found]
            first, last = min(offsets), max(offsets)
            names = [self._step(scope, one, n) for n in range(1 + first, scope.count + last + 1)]
            part = slots(one.before + first, last - one.after)
            _unpack(names, text(subscript(one.array, [part, *one.rest])), out)

    def _told(self, scope: Scope, number: int) -> Callable[[str], str]:
        """What the marked words of the body are called at a step; other text stays."""
        known = {scope.mark: str(number)}

        def told(word: str) -> str:
            if KAPPA in word and word not in known:
                found = scope.slots.get(word)
                known[word] = (
                    self._step(scope, found, number + found.offset)
                    if found
                    else self._other(scope, word, number)
                )
            return known.get(word, word)

        return told

    def _step(self, scope: Scope, slot: Slots, number: int) -> str:
        """The name of one step of an array."""
        key = slot.whole, number
        if key not in self.names:
            self.names[key] = free_name(f"{slot.name}{_shown(number)}", scope.taken)
        return self.names[key]

    def _other(self, scope: Scope, word: str, number: int) -> str:
        """The name at a step of what else differs from step to step."""

        def shown(mark: re.Match[str]) -> str:
            return _shown(number + int(mark[2] or 0) * (-1 if mark[1] == "m" else 1))

        key = word, number
        if key not in self.names:
            self.names[key] = free_name(MARK.sub(shown, word), scope.taken)
        return self.names[key]


def at_one_step(frame: Frame, read: Read) -> int | None:
    """The one step at which a term is not 0, where steps are written one after the other."""
    scope, term = frame.scopes[-1] if frame.scopes else None, frame.table[read.name]
    statics = dict(term.attrs)
    if scope is None or not scope.count or term.op != "place" or statics["axis"] != scope.axis:
        return None
    ends, offset = statics["ends"], statics["offset"]
    assert isinstance(ends, int) and isinstance(offset, int)
    return None if ends and statics["of"] != scope.axis else ends * scope.count + offset


def _shown(number: int) -> str:
    """The number of a step in a name; those long before the first are below 0."""
    return str(number) if number >= 0 else f"m{-number}"


def _unpack(names: list[str], array: str, out: Lines) -> None:
    line = f"{', '.join(names)}{',' * (len(names) == 1)} = {array}"
    out.add(line if len(line) <= out.room else f"[{', '.join(names)}] = {array}")


def _titled(title: str, lines: list[str], margin: str) -> list[str]:
    """The lines of a step, the first of which says which it is."""
    if lines and lines[0].startswith(f"{margin}# "):
        return [f"{margin}{title}: {lines[0].removeprefix(margin + '# ')}", *lines[1:]]
    return [margin + title, *lines]
