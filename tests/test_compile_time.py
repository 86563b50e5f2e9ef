"""How long compiling takes: counted in calls of functions, which do not depend on the machine or on its load.

Work that compilers hide in one call (a list made over all equations for each equation) shows as well: what such a
loop asks of every equation are calls too."""

from __future__ import annotations

import cProfile
import subprocess
import sys
from pathlib import Path

import pytest
from rnnc.compiler.driver import Options, compile_source
from rnnc.spec.source import Source

LAYERS = """use lstm
dim n = 16
axis t = 1..T
input x[t] : real[n]
h0[t] = x[t]
for l in 1..{layers} {{
  h{{l}}[t] = lstm(h{{l-1}}[t], n)
}}
head y[t] : real[n] ~ normal(affine(h{{{layers}}}[t]), 1)
"""

# Every step's loss is read by one sum, every step of the input by one gradient.
CHAIN = """axis t = 1..T
input x[t] : real
h[t] = tanh(x[t] + h[t-1])
head y[t] : real ~ normal(h[t], 1)
"""

# All of them are on one cycle, at the step before and at the same step.
RING = """axis t = 1..T
input x[t] : real
h0[t] : real = tanh(h{layers}[t-1] + x[t])
for i in 1..{layers} {{
  h{{i}}[t] : real = tanh(0.5 * h{{i-1}}[t] + h{{i-1}}[t-1] + h{{i}}[t-1])
}}
head y[t] : real ~ normal(h{layers}[t], 1)
"""


def dims(count: int) -> str:
    """So many layers, each of a size of its own."""
    layers = (
        f"dim n{i} = {i + 1}\nh{i}[t] : real[n{i}] = tanh(affine(h{i - 1}[t], h{i}[t-1]))"
        for i in range(1, count)
    )
    head = f"axis t = 1..T\ndim n0 = 1\ninput x[t] : real[n0]\nh0[t] = x[t]\noutput h{count - 1}"
    return "\n".join([head, *layers, ""])


def calls(layers: int, unroll: int | None = None, level: int = 2, text: str = LAYERS) -> int:
    """How many functions, of Python and of C, are called to compile so many layers."""
    source, profile = Source("layers.rnn", text.format(layers=layers)), cProfile.Profile()

    def run() -> None:
        compile_source(source, Options(level=level, unroll=unroll), lambda span, name: None)

    run()  # what is made once and kept is not counted
    profile.runcall(run)
    return sum(entry.callcount for entry in profile.getstats())


def test_linear_in_the_number_of_quantities_on_one_cycle() -> None:
    few, more, most = (calls(count, text=RING) for count in (5, 25, 45))
    assert most - more < 1.1 * (more - few), (few, more, most)


def test_linear_in_the_number_of_dims() -> None:
    few, more, most = (calls(0, text=dims(count)) for count in (5, 25, 45))
    assert most - more < 1.02 * (more - few), (few, more, most)


@pytest.mark.parametrize("level", [0, 2])
def test_linear_in_the_number_of_equations(level: int) -> None:
    few, more, most = (calls(layers, level=level) for layers in (1, 4, 7))
    assert most - more < 1.12 * (more - few), (few, more, most)


@pytest.mark.parametrize("level", [0, 2])
def test_linear_in_the_number_of_layers_whose_steps_are_written_out(level: int) -> None:
    few, more, most = (calls(layers, unroll=4, level=level) for layers in (1, 2, 3))
    assert most - more < 1.12 * (more - few), (few, more, most)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(
    ("text", "steps"), [(LAYERS, (3, 9, 15)), (CHAIN, (10, 50, 90))], ids=["layers", "chain"]
)
def test_linear_in_the_number_of_steps_written_out(text: str, steps: tuple[int, ...], level: int) -> None:
    few, more, most = (calls(1, unroll=count, level=level, text=text) for count in steps)
    assert most - more < 1.12 * (more - few), (few, more, most)


def test_a_start_without_what_is_not_needed() -> None:
    code = "import rnnc, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "lark", "rnnc.api", "rnnc.compiler", "rnnc.spec"} & set(loaded)


# What compiling a spec without mistakes has no use for; beside the compiler itself little of rnnc is left.
NEEDLESS = """
numpy hypothesis pytest
rnnc.compiler.prelude rnnc.compiler.printing.shared rnnc.compiler.reference rnnc.compiler.probes rnnc.compiler.cost
rnnc.spec.catalogue rnnc.spec.formatter rnnc.spec.pretty
""".split()
OF_RNNC = """
__main__ api commands commands.compile commands.options failure files runtime runtime.files terminal
""".split()


def test_compiling_loads_what_it_needs_and_builds_no_parser(tmp_path: Path) -> None:
    spec = tmp_path / "a.rnn"
    spec.write_text(LAYERS.format(layers=1), "utf-8")
    code = (
        "import sys, lark; from rnnc.spec import tables\n"
        "tables.built = lambda grammar: sys.exit('the parser was built')\n"
        "from rnnc.__main__ import main\n"
        "status = main(['compile', sys.argv[1]]); print(*sys.modules); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(spec)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded.intersection(NEEDLESS)
    own = {name.removeprefix("rnnc.") for name in loaded if name.startswith("rnnc.")}
    assert {name for name in own if name.partition(".")[0] not in ("spec", "compiler")} == {*OF_RNNC}
