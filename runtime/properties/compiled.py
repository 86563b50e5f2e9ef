"""Properties of compiling: the same meaning in every form, and a module that stands alone."""

from __future__ import annotations

import hashlib
import json
import linecache
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import archive
from ..module import Array, Arrays
from .case import Case
from .compare import GOOD, ROUNDING, Comparison, Verdict, agree, failed, joined, rounding
from .data import Data, draw, full
from .equations import given, with_noise
from .observe import GRADIENTS, everything, only
from .subject import Spec, Subject

# Run by `python -I` with the module's text and the arrays in a folder of its own: every import but NumPy's
# and the standard library's fails.
DRIVER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "network"):
            raise ImportError("a printed module may import NumPy only, not " + name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import hashlib, json
import numpy as np
import network as m

parts = {"params": {}, "batch": {}, "state": {}, "cotangents": {}}
for name, value in np.load(sys.argv[1] + "/arrays.npz").items():
    part, dot, key = name.partition(".")
    if dot:
        parts[part][key] = value
with np.errstate(all="ignore"):
    run = m.forward(parts["params"], parts["batch"], state=parts["state"] or None)
    grads = m.backward(parts["params"], run, parts["cotangents"])
results = [run.outputs, run.nll or {}, run.state, *grads]
print(json.dumps([{k: hashlib.sha256(np.ascontiguousarray(v).tobytes()).hexdigest() for k, v in r.items()}
                  for r in results]))
"""
SECONDS = 120


def no_text(subject: Subject) -> str | None:
    return None if subject.spec else "the text of the spec is not at hand"


def check_levels(subject: Subject, case: Case) -> Verdict:
    """The textbook code, and this module."""
    return _equal(subject, case, _spec(subject).module(level=0), "-O0")


def _equal(subject: Subject, case: Case, other: object, label: str) -> Verdict:
    second = replace(subject, module=other)

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return everything(second, data), everything(subject, data)

    return agree(subject, full(subject, case), pair, (label, "this module"))


def _spec(subject: Subject) -> Spec:
    assert subject.spec is not None
    return subject.spec


def check_unrolled(subject: Subject, case: Case) -> Verdict:
    """Printed without a loop for exactly so many steps, each of which -O0 differentiates by itself."""
    longest = subject.delay + 2
    case = replace(case, steps=tuple((axis, longest) for axis, _ in case.steps))
    data = draw(subject, case, ragged=False)
    other = replace(subject, module=_spec(subject).module(level=0, unroll=longest))

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return everything(other, data), everything(subject, data)

    return agree(subject, data, pair, (f"unrolled {longest} times", "in a loop"))


def not_unrolled(subject: Subject) -> str | None:
    reason = no_text(subject)
    if reason is not None:
        return reason
    return None if subject.axes else "there are no steps to write out"


def check_reference(subject: Subject, case: Case) -> Verdict:
    """What the reference evaluator makes of the checked equations, one instance at a time."""
    data = with_noise(subject, full(subject, case))

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        wanted = _spec(subject).as_checked(*given(subject, data))
        found = everything(subject, data)
        return {name: within(found[name], value) for name, value in wanted.items()}, wanted

    return agree(subject, data, pair, ("this module", "the reference evaluator"))


def within(found: Array, wanted: Array) -> Array:
    """Without what is past the longest sequence."""
    return found[tuple(map(slice, wanted.shape))] if found.ndim == wanted.ndim else found


def check_passes(subject: Subject, case: Case) -> Verdict:
    """The equations before and after each pass, evaluated at the smallest sizes."""
    steps = tuple((axis, max(2, subject.delay)) for axis, _ in case.steps)
    small = replace(case, steps=steps, rows=2, dims=subject.smallest)
    data = with_noise(subject, full(subject, small))
    floor = rounding(data, only(everything(subject, data), *GRADIENTS))

    def verdict(name: str, before: Arrays, after: Arrays) -> Verdict:
        slack = dict.fromkeys(before, floor)
        return Comparison(subject, (f"after the pass {name}", "before it"), ROUNDING, slack).of(after, before)

    return joined(verdict(*step) for step in _spec(subject).after_passes(*given(subject, data)))


def text_of(subject: Subject) -> str:
    """The module's own text."""
    return "".join(linecache.getlines(str(subject.module.__file__)))


def no_source(subject: Subject) -> str | None:
    return None if text_of(subject) else "the module's text is not at hand"


def check_alone(subject: Subject, case: Case) -> Verdict:
    """In a new process without a single package but NumPy: the same bits."""
    data = full(subject, case)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "network.py").write_text(text_of(subject), encoding="utf-8")
        (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
        archive.write(folder / "arrays.npz", named(data), {})
        command = [sys.executable, "-I", str(folder / "driver.py"), name]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        return failed("", f"by itself it fails: {done.stderr.strip().splitlines()[-1]}")
    return _same_digests(subject, data, json.loads(done.stdout))


def named(data: Data) -> Arrays:
    parts = {
        "params": data.params,
        "batch": data.batch,
        "state": data.state or {},
        "cotangents": data.cotangents,
    }
    return {f"{part}.{name}": value for part, arrays in parts.items() for name, value in arrays.items()}


def _same_digests(subject: Subject, data: Data, found: list[dict[str, str]]) -> Verdict:
    here = everything(subject, data)
    for part, digests in zip(("outputs", "nll", "state", "grad", "dbatch", "dstate"), found):
        for name, digest in digests.items():
            value = np.ascontiguousarray(here[f"{part}.{name}"])
            if hashlib.sha256(value.tobytes()).hexdigest() != digest:
                return failed(f"{part}.{name}", "has other bits in a process of its own")
    return GOOD


def check_same_text(subject: Subject, case: Case) -> Verdict:
    """Compiled by another process with another hash seed: the same bytes."""
    found, wanted = _spec(subject).elsewhere().split("\n"), _spec(subject).text().split("\n")
    for number, (one, other) in enumerate(zip(found, wanted), 1):
        if one != other:
            return failed(
                "", f"line {number} of the module is {one.strip()!r} there and {other.strip()!r} here"
            )
    return GOOD if len(found) == len(wanted) else failed("", "the module is longer in one process")
