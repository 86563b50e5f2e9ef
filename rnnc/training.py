"""What `rnnc train` trains: a spec compiled for its data, the data in batches, and how to speak of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast, get_type_hints

import numpy as np

from . import api
from .compiler.driver import Compiled, Options
from .compiler.program import Program
from .failure import Failure
from .roles import TextRoles, batch_axes, counted, observed, text_roles
from .runtime import archive
from .runtime.batching import ArrayBatches, Batches, Fields, TextStreams
from .runtime.curve import BITS, Measure
from .runtime.module import Module
from .runtime.text import Vocabulary, compressors, default_text, entropy, split

HELP_PAGES = "Python's own help pages"


@dataclass(frozen=True)
class Settings:
    """How a run goes; kept with it, so that it can be resumed."""

    text: str | None = None
    data: str | None = None
    seconds: float | None = None
    steps: int | None = None
    batch: int = 16
    chunk: int = 32
    k2: int | None = None
    optimizer: str = "adam"
    rate: float = 0.015
    momentum: float = 0.9
    schedule: str = "trapezoid"
    warmup: float = 0.03
    clip: float = 1.0
    dtype: str = "float32"
    seed: int = 0
    dim: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def merged(given: Mapping[str, Any], noted: Mapping[str, Any]) -> Settings:
        """What was asked for; else what the run was begun with; else the defaults."""
        names = {item.name for item in fields(Settings)}
        asked = {name: value for name, value in given.items() if name in names and value not in (None, [])}
        settings = Settings(**{name: value for name, value in noted.items() if _fits(name, value)})
        if {"seconds", "steps"} & set(asked) or (settings.seconds is None and settings.steps is None):
            settings = replace(settings, seconds=None if "steps" in asked else 60.0, steps=None)
        settings = replace(settings, **asked)
        return replace(settings, dim=tuple((str(name), int(size)) for name, size in settings.dim))


def _fits(name: str, value: Any) -> bool:
    """Whether a noted setting is one: what a file says is not believed."""
    if name == "dim":
        return isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    kinds = get_type_hints(Settings)
    return name in kinds and isinstance(value, kinds[name])


@dataclass(frozen=True)
class Text:
    """How a text model's tokens are written."""

    vocabulary: Vocabulary
    fields: Fields
    tokens: int  # the model's number of tokens, which the vocabulary may not use up

    @property
    def never(self) -> list[int]:
        """Tokens that are no characters."""
        return [0, *range(self.vocabulary.size, self.tokens)]


@dataclass(frozen=True)
class Job:
    """`about` is what a resumed run must share; `summary` and `comparison` are for the reader."""

    name: str
    compiled: Compiled
    module: Module
    batches: Batches
    measure: Measure
    about: dict[str, Any]
    summary: str
    text: Text | None = None
    parts: tuple[str, str] = field(default=("", ""), repr=False)

    def comparison(self) -> list[str]:
        """What compressors and counting make of the same held-out text."""
        if self.text is None:
            return []
        packed = compressors(*self.parts)
        sizes = ", ".join(f"{name} {size:.3f}" for name, size in packed.items())
        return [
            f"beside it: {sizes}, given the first nine tenths",
            f"order-0 entropy of the whole text: {entropy(''.join(self.parts)):.3f}",
        ]


def text_job(spec: str, options: Options, settings: Settings) -> Job:
    """A model of text; its number of tokens follows the text's characters."""
    text = read_text(settings.text)
    train, held_out = split(text)
    roles = text_roles(api.compile_file(spec, replace(options, stop_after="check")).program)
    vocabulary, options = _vocabulary(train, roles, options)
    compiled = api.compile_file(spec, options)
    tokens = roles.count.value(dict(compiled.program.dims))
    encoded = vocabulary.encode(train), vocabulary.encode(held_out)
    try:
        batches = TextStreams(
            *encoded, roles.fields, settings.batch, settings.chunk, settings.seed, settings.k2
        )
    except ValueError as error:
        raise Failure(f"--k2: {error}") from None
    about = _about(compiled, text.encode("utf-8", "surrogatepass"))
    unknown = f", {(encoded[1] == 0).sum()} held out unknown" if (encoded[1] == 0).any() else ""
    return Job(
        Path(spec).stem,
        compiled,
        cast(Module, api.module_from(compiled.text, Path(spec).stem)),
        batches,
        BITS,
        {**about, "vocabulary": vocabulary.characters},
        f"{len(train):,} characters to train on, {len(held_out):,} held out ({settings.text or HELP_PAGES}); "
        f"{len(vocabulary.characters)} different{unknown}",
        Text(vocabulary, roles.fields, tokens),
        (train, held_out),
    )


def _vocabulary(text: str, roles: TextRoles, options: Options) -> tuple[Vocabulary, Options]:
    """The text's characters, and the dim that counts them set; or as many as the spec has tokens."""
    if roles.dim is not None and roles.dim not in options.dims:
        vocabulary = Vocabulary.of(text)
        return vocabulary, api.with_dims(options, {roles.dim: vocabulary.size})
    return Vocabulary.of(text, roles.count.value(dict(roles.dims))), options


def read_text(path: str | None) -> str:
    if path is None:
        return default_text()
    try:
        text = Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Failure(f"{path}: not a text in UTF-8 (byte {error.start})") from None
    if len(text) < 20:
        raise Failure(f"{path}: {len(text)} characters are too few to train on")
    return text


def array_job(spec: str, options: Options, settings: Settings) -> Job:
    """Any spec, on arrays named like its inputs, targets and lengths."""
    if settings.k2 is not None:
        raise Failure("--k2: gradients of whole sequences flow to their beginning; it is for text")
    compiled = api.compile_file(spec, options)
    program = compiled.program
    data, fingerprint = read_arrays(str(settings.data), program, settings.dtype)
    try:
        batches = ArrayBatches(data, batch_axes(program), counted(program), settings.batch, settings.seed)
        module = cast(Module, api.module_from(compiled.text, Path(spec).stem))
        run = module.forward(module.init(dtype=settings.dtype), batches.batch(0)[0])
        if run.loss is None:
            targets = ", ".join(head.target.name for head in program.heads)
            raise ValueError(f"the targets are needed to train: {targets}")
    except ValueError as error:
        raise Failure(f"{settings.data}: {error}") from None
    summary = f"{len(batches.training):,} sequences to train on, {len(batches.kept):,} held out"
    about = _about(compiled, fingerprint)
    return Job(Path(spec).stem, compiled, module, batches, Measure(), about, summary)


def read_arrays(path: str, program: Program, dtype: str) -> tuple[dict[str, np.ndarray[Any, Any]], bytes]:
    """The arrays, reals in the run's type, and a digest of them."""
    known = batch_axes(program)

    def check(headers: Mapping[str, archive.Header], _: Mapping[str, Any]) -> None:
        for name in headers:
            if name not in known:
                raise ValueError(f"{name!r} is nothing the spec reads; it reads {', '.join(known)}")

    try:
        arrays = archive.read(path, check).arrays
    except ValueError as error:
        raise Failure(str(error)) from None
    digest = hashlib.sha256()
    for name, value in arrays.items():
        digest.update(name.encode() + value.tobytes())
        if name in observed(program) and observed(program)[name].kind == "real":
            arrays[name] = value.astype(dtype)
    return arrays, digest.digest()


def _about(compiled: Compiled, data: bytes) -> dict[str, Any]:
    return {
        "spec": compiled.source.text,
        "dims": dict(compiled.program.dims),
        "data": hashlib.sha256(data).hexdigest(),
    }
