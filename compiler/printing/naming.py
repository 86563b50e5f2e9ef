"""Python names for quantities: the user's where possible, never one that means something else.

`h` stays `h`, `h1.W_ix` becomes `h1_W_ix`, the adjoint `~h` becomes `dh`, the tangent `^h` becomes `h_dot`, a
temporary `h.2` becomes `h_2`.
Keywords, builtins, the module's own functions and the printer's locals are never handed out: a clash
gets an underscore (and then a number)."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable

PRINTER = frozenset(
    "np B call dtype state fresh params batch run tape dims data given cotangents workspace buffer buffers grads "
    "dbatch dstate only inputs outputs nll train seed last rng out after drawn draws".split()
)
RESERVED = PRINTER | frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)


class Taken(set[str]):
    """Names that somebody has. None is ever given back, so ``tried`` tells from where on a wish may be free."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names)
        self.tried: dict[str, int] = {}


def free_name(wish: str, taken: Taken) -> str:
    """``wish``, or the first of wish_2, wish_3, … that nobody has; taken from then on."""
    name, count = wish, taken.tried.get(wish, 1)
    while name in taken:
        count += 1
        name = f"{wish}_{count}"
    taken.tried[wish] = count
    taken.add(name)
    return name


class Names:
    """Hands out identifiers; the same quantity always gets the same one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = Taken((*RESERVED, *taken))
        self._given: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._tried: dict[str, int] = {}

    def copy(self) -> Names:
        """The same names, for a function that adds some of its own."""
        made = Names(self.taken)
        made._given, made._counts, made._tried = dict(self._given), dict(self._counts), dict(self._tried)
        made.taken.tried = dict(self.taken.tried)
        return made

    def of(self, quantity: str) -> str:
        """The identifier of a quantity."""
        if quantity not in self._given:
            base, dot, number = quantity.rpartition(".")
            numbered = bool(dot) and number.isdigit()
            self._given[quantity] = self._next(plain(base)) if numbered else self.fresh(plain(quantity))
        return self._given[quantity]

    def _next(self, base: str) -> str:
        """``base_1``, ``base_2``, …: temporaries are numbered in the order they are printed."""
        count = self._counts.get(base, 0) + 1
        while f"{base}_{count}" in self.taken:
            count += 1
        self._counts[base] = count
        self.taken.add(f"{base}_{count}")
        return f"{base}_{count}"

    def fresh(self, wish: str) -> str:
        """An identifier nobody else has, ``wish`` if it is free."""
        name, count = wish, self._tried.get(wish, 1)
        while name in self.taken:
            name, count = wish + "_" + (str(count) if count > 1 else ""), count + 1
        self._tried[wish] = max(count - 1, 1)  # what was taken stays taken
        self.taken.add(name)
        return name


def plain(quantity: str) -> str:
    """The identifier one would like: dots become underscores, an adjoint's `~` a d, a tangent's `^` a dot."""
    if quantity.startswith("^"):
        quantity = quantity.removeprefix("^") + "_dot"
    text = quantity.replace("~", "d").replace(".", "_")
    return "".join(c if c.isalnum() or c == "_" else "_" for c in text)
