"""`dataclass` and `replace` as the compiler uses them: the same classes, made in a fifth of the time, and the same
copies in two thirds.

A compiler is a hundred and fifty such classes, for each of which the standard decorator writes and compiles six
functions, and makes the class twice; that took longer than compiling a network. Here one function is compiled for each
number of fields, and the others are closures."""

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
Fields = dict[str, dataclasses.Field[Any]]


def _made(cls: type, frozen: bool, eq: bool) -> type:
    """The class again, with slots and the functions that it does not define itself."""
    own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    known: Fields = {}
    for base in reversed(cls.__mro__[1:]):
        known |= getattr(base, "__dataclass_fields__", {})
    before = len(known)
    known |= {name: _field(name, own.pop(name, MISSING)) for name in own.get("__annotations__", {})}
    functions: dict[str, Any] = {"__repr__": _shown}
    if eq:
        functions |= _compared([name for name, item in known.items() if item.compare], frozen)
    if frozen:
        functions |= {"__setattr__": _frozen, "__delattr__": _frozen}
    parts = {
        "__qualname__": cls.__qualname__,
        "__slots__": tuple(known)[before:],
        "__match_args__": tuple(name for name, item in known.items() if item.init),
        "__dataclass_fields__": known,
    }
    made: Any = type(cls)(cls.__name__, cls.__bases__, functions | own | parts)
    if "__init__" not in own:
        made.__init__ = _init(made, known)
    return made  # type: ignore[no-any-return]  # what `type` makes is a type


def _field(name: str, default: Any) -> dataclasses.Field[Any]:
    """As `dataclasses.fields`, `replace` and `asdict` want it, but for its type, which nobody asks for."""
    item: Any = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
    # `dataclasses.fields` takes those of this private kind alone, and there is no public way to make one
    item.name, item._field_type = name, dataclasses._FIELD  # type: ignore[attr-defined]
    return item  # type: ignore[no-any-return]  # `field` says Any, for the sake of its callers


def _init(cls: Any, fields: Fields) -> Callable[..., None]:
    """``__init__``: a parameter for each field, in order; a factory's default is made anew in every call."""
    names, defaults = [name for name, item in fields.items() if item.init], list[Any]()
    for item in map(fields.__getitem__, names):
        if item.default is not MISSING or item.default_factory is not MISSING:
            defaults.append(item.default)
        elif defaults:
            raise TypeError(f"{cls.__name__}.{item.name} has no default, and follows a field with one")
    known = {f"set_{n}": getattr(cls, name).__set__ for n, name in enumerate(names)}
    code = _code(len(names)).replace(co_varnames=("self", *names))
    plain = FunctionType(code, known, "__init__", tuple(defaults))
    made = [(getattr(cls, name), item.default_factory) for name, item in fields.items()
            if item.default_factory is not MISSING]  # fmt: skip
    return (
        _completed(plain, made, hasattr(cls, "__post_init__"))
        if made or hasattr(cls, "__post_init__")
        else plain
    )


@cache
def _code(count: int) -> CodeType:
    """The code of ``__init__`` with so many parameters: of classes whose fields differ in their names alone it is the
    same. A slot is filled by its own descriptor, the quickest way past a `__setattr__` that refuses."""
    known: dict[str, Any] = {}
    parameters = ", ".join(["self", *(f"field_{n}" for n in range(count))])
    lines = [f" set_{n}(self, field_{n})" for n in range(count)] or [" pass"]
    exec(f"def __init__({parameters}):\n" + "\n".join(lines), known)
    code: CodeType = known["__init__"].__code__
    return code


def _completed(
    plain: Callable[..., None], made: list[tuple[Any, Any]], prepares: bool
) -> Callable[..., None]:
    """``__init__`` where there is more to do than to fill slots: by factories, or in `__post_init__`."""

    def init(self: Any, *args: Any, **named: Any) -> None:
        for slot, _ in made:
            slot.__set__(self, MISSING)
        plain(self, *args, **named)
        for slot, make in made:
            if slot.__get__(self) is MISSING:
                slot.__set__(self, make())
        if prepares:
            self.__post_init__()

    return init


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
