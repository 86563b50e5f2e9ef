"""`dataclass` and `replace` as the compiler uses them: the same classes, made in a fifth of the time, and the same
copies in a third.

A compiler is a hundred and fifty such classes, for each of which the standard decorator writes and compiles six
functions; that took longer than compiling a network. Here one is compiled, and the others are closures. A copy with
changes is what every pass makes: the function that makes those of a class is compiled when first needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace
else:

    def replace(item: Any, /, **changes: Any) -> Any:
        """A copy with some fields changed. TypeError for what is no field, or none that the class is called with."""
        return _replacer(type(item))(item, **changes)

    def dataclass(*, slots: bool, frozen: bool = False, eq: bool = True) -> Callable[[type], type]:
        """Fields from annotations, with slots; what the class defines itself is kept."""
        assert slots
        return lambda cls: _made(cls, frozen, eq)


MISSING = dataclasses.MISSING


def _made(cls: type, frozen: bool, eq: bool) -> type:
    own = set(vars(cls))
    cls.__doc__ = cls.__doc__ or cls.__name__  # the standard decorator would take pains to write one
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields: dict[str, dataclasses.Field[Any]] = made.__dataclass_fields__
    functions: dict[str, Any] = {
        "__init__": _init(made, fields),
        "__repr__": _shown,
    }
    if eq:
        functions |= _compared([name for name, item in fields.items() if item.compare], frozen)
    if frozen:
        functions |= {"__setattr__": _frozen, "__delattr__": _frozen}
    for name, function in functions.items():
        if name not in own:
            setattr(made, name, function)
    return made  # type: ignore[no-any-return]  # the class itself, with slots


def _init(cls: type, fields: dict[str, dataclasses.Field[Any]]) -> Callable[..., None]:
    """``__init__``: a parameter for each field, in order; a factory's default is made anew in every call. A slot
    is filled by its own descriptor, the quickest way past a `__setattr__` that refuses."""
    known: dict[str, Any] = {"MISSING": MISSING}
    parameters, lines = ["self"], list[str]()
    for name, item in fields.items():
        value = name
        known |= {f"default_{name}": item.default, f"set_{name}": getattr(cls, name).__set__}
        if item.default_factory is not MISSING:
            known[f"make_{name}"] = item.default_factory
            value = f"make_{name}() if {name} is MISSING else {name}" if item.init else f"make_{name}()"
        if item.init:
            optional = item.default is not MISSING or item.default_factory is not MISSING
            parameters.append(f"{name}=default_{name}" if optional else name)
        if item.init or item.default_factory is not MISSING:
            lines.append(f" set_{name}(self, {value})")
    lines += [" self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), known)
    made: Callable[..., None] = known["__init__"]
    return made


@cache
def _replacer(cls: Any) -> Callable[..., Any]:
    """What copies an object of the class, with other values for the fields that are named."""
    names = [name for name, item in cls.__dataclass_fields__.items() if item.init]
    parameters = "".join(f", {name}=MISSING" for name in names)
    values = ", ".join(f"self.{name} if {name} is MISSING else {name}" for name in names)
    known: dict[str, Any] = {"MISSING": MISSING, "cls": cls}
    exec(f"def replaced(self{', *' if names else ''}{parameters}):\n return cls({values})", known)
    made: Callable[..., Any] = known["replaced"]
    return made


def _compared(names: list[str], frozen: bool) -> dict[str, Any]:
    """Equal when of one class with equal fields; hashed by them where they cannot change."""
    values: Callable[[Any], object] = attrgetter(*names) if names else lambda self: ()

    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hashed(self: object) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hashed if frozen else None}


def _shown(self: Any) -> str:
    shown = [
        f"{name}={getattr(self, name)!r}" for name, item in self.__dataclass_fields__.items() if item.repr
    ]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _frozen(self: object, name: str, value: object = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
