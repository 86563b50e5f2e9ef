"""An array takes the place of another of its size only where nobody needs that one any more: in a loop, where each step
of it is read before the new one is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rnnc
from rnnc.compiler.ir_text import parse_system
from rnnc.compiler.printing.diagonal import diagonal
from rnnc.compiler.printing.layout import Demands, Stored
from rnnc.compiler.printing.lifetimes import heir_of_terms, heirs, last_needed
from rnnc.compiler.printing.storage import Storage
from rnnc.compiler.printing.stretches import Alias, spoils
from rnnc.compiler.schedule import Loop, Node, Straight
from rnnc.spec.sizes import Size

SPECS = Path(__file__).resolve().parent.parent / "benchmarks" / "specs"
LOOP = """\
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
a[t,@] : real[n] = exp(x[t,@])
u[t,@] : real[n] = sin(h[t-1,@])
%s
h[t,@] : real[n] = cos(r[t,@])
output output:h = h
"""
KINDS = {"a": "array", "u": "scratch", "v": "scratch", "r": "array", "h": "array"}
APART = "v[t,@] : real[n] = add(u[t,@], %s)\nr[t,@] : real[n] = exp(v[t,@])"


def frame_of(table: Any) -> SimpleNamespace:
    """No array has slots beside its steps."""
    return SimpleNamespace(table=table, stored={name: Stored(name, ("t", "@")) for name in table})


def plan_of(body: str, kinds: dict[str, str]) -> tuple[Any, Loop, Straight]:
    """A plan as far as lifetimes look at it: `a` is made first, the rest is a loop."""
    table = {e.name: e for e in parse_system(LOOP % body).equations}
    first, *rest = [Straight(Node(name, (e,))) for name, e in table.items() if name != "x"]
    plan = SimpleNamespace(storage=Storage(kinds), frame=frame_of(table), strips={})
    return plan, Loop("t", 1, tuple(rest)), first


@pytest.mark.parametrize(
    ("body", "shapes", "expected"),
    [
        (APART % "a[t,@]", {}, {"r": "a"}),
        (APART % "a[t-1,@]", {}, {}),  # another step: it may have been written by then
        (APART % "a[1,@]", {}, {}),
        ("r[t,@] : real[n] = add(u[t,@], a[t,@])", {}, {}),  # one call reads and writes it
        (APART % "a[t,@]", {"a": "T_max + 2"}, {}),  # another size
        (APART % "a[t,@]" + "\nw[t,@] : real[n] = mul(r[t,@], a[t,@])", {}, {}),  # read after it is written
    ],
)
def test_a_loop_fills_what_it_has_read(body: str, shapes: dict[str, str], expected: dict[str, str]) -> None:
    plan, loop, _ = plan_of(body, KINDS | ({"w": "scratch"} if "w[" in body else {}))
    shape = {**dict.fromkeys(KINDS, "T_max"), "h": "T_max + 1", **shapes}.__getitem__
    assert heirs(plan, loop, [], ["a"], shape) == expected
    assert heirs(plan, loop, [], [], shape) == {}
    assert heirs(plan, loop, [], ["a"], shape, begun={"r"}) == {}  # it is written before `a` is read


@pytest.mark.parametrize(("a", "r"), [((1, 0), (1, 0)), ((1, 0), (0, 1)), ((1, 1), (0, 2))])
def test_steps_stand_at_the_same_places(a: tuple[int, int], r: tuple[int, int]) -> None:
    """As many slots in all are not enough: `r` would be written where `a` is still to be read."""
    plan, loop, _ = plan_of(APART % "a[t,@]", KINDS)
    for name, (before, after) in {"a": a, "r": r}.items():
        plan.frame.stored[name] = Stored(name, ("t", "@"), {"t": before}, {"t": after})
    shape = {**dict.fromkeys(KINDS, "T_max + 1"), "h": "T_max"}.__getitem__
    assert heirs(plan, loop, [], ["a"], shape) == ({"r": "a"} if a == r else {})


SCAN = """\
axis t = 1..T
axis @
x[t,@] : real[n] = input() {name: "x"}
z[@] : real[n] = input() {name: "z"}
a[t,@] : real[n] = exp(x[t,@])
b[t,@] : real[n] = sin(x[t,@])
p[t,@] : real[n] = mul(%s, h[t-1,@])
h[t,@] : real[n] = add(p[t,@], %s) before t: z
output output:h = h
"""


@pytest.mark.parametrize(
    ("factor", "term", "ending", "size", "expected"),
    [
        ("a[t,@]", "b[t,@]", ["a", "b"], "T_max", {"h": "b"}),
        ("a[t,@]", "b[t,@]", ["a"], "T_max", {}),  # read by others later
        ("b[t,@]", "b[t,@]", ["b"], "T_max", {}),  # read once more after it is written
        ("a[t,@]", "b[t-1,@]", ["b"], "T_max", {}),  # another step
        ("a[t,@]", "b[t,@]", ["b"], "T_max + 1", {}),  # another size
    ],
)
def test_a_scan_lies_where_its_terms_do(
    factor: str, term: str, ending: list[str], size: str, expected: dict[str, str]
) -> None:
    table = {e.name: e for e in parse_system(SCAN % (factor, term)).equations}
    loop = Loop("t", 1, tuple(Straight(Node(name, (table[name],))) for name in "ph"))
    plan: Any = SimpleNamespace(storage=Storage(dict.fromkeys("abh", "array")), frame=frame_of(table))
    found: Any = diagonal(loop, table)
    shape = {"a": "T_max", "b": "T_max", "h": size}.__getitem__
    assert heir_of_terms(plan, found, ending, shape) == expected


@pytest.mark.parametrize(("kind", "until"), [("scratch", 1), ("fresh", 2)])
def test_what_a_new_value_is_made_of_is_needed_as_long_as_it_is(kind: str, until: int) -> None:
    """It may be a view, or be written where it is read."""
    plan, loop, first = plan_of(APART % "a[t,@]", KINDS)
    parts = {part.node.name: part for part in loop.body if isinstance(part, Straight)}
    plan.storage.kinds["v"] = kind
    found = last_needed(plan, [first, parts["v"], parts["r"]], [])
    assert found["a"] == until and found["r"] == 2
    assert last_needed(plan, [first, parts["v"], parts["r"]], ["a"])["a"] > 2


def test_a_module_has_its_loops_fill_what_they_have_read() -> None:
    """The cotangents from the head, and those of what the loop computes."""
    text = rnnc.compile(SPECS / "vanilla.rnn")
    assert "dh_4 = buffer('dh_3', T_max, B, hidden)" in text


def test_a_module_has_its_scans_lie_where_the_terms_do() -> None:
    text = rnnc.compile(SPECS / "linear.rnn")
    assert "dh = buffer('dh_3', T_max, B, hidden)" in text
    assert text.count("buffer('dh_3', T_max, B, hidden)") == 2


def test_a_stretch_of_what_is_not_known_may_spoil_it() -> None:
    """An adjoint's table has the given `q`, which is a view of `h`, and not `h`."""
    text = 'axis t = 1..T\naxis @\nq[t,@] : real[n] = input() {name: "q"}\np[t,@] : real[n] = copy(q[t,@])\n'
    table = parse_system(text + "output p = p\n").table()
    aliases = {"q": Alias("h", Size.of(0), Size.of("n"))}
    for pooled in ({"p"}, set[str]()):
        needed = Demands({}, frozenset(), frozenset(pooled))
        assert spoils(table["p"], "q", aliases, table, needed) is bool(pooled)
