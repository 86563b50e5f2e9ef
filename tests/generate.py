"""Random specs that compile: whole networks, as text, from a seed.

A spec is written in pieces, each of which reads what stands before it: equations alone, sets of mutually
dependent equations with one direction of time, copies of cells, families, heads, losses. Which features a
spec may use is drawn first, so that every pair of features meets in many small specs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from expressions import Axis, Expressions, Shape, Site, Thing
from recurrences import gated, grids, linear, views
from rnnc.compiler.check import check
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.sizes import Size
from rnnc.spec.source import Source

FEATURES = {
    "two axes": 0.3,
    "ahead": 0.6,
    "starts": 0.7,
    "odd names": 0.2,
    "untyped": 0.2,
    "matrices": 0.4,
    "cells": 0.4,
    "tokens": 0.6,
    "others": 0.4,  # ints and bools
    "context": 0.6,
    "deep": 0.3,
    "noise": 0.2,
    "stops": 0.2,
    "lags": 0.2,  # delays that are dims
    "three axes": 0.05,
}
# Specs with a number below have none of these: they are what was counted before these were thought of.
LATER = 20_000
LATER_FEATURES = {"linear": 0.5, "gated": 0.25, "read starts": 0.7, "matrix starts": 0.5, "stops": 0.3}
LAST, LAST_FEATURES = 600_000, {"views": 0.3, "ahead": 0.6}
WIDE, WIDE_FEATURES = 800_000, {"grids": 0.3}
NAMES = [*"hgcoaquvzpd", "s1", "h2", "out", "C"]
ODD = "np len T_max B dtype state call buffer range zip lambda def keep rng t_past h_past ended_T h_1 dh int".split()
# Cells of the library: how they are called, and what of their inside is read and started.
CALLS = {
    **dict.fromkeys(
        "vanilla gru gru_reset_before mgu mingru ugrnn indrnn leaky qrnn janet slstm".split(), "{0}, {1}"
    ),
    **dict.fromkeys("lstm lstm_peephole lstm_layer_norm lstm_coupled minlstm mlstm".split(), "{0}, {1}"),
    **dict.fromkeys("retention deltanet linear_attention".split(), "{0}, {2}, {1}"),
    "recurrent_highway": "{0}, {1}, 2",
}
INSIDE = {"lstm": ["c", "f"], "lstm_peephole": ["c"]}
OF_MATRICES = [
    f" ~ {start}" for start in "orthogonal orthogonal(0.7) glorot he identity sparse(0.5,0.9) ones".split()
]
NOISES = ("bernoulli(0.8)", "normal(0, 1)", "uniform(0.5, 1.5)")


@dataclass
class Author:
    """Writes one spec. ``things`` are what later statements can read at any place."""

    rng: random.Random
    has: set[str] = field(default_factory=set)
    dims: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    own: list[str] = field(default_factory=list)  # cells
    later: bool = True
    last: bool = True
    wide: bool = True
    write: Expressions = field(init=False)

    # --------------------------------------------------------------------------------- the whole

    def spec(self) -> str:
        rng = self.rng
        chances = FEATURES | (LATER_FEATURES if self.later else {}) | (LAST_FEATURES if self.last else {})
        chances |= WIDE_FEATURES if self.wide else {}
        self.has = {name for name, chance in chances.items() if rng.random() < chance}
        self.has |= {"two axes"} if "grids" in self.has else set()
        self.dims = {name: rng.randint(2, 4) for name in ["n", "m", "k"][: rng.randint(1, 3)]}
        sizes = [Size.of(name) for name in self.dims]
        if rng.random() < 0.3:
            sizes += [rng.choice(sizes) + rng.choice(sizes)]
        if rng.random() < 0.2:
            sizes += [Size.of(rng.randint(2, 3))]
        self.write = Expressions(rng, self._axes(), sizes)
        if "lags" in self.has:
            self.dims["lag"], self.write.lags = rng.randint(1, 3), ["lag"]
        self._inputs()
        if "noise" in self.has:
            self._noise()
        parts: list[Callable[[], None]] = [self._alone, self._together, self._together, self._head]
        parts += [self._cell] * ("cells" in self.has) + [self._family] * ("cells" in self.has)
        parts += [lambda: linear(self)] * 5 * ("linear" in self.has) + [lambda: gated(self)] * 3 * (
            "gated" in self.has
        )
        parts += [lambda: views(self)] * 6 * ("views" in self.has)
        parts += [lambda: grids(self)] * 8 * ("grids" in self.has)
        for _ in range(rng.randint(1, 4 + self.later)):
            rng.choice(parts)()
        if "stops" in self.has:
            self._stop()
        self._losses()
        return "\n".join([*self._declared(), *self.lines]) + "\n"

    def _axes(self) -> list[Axis]:
        names = [("t", "T"), ("s", "S")] if self.rng.random() < 0.8 else [("i", "N"), ("time", "Len")]
        names = [*names, ("r", "R")][: 3 if "three axes" in self.has else 2 if "two axes" in self.has else 1]
        self.used |= {name for pair in names for name in pair}
        streamed = self.rng.randrange(len(names))
        return [Axis(*pair, "ahead" in self.has or i != streamed) for i, pair in enumerate(names)]

    def _declared(self) -> list[str]:
        """Everything that the lines need declared: dims, axes, parameters. The order means nothing."""
        write = self.write
        head = ["dim " + ", ".join(f"{name} = {value}" for name, value in self.dims.items())]
        head += [f"axis {axis.index} = 1..{axis.length}" for axis in write.axes]
        starts = ["", "", " ~ normal(0.5)", " = 0.3", " ~ uniform(0.1, 0.9)", " ~ log(range)"]
        for word, things in (("param", write.params), ("const", write.consts)):
            for thing in things:
                matrix = len(thing.shape) > 1 and "matrix starts" in self.has
                start = self.rng.choice(OF_MATRICES if matrix else starts)
                head.append(f"{word} {thing.name} : {thing.type}{start}")
        return head + ([f"output {', '.join(self.outputs)}"] if self.outputs else [])

    # ---------------------------------------------------------------------------------- material

    def name(self) -> str:
        """A name nobody has."""
        pool = ODD + NAMES if "odd names" in self.has else NAMES
        free = [name for name in pool if name not in self.used] or [f"e{len(self.used)}"]
        name = self.rng.choice(free)
        self.used.add(name)
        return name

    def shape(self, most: int = 3) -> Shape:
        weights = [3, 8, 2, 1] if "matrices" in self.has else [3, 8, 0, 0]
        (rank,) = self.rng.choices(range(4), weights)
        return tuple(self.rng.choices(self.write.sizes, k=min(rank, most)))

    def depth(self) -> int:
        return self.rng.choice([1, 2, 2, 3, 4] if "deep" in self.has else [0, 1, 1, 2, 2])

    def some_axes(self, least: int = 1) -> tuple[str, ...]:
        """Axes of a quantity, in any order."""
        indices = [axis.index for axis in self.write.axes]
        return tuple(self.rng.sample(indices, self.rng.randint(least, len(indices))))

    def site(self, axes: tuple[str, ...]) -> Site:
        return Site(axes, tuple(self.things))

    def _inputs(self) -> None:
        kinds = (
            ["real", "real"] + ["token"] * ("tokens" in self.has) + ["int", "bool"] * ("others" in self.has)
        )
        for number in range(self.rng.randint(1, 3)):
            kind = "real" if number == 0 else self.rng.choice(kinds)
            axes = self.some_axes(0 if number and "context" in self.has else 1)
            shape = () if kind == "int" else self.shape(2) if kind == "real" else self.shape(1)
            self._input(Thing(self.name(), axes, shape, kind, self._count(kind)))
        for axis in self.write.axes:  # something must tell how long it is
            if not any(axis.index in thing.axes for thing in self.things):
                self._input(Thing(self.name(), (axis.index,), self.shape(1)))

    def _count(self, kind: str) -> Size | None:
        return self.rng.choice(self.write.sizes) if kind == "token" else None

    def _input(self, thing: Thing) -> None:
        self.lines.append(f"input {left(thing)} : {thing.type}")
        self.things.append(thing)
        if thing.axes and self.rng.random() < 0.15:
            self._starts(thing, [thing])

    # --------------------------------------------------------------------------------- equations

    def equation(self, thing: Thing, site: Site, grows: bool = True) -> None:
        """A line that defines a quantity; ``grows``: nothing feeds it back."""
        typed = thing.kind != "real" or "untyped" not in self.has or not grows or self.rng.random() < 0.5
        if thing.kind == "real":
            site = replace(site, affine=thing.shape if typed else None)
            value = self._real(thing, site, grows)
        else:
            value = self._other(thing, site)
        self.lines.append(f"{left(thing)}{f' : {thing.type}' if typed else ''} = {value}")

    def _real(self, thing: Thing, site: Site, grows: bool) -> str:
        if grows and self.rng.random() < 0.5:
            return self.write.real(thing.shape, site, self.depth())
        value = self.write.bounded(thing.shape, site, self.depth())
        if site.members and self.rng.random() < 0.3:
            own = self.write.read("real", thing.shape, replace(site, complete=(), done=()))
            gate = self.rng.choice(["0.5", f"sigmoid({self.write.real((), site.bare, 1)})"])
            return f"{gate} * {own} + {value}" if own else value
        return value

    def _other(self, thing: Thing, site: Site) -> str:
        """An int, a bool or a token."""
        if thing.kind == "int":
            own = self.write.read("int", (), replace(site, complete=(), done=()))
            return f"{own} + 1" if own else self.write.whole(site, 2)
        if thing.kind == "bool":
            return self.write.truth(thing.shape, site, self.depth())
        assert thing.count is not None
        return self.write.token(thing.count, thing.shape, site, 1) or "1"

    def thing(self, axes: tuple[str, ...], most: int = 3) -> Thing:
        """A new quantity of any type."""
        draw = self.rng.random()
        if draw < 0.08 and "others" in self.has:
            return Thing(self.name(), axes, (), "int")
        if draw < 0.16 and "others" in self.has:
            return Thing(self.name(), axes, self.shape(1), "bool")
        if draw < 0.22 and "tokens" in self.has:
            return Thing(self.name(), axes, self.shape(1), "token", self._count("token"))
        return Thing(self.name(), axes, self.shape(most))

    def define(self, thing: Thing, value: str) -> None:
        self.lines.append(f"{left(thing)} : {thing.type} = {value}")

    def along(self) -> Site:
        """Where equations stand that depend on each other along one axis, in one direction."""
        carrier = self.rng.choice(self.write.axes)
        step = self.rng.choice([-1, 1]) if carrier.ahead else -1
        return Site(carrier=carrier.index, step=step)

    def finish(self, things: list[Thing]) -> None:
        """The quantities are complete: all that follows can read them."""
        self.things += things
        for thing in things:
            if thing.axes and "starts" in self.has and self.rng.random() < 0.5:
                self._starts(thing, things)
            if thing.kind == "real" and self.rng.random() < 0.5:
                self.outputs.append(thing.name)

    def _starts(self, thing: Thing, together: list[Thing]) -> None:
        """Values outside, along one axis or along both, from what does not depend on it."""
        before = [other for other in self.things if other not in together]
        for axis in self.write.axes:
            for end in ("0", f"{axis.length}+1"):
                if axis.index in thing.axes and self.rng.random() < 0.5:
                    free = tuple(a for a in thing.axes if a != axis.index)
                    self._start(thing, {axis.index: end}, Site(free, tuple(before)))
        if len(thing.axes) == 2 and self.rng.random() < 0.4:
            ends = {axis.index: self.rng.choice(["0", f"{axis.length}+1"]) for axis in self.write.axes}
            self._start(thing, ends, Site((), tuple(before)))

    def _start(self, thing: Thing, ends: dict[str, str], site: Site) -> None:
        where = ", ".join(ends.get(axis, axis) for axis in thing.axes)
        if thing.kind == "real":
            read = [self.write.leaf(thing.shape, site)] if "read starts" in self.has else []
            value = self.rng.choice(["0.4", "0", self.write.bounded(thing.shape, site, 1), *read * 2])
        else:
            value = "1" if thing.kind != "bool" else f"{self.write.whole(site, 0)} > 1"
            if thing.kind == "bool" and thing.shape:
                return
        self.lines.append(f"{thing.name}[{where}] = {value}")

    def _alone(self) -> None:
        """One equation without recurrence; without an index, it may be made of parameters alone."""
        axes = self.some_axes(0 if self.rng.random() < 0.5 else 1)
        thing = self.thing(axes)
        self.equation(thing, self.site(axes) if axes or self.rng.random() < 0.6 else Site())
        self.finish([thing])

    def _together(self) -> None:
        """Mutually dependent equations, with heads that are fed back among them when time runs forward."""
        count = self.rng.choice([1, 1, 2, 2, 3])
        carrier = self.rng.choice(self.write.axes)
        step = self.rng.choice([-1, -1, 1]) if carrier.ahead else -1
        both = len(self.write.axes) == 2 and self.rng.random() < 0.4
        indices = [axis.index for axis in self.write.axes]
        every = [
            tuple(self.rng.sample(indices, 2)) if both else self.some_with(carrier.index)
            for _ in range(count)
        ]
        members = [self.thing(axes, 2) for axes in every]
        heads = [self._target(axes) for axes in every if step < 0 and self.rng.random() < 0.25][:1]
        other = next((index for index in indices if index != carrier.index), "")
        site = Site(
            (), tuple(self.things), (), (*members, *heads), carrier.index, step, other if both else ""
        )
        done: list[Thing] = []
        for thing in [*members, *heads]:
            here = replace(site, axes=thing.axes, done=tuple(done))
            if thing in heads:
                self._predict(thing, here)
            else:
                self.equation(thing, here, grows=False)
            done.append(thing)
        self.finish([*members, *heads])

    def some_with(self, carrier: str) -> tuple[str, ...]:
        """Axes, the carrier among them."""
        axes = self.some_axes()
        return axes if carrier in axes else (carrier,)

    # ---------------------------------------------------------------------------- heads and losses

    def _target(self, axes: tuple[str, ...]) -> Thing:
        kinds = ["real", "token", "bool"] + ["int"] * ("others" in self.has)
        kind = self.rng.choice(kinds)
        shape = () if kind in ("int", "token") and self.rng.random() < 0.7 else self.shape(1)
        return Thing(self.name(), axes, shape, kind, self._count(kind))

    def _head(self) -> None:
        axes = self.some_axes(self.rng.choice([0, 1]))
        target = self._target(axes)
        self._predict(target, self.site(axes))
        self.finish([target])

    def _predict(self, target: Thing, site: Site) -> None:
        weight = f" weight {self.rng.uniform(0.1, 2.0):.2f}" if self.rng.random() < 0.3 else ""
        self.lines.append(f"head {left(target)} : {target.type} ~ {self._distribution(target, site)}{weight}")

    def _distribution(self, target: Thing, site: Site) -> str:
        def argument(shape: Shape, pattern: str = "{0}") -> str:
            return pattern.format(self.write.real(shape, replace(site, affine=shape), self.depth()))

        if target.kind == "token":
            assert target.count is not None
            return f"categorical({argument((*target.shape, target.count))})"
        if target.kind == "bool":
            return f"bernoulli({argument(target.shape)})"
        if target.kind == "int":
            return f"poisson({argument(target.shape, 'tanh({0})')})"
        scale = self.rng.choice(["", ", 0.7", ", " + argument(target.shape, "softplus({0}) + 0.3")])
        if self.rng.random() < 0.2 and len(target.shape) < 2:
            size = self.rng.choice(self.write.sizes)
            scale = self.rng.choice([", 0.7", ", " + argument((size, *target.shape), "softplus({0}) + 0.3")])
            mean = argument((size, *target.shape))
            return f"normal_mixture({self.write.real((size,), site, self.depth())}, {mean}{scale})"
        return f"normal({argument(target.shape)}{scale})"

    def _noise(self) -> None:
        """Drawn while training; read like an input."""
        thing = Thing(self.name(), self.some_axes(0), self.shape(2))
        self.lines.append(f"noise {left(thing)} : {thing.type} ~ {self.rng.choice(NOISES)}")
        self.things.append(thing)

    def _stop(self) -> None:
        """One of the ways in which a sequence ends: its length is drawn, a token or a truth value ends it."""
        axis = self.rng.choice(self.write.axes)
        context = tuple(
            thing for thing in self.things if not thing.axes and f"input {thing.name} :" in self._text
        )
        steps = len(self.write.axes) == 1 and not axis.ahead  # only what runs step by step can be ended so
        if not steps or self.rng.random() < 0.4:
            count = Size.of(2) * self.write.sizes[0] + Size.of(
                4
            )  # more than any sequence of the tests has steps
            kind = self.rng.choice(
                [Thing(axis.length, (), (), "int"), Thing(axis.length, (), (), "token", count)]
            )
            outer = self.write
            self.write = replace(outer, axes=[])  # nothing that runs along an axis, and no lengths
            self._predict(kind, Site((), context))
            outer.named, self.write = self.write.named, outer
            return
        kind = self.rng.choice(["token", "bool"])
        thing = Thing(self.name(), (axis.index,), (), kind, self._count(kind))
        self._predict(thing, self.site(thing.axes))
        rule = {"token": f"{left(thing)} == 0", "bool": left(thing)}[kind]
        late = f" or {axis.index} > 40" if kind == "token" and self.rng.random() < 0.3 else ""
        self.lines.append(f"stop when {rule}{late}")

    @property
    def _text(self) -> str:
        return "\n".join(self.lines)

    def _losses(self) -> None:
        for _ in range(self.rng.choice([0, 0, 1, 2])):
            axes = self.some_axes(0)
            name = self.name()
            weight = " weight 0.3" if self.rng.random() < 0.3 else ""
            value = self.write.real((), replace(self.site(axes), affine=()), self.depth())
            self.lines.append(f"loss {left(Thing(name, axes))} = {value}{weight}")
        if not self.outputs and not any(line.startswith(("head", "loss")) for line in self.lines):
            self._head()

    # ------------------------------------------------------------------------- cells and families

    def _cell(self) -> None:
        """Copies of a cell, of the library or of its own; they may be turned round, shared, started."""
        axis = self.rng.choice(self.write.axes)
        pattern, inner = self._library() if self.rng.random() < 0.6 else self._own_cell()
        into, out = self.rng.choices(self.write.sizes, k=2)
        first = ""
        for _ in range(self.rng.choice([1, 1, 2])):
            thing = Thing(self.name(), (axis.index,), (out,))
            argument = self.write.real((into,), self.site((axis.index,)), self.depth())
            word = "reverse " if axis.ahead and self.rng.random() < 0.3 else ""
            shared = f" sharing {first}" if first and self.rng.random() < 0.7 else ""
            call = pattern.format(argument, out, self.write.sizes[0])
            self.lines.append(f"{left(thing)} = {word}{call}{shared}")
            first = first or thing.name
            self.finish([thing, *(Thing(f"{thing.name}.{name}", (axis.index,), (out,)) for name in inner)])

    def _library(self) -> tuple[str, list[str]]:
        cell = self.rng.choice([*CALLS, *["lstm"] * 4 * self.later])
        self.lines.append(f"use {cell}") if f"use {cell}" not in self.lines else None
        return f"{cell}({CALLS[cell]})", INSIDE.get(cell, [])

    def _own_cell(self) -> tuple[str, list[str]]:
        """A cell ``(x[i] : real[e], j) -> y[i] : real[j]`` with a few equations and parameters of its own."""
        outer, e, j = (self.write, self.lines, self.things), Size.of("e"), Size.of("j")
        ahead = self.write.axes[0].ahead
        name = f"cell{len(self.lines)}"
        self.write = Expressions(self.rng, [Axis("i", "I", ahead)], [e, j], 3)
        self.lines, self.things = [], [Thing("x", ("i",), (e,)), Thing("rate")]
        outputs, self.outputs = self.outputs, []
        if self.later and self.own and self.rng.random() < 0.6:  # a cell that calls another
            self.lines.append(f"u[i] = {self.own[-1]}(x[i], j)")
            self.things.append(Thing("u", ("i",), (j,)))
        members = [Thing("y", ("i",), (j,))] + [Thing("v", ("i",), (j,))] * self.rng.randint(0, 1)
        site = Site(("i",), tuple(self.things), (), tuple(members), "i", -1)
        for number, thing in enumerate(members[::-1]):
            site = replace(site, affine=thing.shape, done=tuple(members[::-1][:number]))
            self.lines.append(
                f"{left(thing)} : {thing.type} = {self.write.bounded(thing.shape, site, self.depth())}"
            )
        if self.rng.random() < 0.4:
            self.lines.append(f"y[0] = {self.write.bounded((j,), Site((), (Thing('rate'),)), 1)}")
        body = [f"param {p.name} : {p.type} ~ normal(0.5)" for p in (*self.write.params, *self.write.consts)]
        body = ["  " + line for line in (*body, *self.lines)]
        (self.write, self.lines, self.things), self.outputs = outer, outputs
        header = f"cell {name}(x[i] : real[e], j, rate : real = 0.9) -> y[i] : real[j] {{"
        self.lines.append("\n".join([header, *body, "}"]))
        self.own.append(name)
        return name + "({0}, {1})", [thing.name for thing in members[1:]]

    def _family(self) -> None:
        """Layers in a `for`: each reads the one before, and itself behind."""
        base, shape, axis = f"l{len(self.lines)}_", self.shape(1), self.rng.choice(self.write.axes)
        axes, last = (axis.index,), self.rng.randint(1, 3)
        self.equation(Thing(f"{base}0", axes, shape), replace(self.site(axes), affine=shape))
        own, below = Thing(f"{base}{{j}}", axes, shape), Thing(f"{base}{{j-1}}", axes, shape)
        outer = self.write
        self.write = replace(outer, params=[], consts=[], suffix="_{j}")
        site = Site(axes, (*self.things, below), (), (own,), axis.index, -1, affine=shape)
        line = f"  {left(own)} : {own.type} = {self.write.bounded(shape, site, self.depth())}"
        if self.later and self.rng.random() < 0.4:  # a loop inside
            part = f"    {base}{{j}}_{{b}}[{axis.index}] = b / j * {left(below)}"
            line += f" + {base}{{j}}_2[{axis.index}]\n  for b in 1..j + 1 {{\n{part}\n  }}"
        inner = [f"  param {p.name} : {p.type} ~ normal(0.5)" for p in self.write.params]
        inner += [f"  const {p.name} : {p.type} ~ normal(0.5)" for p in self.write.consts]
        outer.named, self.write = self.write.named, outer
        self.lines.append("\n".join([f"for j in 1..{last} {{", *inner, line, "}"]))
        self.finish([Thing(f"{base}{number}", axes, shape) for number in range(last + 1)])


def left(thing: Thing) -> str:
    """The thing as it stands on a left side."""
    return f"{thing.name}[{', '.join(thing.axes)}]" if thing.axes else thing.name


def labels_of(text: str) -> tuple[str, ...]:
    """Heads whose token 0 ends a sequence: data has it nowhere before the end."""
    return tuple(re.findall(r"stop when (\w+)\[\w+\] == 0", text))


def specification(seed: int) -> str:
    """A random spec. Whether a head that is fed back along one axis reads a later step along another is left to
    the checker: such a spec is written anew."""
    rng = random.Random(seed)
    while True:
        text = Author(rng, later=seed >= LATER, last=seed >= LAST, wide=seed >= WIDE).spec()
        found = Diagnostics()
        check(Source("random.rnn", text), dims={}, read_import=lambda path, span: None, diagnostics=found)
        if all(diagnostic.code != "RNN507" for diagnostic in found.items):
            return text
