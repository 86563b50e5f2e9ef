"""`dataclass` and `replace` as the compiler uses them: the same classes, made in a fifth of the time, and the same
copies in two thirds.

A compiler is a hundred and fifty such classes, for each of which the standard decorator writes and compiles six
functions; that took longer than compiling a network. Here one is compiled for all classes with fields of the same
kinds, and the others are closures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace
else:

    def replace(item: Any, /, **changes: Any) -> Any:
        """A copy with some fields changed. TypeError for what is no field, or none that the class is called with."""
        values, places = _called_with(type(item))
        new = list(values(item))
        for name, value in changes.items():
            if name not in places:
                raise TypeError(f"{type(item).__name__} is not called with {name!r}")
            new[places[name]] = value
        return type(item)(*new)

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
    names, defaults = ["self"], list[Any]()
    for n, (name, item) in enumerate(fields.items()):
        known |= {f"set_{n}": getattr(cls, name).__set__, f"make_{n}": item.default_factory}
        made, value = item.default_factory is not MISSING, f"field_{n}"
        if item.init:
            optional = made or item.default is not MISSING
            parameters.append(f"{value}=MISSING" if optional else value)
            names.append(name)
            defaults += [item.default] if optional else []
        if made:
            value = f"make_{n}() if {value} is MISSING else {value}" if item.init else f"make_{n}()"
        lines += [f" set_{n}(self, {value})"] if item.init or made else []
    lines += [" self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    code = _code(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]))
    return FunctionType(code.replace(co_varnames=tuple(names)), known, "__init__", tuple(defaults))


@cache
def _code(source: str) -> CodeType:
    """The code of a function. Of classes whose fields differ in their names alone it is the same."""
    known: dict[str, Any] = {"MISSING": MISSING}
    exec(source, known)
    code: CodeType = known["__init__"].__code__
    return code


@cache
def _called_with(cls: Any) -> tuple[Callable[[Any], tuple[Any, ...]], Mapping[str, int]]:
    """The values that an object of the class would be made of again, and where each stands among them."""
    names = [name for name, item in cls.__dataclass_fields__.items() if item.init]
    few = len(names) < 2  # of one name, `attrgetter` makes no tuple
    values = (lambda item: tuple(getattr(item, name) for name in names)) if few else attrgetter(*names)
    return values, {name: place for place, name in enumerate(names)}


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
