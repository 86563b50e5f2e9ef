"""Properties of the contract at all sizes, the shortest among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..module import Arrays
from . import gradient, rows
from .case import Case
from .compare import GOOD, Comparison, Verdict, agree, failed, joined
from .data import Data, draw, full, garbage
from .observe import cotangents, everything, of_grads, of_run
from .subject import Subject


def check_short(subject: Subject, case: Case) -> Verdict:
    """No steps, one, fewer than the longest delay; no rows, one."""
    return joined(_short(subject, small) for small in shortest(subject, case))


def shortest(subject: Subject, case: Case) -> Iterator[Case]:
    counts = {0, 1, max(subject.delay - 1, 0)}
    for count in sorted(count for count in counts if count >= subject.least_length):
        for seed in (case.seed, case.seed ^ 1):  # from the start, and going on from a state
            yield replace(case, steps=tuple((axis, count) for axis, _ in case.steps), seed=seed)
    yield replace(case, rows=0)
    yield replace(case, rows=1)
    if not subject.least_length:
        yield replace(case, rows=0, steps=tuple((axis, 0) for axis, _ in case.steps))


def _short(subject: Subject, case: Case) -> Verdict:
    """Finite, right gradients, and the same as every row by itself."""
    data = full(subject, case)
    for name, value in everything(subject, data).items():
        if not np.isfinite(value).all():
            return failed(name, f"is not finite at {case.text()}")
    return gradient.judge(subject, data, brief=True).join(
        rows.check_singles(subject, case) if case.rows else GOOD
    )


def check_contract(subject: Subject, case: Case) -> Verdict:
    """What `init`, `forward`, `backward` and `loss_and_grad` promise of names, shapes and one another."""
    data = draw(subject, case)
    checks = (_init, _shapes, _shortcut, _without_targets)
    return joined(check(subject, data) for check in checks)


def _init(subject: Subject, data: Data) -> Verdict:
    m, case = subject.module, data.case
    dims = {name: count for name, count in subject.sizes(case).items() if name not in m.FIXED}
    one, again = (m.init(seed=case.seed, dtype="float32", **dims) for _ in range(2))
    wanted = {name: tuple(subject.number(s, case) for s in m.SHAPES[name]) for name in m.PARAMS}
    for name in sorted(set(one) | set(wanted)):
        if name not in one or name not in wanted:
            return failed(f"params.{name}", "is not in both `init` and `PARAMS`")
        if one[name].shape != wanted[name] or one[name].dtype != np.float32:
            found = f"{one[name].dtype} {one[name].shape}"
            return failed(f"params.{name}", f"`init` gives {found}, `SHAPES` say float32 {wanted[name]}")
    return Comparison(subject, ("drawn again", "drawn")).of(again, one)


def _shapes(subject: Subject, data: Data) -> Verdict:
    """Gradients are shaped like what they are of."""
    m = subject.module
    run = m.forward(data.params, data.batch)
    grads, d_batch, _ = m.backward(data.params, run, cotangents(m, data))
    if sorted(grads) != sorted(subject.trained):
        return failed("grad", f"gradients of {sorted(grads)}, trained are {sorted(subject.trained)}")
    if sorted(d_batch) != sorted(subject.real_inputs):
        return failed(
            "dbatch", f"gradients of {sorted(d_batch)}, real inputs are {sorted(subject.real_inputs)}"
        )
    for part, found, of in (("grad", grads, data.params), ("dbatch", d_batch, data.batch)):
        for name, value in found.items():
            if value.shape != of[name].shape:
                return failed(f"{part}.{name}", f"has shape {value.shape}, not {of[name].shape}")
    return GOOD


def _shortcut(subject: Subject, data: Data) -> Verdict:
    """`loss_and_grad` is `forward` and `backward`; to rounding, for it leaves out steps that are nobody's."""
    m = subject.module
    options: dict[str, Any] = {"train": True, "seed": data.case.seed}
    if m.LOSS is None:
        return GOOD

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        run = m.forward(data.params, data.batch, **options)
        loss, grads = m.loss_and_grad(data.params, data.batch, **options)
        wanted = {"loss": np.asarray(run.loss), **of_grads((m.backward(data.params, run)[0], {}, {}))}
        return {"loss": np.asarray(loss), **of_grads((grads, {}, {}))}, wanted

    return agree(subject, data, pair, ("loss_and_grad", "forward and backward"))


def _without_targets(subject: Subject, data: Data) -> Verdict:
    """Targets that nothing reads may be left out: the outputs are the same, and there is no loss."""
    optional = [name for name in subject.module.OPTIONAL if name in data.batch and name in subject.inputs]
    kept = {name: value for name, value in data.batch.items() if name not in optional}
    if not optional or not _tells_sizes(subject, data, kept):
        return GOOD
    with_targets, without = (subject.module.forward(data.params, b) for b in (data.batch, kept))
    if without.loss is not None:
        return failed("loss", "is there although the targets are not")
    parts = [
        {n: v for n, v in of_run(run).items() if n.startswith(("outputs.", "state."))}
        for run in (without, with_targets)
    ]
    return Comparison(subject, ("without targets", "with")).of(*parts)


def _tells_sizes(subject: Subject, data: Data, kept: Arrays) -> bool:
    """Whether what is left still says how long every axis is: an array, or the longest sequence."""
    extents = dict(data.case.steps)
    arrays = {axis for name in kept if name in subject.inputs for axis in subject.inputs[name].axes}
    return all(
        axis in arrays or kept[length].max(initial=0) == extents[axis]
        for axis, length in subject.axes.items()
    )


def check_wrong(subject: Subject, case: Case) -> Verdict:
    """A wrong name, shape or token is a ValueError that names it."""
    data = draw(subject, case)
    return joined(_refused(subject, data, name) for name in subject.inputs)


def _refused(subject: Subject, data: Data, name: str) -> Verdict:
    value, item = data.batch[name], subject.inputs[name]
    wrong = {"shape": value[..., None], "name": None}
    if item.kind == "token":
        wrong["token"] = np.full_like(value, garbage(value))
    for what, other in wrong.items():
        batch = {**data.batch, f"{name}_": value} if other is None else {**data.batch, name: other}
        try:
            subject.module.forward(data.params, batch)
        except ValueError as error:
            if name not in str(error):
                return failed(f"batch.{name}", f"a wrong {what} is refused without naming {name!r}: {error}")
        else:
            return failed(f"batch.{name}", f"a wrong {what} is not refused")
    return GOOD
