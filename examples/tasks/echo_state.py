"""An echo state network learns in one line: its readout is a ridge regression on the states, solved at once.

The series is the tenth-order system of Atiya & Parlos (2000, "NARMA-10"), of our own making from
uniform noise: the network sees the noise u and tells the system's output. Beside it: the mean, and a
ridge regression on the last ten inputs, which has no state. The error is the root mean square over the
output's deviation."""

from __future__ import annotations

import argparse

import numpy as np
from common import Clock, example

SETTINGS = {"steps": 2000, "penalty": 1e-6}


def narma(steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    u, y = rng.uniform(0, 0.5, steps), np.zeros(steps)
    for t in range(9, steps - 1):
        y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * y[t - 9 : t + 1].sum() + 1.5 * u[t - 9] * u[t] + 0.1
    return u, y


def ridge(states: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """The readout [V, c] that minimises the squared error plus penalty times |V|², from the normal equations."""
    h = np.column_stack([states, np.ones(len(states))])
    weights = penalty * np.eye(h.shape[1])
    weights[-1, -1] = 0
    return np.linalg.solve(h.T @ h + weights, h.T @ wanted)


def error(told: np.ndarray, wanted: np.ndarray) -> str:
    return f"error {np.sqrt(np.mean((told - wanted) ** 2)) / wanted.std():.3f}"


def main(settings: argparse.Namespace) -> None:
    clock = Clock()
    u, y = narma(2 * settings.steps, settings.seed + 1)
    learn, test = slice(100, settings.steps), slice(settings.steps, None)  # the first hundred wash out
    module = example("echo_state", hidden=200)
    params = module.init(seed=settings.seed, dtype="float64")
    # What the noise is before a step is known at that step: x[t] = u[t-1].
    batch = {"x": np.roll(u, 1)[:, None, None] - 0.25, "T": np.array([len(u)])}
    states = module.forward(params, batch).outputs["h"][:, 0]
    readout = ridge(states[learn], y[learn], penalty=settings.penalty)
    params |= {"V": readout[None, :-1], "c": readout[-1:]}
    told = module.forward(params, batch).outputs["y"][:, 0, 0]
    taps = np.column_stack([np.roll(u, k) for k in range(1, 11)])
    linear = np.column_stack([taps, np.ones(len(u))]) @ ridge(taps[learn], y[learn], settings.penalty)
    clock.tell(
        mean=error(np.full_like(y[test], y[learn].mean()), y[test]),
        last_ten_inputs=error(linear[test], y[test]),
        echo_state_network=error(told[test], y[test]),
    )
