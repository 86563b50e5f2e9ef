"""The type of a quantity: its kind and its sizes, checked by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...spec.records import dataclass, replace
from ...spec.sizes import Size
from ...spec.source import Span


@dataclass(frozen=True, slots=True)
class Type:
    """``origin`` is where the sizes were written, for messages. `UNKNOWN` is not known yet, or wrong."""

    kind: str  # "real" | "int" | "bool" | "token" | "unknown"
    shape: tuple[Size, ...] = ()
    count: Size | None = None
    origin: Span | None = field(default=None, compare=False)

    @property
    def known(self) -> bool:
        return self.kind != "unknown"

    @property
    def scalar(self) -> bool:
        return self.known and not self.shape

    @property
    def stored(self) -> str:
        """The kind as equations have it: a token is an int."""
        return "int" if self.kind == "token" else self.kind

    @property
    def dims(self) -> frozenset[str]:
        sizes = (*self.shape, *((self.count,) if self.count else ()))
        return frozenset().union(*(size.dims for size in sizes))

    def with_shape(self, shape: tuple[Size, ...], origin: Span | None) -> Type:
        return replace(self, shape=shape, origin=origin)

    def substitute(self, sizes: Mapping[str, Size]) -> Type:
        """The type with dims replaced by sizes."""
        if self.dims.isdisjoint(sizes):
            return self
        count = self.count.substitute(sizes) if self.count else None
        return replace(self, shape=tuple(size.substitute(sizes) for size in self.shape), count=count)

    def __str__(self) -> str:
        kind = f"token({self.count})" if self.kind == "token" else self.kind
        return kind + (f"[{', '.join(map(str, self.shape))}]" if self.shape else "")


UNKNOWN = Type("unknown")
REAL = Type("real")
INT = Type("int")
BOOL = Type("bool")
