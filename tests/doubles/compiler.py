"""Stands in for the printer: the checker is the real one, but the module is the character model by hand."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import replace

from rnnc.compiler.driver import Compiled, Options, compile_source
from rnnc.compiler.program import Program
from rnnc.files import Imports, read_spec
from rnnc.spec.source import Source

from . import char_lstm


def compile_file(path: str | os.PathLike[str], options: Options) -> Compiled:
    """What `rnnc.api.compile_file` gives for the double's spec."""
    checked = checked_only(read_spec(os.fspath(path)), options)
    dims = dict(checked.program.dims)
    text = re.sub(r"^DIMS = .*$", f"DIMS = {dims}", inspect.getsource(char_lstm), flags=re.MULTILINE)
    return replace(checked, options=options, text=text)


def program() -> Program:
    """The double as the compiler describes it."""
    return checked_only(Source("a.rnn", char_lstm.SPEC), Options()).program


def checked_only(source: Source, options: Options) -> Compiled:
    return compile_source(source, replace(options, stop_after="check"), Imports(source.path))
