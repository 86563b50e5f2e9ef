"""Properties of memory: nobody's arrays are touched, nothing is shared, calls do not meet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from .. import archive
from ..module import Array, Arrays
from ..params import load_params, save_params
from .case import Case
from .compare import GOOD, Comparison, Verdict, agree, failed, joined
from .data import Data, full
from .observe import cotangents, everything, of_grads, of_run
from .subject import Subject
from .time import one_step

# ------------------------------------------------------------------------------------- arguments, results


def parts_of(data: Data) -> dict[str, Arrays]:
    return {
        "params": data.params,
        "batch": data.batch,
        "state": data.state or {},
        "cotangents": data.cotangents,
    }


def with_parts(data: Data, change: Callable[[str, Array], Array]) -> Data:
    """Every argument changed; the function gets its name too."""
    changed = {part: {n: change(n, v) for n, v in arrays.items()} for part, arrays in parts_of(data).items()}
    state = None if data.state is None else changed["state"]
    return Data(data.case, changed["params"], changed["batch"], state, changed["cotangents"])


def use(subject: Subject, data: Data) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything a module can be asked, one call after the other, with the arrays that come back."""
    m = subject.module
    run = m.forward(data.params, data.batch, state=data.state)
    yield "forward", of_run(run)
    yield "backward", of_grads(m.backward(data.params, run, cotangents(m, data)))
    if run.loss is not None:
        yield (
            "loss_and_grad",
            of_grads((m.loss_and_grad(data.params, data.batch, state=data.state)[1], {}, {})),
        )
    if subject.stream and dict(data.case.steps)[subject.stream]:
        yield from one_step(subject, data)


def check_inputs(subject: Subject, case: Case) -> Verdict:
    """Every argument is as it was, and read-only arrays will do."""
    data = full(subject, case)
    before = with_parts(data, lambda _, value: value.copy())
    for call, _ in use(subject, data):
        for part, arrays in parts_of(data).items():
            for name, value in arrays.items():
                if value.tobytes() != parts_of(before)[part][name].tobytes():
                    return failed(f"{part}.{name}", f"`{call}` wrote into it")
    for _ in use(subject, with_parts(before, _frozen)):
        pass
    return GOOD


def _frozen(_: str, value: Array) -> Array:
    value.flags.writeable = False
    return value


def check_aliasing(subject: Subject, case: Case) -> Verdict:
    """No result shares memory with an argument or with another result; what a caller writes into
    results does not come back."""
    data = full(subject, case)
    found: dict[str, Array] = {
        f"{part}.{n}": v for part, arrays in parts_of(data).items() for n, v in arrays.items()
    }
    arguments = set(found)
    for call, results in use(subject, data):
        found |= {f"{call}: {name}": value for name, value in results.items()}
    for one, other in combinations(found, 2):
        if not (one in arguments and other in arguments) and np.shares_memory(found[one], found[other]):
            return failed(other, f"shares memory with {one}")
    return _overwritten(subject, data)


def _overwritten(subject: Subject, data: Data) -> Verdict:
    """The caller fills every result of `forward` with NaN before `backward`."""
    m = subject.module
    runs = [m.forward(data.params, data.batch, state=data.state) for _ in range(2)]
    for arrays in (runs[0].outputs, runs[0].nll or {}, runs[0].state):
        for value in arrays.values():
            value[...] = np.nan if value.dtype.kind in "fc" else 0
    found, wanted = (of_grads(m.backward(data.params, run, cotangents(m, data))) for run in runs)
    return Comparison(subject, ("after its results were written into", "untouched")).of(found, wanted)


# --------------------------------------------------------------------------------------------- repetition


def check_determinism(subject: Subject, case: Case) -> Verdict:
    """The same call twice."""
    data = full(subject, case)
    return Comparison(subject, ("again", "once")).of(everything(subject, data), everything(subject, data))


def check_reentrant(subject: Subject, case: Case) -> Verdict:
    """Another network's forward pass, at other sizes, between a forward pass and its backward pass."""
    m = subject.module
    datas = [full(subject, c) for c in (case, other_sizes(case))]
    wanted = [everything(subject, data) for data in datas]
    runs = [m.forward(d.params, d.batch, state=d.state) for d in datas]
    verdicts = []
    for data, run, alone in zip(datas, runs, wanted):
        found = of_run(run) | of_grads(m.backward(data.params, run, cotangents(m, data)))
        verdicts.append(Comparison(subject, ("between other calls", "alone")).of(found, alone))
    return joined(verdicts)


def other_sizes(case: Case) -> Case:
    """Other data, one row more and one step more."""
    steps = tuple((axis, count + 1) for axis, count in case.steps)
    return replace(case, seed=case.seed + 1, rows=case.rows + 1, steps=steps)


def check_threads(subject: Subject, case: Case) -> Verdict:
    """Four threads at once, each with its own data."""
    datas = [full(subject, replace(case, seed=case.seed + k)) for k in range(4)]
    wanted = [everything(subject, data) for data in datas]
    with ThreadPoolExecutor(len(datas)) as pool:
        found = list(pool.map(lambda k: everything(subject, datas[k % 4]), range(16)))
    comparison = Comparison(subject, ("beside other threads", "alone"))
    return joined(comparison.of(one, wanted[k % 4]) for k, one in enumerate(found))


def check_workspace(subject: Subject, case: Case) -> Verdict:
    """With a workspace that was used for other data and other sizes before."""
    m = subject.module
    data, other = full(subject, case), full(subject, other_sizes(case))
    space = m.workspace(data.params, data.batch)

    def once(data: Data) -> Arrays:
        run = m.forward(data.params, data.batch, state=data.state, workspace=space)
        found = {name: value.copy() for name, value in of_run(run).items()}
        grads = of_grads(m.backward(data.params, run, cotangents(m, data), workspace=space))
        return found | {name: value.copy() for name, value in grads.items()}

    once(other)
    comparison = Comparison(subject, ("with a used workspace", "fresh"))
    wanted = everything(subject, data)
    return joined(comparison.of(once(data), wanted) for _ in range(2))


# ------------------------------------------------------------------------------------------------- layout


def check_layouts(subject: Subject, case: Case) -> Verdict:
    """Every other element of a larger array, Fortran order, backwards; small integers."""
    data = full(subject, case)
    arrange: dict[str, Callable[[Array], Array]] = {
        "strided": _strided,
        "Fortran": lambda value: np.array(value, order="F"),
        "reversed": _reversed,
    }

    def verdict(name: str, change: Callable[[Array], Array]) -> Verdict:
        def pair(data: Data) -> tuple[Arrays, Arrays]:
            changed = with_parts(data, lambda _, value: change(value))
            changed = replace(changed, batch={n: _small(v) for n, v in changed.batch.items()})
            return everything(subject, changed), everything(subject, data)

        return agree(subject, data, pair, (f"{name} arrays", "plain"))

    return joined(verdict(name, change) for name, change in arrange.items())


def _small(value: Array) -> Array:
    return value.astype(np.int32, order="K") if value.dtype.kind == "i" else value


def _strided(value: Array) -> Array:
    if not value.ndim:
        return value
    wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
    wide[..., ::2] = value
    return wide[..., ::2]


def _reversed(value: Array) -> Array:
    flip = (slice(None, None, -1),) * value.ndim
    return np.array(value[flip])[flip] if value.ndim else value


# -------------------------------------------------------------------------------------------------- files


def check_files(subject: Subject, case: Case) -> Verdict:
    """Parameters and state written to files and read back."""
    data = full(subject, case)
    with tempfile.TemporaryDirectory() as folder:
        weights, carried = Path(folder) / "weights.npz", Path(folder) / "state.npz"
        save_params(weights, data.params, dims=subject.sizes(case))
        params, _ = load_params(weights, subject.module)
        state = data.state
        if state is not None:
            archive.write(carried, state, {})
            state = archive.read(carried, lambda headers, meta: None).arrays
    found = everything(subject, replace(data, params=params, state=state))
    return Comparison(subject, ("from files", "from memory")).of(found, everything(subject, data))
