"""What the printer knows while it prints one function: where every quantity is, and which loops it is in."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import field
from functools import reduce

from ...spec.records import dataclass, replace
from ..ir import BATCH, EACH, Equation
from .layout import Stored
from .naming import Taken, free_name
from .python import expression, text
from .strips import Strip

WORD = re.compile(r"[A-Za-z_]\w*")
KAPPA = "\N{GREEK SMALL LETTER KAPPA}"  # a letter that no name in a spec can have
DTYPES = {"real": "dtype", "int": "np.intp", "bool": "bool"}


@dataclass(frozen=True, slots=True)
class Value:
    """An expression and the axes its leading dimensions run along; features follow.

    ``thin``: some feature dimension has extent 1 where the equation says more (an `expand` that NumPy's
    own broadcasting completes). ``constant``: made of literals and dims alone, a Python number."""

    expr: ast.expr
    dims: tuple[str, ...]
    thin: bool = False
    constant: bool = False


@dataclass(frozen=True, slots=True)
class AxisNames:
    """Python names of a time axis: the loop variable (1 to the length), the lengths (B,), the longest."""

    step: str
    length: str
    longest: str


@dataclass(frozen=True, slots=True)
class Slots:
    """The steps of an array in turn, ``offset`` from the loop's own. ``before`` and ``after`` are the array's slots
    outside its steps, ``rest`` the subscripts after that of the step; ``whole`` is the text of all its slots, and
    ``name`` what a step is called but for its number."""

    whole: str
    array: ast.expr
    rest: tuple[ast.expr, ...]
    before: int
    after: int
    name: str
    offset: int


@dataclass(slots=True)
class Scope:
    """A loop being printed: what it runs over. ``iterables`` maps an array's text to its loop variable.

    ``count`` steps may be written one after the other instead (`written`): then names of variables have the ``mark``
    where the number of a step will be. ``slots`` tells of which array they are steps, ``only`` the one step at which
    a line of the body is printed."""

    axis: str
    step: int
    taken: Taken
    count: int = 0
    iterables: dict[str, str] = field(default_factory=dict)
    slots: dict[str, Slots] = field(default_factory=dict)
    only: dict[int, int] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """As long as the longest number."""
        return KAPPA * len(str(self.count)) if self.count else ""

    def variable(self, iterable: ast.expr, wish: str) -> str:
        """The loop variable that takes the values of ``iterable``."""
        key = text(iterable)
        if key not in self.iterables:
            self.iterables[key] = free_name(wish, self.taken)
        return self.iterables[key]


@dataclass(slots=True)
class Quick:
    """What a function of one step has at its top. ``made``: what several places read, expression -> name.
    ``rows`` are the parameters that are vectors beside a batch and nothing else, ``turned`` the names of the
    parameters' matrices (``matrices``) with rows and columns exchanged. With parameters that do not change,
    ``frozen`` names what follows from them alone, and what is made once is made with it."""

    taken: Taken
    matrices: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    made: dict[str, str] = field(default_factory=dict)
    turned: dict[str, str] = field(default_factory=dict)
    frozen: tuple[str, ...] | None = None
    known: set[str] = field(init=False)  # what may stand in what is made with them

    def __post_init__(self) -> None:
        self.known = {"np", "dtype", "aligned", *(self.frozen or ()), *self.made.values()}

    def still(self, made: ast.expr, dims: Collection[str]) -> bool:
        """Whether something is made of frozen parameters and sizes alone."""
        if self.frozen is None:
            return False
        found = (node.id for node in ast.walk(made) if isinstance(node, ast.Name))
        return all(name in self.known or name in dims for name in found)

    def kept(self, used: Container[str]) -> list[str]:
        """What a step is given of frozen parameters, as far as it is used."""
        return [name for name in (*(self.frozen or ()), *self.made.values()) if name in used]

    def once(self, made: ast.expr, wish: str) -> ast.expr:
        """The name of what is made once."""
        key = text(made)
        if key not in self.made:
            self.made[key] = free_name(re.sub(r"\W+", "_", wish), self.taken)
            self.known.add(self.made[key])
        return expression(self.made[key])

    def turn(self, matrix: str) -> ast.expr:
        """The name of a parameter's matrix with rows and columns exchanged."""
        if matrix not in self.turned:
            self.turned[matrix] = free_name(f"{matrix}_T", self.taken)
        return expression(self.turned[matrix])


@dataclass(slots=True)
class Rows:
    """Names of the products of extents of one function: as matrices, arrays have a row for each step of each
    sequence."""

    taken: Taken
    made: dict[str, str] = field(default_factory=dict)  # product -> its name

    def name(self, product: str, wish: str) -> str:
        if product not in self.made:
            self.made[product] = free_name(wish, self.taken)
        return self.made[product]


@dataclass(frozen=True, slots=True)
class Frame:
    """``stored`` has a variable for every quantity that is not printed inside its reader. ``steps`` maps the
    axes of the loops around to their loop variables. ``zeroed`` (name, axis): 0 past a sequence's own end.
    ``past`` names the count of steps before the first, (B,), on the axis ``stream``; ``total`` that of the
    steps of whole sequences, where a head gives it and a call may have a part of them."""

    table: Mapping[str, Equation]
    stored: Mapping[str, Stored]
    axes: Mapping[str, AxisNames]
    lags: Mapping[str, int]
    zeroed: frozenset[tuple[str, str]]
    dim_names: Mapping[str, str]
    stream: str | None
    past: str
    total: str
    steps: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[Scope, ...] = ()  # the loops around, outermost first, when they run over arrays
    hoisted: dict[str, str] | None = None  # what is made once before a loop -> its name, where loops run so
    views: Mapping[str, str] = field(default_factory=dict)  # stretches of arrays that have names
    rebound: set[str] = field(
        default_factory=set
    )  # quantities whose views cannot be made before a loop; it grows
    textbook: bool = False  # words of the textbook (softmax, onehot) where the fast code has shortcuts
    each: str = ""  # the name of how many directions there are, along the axis of all of them
    strip: Strip | None = None  # of a few steps at a time
    flat: bool = True  # products over many leading dimensions as one two-dimensional product
    stepped: bool = False  # a function of one step, which is given the state and the step's inputs
    beside: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # whose equations are joined to a quantity's
    rows: Rows | None = None  # how long axes are as one dimension, where that has a name
    quick: Quick | None = None  # the forms that take NumPy the least time a call, for single steps
    written: Mapping[str, int] = field(default_factory=dict)  # axis whose steps are written out -> how many

    def inside(self, axis: str) -> Frame:
        """The frame of a loop's body."""
        return replace(self, steps={**self.steps, axis: self.axes[axis].step})

    def within(self, scope: Scope) -> Frame:
        """The frame of the body of a loop over arrays."""
        steps = {**self.steps, scope.axis: self.axes[scope.axis].step}
        return replace(self, steps=steps, scopes=(*self.scopes, scope))

    def step(self, axis: str) -> str:
        """The loop variable that counts the steps of an axis."""
        for scope in self.scopes:
            if scope.axis == axis and scope.count:
                return scope.mark
            if scope.axis == axis:
                name = self.axes[axis].step
                return scope.variable(expression("range(1, {0} + 1)", self.axes[axis].longest), name)
        return self.steps[axis]

    def hoist(self, made: ast.expr, wish: str) -> ast.expr:
        """The name of what is made once, before the loops around."""
        return self.hoist_all(made, (wish,))[0]

    def hoist_all(self, made: ast.expr, wishes: Sequence[str]) -> list[ast.expr]:
        """The names of several values that are made together."""
        assert self.hoisted is not None
        key = text(made)
        if key not in self.hoisted:
            names = (free_name(re.sub(r"\W+", "_", wish), self.scopes[0].taken) for wish in wishes)
            self.hoisted[key] = ", ".join(names)
        return [expression(name) for name in self.hoisted[key].split(", ")]

    def reshaped(self, expr: ast.expr, parts: Sequence[ast.expr], fixed: bool) -> ast.expr:
        """An array in other dimensions; in loops over arrays a name, for it is made before the loop."""
        for scope in self.scopes:
            for iterable, variable in tuple(scope.iterables.items()):
                if variable == text(expr):
                    rows = reshape(expression(iterable), [self.extent(scope.axis), *parts])
                    return expression(scope.variable(rows, variable + "_rows"))
        made = reshape(expr, parts)
        return self.hoist(made, f"{text(expr)}_rows") if fixed and self.scopes else made

    def viewed(self, expr: ast.expr, view: Callable[[ast.expr, int], ast.expr]) -> ast.expr:
        """A view of an array; ``view`` is given the array and how many dimensions it has before those meant. In
        loops over arrays it is cut before the loop."""
        plain, name = view(expr, 0), text(expr)
        if text(plain) == name or not self.scopes or not isinstance(expr, ast.Name):
            return plain
        for scope in self.scopes:
            for iterable, variable in tuple(scope.iterables.items()):
                if variable == name:
                    return expression(scope.variable(view(expression(iterable), 1), f"{name}_view"))
        if self.hoisted is None or name in {self.stored[one].identifier for one in self.rebound}:
            return plain
        return self.hoist(plain, f"{name}_view")

    def is_time(self, axis: str) -> bool:
        return axis in self.axes

    def frozen(self, made: ast.expr, wish: str) -> ast.expr | None:
        """The name of what is made when parameters are frozen; None for what cannot be made then."""
        if self.quick is None or not self.quick.still(made, self.dim_names.values()):
            return None
        return self.quick.once(made, wish)

    def free(self, axes: tuple[str, ...]) -> tuple[str, ...]:
        """The axes that no loop around has fixed."""
        return tuple(axis for axis in axes if axis not in self.steps)

    def times(self, axes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(axis for axis in axes if axis in self.axes)

    def ragged(self, axes: tuple[str, ...]) -> tuple[str, ...]:
        """The time axes along which sequences may end early."""
        return tuple(axis for axis in axes if axis in self.axes and axis not in self.written)

    def extent(self, axis: str) -> ast.expr:
        """How many indices an array has along an axis."""
        if axis == BATCH:
            return expression("B")
        if axis in self.lags:
            return expression(str(self.lags[axis]))
        return expression(self.each if axis == EACH else self.axes[axis].longest)

    def extents(self, axes: Sequence[str]) -> list[ast.expr]:
        """How long axes are as one dimension; nothing for no axes."""
        whole = multiplied([*map(self.extent, axes)]) if axes else None
        if self.rows is None or whole is None or BATCH not in axes or not all(map(self._is_long, axes)):
            return [self.extent(axis) for axis in axes]
        if len(axes) == 1:
            return [whole]
        lengths = [self.axes[axis].length for axis in axes if axis != BATCH]
        wish = "rows" if len(self.axes) == 1 else "_".join(["rows", *lengths])
        return [expression(self.rows.name(text(whole), wish))]

    def _is_long(self, axis: str) -> bool:
        """The batch, or a time axis."""
        return axis == BATCH or axis in self.axes and axis not in self.lags

    def length(self, axis: str) -> ast.expr:
        """The lengths of every sequence along a time axis: an integer array (B,)."""
        return expression(self.axes[axis].length)

    def size(self, size: object) -> ast.expr:
        """A feature size as Python writes it."""
        return rename_dims(str(size), self.dim_names)


def reshape(expr: ast.expr, parts: Sequence[ast.expr]) -> ast.expr:
    slots = ", ".join(f"{{{i + 1}}}" for i in range(len(parts)))
    return expression(f"{{0}}.reshape({slots})", expr, *parts)


def multiplied(extents: Sequence[ast.expr]) -> ast.expr:
    """The product of extents."""
    return reduce(lambda left, right: expression("{0} * {1}", left, right), extents)


def rename_dims(text: str, names: Mapping[str, str]) -> ast.expr:
    """A size's text with every dim under its Python name: before it is parsed, for a dim may be called `lambda`."""
    return expression(WORD.sub(lambda word: names.get(word.group(), word.group()), text))
