"""``rnnc sample``: draws from a trained model."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import api
from ..compiler.program import Program
from ..failure import FINE, Failure
from ..roles import text_roles
from ..runtime import archive
from ..runtime.module import Arrays, Module
from ..runtime.params import load_params, noted_dims
from ..runtime.sampling import generate
from ..runtime.text import Vocabulary
from ..training import Text
from .options import add_compile_options, at_least_zero, compile_options, whole

PARAGRAPH = "\n\n"  # what a text begins after, if nothing is given


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="F.rnn")
    command.add_argument(
        "--params", required=True, metavar="W.npz", help="weights that `rnnc train` left (or .safetensors)"
    )
    command.add_argument(
        "--length", type=whole(0), default=400, metavar="N", help="steps to draw (default 400)"
    )
    command.add_argument("--temperature", type=at_least_zero, default=1.0, metavar="X",
                         help="below 1: likelier text; 0: always the likeliest (default 1)")  # fmt: skip
    command.add_argument("--seed", type=whole(0), default=0)
    command.add_argument("--prime", default="", metavar="TEXT", help="what the text begins with")
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    try:
        meta = archive.read_meta(arguments.params)
        options = compile_options(arguments)
        options = replace(options, dims={**noted_dims(meta), **options.dims})
        compiled = api.compile_file(arguments.spec, options)
        module = cast(Module, api.module_from(compiled.text, Path(arguments.spec).stem))
        params, meta = load_params(arguments.params, module)
    except ValueError as error:
        raise Failure(str(error)) from None
    program = compiled.program
    if "vocabulary" not in meta:
        return _draw(module, params, program, arguments)
    text = _text(program, meta, arguments.params)
    show_text(module, params, text, arguments.length, arguments.temperature, arguments.seed, arguments.prime)
    return FINE


def _text(program: Program, meta: Mapping[str, Any], path: str) -> Text:
    roles, characters = text_roles(program), meta["vocabulary"]
    tokens = roles.count.value(dict(program.dims))
    if not isinstance(characters, str) or "".join(sorted(set(characters))) != characters:
        raise Failure(f"{path}: the vocabulary noted in it is not one")
    if len(characters) >= tokens:
        raise Failure(f"{path}: it notes {len(characters)} characters, the spec has {tokens} tokens")
    return Text(Vocabulary(characters), roles.fields, tokens)


def show_text(
    module: Module, params: Arrays, text: Text, length: int, temperature: float, seed: int, prime: str = ""
) -> None:
    """Writes the prime and `length` characters more as they are drawn."""
    start = prime or (PARAGRAPH if "\n" in text.vocabulary.characters else text.vocabulary.characters[:1])
    first = text.vocabulary.encode(start).tolist()
    tokens = generate(module, params, text.fields, first, temperature, seed, text.never)
    sys.stdout.write(prime)
    for token in itertools.islice(tokens, length):
        sys.stdout.write(text.vocabulary.decode([token]))
        sys.stdout.flush()
    sys.stdout.write("\n")


def _draw(module: Module, params: Arrays, program: Program, arguments: argparse.Namespace) -> int:
    """Whatever the heads draw, one line of numbers per step."""
    rng = np.random.default_rng(arguments.seed)
    try:
        drawn = module.sample(
            params, rng, batch_size=1, max_steps=arguments.length, temperature=arguments.temperature
        )
    except ValueError as error:
        raise Failure(f"{arguments.spec}: {error}") from None
    for head in program.heads:
        value = np.asarray(getattr(drawn, head.name))
        print(f"{head.name}:")
        for row in value.reshape(len(value) if head.axes else 1, -1):
            print(" ".join(f"{number:g}" for number in row))
    return FINE
