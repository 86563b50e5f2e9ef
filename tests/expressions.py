"""Random expressions of a wanted kind and shape, written top-down from what the functions of the language take."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rnnc.spec.sizes import Size

Shape = tuple[Size, ...]


@dataclass(frozen=True)
class Thing:
    """Something an expression can read: a quantity (with ``axes``), a parameter or a value."""

    name: str
    axes: tuple[str, ...] = ()
    shape: Shape = ()
    kind: str = "real"
    count: Size | None = None

    @property
    def type(self) -> str:
        sizes = f"[{', '.join(map(str, self.shape))}]" if self.shape else ""
        return (f"token({self.count})" if self.kind == "token" else self.kind) + sizes


@dataclass(frozen=True)
class Axis:
    """``ahead``: expressions may read what comes later along it, ends and sums included."""

    index: str
    length: str
    ahead: bool = True


@dataclass(frozen=True)
class Site:
    """Where an expression stands.

    ``axes`` may stand in its indices. ``complete`` can be read anywhere. Of the set of mutually dependent
    equations that this one belongs to, ``done`` can be read at the same step of the ``carrier``, ``members``
    only behind it (``step`` -1: at t-k, 1: at t+k), or at the same step and behind along ``second``.
    ``affine`` is the shape that an `affine` would have here."""

    axes: tuple[str, ...] = ()
    complete: tuple[Thing, ...] = ()
    done: tuple[Thing, ...] = ()
    members: tuple[Thing, ...] = ()
    carrier: str = ""
    step: int = 0
    second: str = ""
    affine: Shape | None = None
    over_axis: bool = False  # inside a reduction over an axis

    @property
    def bare(self) -> Site:
        """The same without a shape for `affine`."""
        return replace(self, affine=None)

    def over(self, axis: str) -> Site:
        """Inside a reduction: every index of the axis is needed."""
        axes = self.axes if axis in self.axes else (*self.axes, axis)
        if axis in (self.carrier, self.second):
            return replace(self, axes=axes, done=(), members=(), affine=None, over_axis=True)
        return replace(self, axes=axes, affine=None, over_axis=True)


# Functions of one real argument, with what keeps the argument away from poles, kinks and overflow.
UNARY = {
    **dict.fromkeys("tanh sigmoid relu softplus sin cos abs gelu silu stop_gradient".split(), "{0}"),
    "exp": "tanh({0})",
    "expm1": "sin({0})",
    "log": "softplus({0}) + 0.5",
    "log1p": "square(sin({0}))",
    "sqrt": "square({0}) + 0.3",
    "square": "clip({0}, -3.0, 3.0)",
    "floor": "{0} + 0.4137",
    "sign": "{0} + 0.2171",
}
BOUNDED = ("tanh({0})", "sigmoid({0})", "sin({0})", "clip({0}, -1.3, 1.7)", "cos({0})")
# The same for two arguments.
BINARY = (
    *("{0} + {1}", "{0} - {1}", "{0} * {1}") * 3,
    "{0} / (1.5 + sin({1}))",
    "({0} + 0.317) % (1.5 + sigmoid({1}))",
    "(softplus({0}) + 0.5) ** tanh({1})",
    "max({0}, {1} + 0.1371)",
    "min({0}, {1} - 0.0913)",
    "logaddexp({0}, {1})",
    "clip({0}, {1} - 0.4, {1} + 0.7)",
)
POWERS = ("2", "3", "1", "0")
REDUCING = ("sum({0})", "mean({0})", "logsumexp({0})", "norm({0} + 0.61)", "max({0} + {1})", "min({0} + {1})")
KEEPING = ("softmax({0})", "log_softmax({0})", "cumsum({0})", "layer_norm({0} + {1})", "rms_norm({0} + {1})")
OVER = ("sum[{1}]({0})", "mean[{1}]({0})", "max(max[{1}]({0}), -3.3)", "max(logsumexp[{1}]({0}), -3.3)")

Rule = Callable[["Expressions", Shape, Site, int], "str | None"]


@dataclass
class Expressions:
    """Writes expressions; what they need declared (parameters) is kept in ``params``."""

    rng: random.Random
    axes: Sequence[Axis]
    sizes: Sequence[Size]
    delay: int = 5
    straight: float = 0.75  # the share of reads at the step itself
    params: list[Thing] = field(default_factory=list)
    consts: list[Thing] = field(default_factory=list)
    lags: list[str] = field(default_factory=list)  # dims that are delays
    suffix: str = ""  # of the names of parameters declared inside a `for`
    named: int = 0

    # reals

    def real(self, shape: Shape, site: Site, depth: int) -> str:
        """A real of this shape."""
        if site.affine is not None and site.affine != shape:
            site = site.bare
        if depth <= 0:
            return self.leaf(shape, site)
        for rule in self.rng.sample(RULES, len(RULES)):
            found = rule(self, shape, site, depth - 1)
            if found is not None:
                return found
        return self.leaf(shape, site)

    def bounded(self, shape: Shape, site: Site, depth: int) -> str:
        """A real that cannot grow, whatever is fed back into it."""
        return self.rng.choice(BOUNDED).format(self.real(shape, site, depth))

    def leaf(self, shape: Shape, site: Site) -> str:
        if self.rng.random() < 0.8:
            found = self.read("real", shape, site)
            if found:
                return found
        if not shape and self.rng.random() < 0.7:
            return self.scalar(site)
        if self.rng.random() < 0.2 and shape:
            return f"expand({self.leaf(shape[:-1], site)}, {shape[-1]})"
        return self.param(shape)

    def scalar(self, site: Site) -> str:
        """A number: a literal, a size, an index."""
        dims = [size for size in self.sizes if size.literal is None]
        texts = [f"{self.rng.uniform(0.1, 1.5):.2f}", "1", "2", *(f"(1 / ({size}))" for size in dims[:1])]
        for axis in self.axes:
            if axis.index in site.axes:
                texts.append(f"(0.1 * {axis.index})")
                texts += [f"({axis.index} / (1 + {axis.length}))"] if axis.ahead else []
            elif axis.ahead:
                texts.append(f"(0.2 * {axis.length})")
        return self.rng.choice(texts)

    def param(self, shape: Shape) -> str:
        """A parameter or constant of this shape: one there is, or a new one."""
        const = self.rng.random() < 0.1
        alike = [thing.name for thing in (self.consts if const else self.params) if thing.shape == shape]
        if alike and self.rng.random() < 0.4:
            return self.rng.choice(alike)
        self.named += 1
        made = Thing(f"{'r' if const else 'w'}{self.named}{self.suffix}", (), shape)
        (self.consts if const else self.params).append(made)
        return made.name

    # whole numbers, tokens, truth

    def whole(self, site: Site, depth: int) -> str:
        """An int."""
        if depth > 0 and self.rng.random() < 0.5:
            sign = self.rng.choice(["+", "-", "*", "%"])
            right = str(self.rng.randint(2, 4)) if sign == "%" else self.whole(site, depth - 1)
            return f"({self.whole(site, depth - 1)} {sign} {right})"
        texts = [str(self.rng.randint(0, 3)), *(a.index for a in self.axes if a.index in site.axes)]
        texts += [axis.length for axis in self.axes if axis.ahead]
        found = self.read("int", (), site) if self.rng.random() < 0.7 else None
        return found or self.rng.choice(texts)

    def token(self, count: Size, shape: Shape, site: Site, depth: int) -> str | None:
        """A token of this count; None when nothing gives one."""
        found = self.read("token", shape, site, count)
        if found and depth > 0 and self.rng.random() < 0.15:
            other = self.read("token", shape, site, count) or found
            return f"where({self.truth((), site, depth - 1)}, {found}, {other})"
        return found

    def truth(self, shape: Shape, site: Site, depth: int) -> str:
        """A bool of this shape."""
        choice = self.rng.random()
        if choice < 0.35 and (found := self.read("bool", shape, site)):
            return found
        if depth > 0 and choice < 0.5:
            sign = self.rng.choice(["and", "or"])
            return f"({self.truth(shape, site, depth - 1)} {sign} {self.truth(shape, site, depth - 1)})"
        if depth > 0 and choice < 0.58:
            return f"(not {self.truth(shape, site, depth - 1)})"
        if not shape and choice < 0.75:
            return f"({self.whole(site, 1)} {self.rng.choice(COMPARISONS)} {self.whole(site, 1)})"
        if (
            choice < 0.85
            and (count := self.rng.choice(self.sizes))
            and (k := self.token(count, shape, site, 0))
        ):
            other = self.token(count, shape, site, 0) or "1"
            return f"({k} {self.rng.choice(['==', '!='])} {self.rng.choice(['0', '1', other])})"
        sign = self.rng.choice(["<", "<=", ">", ">="])
        return f"({self.real(shape, site.bare, depth - 1)} {sign} {self.real(shape, site.bare, depth - 1)} + 0.1731)"

    # reads

    def read(self, kind: str, shape: Shape, site: Site, count: Size | None = None) -> str | None:
        """A quantity or value of this type at a place where it can be read here; None when there is none."""
        sources: list[tuple[Thing, Callable[[Thing, Site], str | None]]] = []
        sources += [(thing, self._anywhere) for thing in site.complete]
        sources += [(thing, self._beside) for thing in site.done]
        sources += [(thing, self._behind) for thing in site.members] * 2
        fits = [(t, at) for t, at in sources if (t.kind, t.shape, t.count) == (kind, shape, count)]
        for thing, at in self.rng.sample(fits, len(fits)):
            found = at(thing, site)
            if found:
                return found
        return None

    def _anywhere(self, thing: Thing, site: Site) -> str | None:
        return _indexed(thing, [self._place(axis, site) for axis in thing.axes])

    def _beside(self, thing: Thing, site: Site) -> str | None:
        return _indexed(thing, [self._near(axis, site) for axis in thing.axes])

    def _near(self, axis: str, site: Site) -> str | None:
        """The same step of the carrier; not against the direction of the second."""
        if axis == site.carrier:
            return axis
        if axis != site.second:
            return self._place(axis, site)
        return self._delayed(axis, site.step) if self.rng.random() < 0.2 else axis

    def _behind(self, thing: Thing, site: Site) -> str | None:
        if site.second and self.rng.random() < 0.5:
            places = [self._delayed(a, site.step) if a == site.second else a for a in thing.axes]
            return _indexed(thing, places)
        places = []
        for axis in thing.axes:
            behind = self._delayed(axis, site.step) if axis == site.carrier else self._place(axis, site)
            places.append(behind)
        return _indexed(thing, places)

    def _delayed(self, axis: str, step: int) -> str:
        steps = self.rng.choice([1, 1, 1, 1, 2, 3, self.delay, *self.lags * 2])
        return f"{axis}{'-' if step < 0 else '+'}{steps}"

    def _place(self, axis: str, site: Site) -> str | None:
        """Any place along an axis; None when none is legal here."""
        known = next(a for a in self.axes if a.index == axis)
        if axis in site.axes and self.rng.random() < 0.9:
            if self.rng.random() < self.straight:
                return axis
            return self._delayed(axis, self.rng.choice([-1, 1]) if known.ahead else -1)
        if not known.ahead:
            return "0" if self.rng.random() < 0.3 else axis if axis in site.axes else None
        return self.rng.choice([known.length, known.length, "1", "1", "0", f"{known.length}+1"])


COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def _indexed(thing: Thing, places: Iterable[str | None]) -> str | None:
    texts = list(places)
    if None in texts:
        return None
    return f"{thing.name}[{','.join(map(str, texts))}]" if texts else thing.name


# ------------------------------------------------------------------- rules: one way to make a real each


def _leaf(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    return w.leaf(shape, site)


def _unary(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    name = w.rng.choice([*UNARY])
    return f"{name}({UNARY[name].format(w.real(shape, site, depth))})"


def _negative(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    return f"({w.rng.choice('-+')}{w.real(shape, site, depth)})"


def _power(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    return f"(clip({w.real(shape, site, depth)}, -2.0, 2.5) ** {w.rng.choice(POWERS)})"


def _binary(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """Either side may be a scalar."""
    scalar = w.rng.random()
    left = w.real((), site, depth) if scalar < 0.15 and shape else w.real(shape, site, depth)
    right = w.real((), site, depth) if scalar > 0.85 and shape else w.real(shape, site, depth)
    return f"({w.rng.choice(BINARY).format(left, right)})"


def _where(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    condition = w.truth(shape if w.rng.random() < 0.4 else (), site, depth)
    return f"where({condition}, {w.real(shape, site, depth)}, {w.real(shape, site, depth)})"


def _number_of(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """An int or a bool reckoned with."""
    value = w.truth(shape, site, depth) if shape or w.rng.random() < 0.5 else f"0.1 * {w.whole(site, 1)}"
    return f"({value} + {w.real(shape, site, depth)})"


def _reduce(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if len(shape) > 2:
        return None
    wider = (*shape, w.rng.choice(w.sizes))
    return w.rng.choice(REDUCING).format(w.real(wider, site.bare, depth), w.param(wider))


def _keep(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if not shape:
        return None
    return w.rng.choice(KEEPING).format(w.real(shape, site, depth), w.param(shape))


def _dot(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if len(shape) > 1:
        return None
    wider = (*shape, w.rng.choice(w.sizes))
    return f"dot({w.real(wider, site.bare, depth)}, {w.real(wider, site.bare, depth)})"


def _matrix(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """``@`` in each of its ranks; an `affine` beside the matrix takes the matrix's side."""
    inner = w.rng.choice(w.sizes)
    if len(shape) == 2:
        left, right = (shape[0], inner), (inner, shape[1])
    elif len(shape) == 1 and w.rng.random() < 0.75:
        left, right = (shape[0], inner), (inner,)
    elif len(shape) == 1:
        left, right = (inner,), (inner, shape[0])
    else:
        return None
    matrix = w.param(left) if w.rng.random() < 0.6 else w.real(left, site.bare, depth)
    wanted = right if len(right) == 1 and site.affine is not None else None
    return f"({matrix} @ {w.real(right, replace(site, affine=wanted), depth)})"


def _einsum(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """Letters of the result and a few more, each in one operand or in several."""
    letters = "abcdefgh"
    sizes = dict(zip(letters, (*shape, *w.rng.choices(w.sizes, k=w.rng.randint(0, 2)))))
    count = w.rng.choice([2, 2, 2, 3])
    operands = [[c for c in sizes if w.rng.random() < 0.55] for _ in range(count)]
    for letter in sizes:
        if not any(letter in operand for operand in operands):
            operands[0].append(letter)
    if max(map(len, operands)) > 3:
        return None
    for operand in operands:
        w.rng.shuffle(operand)
    pattern = ",".join("".join(operand) for operand in operands) + "->" + letters[: len(shape)]
    terms = [w.real(tuple(sizes[c] for c in operand), site.bare, depth) for operand in operands]
    return f'einsum("{pattern}", {", ".join(terms)})'


def _outer(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if len(shape) != 2:
        return None
    return f"outer({w.real(shape[:1], site.bare, depth)}, {w.real(shape[1:], site.bare, depth)})"


def _transpose(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if len(shape) < 2:
        return None
    return f"transpose({w.real((*shape[:-2], shape[-1], shape[-2]), site.bare, depth)})"


def _expand(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    return f"expand({w.real(shape[:-1], site.bare, depth)}, {shape[-1]})" if shape else None


def _concat(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    parts = [(a, b) for a in w.sizes for b in w.sizes if shape and a + b == shape[-1]]
    if not parts:
        return None
    texts = [w.real((*shape[:-1], size), site.bare, depth) for size in w.rng.choice(parts)]
    return f"concat({', '.join(texts)})"


def _slice(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if not shape:
        return None
    rest = w.rng.choice(w.sizes)
    start = w.rng.choice(["0", "1", str(rest)])
    return f"slice({w.real((*shape[:-1], shape[-1] + rest), site.bare, depth)}, {start}, {shape[-1]})"


def _roll(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    shift = w.rng.choice(["1", "2", "-1", *map(str, w.sizes[:1])])
    return f"roll({w.real(shape, site.bare, depth)}, {shift})" if shape else None


def _row(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """A row of a table; several rows for a vector of tokens. The table may be computed."""
    count, cut = w.rng.choice(w.sizes), w.rng.randint(0, len(shape))
    key = w.token(count, shape[:cut], site, depth)
    if key is None:
        return None
    table = (count, *shape[cut:])
    return f"{w.param(table) if w.rng.random() < 0.8 else f'({w.real(table, site.bare, depth)})'}[{key}]"


def _pick(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if len(shape) > 2:
        return None
    count = w.rng.choice(w.sizes)
    key = w.token(count, shape if w.rng.random() < 0.5 else (), site, depth) or f"({w.whole(site, 0)} % 2)"
    return f"pick({w.real((*shape, count), site.bare, depth)}, {key})"


def _onehot(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    key = w.token(shape[-1], shape[:-1], site, depth) if shape else None
    return f"onehot({key})" if key else None


def _over(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    axes = [axis.index for axis in w.axes if axis.ahead]
    if not axes:
        return None
    axis = w.rng.choice(axes)
    return w.rng.choice(OVER).format(w.real(shape, site.over(axis), depth), axis)


def _softmax_over(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    axes = [axis.index for axis in w.axes if axis.ahead and axis.index in site.axes]
    if not axes:
        return None
    axis = w.rng.choice(axes)
    return f"softmax[{axis}]({w.real(shape, site.over(axis), depth)})"


def _dropout(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    """Rarely: every one is a noise of its own."""
    if w.rng.random() > 0.15 or w.suffix or not site.axes or site.over_axis:
        return None
    return f"dropout({w.real(shape, site, depth)}, 0.3)"


def _affine(w: Expressions, shape: Shape, site: Site, depth: int) -> str | None:
    if site.affine is None:
        return None
    shapes = [(w.rng.choice(w.sizes),), (w.rng.choice(w.sizes),), (), (w.rng.choice(w.sizes),) * 2]
    terms = [w.real(w.rng.choice(shapes), site.bare, depth) for _ in range(w.rng.randint(1, 3))]
    terms += w.rng.choice([[], [], ["bias = 0.5"], ["bias = none"]])
    return f"affine({', '.join(terms)})"


RULES: list[Rule] = [
    *(
        _leaf,
        _unary,
        _negative,
        _power,
        _binary,
        _binary,
        _where,
        _number_of,
        _reduce,
        _keep,
        _dot,
        _matrix,
        _matrix,
    ),
    *(
        _einsum,
        _outer,
        _transpose,
        _expand,
        _concat,
        _slice,
        _roll,
        _row,
        _row,
        _pick,
        _onehot,
        _over,
        _softmax_over,
    ),
    *(_affine, _affine, _affine, _dropout),
]
