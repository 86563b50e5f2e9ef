"""Functions that printed modules carry: stable, exact at the edges, and copied as they stand."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rnnc.compiler import prelude
from rnnc.compiler.prelude_text import definitions, names, prelude_names, prelude_source

INF = np.inf


@pytest.mark.filterwarnings("error")
def test_large_arguments_stay_finite() -> None:
    x = np.array([-1e4, -800.0, -30.0, 0.0, 30.0, 800.0, 1e4])
    np.testing.assert_allclose(prelude.sigmoid(x), [0, 0, np.exp(-30), 0.5, 1, 1, 1], atol=1e-13)
    np.testing.assert_allclose(prelude.softplus(x), np.logaddexp(x, 0), rtol=1e-14)
    np.testing.assert_allclose(prelude.logaddexp(x, x[::-1]), np.logaddexp(x, x[::-1]))
    np.testing.assert_allclose(prelude.logsumexp(x), 1e4)
    np.testing.assert_allclose(prelude.softmax(x), np.eye(7)[6])


@pytest.mark.filterwarnings("error")
def test_minus_infinity_is_the_logarithm_of_zero() -> None:
    nothing = np.full(3, -INF)
    assert prelude.logsumexp(nothing) == -INF
    np.testing.assert_array_equal(prelude.logaddexp(nothing, nothing), nothing)
    np.testing.assert_array_equal(prelude.logaddexp(nothing, np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(prelude.portion(nothing, nothing), np.zeros(3))
    np.testing.assert_array_equal(prelude.portion(np.zeros(3), np.zeros(3)), np.ones(3))


def test_nan_is_not_swallowed() -> None:
    nan = np.array([np.nan, 1.0])
    functions = [prelude.sigmoid, prelude.softplus, prelude.absolute, prelude.softmax, prelude.logsumexp]
    for function in functions:
        assert np.isnan(np.ravel(function(nan))[0]), function.__name__
    assert np.isnan(prelude.logaddexp(nan, np.zeros(2))[0])


def test_rows_are_summed_by_index() -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(4, size=(6, 5))
    rows = rng.normal(size=(6, 5, 3))
    wanted = np.zeros((7, 3))
    np.add.at(wanted, index, rows)
    np.testing.assert_allclose(prelude.scatter_rows(rows, index, 7), wanted, atol=1e-14)
    empty = prelude.scatter_rows(rows[:0], index[:0], 7)
    np.testing.assert_array_equal(empty, np.zeros((7, 3)))


def test_a_table_for_each_row_of_the_batch() -> None:
    rng = np.random.default_rng(0)
    tables, index = rng.normal(size=(1, 4, 6, 3)), rng.integers(6, size=(5, 4))
    found = prelude.take_rows(tables, index, 2)
    wanted = [[tables[0, b, index[t, b]] for b in range(4)] for t in range(5)]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_rows_by_stacked_matrices_are_one_product_for_one_row(rows: int) -> None:
    rng = np.random.default_rng(rows)
    x, matrices, out = (
        rng.normal(size=(rows, 5)),
        rng.normal(size=(4, 2, 5)).swapaxes(1, 2),
        np.empty((4, rows, 2)),
    )
    product, second, place = prelude.at_once(matrices, out)
    product(x, second, place)
    np.testing.assert_allclose(out, np.stack([x @ matrix for matrix in matrices]), rtol=1e-14)
    assert second.ndim == (2 if rows == 1 else 3) and second.flags.c_contiguous


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (2, 5, 3), (130, 1000)], ids=str)
def test_many_rows_are_weighed_as_few_are(shape: tuple[int, ...]) -> None:
    """The last are more than 16 megabytes."""
    rng = np.random.default_rng(0)
    weights, rows = rng.normal(size=shape), rng.normal(size=(*shape, 33 if len(shape) == 2 else 2))
    assert (rows.nbytes >= 2**24) == (shape == (130, 1000))
    found = prelude.weighed(weights, rows)
    np.testing.assert_allclose(found, np.tensordot(weights, rows, len(shape)), rtol=1e-10, atol=1e-10)


def test_source_comes_with_what_it_calls_in_the_order_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    text = prelude_source(["softmax", "absolute"])
    assert text.index("def absolute") < text.index("def softmax")
    assert "import" not in text and "def sigmoid" not in text


@pytest.mark.parametrize("name", sorted(prelude_names()))
def test_every_function_stands_alone(name: str) -> None:
    module: dict[str, object] = {"np": np}
    exec("from __future__ import annotations\n" + prelude_source([name]), module)
    assert callable(module[name])


def test_the_table_and_the_texts_load_without_numpy() -> None:
    code = "import rnnc.compiler.operators, rnnc.compiler.passes, rnnc.compiler.prelude_text as p, sys\n"
    code += "p.prelude_source(['softmax']); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


PRINTED = Path(prelude.__file__).parent
PARTS = [PRINTED / "prelude.py", *sorted((PRINTED / "printing" / "shared").glob("*.py"))]


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)
def test_functions_are_cut_as_the_parser_of_python_would_cut_them(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text).body
    wanted = {n.name: n for n in tree if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    found = definitions(text)
    assert list(found) == list(wanted)
    for name, source in found.items():
        assert ast.dump(ast.parse(source).body[0]) == ast.dump(wanted[name])
        used = {node.id for node in ast.walk(wanted[name]) if isinstance(node, ast.Name)}
        bound = {node.arg for node in ast.walk(wanted[name]) if isinstance(node, ast.arg)}
        assert used <= names(source), f"{name} uses {used - names(source)}"
        assert not (names(source) - used - bound - {name}) & (set(found) | prelude_names())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a = pick(b.expand, keepdims=True) == c", {"a", "pick", "b", "True", "c"}),
        ("'softmax' \"it's\" # softmax", set()),
        (r"x['a\'b']", {"x"}),
        ('f"{name(x)} of pick"', {"name", "x"}),
        ("_own(y_1)", {"_own", "y_1"}),
    ],
)
def test_names_are_not_those_of_attributes_keywords_strings_and_comments(text: str, found: set[str]) -> None:
    assert names(text) == found
