"""One step of a network at a time, one sequence: how long until the output is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from rnnc.timing import interleaved, repeated

from .cases import Case, Size
from .contenders.contender import Absent, Disagreement, missing
from .contenders.networks import STATES, one_step, pack
from .handwritten.step import lstm_step

STATE_SIZES = (32, 128, 512)
REPEATED = 50  # steps timed together
TOLERANCE = 1e-4

Step = Callable[[Any, np.ndarray], tuple[Any, Any]]  # state, x -> next state, output
Stepper = tuple[Callable[[], Any], Step]  # the first state, and how to go on


@dataclass(slots=True)
class Row:
    """Seconds a step by contender, or why there is no such figure."""

    cell: str
    H: int
    seconds: dict[str, float] = field(default_factory=dict)
    absent: dict[str, tuple[str, str]] = field(default_factory=dict)


def measure(cells: Sequence[str], seconds: float, clock: str) -> list[dict[str, Any]]:
    """A row for each cell that can go step by step and each size of the state; inputs are as large."""
    rows = []
    for cell in cells:
        for H in STATE_SIZES if cell in STATES else ():
            row = _row(Case(cell, Size("step", 1, 1, H, H)), seconds, clock)
            shown = [f"{name} {value * 1e6:.1f}" for name, value in row.seconds.items()]
            print(f"{cell:19} H {H:<5}" + "  ".join(shown) + "  microseconds a step", flush=True)
            rows.append(asdict(row))
    return rows


def _row(case: Case, seconds: float, clock: str) -> Row:
    row, ready = Row(case.cell, case.size.H), dict[str, Stepper]()
    for name, (make, package) in STEPPERS.items():
        absent = missing(package) if package else None
        if name == "hand" and case.cell != "lstm":
            absent = Absent("–", "written by hand for the LSTM")
        if absent is None:
            ready[name] = make(case)
        else:
            row.absent[name] = (absent.short, absent.why)
    _agree(ready, case)
    x = np.random.default_rng(1).standard_normal((1, case.size.D)).astype(np.float32)
    runs = {name: repeated(_going_on(stepper, x), REPEATED) for name, stepper in ready.items()}
    row.seconds = {name: value / REPEATED for name, value in interleaved(runs, seconds, clock).items()}
    return row


def _going_on(stepper: Stepper, x: np.ndarray) -> Callable[[], None]:
    """One more step each time."""
    start, step = stepper
    state = start()

    def run() -> None:
        nonlocal state
        state, _ = step(state, x)

    return run


def _agree(steppers: dict[str, Stepper], case: Case) -> None:
    """Four steps give the same outputs everywhere."""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((4, 1, case.size.D)).astype(np.float32)
    states = {name: start() for name, (start, _) in steppers.items()}
    for x in inputs:
        found = {}
        for name, (_, step) in steppers.items():
            states[name], out = step(states[name], x)
            found[name] = np.asarray(out)
        for name, out in found.items():
            difference = float(np.max(np.abs(out.reshape(-1) - found["O2"].reshape(-1))))
            if not difference <= TOLERANCE:
                raise Disagreement(f"{name}: a step of {case.cell} differs by {difference:.2g}")


def _ours(case: Case, frozen: bool = True) -> Stepper:
    module, params = case.module(), case.params
    params = module.freeze(params) if frozen else params

    def step(state: Any, x: np.ndarray) -> tuple[Any, np.ndarray]:
        state, outputs = module.step(params, state, {"x": x})
        return state, outputs["y"]

    return lambda: module.start(params, 1), step


def _handwritten(case: Case) -> Stepper:
    def start() -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(case.size.H, np.float32), np.zeros(case.size.H, np.float32)

    return start, lstm_step(case.params)


def _onnx(case: Case) -> Stepper:
    from .contenders import with_onnx

    return with_onnx.step(case)


def _torch(case: Case) -> Stepper:
    import torch

    from .contenders.with_torch import functions

    xp = functions(case.dtype)
    packed = {name: torch.tensor(value) for name, value in pack(case.cell, case.params).items()}

    def step(state: Any, x: np.ndarray) -> tuple[Any, Any]:
        with torch.no_grad():
            return one_step(xp, case.cell, packed, state, torch.from_numpy(x))

    return lambda: _zeros(case, lambda shape: torch.zeros(shape)), step


def _jax(case: Case) -> Stepper:
    import jax
    import jax.numpy as jnp

    from .contenders.with_jax import functions

    xp, packed = functions(case.dtype), jax.device_put(pack(case.cell, case.params))
    compiled = jax.jit(lambda packed, state, x: one_step(xp, case.cell, packed, state, x))
    return (
        lambda: _zeros(case, jnp.zeros),
        lambda state, x: jax.block_until_ready(compiled(packed, state, x)),
    )


def _zeros(case: Case, zeros: Callable[[tuple[int, ...]], Any]) -> Any:
    state = tuple(zeros((1, case.size.H)) for _ in range(STATES[case.cell]))
    return state if len(state) > 1 else state[0]


STEPPERS: dict[str, tuple[Callable[[Case], Stepper], str]] = {
    "O2": (_ours, ""),
    "not frozen": (partial(_ours, frozen=False), ""),
    "hand": (_handwritten, ""),
    "ONNX Runtime": (_onnx, "onnxruntime"),
    "torch": (_torch, "torch"),
    "jax": (_jax, "jax"),
}
