"""What a function calls the steps past a sequence's own end: names that stand at its top, if they are used."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import field

from ...spec.records import dataclass
from .frame import AxisNames
from .lines import Lines
from .naming import Names


@dataclass(slots=True)
class Padding:
    """Of one function. ``axes`` and ``names`` are those of its plan."""

    axes: Mapping[str, AxisNames]
    names: Names
    ended: dict[str, tuple[str, str]] = field(default_factory=dict)
    past: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)

    def of_all_steps(self, axis: str) -> tuple[str, str]:
        """Whether some sequence ends before the longest; which steps are past each one's end, (steps, batch)."""
        if axis not in self.ended:
            length = self.axes[axis].length
            self.ended[axis] = self.names.fresh(f"ragged_{length}"), self.names.fresh(f"ended_{length}")
        return self.ended[axis]

    def of_a_step(self, axis: str) -> str:
        """For each step which rows have ended, or None."""
        if axis not in self.past:
            self.past[axis] = self.names.fresh(f"past_{self.axes[axis].length}")
        return self.past[axis]

    def of_last_steps(self, axis: str) -> str:
        """For each step the rows whose last it is, or None."""
        if axis not in self.last:
            self.last[axis] = self.names.fresh(f"last_{self.axes[axis].length}")
        return self.last[axis]

    def known(self) -> set[str]:
        """The names."""
        return {*self.past.values(), *self.last.values(), *(flag for flag, _ in self.ended.values())}

    def head(self, known: Container[str], out: Lines) -> None:
        """The statements that make the names, but for those ``known``."""
        for axis, names in self.ended.items():
            if names[0] not in known:
                out.add(f"{', '.join(names)} = call.ended({axis!r})  # steps past a sequence's own end")
        for axis, name in self.past.items():
            if name not in known:
                out.add(f"{name} = call.past({axis!r})  # at each step, the rows that have ended")
        for axis, name in self.last.items():
            if name not in known:
                out.add(f"{name} = call.ending({axis!r})  # at each step, the rows whose last it is")
