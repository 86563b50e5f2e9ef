"""Real-time recurrent learning: a step's gradient, and how the state moves with every parameter.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _numbered(call):
    """The trained parameters' numbers in a row: where each parameter has its own, and how many there are."""
    call.blocks, call.numbers = {}, 0
    for name in TRAINED:
        start, call.numbers = call.numbers, call.numbers + call.params[name].size
        call.blocks[name] = (start, call.numbers)
    return call


def _checked_learning(params, state, inputs, live):
    """The arguments of a step that learns: those of a step, all targets, and how the state moves."""
    call, checked, inputs = _checked_step(params, dict(state) if type(state) is State else state, inputs)
    absent = [name for name in OPTIONAL if STREAM in INPUTS[name][0] and name not in inputs]
    if absent:
        raise ValueError(f"inputs: missing {absent}, which the loss needs")
    found = np.ones(call.B, bool) if live is None else np.asarray(live)
    if found.dtype != bool or found.shape != (call.B,):
        raise ValueError(f"live: expected bool (B={call.B},), got {found.dtype} {found.shape}")
    _numbered(call).directions = {}
    for name, key in MOVING.items():
        if name not in state:
            raise ValueError(f"state: missing {name!r}; begin with learn_start(params, batch_size, context)")
        value = _array("state", name, state[name])
        shape = (call.numbers, *np.shape(state[name.removeprefix("d ")]))
        if value.shape != shape:
            raise ValueError(f"state[{name!r}]: expected shape {shape}, got {value.shape}")
        call.directions[key] = value.astype(call.dtype, copy=False)
    return call, checked, {**inputs, f"{STREAM}.live": found}


def _by_parameter(call, row):
    """A row of numbers, one for each of the trained parameters', as a dict of arrays."""
    return {
        name: np.array(row[start:stop].reshape(call.params[name].shape), call.dtype)
        for name, (start, stop) in call.blocks.items()
    }


def basis(call, name):
    """A parameter's change in every direction: 1 at one place in those of its own, else 0."""
    start, stop = call.blocks[name]
    whole = np.zeros((call.numbers, *call.params[name].shape), call.dtype)
    whole[start:stop] = np.eye(stop - start, dtype=call.dtype).reshape(whole[start:stop].shape)
    return whole


def influence(call, name, spec, operand, *factors):
    """The product ``spec`` with a parameter's `basis` as its operand, without the basis.

    In capitals the parameter's letters name its own directions. A letter that the result has is tied to
    its capital by an identity; one that is summed is the factors' capital; one of nobody else counts once."""
    letters, _, result = spec.partition("->")
    letters = letters.split(",")
    own, others = letters.pop(operand), "".join(letters)
    shape, arrays, parts = call.params[name].shape, list(factors), []
    summed = [letter for letter in own if letter not in result]
    for part in letters:
        parts.append("..." + "".join(x.upper() if x in summed else x for x in part))
    for letter, size in zip(own, shape):
        if letter in result:
            arrays.append(np.eye(size, dtype=call.dtype))
            parts.append(letter.upper() + letter)
        elif letter not in others:
            arrays.append(np.ones(size, call.dtype))
            parts.append(letter.upper())
    block = np.einsum(",".join(parts) + "->" + own.upper() + "..." + result, *arrays)
    start, stop = call.blocks[name]
    whole = np.zeros((call.numbers, *block.shape[len(own) :]), call.dtype)
    whole[start:stop] = block.reshape(whole[start:stop].shape)
    return whole
