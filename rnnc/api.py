"""From specs to modules in memory."""

from __future__ import annotations

import hashlib
import linecache
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from .compiler.driver import Compiled, Options, compile_source
from .compiler.program import Program
from .files import Imports, read_spec, to_source
from .spec.diagnostics import SpecError
from .spec.source import Source

CACHED = 256

_compiled: WeakKeyDictionary[ModuleType, Compiled] = WeakKeyDictionary()
_cache: OrderedDict[tuple[Source, str], tuple[ModuleType, dict[Path, bytes]]] = OrderedDict()


def with_dims(options: Options | None, dims: Mapping[str, int]) -> Options:
    """The options with more dims; of a dim given twice, the later value."""
    for name, value in dims.items():
        if not hasattr(value, "__index__"):
            raise TypeError(f"dim {name}: expected a whole number, got {value!r}")
    options = options or Options()
    return replace(options, dims={**options.dims, **dims})


def compile_file(path: str | os.PathLike[str], options: Options) -> Compiled:
    """A spec on disk (``-``: standard input), compiled. SpecError carries all that is wrong with it."""
    source = read_spec(os.fspath(path))
    return compile_with(source, options, Imports(path))


def compile_with(
    source: Source,
    options: Options,
    imports: Imports,
    change: Callable[[Program], Program] = lambda program: program,
) -> Compiled:
    """Compiled, where what is wrong with an import counts as any other mistake."""
    try:
        compiled = compile_source(source, options, imports, change)
    except SpecError as error:
        raise SpecError((*imports.diagnostics.items, *error.diagnostics)) from None
    if imports.diagnostics.failed:
        raise SpecError(imports.diagnostics.items)
    return compiled


def load(path: str | os.PathLike[str], options: Options) -> ModuleType:
    return _cached(read_spec(os.fspath(path)), Imports(path), options)


def loads(text: str, options: Options) -> ModuleType:
    return _cached(to_source("<string>", text.encode("utf-8", "surrogatepass")), Imports(None), options)


def _cached(source: Source, imports: Imports, options: Options) -> ModuleType:
    """A module compiled before, if neither the spec nor anything it imports has changed since."""
    key = (source, repr(options))
    if key in _cache and all(_unchanged(path, data) for path, data in _cache[key][1].items()):
        _cache.move_to_end(key)
        return _cache[key][0]
    compiled = compile_with(source, options, imports)
    module = module_from(compiled.text, Path(source.path).stem)
    _compiled[module] = compiled
    _cache[key] = module, imports.read
    if len(_cache) > CACHED:
        _cache.popitem(last=False)
    return module


def compiled_of(module: ModuleType) -> Compiled | None:
    """What a module that was loaded here was compiled from."""
    return _compiled.get(module)


def _unchanged(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


LACKING = {
    "jvp": "it is printed with `--with jvp`, `Options(extras=frozenset({'jvp'}))`",
    "learn_start": "it is printed with `--with rtrl`, `Options(extras=frozenset({'rtrl'}))`",
    "learn_step": "it is printed with `--with rtrl`, `Options(extras=frozenset({'rtrl'}))`",
    "selfcheck": "it is printed with `--with selfcheck`, `Options(extras=frozenset({'selfcheck'}))`",
    "beam": "it is there where sequences of tokens end by a rule (`stop when`)",
}
"""When a module has what not all have."""


class Module(ModuleType):
    """A module that says why it lacks what others have."""

    def __getattr__(self, name: str) -> Any:
        why = LACKING.get(name)
        raise AttributeError(f"this module has no `{name}`" + (f": {why}" if why else ""))


def module_from(text: str, name: str) -> ModuleType:
    """A module made of its text, which tracebacks and debuggers can show."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    module = Module(f"rnnc.modules.{name}_{digest}")
    module.__file__ = filename = f"<rnnc {name} {digest}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    sys.modules[module.__name__] = module  # while it is made: dataclasses look their module up
    try:
        exec(compile(text, filename, "exec"), vars(module))
    finally:
        del sys.modules[module.__name__]
    return module
