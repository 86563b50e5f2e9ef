"""What `rnnc sample` draws from a model that is not one of text: conditioned, begun, searched; shown and kept."""

from __future__ import annotations

import argparse
from typing import Any, cast

import numpy as np

from ..compiler.program import Head, Program
from ..failure import Failure
from ..roles import batch_axes, lengths
from ..runtime import archive
from ..runtime.batching import batch_size
from ..runtime.module import Array, Arrays, Module
from ..training import read_arrays


def draw(module: Module, params: Arrays, program: Program, arguments: argparse.Namespace) -> None:
    """Prints what the heads draw, sequence by sequence, one line of numbers per step."""
    dtype = next((value.dtype.name for value in params.values()), "float64")
    given = {what: _read(path, program, dtype) for what, path in _files(arguments).items()}
    if program.inputs and "context" not in given:
        names, why = (
            ", ".join(i.name for i in program.inputs),
            f" ({program.no_stream})" if program.no_stream else "",
        )
        raise Failure(f"{arguments.spec}: its inputs are missing: give {names} with --context FILE.npz{why}")
    try:
        if arguments.beam is None:
            samples = [_sample(module, params, program, arguments, **given)]
        else:
            samples = _searches(module, params, program, arguments, **given)
    except ValueError as error:
        raise Failure(f"{arguments.spec}: {error}") from None
    if arguments.out is not None:
        archive.write(arguments.out, _joined(program, samples), {})
        return
    for number, (sample, row) in enumerate(((s, row) for s in samples for row in range(len(s.T))), 1):
        show(program, sample, row, number)


def _files(arguments: argparse.Namespace) -> dict[str, str]:
    found = {"context": arguments.context, "prefix": arguments.prefix}
    return {name: path for name, path in found.items() if path is not None}


def _read(path: str, program: Program, dtype: str) -> Arrays:
    arrays, _ = read_arrays(path, program, dtype)
    try:
        batch_size(arrays, batch_axes(program))
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None
    return arrays


def _sample(
    module: Module, params: Arrays, program: Program, arguments: argparse.Namespace, **given: Arrays
) -> Any:
    """``--count`` sequences, or so many for each that a file gives."""
    options: dict[str, Any] = {
        name: _repeated(arrays, program, arguments.count) for name, arrays in given.items()
    }
    sizes = {name: batch_size(arrays, batch_axes(program)) for name, arrays in options.items()}
    if len(set(sizes.values())) > 1:
        raise Failure(f"the files hold different numbers of sequences: {sizes}")
    options |= {name: value for name in ("top_k", "top_p") if (value := getattr(arguments, name)) is not None}
    rng = np.random.default_rng(arguments.seed)
    rows = next(iter(sizes.values()), arguments.count)
    try:
        return module.sample(
            params,
            rng,
            batch_size=rows,
            max_steps=arguments.length,
            temperature=arguments.temperature,
            **options,
        )
    except TypeError as error:
        raise Failure(f"{arguments.spec}: {_unknown(error, options)}") from None


def _unknown(error: TypeError, options: dict[str, Any]) -> str:
    """An argument that a module has no use for, as the command line calls it."""
    reasons = {
        "top_k": "--top-k chooses among tokens, and no head draws any",
        "top_p": "--top-p chooses among tokens, and no head draws any",
        "prefix": "--prefix needs a network that goes step by step, which this is not",
    }
    for name, reason in reasons.items():
        if name in options and repr(name) in str(error):
            return reason
    raise error


def _searches(
    module: Module, params: Arrays, program: Program, arguments: argparse.Namespace, context: Arrays | None = None,
    prefix: Arrays | None = None,
) -> list[Any]:  # fmt: skip
    """The likeliest sequences for each context."""
    if prefix is not None or not hasattr(module, "beam"):
        raise Failure(
            f"{arguments.spec}: --beam begins at the beginning, without --prefix" if prefix is not None else
            f"{arguments.spec}: --beam needs sequences of tokens that end by a rule (`stop when …`)"
        )  # fmt: skip
    axes, beam = batch_axes(program), cast(Any, module).beam
    rows = batch_size(context, axes) if context else 1
    contexts = [
        {name: np.take(v, [row], axes[name]) for name, v in (context or {}).items()} for row in range(rows)
    ]
    return [beam(params, arguments.beam, max_steps=arguments.length, context=each) for each in contexts]


def _repeated(arrays: Arrays, program: Program, count: int) -> Arrays:
    return {name: np.repeat(value, count, batch_axes(program)[name]) for name, value in arrays.items()}


def show(program: Program, sample: Any, row: int, number: int) -> None:
    """One sequence: its length, its log-probability, and what each head drew."""
    rule = ", ended by its rule" if sample.ended[row] else ""
    print(f"# {number}: {sample.T[row]} steps, log-probability {sample.log_prob[row]:.4f}{rule}")
    for head in program.heads:
        value = _own(program, head, sample, row)
        print(f"{head.name}:")
        for line in value if head.axes else [value]:
            print(" ".join(f"{number:g}" for number in np.ravel(line)))


def _own(program: Program, head: Head, sample: Any, row: int) -> Array:
    """What a head drew in one sequence, up to its end."""
    if head.name in lengths(program).values():
        return np.asarray(sample.T[row])
    value = np.take(getattr(sample, head.name), row, len(head.axes))
    if (axis := _along(program)) in head.axes:
        value = np.take(value, range(sample.T[row]), head.axes.index(axis))
    return np.asarray(value)


def _along(program: Program) -> str:
    """The axis whose lengths a sample tells: that of the steps, or of a network drawn at once the last."""
    return program.stream or next(reversed(lengths(program)), "")


def _joined(program: Program, samples: list[Any]) -> Arrays:
    """The arrays of all samples, padded to the longest: heads, lengths, `log_prob`, `ended`."""
    found: Arrays = {
        name: np.concatenate([getattr(s, name) for s in samples]) for name in ("log_prob", "ended")
    }
    if axis := _along(program):
        found[lengths(program)[axis]] = np.concatenate([s.T for s in samples])
    for head in program.heads:
        if head.name in found:
            continue
        values = [np.asarray(getattr(sample, head.name)) for sample in samples]
        steps = [max(value.shape[axis] for value in values) for axis in range(len(head.axes))]
        padded = [np.pad(v, [(0, n - k) for n, k in zip(steps, v.shape)] + [(0, 0)] * (v.ndim - len(steps)))
                  for v in values]  # fmt: skip
        found[head.name] = np.concatenate(padded, axis=len(head.axes))
    return found
