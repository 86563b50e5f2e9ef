"""Long-term dependencies: what six networks can carry over 100 and 400 steps, each beside its exact baseline.

    python examples/long_term.py                  the whole table, some minutes on one core
    python examples/long_term.py --updates 50     a short look

The adding problem (Hochreiter & Schmidhuber 1997): every step has a number between 0 and 1 and a mark; two steps are
marked, one in each half; the answer is the sum of the marked numbers. Who answers 1 always has a mean squared error of
1/6, the variance of the sum. Copy memory (in the form of Arjovsky, Shah & Bengio 2016): ten symbols of eight, T blanks
of which the last asks for the answer, then the ten symbols again. Who says blank until asked and then guesses has a
cross-entropy of 10 ln 8 / (T + 20) a step.

The sixth is the LSTM once more, its biases drawn for the longest lag (Tallec & Ollivier 2018, arXiv 1804.11188): a
forget gate that starts between 1/2 and 1 - 1/T keeps what it holds for 2 to T steps. They give the input gate the
same numbers with the other sign; here it has its own.

Beside the result stands what the gradient did before any training (`rnnc.gradient_flow`): the factor by which the
norm of dL/dh shrinks on a way back of T steps, L being the loss of the last step."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import rnnc
from rnnc.runtime.optimizers import Adam, clip

HIDDEN, ROWS, SYMBOLS, BLANK, ASK = 32, 32, 10, 8, 9

CELLS = {
    "vanilla": "use vanilla\nh[t] = vanilla(x[t], n)",
    "leaky": "use leaky\nh[t] = leaky(x[t], n, a = 0.95)",
    "skip": "h[t] : real[n] = tanh(affine(x[t], h[t-1], h[t-d]))",
    "LSTM": "use lstm\nh[t] = lstm(x[t], n)",
    "IRNN": "use irnn\nh[t] = irnn(x[t], n)",
    "LSTM, chrono": """
i[t] : real[n] = sigmoid(affine(x[t], h[t-1], bias = -log(uniform(1, lag))))
f[t] : real[n] = sigmoid(affine(x[t], h[t-1], bias = log(uniform(1, lag))))
o[t] : real[n] = sigmoid(affine(x[t], h[t-1]))
g[t] : real[n] = tanh(affine(x[t], h[t-1]))
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
""",
}
ADDING = """
dim n = {n}, d = 20, lag = {lag}
axis t = 1..T
input x[t] : real[2]
{cell}
head y : real ~ normal(affine(h[T]))
"""
COPY = """
dim n = {n}, symbols = 10, d = 20, lag = {lag}
axis t = 1..T
input k[t] : token(symbols)
x[t] = onehot(k[t])
{cell}
head y[t] : token(symbols) ~ categorical(affine(h[t]))
"""

Arrays = dict[str, Any]
Batch = Callable[[np.random.Generator, int], Arrays]


def adding(rng: np.random.Generator, steps: int) -> Arrays:
    """Numbers beside marks; what is asked for comes at the end."""
    x = np.zeros((steps, ROWS, 2), np.float32)
    x[..., 0] = rng.random((steps, ROWS))
    rows = np.arange(ROWS)
    first, second = rng.integers(0, steps // 2, ROWS), rng.integers(steps // 2, steps, ROWS)
    x[first, rows, 1] = x[second, rows, 1] = 1
    return {"x": x, "y": x[first, rows, 0] + x[second, rows, 0]}


def copying(rng: np.random.Generator, steps: int) -> Arrays:
    """T + 20 steps: ten symbols, T - 1 blanks, the question, ten blanks."""
    message = rng.integers(0, 8, (10, ROWS))
    k, y = (np.full((steps + 20, ROWS), BLANK) for _ in range(2))
    k[:10], k[steps + 9], y[-10:] = message, ASK, message
    return {"k": k, "y": y}


def squared_error(loss: float) -> float:
    """Of a Gaussian of variance 1."""
    return 2 * loss - math.log(2 * math.pi)


def train(module: Any, batch: Batch, length: int, steps: int, rate: float, seed: int) -> float:
    """The loss on fresh sequences after training; NaN when it has blown up."""
    rng, optimizer = np.random.default_rng(seed), Adam()
    params = module.init(seed=seed)
    for step in range(steps):
        loss, grads = module.loss_and_grad(params, batch(rng, length))
        if not math.isfinite(loss):
            return math.nan
        clip(grads, 1.0)
        optimizer.update(params, grads, rate * min(1.0, 2 - 2 * step / steps))
    tests = (batch(np.random.default_rng([seed, 1, number]), length) for number in range(20))
    return float(np.mean([module.forward(params, test).loss for test in tests]))


def reach(module: Any, batch: Batch, length: int) -> float:
    """How much of the gradient with respect to h is left at the first step, before training."""
    flow = rnnc.gradient_flow(module, module.init(seed=0), batch(np.random.default_rng(0), length))
    curve = flow.memories["h"]
    return float(curve[length - 1] / curve[0])


TASKS = (  # name, spec, sequences, the measure, its baseline, the part of the updates
    ("adding, squared error", ADDING, adding, squared_error, lambda length: 1 / 6, 1.0),
    ("copying, nats a step", COPY, copying, float, lambda length: 10 * math.log(8) / (length + 20), 0.25),
)


def table(updates: int, rate: float, lengths: tuple[int, ...]) -> None:
    print("| task | T | network | result | baseline | gradient left after T steps, at the start |")
    print("|---|---|---|---|---|---|")
    for name, text, batch, shown, baseline, part in TASKS:
        for length in lengths:
            for network, cell in CELLS.items():
                module = rnnc.loads(text.format(n=HIDDEN, lag=length - 1, cell=cell))
                count = int(part * updates * 100 / length)
                result = shown(train(module, batch, length, count, rate, seed=0))
                left = reach(module, batch, length)
                shares = f"{result:.4f} | {baseline(length):.4f} | {left:.1e}"
                print(f"| {name} | {length} | {network} | {shares} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What six networks can carry over many steps.")
    parser.add_argument(
        "--updates",
        type=int,
        default=4000,
        help="for adding at T = 100; a quarter for copying, and at T = 400 (default 4000)",
    )
    parser.add_argument("--rate", type=float, default=0.01, help="peak learning rate of Adam (default 0.01)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 400], help="default: 100 400")
    arguments = parser.parse_args()
    table(arguments.updates, arguments.rate, tuple(arguments.lengths))


if __name__ == "__main__":
    main()
