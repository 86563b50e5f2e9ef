"""The compiler's `dataclass` makes what the standard one makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import field, replace
from typing import Any

import pytest
from rnnc.spec import records
from rnnc.spec.records import dataclass


def classes(decorator: Callable[..., Any]) -> list[Any]:
    """The same classes by a decorator: fixed, a subclass with defaults, one that changes, one that prepares itself."""

    @decorator(frozen=True, slots=True)
    class Point:
        x: int
        y: tuple[int, ...] = ()

    @decorator(frozen=True, slots=True)
    class Place(Point):
        names: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False)
        hidden: int = field(default=0, repr=False)

    @decorator(slots=True)
    class Work:
        """It changes."""

        todo: dict[str, int] = field(default_factory=dict)
        seen: set[int] = field(init=False, default_factory=set)

    @decorator(slots=True)
    class Ready:
        n: int
        double: int = field(init=False)

        def __post_init__(self) -> None:
            self.double = 2 * self.n

    @decorator(frozen=True, slots=True, eq=False)
    class Same:
        n: int

    @decorator(frozen=True, slots=True)
    class Told:
        n: int

        def __repr__(self) -> str:
            return "told"

    return [Point, Place, Work, Ready, Same, Told]


OURS, THEIRS = classes(dataclass), classes(dataclasses.dataclass)
CALLS: list[tuple[int, tuple[Any, ...], dict[str, Any]]] = [
    (0, (1,), {}), (0, (1, (2,)), {}), (0, (), {"x": 1}), (0, (1, (2, 3)), {}),
    (1, (1,), {}), (1, (1, (2,), ["a"], "note"), {}), (1, (1,), {"note": "b"}), (1, (1,), {"hidden": 3}),
    (2, (), {}), (2, ({"a": 1},), {}), (3, (2,), {}), (3, (3,), {}), (4, (1,), {}), (5, (1,), {}),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_made_and_shown_alike(call: tuple[int, tuple[Any, ...], dict[str, Any]]) -> None:
    number, args, named = call
    ours, theirs = OURS[number](*args, **named), THEIRS[number](*args, **named)
    assert repr(ours) == repr(theirs)
    assert {f.name: getattr(ours, f.name) for f in dataclasses.fields(ours)} == {
        f.name: getattr(theirs, f.name) for f in dataclasses.fields(theirs)
    }
    assert type(ours).__match_args__ == type(theirs).__match_args__
    assert not hasattr(ours, "__dict__")


def test_equal_and_hashed_alike() -> None:
    def table(made: list[Any]) -> list[list[bool]]:
        things = [made[number](*args, **named) for number, args, named in CALLS]
        return [[a == b for a in things] for b in things]

    assert table(OURS) == table(THEIRS)
    assert hash(OURS[0](1, (2,))) == hash(OURS[0](1, (2,)))
    with pytest.raises(TypeError):
        hash(OURS[2]())


@pytest.mark.parametrize("made", [OURS, THEIRS])
def test_what_is_fixed_cannot_be_changed_but_replaced(made: list[Any]) -> None:
    point = made[0](1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert replace(point, x=2) == made[0](2)
    work = made[2]()
    work.todo["a"] = 1
    work.todo = {}
    assert made[2]() == work


@pytest.mark.parametrize("made", [OURS, THEIRS])
def test_wrong_arguments_are_refused(made: list[Any]) -> None:
    for args, named in (((), {}), ((1, (), 3), {}), ((1,), {"z": 1})):
        with pytest.raises(TypeError):
            made[0](*args, **named)


REPLACED: list[tuple[int, tuple[Any, ...], dict[str, Any]]] = [
    (0, (1,), {}), (0, (1, (2,)), {"x": 3}), (1, (1, (), ["a"], "note", 4), {"names": ["b"]}), (3, (2,), {"n": 4}),
    (1, (1,), {"note": "b", "hidden": 2}), (2, ({"a": 1},), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", REPLACED)
def test_copied_with_changes_alike(case: tuple[int, tuple[Any, ...], dict[str, Any]]) -> None:
    number, args, changes = case
    ours, theirs = (
        change(classes[number](*args), **changes)
        for classes, change in ((OURS, records.replace), (THEIRS, dataclasses.replace))
    )
    assert type(ours) is OURS[number]
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)


@pytest.mark.parametrize("change", [records.replace, dataclasses.replace])
def test_what_is_no_field_cannot_be_replaced(change: Callable[..., Any]) -> None:
    for thing, changes in ((OURS[0](1), {"z": 1}), (OURS[3](1), {"double": 1})):
        with pytest.raises((TypeError, ValueError)):
            change(thing, **changes)
