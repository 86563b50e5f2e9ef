"""Specs compiled for weights in a file, which notes the dims that they were trained with."""

from __future__ import annotations

from dataclasses import replace

from . import api
from .compiler.driver import Compiled, Options
from .failure import Failure
from .runtime import archive
from .runtime.params import noted_dims
from .spec.diagnostics import SpecError


def compile_noted(spec: str, options: Options, weights: str) -> Compiled:
    """The dims that are noted count where none are given. ValueError for a file that cannot be read."""
    noted = noted_dims(archive.read_meta(weights))
    try:
        return api.compile_file(spec, replace(options, dims={**noted, **options.dims}))
    except SpecError as error:
        told = " ".join(found.message for found in error.diagnostics if found.code == "RNN314")
        strange = ", ".join(f"`{name}`" for name in noted if f"no dim `{name}`" in told)
        if not strange:
            raise
    raise Failure(f"{weights}: weights of another network: {spec} has no dim {strange}")
