"""Stands in for the compiler: whatever is compiled, the hand-written character model comes out."""

from __future__ import annotations

import inspect
import os
import re

from rnnc.compiler.driver import Compiled, Options
from rnnc.compiler.ir import Axis, System
from rnnc.compiler.program import Head, Input, Program
from rnnc.spec.sizes import Size
from rnnc.spec.source import Source

from . import char_lstm


def compile_file(path: str | os.PathLike[str], options: Options) -> Compiled:
    """What `rnnc.api.compile_file` gives, for any spec that can be read."""
    with open(path, encoding="utf-8") as file:
        source = Source(os.fspath(path), file.read())
    dims = {**char_lstm.DIMS, **options.dims}
    text = re.sub(r"^DIMS = .*$", f"DIMS = {dims}", inspect.getsource(char_lstm), flags=re.MULTILINE)
    made = program(source, dims)
    return Compiled(source, options, made, made.forward, System((), ()), (), text=text)


def program(source: Source, dims: dict[str, int]) -> Program:
    """As the compiler would describe the double."""
    x, y = (Input(name, ("t",), (), "token", Size.of("vocab"), None) for name in "xy")
    return Program(
        source=source,
        dims=tuple(dims.items()),
        fixed={},
        params=(),
        inputs=(x,),
        heads=(Head("y", ("t",), "categorical", (("y", "y.logits"),), "y.nll", 1.0, False, y, None),),
        noises=(),
        states=(),
        stream="t",
        no_stream="",
        forward=System(axes=(Axis("t", "T"),), equations=()),
    )
