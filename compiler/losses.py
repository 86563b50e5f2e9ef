"""The loss: each head's and each term's mean over all valid elements of the batch, weighted and added."""

from __future__ import annotations

from dataclasses import field

from ..spec.records import dataclass
from .checking.infer import Typed
from .checking.model import Quantity
from .flatten import Flattener
from .ir import BATCH, Attr, Equation, Position, Read, attrs, here

Outputs = list[tuple[str, str]]


def loss_equations(typed: Typed, flat: Flattener) -> Losses:
    """The equations of the total and of each head's sum per sequence, and what is asked of them."""
    made = Losses(flat)
    terms = []
    for quantity in typed.model.quantities.values():
        if quantity.role in ("head", "loss"):
            terms.append(made.term(quantity))
    if terms:
        made.outputs.insert(0, ("loss", made.total(terms)))
    return made


@dataclass(slots=True)
class Losses:
    """``elements`` are the names of what is averaged over the elements of a batch, with the weights."""

    flat: Flattener
    equations: list[Equation] = field(default_factory=list)
    outputs: Outputs = field(default_factory=list)
    elements: list[tuple[str, float]] = field(default_factory=list)
    alone: list[tuple[str, float]] = field(default_factory=list)  # terms of the parameters alone

    def add(
        self,
        name: str,
        over: tuple[str, ...],
        op: str,
        *reads: Read,
        of: Quantity | None = None,
        **static: Attr,
    ) -> Read:
        span, origin = (of.span, of.name) if of is not None else (None, "")
        self.equations.append(
            Equation(name, over, (), "real", op, reads, attrs(**static), span=span, origin=origin)
        )
        return Read(name, here(over))

    def term(self, quantity: Quantity) -> Read:
        """The weighted mean of one head or loss term, a number."""
        name = quantity.name
        if quantity.role == "head":
            name = self.flat.fresh(f"{name}.nll")
        elif not self.flat.has_batch(name):
            self.alone.append((name, quantity.weight))
            return self._weighted(quantity, name, Read(name))
        self.elements.append((name, quantity.weight))
        value = Read(name, here((*quantity.axes, BATCH)))
        if quantity.axes:
            value = self.add(f"{name}.total", (BATCH,), "sum_over", value, of=quantity)
        if quantity.role == "head":
            self.outputs.append((f"nll:{quantity.name}", value.name))
        return self._weighted(quantity, name, self._mean(quantity, name, value))

    def _mean(self, quantity: Quantity, name: str, value: Read) -> Read:
        """Over all valid elements of the batch; of none, 0."""
        total = self.add(f"{name}.sum", (), "sum_over", Read(value.name, (Position(BATCH),)), of=quantity)
        count = self.add(f"{name}.count", (), "count", of=quantity, axes=quantity.axes)
        one = self.add(f"{name}.one", (), "number", of=quantity, value=1.0)
        least = self.add(f"{name}.elements", (), "maximum", count, one, of=quantity)
        return self.add(f"{name}.mean", (), "div", total, least, of=quantity)

    def _weighted(self, quantity: Quantity, name: str, mean: Read) -> Read:
        if quantity.weight == 1.0:
            return mean
        weight = self.add(f"{name}.weight", (), "number", of=quantity, value=quantity.weight)
        return self.add(f"{name}.weighted", (), "mul", weight, mean, of=quantity)

    def total(self, terms: list[Read]) -> str:
        total = terms[0]
        for i, term in enumerate(terms[1:], 2):
            total = self.add(f"loss.{i}", (), "add", total, term)
        return total.name
