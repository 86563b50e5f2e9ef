"""``rnnc sample``: draws from a trained model."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import api
from ..compiler.program import Program
from ..failure import FINE, Failure
from ..noted import compile_noted
from ..roles import text_roles
from ..runtime.module import Arrays, Module
from ..runtime.params import load_params
from ..runtime.sampling import Choice, generate
from ..runtime.text import Vocabulary
from ..training import Text
from .drawn import draw
from .options import add_compile_options, at_least_zero, compile_options, probability, whole

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
    command.add_argument("--top-k", type=whole(1), metavar="K", help="only the K likeliest tokens")
    command.add_argument("--top-p", type=probability, metavar="P",
                         help="only the fewest tokens that hold this much probability")  # fmt: skip
    command.add_argument("--seed", type=whole(0), default=0)
    text = command.add_argument_group("from a model of text")
    text.add_argument("--prime", metavar="TEXT", help="what the text begins with")
    other = command.add_argument_group("from any other model")
    other.add_argument(
        "--context", metavar="FILE.npz", help="what is given: arrays named like inputs, lengths"
    )
    other.add_argument("--prefix", metavar="FILE.npz", help="how it begins: arrays named like heads, lengths")
    other.add_argument("--count", type=whole(1), default=1, metavar="N",
                       help="sequences, or for each that a file gives so many (default 1)")  # fmt: skip
    other.add_argument("--beam", type=whole(1), metavar="WIDTH",
                       help="the likeliest sequences, found with so many at a time, instead of drawn ones")  # fmt: skip
    other.add_argument("--out", metavar="FILE.npz", help="writes arrays instead of printing numbers")
    add_compile_options(command)


def run(arguments: argparse.Namespace) -> int:
    try:
        compiled = compile_noted(arguments.spec, compile_options(arguments), arguments.params)
        module = cast(Module, api.module_from(compiled.text, Path(arguments.spec).stem))
        params, meta = load_params(arguments.params, module)
        _refuse_nan(params, arguments.params)
    except ValueError as error:
        raise Failure(str(error)) from None
    program = compiled.program
    if "vocabulary" not in meta:
        if arguments.prime is not None:
            raise Failure(
                f"{arguments.params} is of no model of text: --prefix FILE.npz tells how a sample begins"
            )
        draw(module, params, program, arguments)
        return FINE
    text = _text(program, meta, arguments.params)
    _refuse(arguments)
    unseen = sorted({*(arguments.prime or "")} - {*text.vocabulary.characters})
    if unseen:
        print(f"rnnc: the model never saw {', '.join(map(repr, unseen))} of --prime", file=sys.stderr)
    choice = Choice(arguments.temperature, arguments.top_k, arguments.top_p)
    show_text(module, params, text, arguments.length, choice, arguments.seed, arguments.prime or "")
    return FINE


def _refuse_nan(params: Arrays, path: str) -> None:
    """Of weights that are no numbers every draw would be the same, or none."""
    broken = [name for name, value in params.items() if np.isnan(value).any()]
    if broken:
        raise ValueError(f"{path}: NaN in {', '.join(broken)}: nothing can be drawn from these weights")


def _refuse(arguments: argparse.Namespace) -> None:
    """What a model of text has no use for."""
    for name in ("context", "prefix", "beam", "out"):
        if getattr(arguments, name) is not None:
            raise Failure(f"--{name} is not for a model of text: --prime TEXT tells how the text begins")
    if arguments.count != 1:
        raise Failure("--count is not for a model of text; another --seed draws another text")


def _text(program: Program, meta: Mapping[str, Any], path: str) -> Text:
    roles, characters = text_roles(program), meta["vocabulary"]
    tokens = roles.count.value(dict(program.dims))
    if not isinstance(characters, str) or "".join(sorted(set(characters))) != characters:
        raise Failure(f"{path}: the vocabulary noted in it is not one")
    if len(characters) >= tokens:
        raise Failure(f"{path}: it notes {len(characters)} characters, the spec has {tokens} tokens")
    return Text(Vocabulary(characters), roles.fields, tokens)


def show_text(
    module: Module, params: Arrays, text: Text, length: int, choice: Choice, seed: int, prime: str = ""
) -> None:
    """Writes the prime and `length` characters more as they are drawn."""
    start = prime or (PARAGRAPH if "\n" in text.vocabulary.characters else text.vocabulary.characters[:1])
    first = text.vocabulary.encode(start).tolist()
    tokens = generate(module, params, text.fields, first, choice, seed, text.never)
    sys.stdout.write(prime)
    for token in itertools.islice(tokens, length):
        sys.stdout.write(text.vocabulary.decode([token]))
        sys.stdout.flush()
    sys.stdout.write("\n")
