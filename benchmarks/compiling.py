"""How long the compiler itself takes: whole processes of `rnnc compile`, and how its time grows with a spec.

Seconds are those that the processor spends in the process, the least of a few: what else the machine does adds to
the others."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnnc.compiler.driver import Options, compile_source
from rnnc.spec.source import Source

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TIMES = 3  # of these the least counts


@dataclass(slots=True)
class Row:
    """``seconds`` by what grows, or for the one thing that is measured."""

    what: str
    aim: float | None
    seconds: dict[str, float]


def recurrences(count: int) -> str:
    """So many cells beside each other, and the sum of all."""
    return f"""dim n = 16
axis t = 1..T
input x[t] : real[n]
s0[t] = x[t]
for i in 1..{count} {{
  h{{i}}[t] : real[n] = tanh(affine(h{{i}}[t-1]) + x[t])
  s{{i}}[t] = s{{i-1}}[t] + h{{i}}[t]
}}
head y[t] : real[n] ~ normal(s{count}[t], 1)
"""


def layers(count: int) -> str:
    """So many layers of the library's LSTM."""
    return f"""use lstm
dim n = 16
axis t = 1..T
input x[t] : real[n]
h0[t] = x[t]
for l in 1..{count} {{
  h{{l}}[t] = lstm(h{{l-1}}[t], n)
}}
head y[t] : real[n] ~ normal(affine(h{count}[t]), 1)
"""


def measure() -> list[dict[str, Any]]:
    one = "LSTM layers"
    rows = [_examples(), _import(), _whole("10 LSTM layers, --unroll 50", 3.0, layers(10), "--unroll", "50")]
    rows.append(_growing("recurrences", (50, 100, 200, 400, 800), recurrences, lambda count: None))
    rows.append(_growing(one, (5, 10, 20, 40, 80), layers, lambda count: None))
    rows.append(_growing("steps of --unroll", (10, 20, 40, 80), lambda count: layers(1), lambda count: count))
    for row in rows:
        print(
            f"{row.what}:", *(f"{name} {seconds:.3f} s" for name, seconds in row.seconds.items()), flush=True
        )
    return [asdict(row) for row in rows]


def _examples() -> Row:
    """The largest of all, with the name of that example."""
    found = {path.stem: _process("-m", "rnnc", "compile", str(path), "-o", os.devnull, "--force")
             for path in sorted(EXAMPLES.glob("*.rnn"))}  # fmt: skip
    slowest = max(found, key=found.__getitem__)
    middle = sorted(found, key=found.__getitem__)[len(found) // 2]
    seconds = {slowest: found[slowest], middle: found[middle]}
    return Row(f"rnnc compile: the slowest of {len(found)} examples, and the middle one", 0.3, seconds)


def _import() -> Row:
    """Beside what Python takes by itself."""
    return Row("import rnnc", 0.05, {"": max(0.0, _process("-c", "import rnnc") - _process("-c", "pass"))})


def _whole(what: str, aim: float, text: str, *words: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "large.rnn")
        spec.write_text(text, encoding="utf-8")
        return Row(what, aim, {"": _process("-m", "rnnc", "compile", str(spec), *words)})


def _process(*words: str) -> float:
    """The least time of a few processes; the first leaves its bytecode, as an installation does."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def once() -> float:
        before = _children()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
        return _children() - before

    return min(once() for _ in range(TIMES))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _growing(
    what: str, counts: Sequence[int], text: Callable[[int], str], unroll: Callable[[int], int | None]
) -> Row:
    """In this process, as a process of its own goes about it."""
    seconds: dict[str, float] = {}
    _compile(text(counts[0]), unroll(counts[0]))  # what is made once is not counted
    for count in counts:
        seconds[str(count)] = min(_compile(text(count), unroll(count)) for _ in range(2))
    return Row(what, None, seconds)


def _compile(text: str, unroll: int | None) -> float:
    gc.collect()
    gc.disable()
    begin = time.process_time()
    try:
        compile_source(Source("large.rnn", text), Options(unroll=unroll), lambda name, span: None)
        return time.process_time() - begin
    finally:
        gc.enable()
