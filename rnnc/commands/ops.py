"""``rnnc ops``: what a spec's expressions can be made of."""

from __future__ import annotations

import argparse

from ..compiler.checking.functions import FUNCTIONS, OVER
from ..compiler.checking.heads import DENSITIES, Density
from ..compiler.operators import SURFACE, TABLE
from ..failure import FINE

# What is made of several operators, or whose sign says less than a word.
DOCS = {
    "+": "the sum", "-": "the difference", "*": "the product, elementwise", "/": "the quotient",
    "==": "whether equal", "!=": "whether different", "<": "whether less", "<=": "whether at most",
    ">": "whether greater", ">=": "whether at least", "and": "whether both", "or": "whether one or both",
    "not_": "whether not", "-_": "the negative", "+_": "the same",
    "@": "matrix by vector, matrix by matrix, vector by matrix: last size of a with first of b",
    "gelu": "0.5 a (1 + tanh(√(2/π) (a + 0.044715 a³)))", "silu": "a * sigmoid(a)",
    "norm": "the Euclidean length over the last size", "dot": "the sum of a * b over the last size",
    "log_softmax": "a - logsumexp(a), over the last size",
    "layer_norm": "less its mean, by its standard deviation, over the last size (eps 1e-5)",
    "rms_norm": "by its root mean square, over the last size (eps 1e-5)",
}  # fmt: skip
AFFINE = ("affine(a, b, …)", "W_a @ a + W_b @ b + … + bias, with parameters of its own")
TOKENS = ("E[k]", "row k of the table E, k a token")

STARTS = [
    ("~ zeros", ""),
    ("~ ones", ""),
    ("~ constant(v)", ""),
    ("~ normal(std)", "mean 0; std 1 if left out"),
    ("~ uniform(lo, hi)", "-1 and 1 if left out"),
    ("~ glorot", "uniform, as wide as the last two sizes ask for"),
    ("~ he", "normal, as wide as the last size asks for"),
    ("~ orthogonal(gain)", "gain 1 if left out"),
    ("~ identity", ""),
    ("~ sparse(density, radius)", "so many entries not 0, the spectral radius as given"),
    ("~ range", "1, 2, … along the last size"),
]
Row = tuple[str, str]


def add_arguments(command: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    sections = {
        "Functions": functions(),
        "Over an axis": over_axes(),
        "Distributions of heads": [(_call(density), _targets(density)) for density in DENSITIES.values()],
        "Starts of parameters": STARTS,
    }
    width = max(len(usage) for rows in sections.values() for usage, _ in rows)
    parts = [
        f"{title}:\n" + "".join(_line(usage, doc, width) for usage, doc in rows)
        for title, rows in sections.items()
    ]
    print("\n".join(parts), end="")
    return FINE


def functions() -> list[Row]:
    rows = [(function.usage.replace("`", ""), doc(name)) for name, function in FUNCTIONS.items()]
    return [*rows, TOKENS, AFFINE]


def doc(name: str) -> str:
    """One line on a function of the language."""
    return DOCS.get(name) or SURFACE[name][0].doc


def over_axes() -> list[Row]:
    return [(f"{name}[s](a)", TABLE[operator].doc) for name, operator in OVER.items()]


def _call(density: Density) -> str:
    return f"{density.name}({', '.join(parameter.key for parameter in density.params)})"


def _targets(density: Density) -> str:
    left_out = [parameter.key for parameter in density.params[density.required :]]
    default = f"; {', '.join(left_out)} may be left out" if left_out else ""
    return f"for {' or '.join(density.targets)}{default}"


def _line(usage: str, doc: str, width: int) -> str:
    return f"  {usage:<{width}}  {doc}".rstrip() + "\n"
