"""Optimisers that update parameters in place, clipping, and schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from .module import Array, Arrays


class Optimizer(Protocol):
    def update(self, params: Arrays, grads: Mapping[str, Array], rate: float) -> None:
        """Moves every parameter that has a gradient."""

    def arrays(self) -> Arrays:
        """What must be kept for training to go on as if never interrupted."""

    def restore(self, arrays: Mapping[str, Array]) -> None: ...


class _Moments:
    """Running values beside each parameter, and one scratch buffer for all of them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.steps = 0
        self._values: dict[str, Arrays] = {name: {} for name in names}
        self._scratch: dict[str, Array] = {}

    def of(self, name: str, param: Array) -> list[Array]:
        """The moments of a parameter (0 at first), then a scratch array of its shape."""
        for values in self._values.values():
            if name not in values:
                values[name] = np.zeros_like(param)
        if name not in self._scratch:
            self._scratch[name] = np.empty_like(param)
        return [*(self._values[moment][name] for moment in self.names), self._scratch[name]]

    def arrays(self) -> Arrays:
        moments = {f"{kind}/{name}": v for kind, values in self._values.items() for name, v in values.items()}
        return {"steps": np.array(self.steps), **moments}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        self.steps = int(arrays["steps"])
        for key, value in arrays.items():
            kind, _, name = key.partition("/")
            if kind in self._values:
                self._values[kind][name] = value.copy()


class SGD(_Moments):
    """Stochastic gradient descent with (heavy-ball) momentum."""

    def __init__(self, momentum: float = 0.9) -> None:
        super().__init__(("velocity",))
        self.momentum = momentum

    def update(self, params: Arrays, grads: Mapping[str, Array], rate: float) -> None:
        self.steps += 1
        for name, grad in grads.items():
            velocity, step = self.of(name, params[name])
            np.multiply(velocity, self.momentum, velocity)
            np.add(velocity, grad, velocity)
            np.multiply(velocity, rate, step)
            np.subtract(params[name], step, params[name])


class Adam(_Moments):
    """Adam (Kingma and Ba, 2015); the corrections of both moments are folded into rate and epsilon."""

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        super().__init__(("mean", "square"))
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(self, params: Arrays, grads: Mapping[str, Array], rate: float) -> None:
        self.steps += 1
        root = math.sqrt(1 - self.beta2**self.steps)
        size = rate * root / (1 - self.beta1**self.steps)
        for name, grad in grads.items():
            mean, square, step = self.of(name, params[name])
            np.subtract(grad, mean, step)
            np.multiply(step, 1 - self.beta1, step)
            np.add(mean, step, mean)
            np.multiply(grad, grad, step)
            np.subtract(step, square, step)
            np.multiply(step, 1 - self.beta2, step)
            np.add(square, step, square)
            np.sqrt(square, step)
            np.add(step, self.epsilon * root, step)
            np.divide(mean, step, step)
            np.multiply(step, size, step)
            np.subtract(params[name], step, params[name])


def global_norm(grads: Mapping[str, Array]) -> float:
    """The Euclidean norm of all gradients together; not finite only if a gradient is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        norm = math.sqrt(sum(float(np.dot(flat, flat)) for flat in map(np.ravel, grads.values())))
    if math.isfinite(norm):
        return norm
    top = max((float(abs(grad).max()) for grad in grads.values() if grad.size), default=0.0)
    if not math.isfinite(top):
        return top
    return top * math.sqrt(sum(float(np.square(grad / top).sum()) for grad in grads.values()))


def clip(grads: Mapping[str, Array], limit: float) -> float:
    """Scales the gradients in place so that their global norm is at most `limit`; the norm before."""
    norm = global_norm(grads)
    if norm > limit:
        for grad in grads.values():
            np.multiply(grad, limit / norm, grad)
    return norm


Schedule = Callable[[float], float]  # from the part of the run that is done, 0 to 1, to a factor


def constant(warmup: float = 0.0) -> Schedule:
    """Full rate, after a linear rise over the first `warmup` of the run."""
    return lambda done: _rise(done, warmup)


def linear(warmup: float = 0.0) -> Schedule:
    """A rise, then down to 0 in a straight line."""
    return lambda done: _rise(done, warmup) * (1 - _rest(done, warmup))


def cosine(warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """A rise, then half a cosine down to `floor`."""

    def factor(done: float) -> float:
        fall = (1 + math.cos(math.pi * _rest(done, warmup))) / 2
        return _rise(done, warmup) * (floor + (1 - floor) * fall)

    return factor


def trapezoid(warmup: float = 0.0, fall: float = 0.4) -> Schedule:
    """A rise, full rate, then over the last `fall` of the run down to 0 in a straight line."""
    return lambda done: _rise(done, warmup) * min(1.0, (1 - done) / fall)


SCHEDULES: dict[str, Callable[[float], Schedule]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "trapezoid": trapezoid,
}


def _rise(done: float, warmup: float) -> float:
    return min(1.0, done / warmup) if warmup > 0 else 1.0


def _rest(done: float, warmup: float) -> float:
    return min(1.0, max(0.0, (done - warmup) / (1 - warmup))) if warmup < 1 else 0.0
