"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

# What books and other languages call it.
SYNONYMS = {
    "average": "mean", "boolean": "bool", "cat": "concat", "clamp": "clip", "concatenate": "concat",
    "constant": "const", "dense": "affine", "detach": "stop_gradient", "dimension": "dim", "double": "real",
    "fabs": "abs", "float": "real", "float32": "real", "float64": "real", "from": "use", "gaussian": "normal",
    "if": "where", "include": "import", "integer": "int", "layernorm": "layer_norm", "linear": "affine",
    "ln": "log", "logistic": "sigmoid", "matmul": "einsum", "maximum": "max", "minimum": "min",
    "one_hot": "onehot", "parameter": "param", "rmsnorm": "rms_norm", "sigma": "sigmoid", "size": "dim",
    "sqr": "square", "stack": "concat", "swish": "silu", "target": "head", "until": "stop",
    "weight": "param", "xavier": "glorot",
}  # fmt: skip


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate closest to a name: the same but for case, a synonym, or at most a third of it changed."""
    known = sorted(set(candidates))
    for candidate in known:
        if candidate.lower() == name.lower() and candidate != name:
            return candidate
    if SYNONYMS.get(name.lower()) in known:
        return SYNONYMS[name.lower()]
    limit = len(name) // 3
    near = [c for c in known if c != name and abs(len(c) - len(name)) <= limit]
    ranked = sorted((distance(name, c), abs(len(c) - len(name)), c) for c in near)
    return ranked[0][2] if ranked and ranked[0][0] <= limit else None


def distance(a: str, b: str) -> int:
    """How many letters must be put in, taken out, changed, or swapped with a neighbour."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        older, before, row = before, row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(before[j + 1] + 1, row[j] + 1, before[j] + (x != y)))
            if i and j and x == b[j - 1] and a[i - 1] == y:
                row[-1] = min(row[-1], older[j - 1] + 1)
    return row[-1]
