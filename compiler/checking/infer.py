"""Sizes and types of everything, as the least solution of what the equations say.

Every quantity starts unknown, and equations are looked at again when something they read becomes known.
When nothing moves any more, a number beside something unknown is taken to make a scalar, and so on to the
end. Then every expression is built once more, with reporting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import field

from ...spec.diagnostics import Label
from ...spec.records import dataclass
from ...spec.sizes import Size
from . import tree
from .elaborate import Elaborator
from .heads import Shown
from .model import Model, Parameter, Quantity, Sides
from .noises import check_noise
from .report import Report, Via
from .targets import distribution
from .terms import REAL, Term
from .types import UNKNOWN, Type


@dataclass(slots=True)
class Typed:
    """The checked model: the type and the term of every quantity."""

    model: Model
    types: dict[str, Type] = field(default_factory=dict)
    params: dict[str, Parameter] = field(default_factory=dict)
    terms: dict[str, Term] = field(default_factory=dict)
    starts: dict[tuple[str, Sides], Term] = field(default_factory=dict)
    heads: dict[str, Shown] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)  # of the dims of cells


def infer(model: Model, report: Report) -> Typed:
    """The types and terms of a model; what is wrong has been reported."""
    inference = _Inference(model, report)
    inference.solve()
    return inference.check()


class _Inference:
    def __init__(self, model: Model, report: Report) -> None:
        self.model = model
        self.report = report
        self.types = {name: p.type for name, p in model.params.items()}
        self.sizes: dict[str, Size] = {}
        self.elaborator = Elaborator(report, self.type_of, self.sizes, model.dims)
        self.readers = self._readers()
        self.broken = {q.name for q in model.quantities.values() if any(map(_has_bad, expressions(q)))}
        self.guessing = False
        self.guessed: list[Quantity] = []  # scalars, because a number stands beside what has no shape
        for quantity in model.quantities.values():
            self.types[quantity.name] = _written(quantity)

    def type_of(self, name: str) -> Type:
        """The type so far; `UNKNOWN` while a dim in it is."""
        type = self.types.get(name, UNKNOWN)
        if not type.known or not self.model.unknowns:
            return type
        type = type.substitute(self.sizes)
        return UNKNOWN if type.dims & self.model.unknowns.keys() else type

    # the least solution

    def solve(self) -> None:
        self.report.muted = True
        waiting = deque(self.model.quantities)
        for guess in (False, True):
            self.guessing = guess
            unknown = [name for name in self.model.quantities if not self.type_of(name).known]
            waiting.extend(unknown)
            self._settle(waiting)
        found = (self.model.quantities[name] for name in unknown)
        self.guessed = [q for q in found if self.type_of(q.name).scalar and self._decides_affine(q)]
        self.report.muted = False

    def _decides_affine(self, quantity: Quantity) -> bool:
        """Whether an `affine` in the equation has no shape but the left side's."""
        values = [value for value in expressions(quantity) if quantity.role != "head"]
        made = []
        for wanted in (self.type_of(quantity.name), UNKNOWN):
            self.elaborator.weights.clear()
            self.elaborator.guess = wanted.known
            for value in values:
                self.elaborator.term(value, wanted)
            made.append(len(self.elaborator.weights))
        return made[0] > made[1]

    def _settle(self, waiting: deque[str]) -> None:
        listed = set(waiting)
        while waiting:
            name = waiting.popleft()
            listed.discard(name)
            for changed in self._update(self.model.quantities[name]):
                fresh = [reader for reader in self.readers.get(changed, ()) if reader not in listed]
                waiting.extend(fresh)
                listed.update(fresh)

    def _update(self, quantity: Quantity) -> Iterator[str]:
        """Looks at a quantity again; names of quantities and dims that became known."""
        before = self.type_of(quantity.name)
        self.elaborator.weights.clear()
        found = self._found(quantity)
        for name, weights in self.elaborator.weights.items():
            if name not in self.types:
                self.types[name] = weights[0].type
                yield name
        for name, type in self.elaborator.masks.items():
            if not self.types[name].known:
                self.types[name] = type
                yield name
        if quantity.role == "argument" and quantity.types and found.known:
            yield from self._solve_dims(quantity.types[0], found)
        yield from self._update_type(quantity, before, found)

    def _update_type(self, quantity: Quantity, before: Type, found: Type) -> Iterator[str]:
        given = quantity.types or quantity.role == "loss"
        if not given and found.known and (not before.known or (before.scalar and found.shape)):
            self.types[quantity.name] = found
            yield quantity.name

    def _found(self, quantity: Quantity) -> Type:
        """What the equation and its ends say of the type."""
        wanted = self.type_of(quantity.name)
        found = UNKNOWN
        self.elaborator.guess = self.guessing and quantity.name not in self.broken
        for value in (quantity.value, *(start.value for start in quantity.starts.values())):
            if value is not None:
                type = _inferred(self.elaborator.term(value, wanted).type)
                found = type if not found.shape and (not found.known or type.shape) else found
        if quantity.role == "head":
            distribution(self.elaborator, quantity, wanted)
        return found

    def _solve_dims(self, header: Type, found: Type) -> Iterator[str]:
        """Dims of a cell's header that an argument's type tells."""
        pairs = (
            list(zip(header.shape, found.shape, strict=False))
            if len(header.shape) == len(found.shape)
            else []
        )
        if header.count and found.count:
            pairs.append((header.count, found.count))
        for wanted, size in pairs:
            name = str(wanted)
            if name in self.model.unknowns and name not in self.sizes and wanted == Size.of(name):
                self.sizes[name] = size
                yield name

    def _readers(self) -> dict[str, list[str]]:
        """Which quantities to look at again when a quantity, parameter or dim becomes known."""
        readers: dict[str, set[str]] = {name: {name} for name in self.model.quantities}
        for quantity in self.model.quantities.values():
            for expr in expressions(quantity):
                for name in _mentioned(expr):
                    readers.setdefault(name, set()).add(quantity.name)
        for name, type in self._declared_types():
            for dim in type.dims & self.model.unknowns.keys():
                users = readers.setdefault(dim, set())
                users |= readers.get(name, set())
                if name in self.model.quantities:
                    users.add(name)
        order = {name: i for i, name in enumerate(self.model.quantities)}
        return {name: sorted(users, key=order.__getitem__) for name, users in readers.items()}

    def _declared_types(self) -> Iterator[tuple[str, Type]]:
        yield from ((name, p.type) for name, p in self.model.params.items())
        yield from ((q.name, type) for q in self.model.quantities.values() for type in q.types)

    # the report

    def check(self) -> Typed:
        """Every term once more, now with reporting."""
        self.elaborator.weights.clear()
        typed = Typed(self.model)
        wrong = {name for name, param in self.model.params.items() if not param.type.known}
        for quantity in self.model.quantities.values():
            before = self.report.count
            self._check_quantity(typed, quantity)
            if self.report.count > before or quantity.name in self.broken:
                wrong.add(quantity.name)
        self._check_untyped(wrong)
        for quantity in self.guessed:
            if quantity.name not in wrong:
                self._needs_type(quantity)
        typed.types = {name: self.type_of(name) for name in self.types}
        typed.params = self._params()
        typed.sizes = self.sizes
        return typed

    def _check_quantity(self, typed: Typed, quantity: Quantity) -> None:
        self.elaborator.via = quantity.via
        self.elaborator.guess = quantity.name not in self.broken
        type = self.type_of(quantity.name)
        self._check_written(quantity)
        if quantity.role == "noise":
            check_noise(self.model, self.report, quantity, type)
        elif quantity.value is not None:
            typed.terms[quantity.name] = self._checked(quantity, quantity.value, type)
        for sides, start in quantity.starts.items():
            self.elaborator.via = start.via
            typed.starts[quantity.name, sides] = self._checked(quantity, start.value, type)
        if quantity.role == "head" and quantity.distribution is not None:
            typed.heads[quantity.name] = distribution(self.elaborator, quantity, type)

    def _checked(self, quantity: Quantity, value: tree.Expr, type: Type) -> Term:
        term = self.elaborator.term(value, type)
        if quantity.role == "loss" and term.type.known and term.shape:
            self.elaborator.misfit(
                term, type, quantity.name, help="a loss is one number: `sum(…)` or `mean(…)` of these"
            )
            return term
        if quantity.role == "argument" and quantity.types:
            return self._checked_argument(quantity, term)
        shown = quantity.name.rpartition(".")[2] if quantity.via else quantity.name
        return self.elaborator.fitted(term, type, shown)

    def _checked_argument(self, quantity: Quantity, term: Term) -> Term:
        """An argument of a cell must have the header's type."""
        header = quantity.types[0].substitute(self.sizes)
        name = quantity.name.rpartition(".")[2]
        if term.type.known and header.dims & self.model.unknowns.keys():
            local = str(quantity.types[0]).replace(quantity.name.rpartition(".")[0] + ".", "")
            self.report(
                "RNN311",
                term.span,
                f"the cell takes `{name}` : {local}, and `{term.span.text}` is {term.type}",
                via=quantity.via,
                labels=[Label(quantity.types[0].origin, "the cell's header")]
                if quantity.types[0].origin
                else [],
                help=f"take a row of a table, `E[{term.span.text}]`, or write `onehot({term.span.text})`"
                if term.type.kind == "token"
                else "",
            )
        return self.elaborator.fitted(term, self.type_of(quantity.name), name)

    def _check_written(self, quantity: Quantity) -> None:
        """All types written for one quantity must agree."""
        first, *others = [type.substitute(self.sizes) for type in quantity.types] or [UNKNOWN]
        for type in others:
            if type != first and first.known and not (type.dims | first.dims) & self.model.unknowns.keys():
                self.report(
                    "RNN309",
                    type.origin or quantity.span,
                    f"`{quantity.name}` is {type} here and {first} elsewhere",
                    via=quantity.via,
                    labels=[Label(first.origin, f"{first} is written here")] if first.origin else [],
                )

    def _check_untyped(self, wrong: set[str]) -> None:
        """Reports quantities of no type that no other mistake explains, one of each cycle."""
        explained: set[str] = set()
        self._spread(wrong, explained)
        for quantity in self.model.quantities.values():
            made = (
                quantity.role == "noise" and not quantity.types
            )  # a mask of `dropout`, known with its value
            if made or self.type_of(quantity.name).known or quantity.name in explained:
                continue
            self._spread({quantity.name}, explained)
            self._needs_type(quantity)

    def _needs_type(self, quantity: Quantity) -> None:
        self.report(
            "RNN304",
            quantity.span,
            f"nothing says which shape `{quantity.span.text}` has",
            via=quantity.via,
            help=f"write its type: `{quantity.span.text} : real[…] = …`",
        )

    def _spread(self, names: set[str], explained: set[str]) -> None:
        """Adds what reads these, straight or through others of no type, and so has no type either."""
        pending = [name for name in names if name not in explained]
        explained.update(pending)
        while pending:
            for reader in self.readers.get(pending.pop(), ()):
                if reader not in explained and not self.type_of(reader).known:
                    explained.add(reader)
                    pending.append(reader)

    def _params(self) -> dict[str, Parameter]:
        """Declared parameters and those that `affine` made; shared copies must want the same shapes."""
        found = {}
        for name, p in self.model.params.items():
            found[name] = Parameter(name, p.type.substitute(self.sizes), p.init, p.trained, p.span, p.via)
        for name, weights in self.elaborator.weights.items():
            first = weights[0]
            for other in weights[1:]:
                if other.type != first.type:
                    self._not_shared(name, first.type, other.type, other.via)
            found[name] = Parameter(name, first.type, first.init, True, first.span, first.via)
        return found

    def _not_shared(self, name: str, first: Type, other: Type, via: Via) -> None:
        self.report(
            "RNN210",
            via[-1],
            f"`{name}` is {first} and would be {other} in the copy that shares it",
            via=via[:-1],
        )


def _written(quantity: Quantity) -> Type:
    if quantity.role == "loss":
        return REAL
    return quantity.types[0] if quantity.types else UNKNOWN


def _inferred(type: Type) -> Type:
    """The type of an equation with no type written: whole numbers become real."""
    return Type("real", type.shape, None, type.origin) if type.kind == "int" else type


def expressions(quantity: Quantity) -> Iterable[tree.Expr]:
    values = [quantity.value, *(start.value for start in quantity.starts.values())]
    values += quantity.distribution.args if quantity.distribution else ()
    return [value for value in values if value is not None]


def _mentioned(expr: tree.Expr) -> Iterator[str]:
    """Names of quantities, parameters and dims that an expression mentions."""
    for node in tree.walk(expr):
        match node:
            case tree.Read(_, name, _, _):
                yield name
            case tree.DimNumber(_, size):
                yield from size.dims
            case tree.Apply():
                for size in node.static:
                    yield from size.dims


def _has_bad(expr: tree.Expr) -> bool:
    return any(isinstance(node, tree.Bad) for node in tree.walk(expr))
