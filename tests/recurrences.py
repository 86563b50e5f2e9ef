"""Recurrences of the forms that -O2 computes in ways of their own: linear ones, place by place, whose steps need
not be taken one by one, and gates that share what they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from expressions import Site, Thing
from rnnc.spec.sizes import Size

if TYPE_CHECKING:
    from generate import Author

# Of a quantity's own past, of another of the set, of coefficients, and of what comes from outside.
LINEAR = (
    *("{c} * {own} + {term}", "{c} * ({own} + {term})") * 2,
    *("{term} - {c} * {own}", "{c} * ({term} - {own})", "({own} + {term}) / 1.5", "{own} + {term}"),
    *("{own} + {c} * ({term} - {other})", "{c} * {own} + {d} * {other} + {term}", "{c} * {other} + {term}"),
    *("where({truth}, {own}, {term})", "max({c} * {own}, {term} + 0.1371)"),
)
FACTORS = ("0.5", "(-0.8)", "{param}", "{number}", "{read}", "sigmoid({read})", "exp(-square({param}))")
TERMS = (
    "{read}",
    "{read}",
    "({read} + {second})",
    "({read} - {second})",
    "{param} * {read}",
    "0.3",
    "{made}",
)
# A state that gates let through, and what is shown of it.
GATES = (
    "sigmoid({0})",
    "sigmoid({0})",
    "tanh({0})",
    "tanh({0} + {1})",
    "sigmoid(layer_norm({0}))",
    "softplus({0}) / 3",
)
STATES = (
    "{0} * {past} + {1} * {2}",
    "(1 - {0}) * {past} + {0} * {1}",
    "{0} * ({past} + {1})",
    "{2} * {1} - {0} * {past}",
)
# Places of a quantity in another order, which need not be copied.
OF_VECTORS = (
    "{0}",
    "roll({0}, 1)",
    "concat(slice({0}, {1}, {1}), slice({0}, 0, {1}))",
    "slice(concat({0}, {0}), {1}, 2 * {1})",
)
OF_MATRICES = ("{0}", "transpose({0})")
AROUND = ("{0}", "{0}", "{0}", "tanh({0})", "stop_gradient({0})", "sin({0})")
SHOWN = ("{0} * tanh({state})", "tanh({state})", "{state}", "{0} * {state}")
# What is made of a product over several axes, of two of them, and, so that it cannot grow, of the state.
OVER_AXES = ("{0}", "{0}", "{0}", "tanh({0})", "sigmoid({0})")
MEETING = (*["{0} * {1}"] * 3, "{0} + {1}", "{0}", "concat(slice({0}, 1, {2} - 1), slice({1}, 0, 1))")
KEPT = ("tanh({0})", "0.5 * sin({0})", "sigmoid({0})", "0.5 * sin({0}) + 0.3 * {past}")


def linear(author: Author) -> None:
    """One, several in a chain, or coupled; what they read is tapped both ways."""
    rng, write = author.rng, author.write
    shape = rng.choice([author.shape(2), *(thing.shape for thing in author.things if thing.kind == "real")])
    site, coupled = author.along(), rng.random() < 0.5
    members = [
        Thing(author.name(), author.some_with(site.carrier), shape) for _ in range(rng.choice([1, 1, 2, 3]))
    ]
    usual, write.straight = write.straight, 0.3
    for number, thing in enumerate(members):
        others = members if coupled else [thing]
        here = replace(site, axes=thing.axes, complete=tuple(author.things), members=tuple(others))
        here = replace(here, done=tuple(members[:number]) if coupled else ())
        author.define(thing, _linear(author, thing, here))
        if not coupled:
            author.finish([thing])
    write.straight = usual
    if coupled:
        author.finish(members)


def _linear(author: Author, thing: Thing, site: Site) -> str:
    rng, write = author.rng, author.write
    behind = replace(site, complete=(), done=())
    own = write.read("real", thing.shape, replace(behind, members=(thing,)))
    other = write.read("real", thing.shape, replace(behind, done=site.done))
    c, d = (_from_outside(author, thing, site, FACTORS) for _ in "cd")
    term, truth = _from_outside(author, thing, site, TERMS), write.truth((), replace(behind, members=()), 0)
    return rng.choice(LINEAR).format(own=own, other=other, c=c, d=d, term=term, truth=truth)


def _from_outside(author: Author, thing: Thing, site: Site, patterns: Sequence[str]) -> str:
    """What is on no cycle: most often read as it stands."""
    rng, write = author.rng, author.write
    outside = replace(site, members=(), done=())
    shape = thing.shape if rng.random() < 0.8 else ()
    read, second = (write.leaf(shape, outside) for _ in range(2))
    made = write.bounded(shape, outside, 1)
    return rng.choice(patterns).format(
        read=read, second=second, made=made, param=write.param(shape), number=write.scalar(outside)
    )


def views(author: Author) -> None:
    """Several that read each other's places in another order, at this step and at the one before; and what sums up
    one of them from the other end, so that none of it goes step by step in a stream."""
    rng, write, site = author.rng, author.write, author.along()
    size, axis, sign = rng.choice(write.sizes), site.carrier, "-" if site.step < 0 else "+"
    shape, patterns = rng.choice([((size, size), OF_MATRICES), *[((Size.of(2) * size,), OF_VECTORS)] * 2])
    members = [Thing(author.name(), (axis,), shape) for _ in range(rng.choice([3, 4, 5]))]
    for number, thing in enumerate(members):
        now = [f"{one.name}[{axis}]" for one in members[:number]]
        past = [f"{one.name}[{axis}{sign}1]" for one in members]
        reads = [
            rng.choice(now if now and rng.random() < 0.5 else past) for _ in range(rng.choice([1, 2, 2, 3]))
        ]
        terms = [rng.choice(AROUND).format(rng.choice(patterns).format(read, f"({size})")) for read in reads]
        author.define(thing, f"0.5 * ({rng.choice([' + ', ' - ', ' * ']).join(terms)})")
    author.finish(members)
    if any(known.index == axis and known.ahead for known in write.axes):
        back = Thing(author.name(), (axis,), shape)
        ahead = f"{back.name}[{axis}{'+' if site.step < 0 else '-'}1]"
        author.define(back, f"0.3 * {ahead} + {rng.choice(members).name}[{axis}]")
        author.finish([back])


def gated(author: Author) -> None:
    """A cell of this spec's own: gates that read alike, a state, and what is shown of it."""
    rng, write, site = author.rng, author.write, author.along()
    shape, axes = author.shape(2) or (write.sizes[0],), author.some_with(site.carrier)
    shown, state, *gates = (Thing(author.name(), axes, shape) for _ in range(2 + rng.choice([3, 3, 4])))
    site = replace(site, axes=axes, complete=tuple(author.things), members=(shown, state, *gates))
    usual, write.straight = write.straight, 0.6
    reads = [_gate_read(author, site) for _ in range(rng.choice([1, 2, 2]))]
    reads += [str(write.read("real", shape, replace(site, complete=(), members=(shown,))))]
    for gate in gates:
        read = [_gate_read(author, site) if rng.random() < 0.1 else found for found in reads]
        sides = [
            f"affine({', '.join(part)})"
            for part in ((read, read[:1]) if rng.random() < 0.5 else (read, read))
        ]
        author.define(gate, rng.choice(GATES).format(*sides))
    past = str(write.read("real", shape, replace(site, complete=(), members=(state,))))
    here = [f"{gate.name}[{', '.join(axes)}]" for gate in gates]
    rng.shuffle(here)
    author.define(state, rng.choice(STATES).format(*here, past=past))
    author.define(shown, rng.choice(SHOWN).format(here[-1], state=f"{state.name}[{', '.join(axes)}]"))
    write.straight = usual
    author.finish([shown, state, *gates])


def grids(author: Author) -> None:
    """Gates over several axes, and products over fewer, of the same vector: the products that both meet in have
    gradients summed over the axes that one of them lacks."""
    rng, write, site = author.rng, author.write, author.along()
    known = [one for one in author.things if one.kind == "real" and one.axes and len(one.shape) == 1]
    if not known:
        return
    given, shape, every = rng.choice(known), (rng.choice(write.sizes),), [axis.index for axis in write.axes]
    axes = tuple(rng.sample(every, len(every))) if rng.random() < 0.8 else author.some_with(site.carrier)
    axes += tuple(axis for axis in given.axes if axis not in axes)
    others = [axis for axis in axes if axis != site.carrier]
    second = rng.choice(others) if others and rng.random() < 0.2 else ""
    usual, write.straight = write.straight, 0.9
    few = [Thing(author.name(), given.axes, shape) for _ in range(rng.choice([0, 1, 1, 2]))]
    state, *gates = (Thing(author.name(), axes, shape) for _ in range(1 + rng.choice([2, 2, 3, 4])))
    outside = write.leaf(shape, replace(site, axes=axes, complete=tuple(author.things)))
    behind = replace(site, axes=axes, members=(state,), second=second)
    past = str(write.read("real", shape, behind))
    for gate in (*few, *gates):
        reads = [_here(given), past if rng.random() < 0.9 else str(write.read("real", shape, behind))]
        cut = gate in few or rng.random() < 0.1
        author.define(gate, rng.choice(OVER_AXES).format(f"affine({', '.join(reads[:1] if cut else reads)})"))
    parts, made = [*map(_here, (*gates, *few)), outside], []
    for _ in range(rng.choice([0, 1, 1, 2])):
        made.append(Thing(author.name(), axes, shape))
        author.define(made[-1], rng.choice(MEETING).format(*rng.sample(parts, 2), shape[0]))
        parts.append(_here(made[-1]))
    met = rng.choice(MEETING[:3]).format(*rng.sample(parts, 2))
    author.define(state, rng.choice(KEPT).format(met, past=past))
    write.straight = usual
    author.finish([*few, state, *gates, *made])


def _here(thing: Thing) -> str:
    return f"{thing.name}[{', '.join(thing.axes)}]"


def _gate_read(author: Author, site: Site) -> str:
    """A vector, from outside or from the past of the cell."""
    shapes = [
        thing.shape for thing in (*site.complete, *site.members) if thing.kind == "real" and thing.shape
    ]
    return author.write.leaf(author.rng.choice(shapes or [()]), replace(site, done=()))
