"""Noise: drawn from a seed, the same numbers however a sequence is cut into chunks.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_noises`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _fill_noise(call, seed=None):
    """The noise that was not given: drawn from ``seed``; its mean where there is none."""
    for k, (name, (draw, uniforms, *args)) in enumerate(_noises().items()):
        if name in call.absent:
            axes, shape = _noise_shape(call, name)
            if seed is None:
                value = np.broadcast_to(draw(None, *args), shape)
            else:
                value = draw(_uniform_numbers(call, axes, shape, [seed, k], uniforms), *args)
            call.inputs[name] = _checked_input(name, value, call, axes, "real")
    call.absent = [name for name in call.absent if name not in NOISES]


def _with_noise(call, inputs):
    """The inputs of a step, with the mean of every noise that was not given."""
    found = dict(inputs)
    for name, (draw, _, *args) in _noises().items():
        if name not in found and STREAM in INPUTS[name][0]:
            axes, shape = _noise_shape(call, name)
            value = np.broadcast_to(draw(None, *args), shape)
            found[name] = _checked_input(name, value, call, axes, "real")
    return found


def _noise_shape(call, name):
    """The time axes of a noise that the call has, and the shape it has there."""
    axes = tuple(axis for axis in INPUTS[name][0] if axis in call.longest)
    return axes, tuple(call.longest[axis] for axis in axes) + (call.B,) + _shapes(call.dims)[name]


def _uniform_numbers(call, axes, shape, seed, each):
    """``each`` numbers in [0, 1) for every element, in the order of the steps: a chunk goes on in the row of
    numbers where the steps before it ended."""
    place = axes.index(STREAM) if STREAM in axes else 0
    order = (*shape[place : place + 1], *shape[:place], *shape[place + 1 :])
    source = np.random.PCG64(seed)
    if STREAM in axes:
        before = int(_steps_before(call).max(initial=0))
        source.advance(before * each * int(np.prod(order[1:], dtype=object)))
    numbers = np.random.Generator(source).random((*order, each))
    return np.moveaxis(np.moveaxis(numbers, 0, place), -1, 0)


def bernoulli_noise(u, p):
    """1 with probability p, else 0; without uniform numbers its mean."""
    return p if u is None else u[0] < p


def normal_noise(u, mean, std):
    """By Box and Muller (1958): two uniform numbers for each; without them its mean."""
    return mean if u is None else mean + std * np.sqrt(-2 * np.log1p(-u[0])) * np.cos(2 * np.pi * u[1])


def uniform_noise(u, low, high):
    """Between low and high; without uniform numbers its mean."""
    return (low + high) / 2 if u is None else low + (high - low) * u[0]
