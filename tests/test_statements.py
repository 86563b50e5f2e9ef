"""The order of fast statements, and how they are made shorter: values that one statement reads, comments."""

from __future__ import annotations

import numpy as np
import pytest
from rnnc.compiler.printing.folding import folded, headed
from rnnc.compiler.printing.order import in_groups

WIDE = f"np.add({', '.join(f'array_{n}' for n in range(7))}, a)"


@pytest.mark.parametrize(
    "lines, found",
    [
        (["a = b * 2", "c = a + 1"], ["c = b * 2 + 1"]),
        (["a = b + 2", "c = a * a.T"], ["a = b + 2", "c = a * a.T"]),  # read twice
        (["a = b + 2", "c = a.T"], ["c = (b + 2).T"]),
        (["a = b + 2", "x, y = a"], ["x, y = b + 2"]),
        (["a = b + 2", "if ragged: np.add(x, a, x)"], ["if ragged: np.add(x, b + 2, x)"]),
        (["a = b + 2", "if a: c = 1"], ["a = b + 2", "if a: c = 1"]),  # no statement
        (["a = b + 2", "a[0] = c"], ["a = b + 2", "a[0] = c"]),  # written to
        (
            ["a = b + 2", "for x in y:", "    c = a"],
            ["a = b + 2", "for x in y:", "    c = a"],
        ),  # at every step
        (["a = b + 2", "return {", "    'a': a", "}"], ["a = b + 2", "return {", "    'a': a", "}"]),
        (["a = b", "c = a * 2", "d = c + 1"], ["d = b * 2 + 1"]),
        (["a = " + "b" * 65, "c = a"], ["a = " + "b" * 65, "c = a"]),  # a long value
        (["a = " + "b" * 50, WIDE], ["a = " + "b" * 50, WIDE]),  # a long line
        (["e = b", "c = e"], ["e = b", "c = e"]),  # not among the names
    ],
)
def test_a_value_stands_where_it_is_read(lines: list[str], found: list[str]) -> None:
    assert folded(lines, {"a", "c"} if "d = c + 1" in lines else {"a"}) == found


def test_a_comment_without_a_statement_goes_and_so_does_one_that_says_the_same_again() -> None:
    lines = [
        "# h",
        "# s",
        "a = b",
        "# s",
        "c = d",
        "for x in y:",
        "    # s",
        "    e = x",
        "# s",
        "f = e",
        "# h",
    ]
    found = ["# s", "a = b", "c = d", "for x in y:", "    # s", "    e = x", "# s", "f = e"]
    assert headed(lines) == found


def test_statements_of_one_equation_stand_together_where_they_can() -> None:
    assert in_groups([[], [0], [1], [1], [2]], "shshs") == [0, 1, 3, 2, 4]
    assert in_groups([[], [0], [1], [2]], "shsh") == [0, 1, 2, 3]


def test_what_needs_nothing_comes_just_before_its_first_reader() -> None:
    assert in_groups([[], [], [0], [2, 1]], "shhs") == [0, 2, 1, 3]


def test_every_order_is_possible() -> None:
    """Graphs at random: each number once, after all it needs."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        count = int(rng.integers(1, 15))
        needs = [
            sorted(set(rng.integers(0, place, rng.integers(0, 3)).tolist())) for place in range(1, count)
        ]
        found = in_groups([[], *needs], rng.integers(0, 3, count).tolist())
        assert sorted(found) == [*range(count)]
        assert all(found.index(source) < found.index(n) for n, some in enumerate(needs, 1) for source in some)
