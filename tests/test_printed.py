"""What the printed text is like: products in loops, names, imports."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator

import pytest
import rnnc
from compiled import EXAMPLES as FOLDER
from rnnc.compiler.driver import Options
from rnnc.compiler.printing import page
from rnnc.spec.cells import library
from test_cells import spec as cell_spec

EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.rnn"))
PRODUCTS = {"product", "dot", "matmul", "einsum", "tensordot", "inner", "outer", "vdot"}


def spec_of(example: str) -> str:
    return (FOLDER / f"{example}.rnn").read_text()


@functools.cache
def text_of(example: str, level: int) -> str:
    return rnnc.compile(FOLDER / f"{example}.rnn", Options(level=level))


def compile_source(spec: str) -> str:
    """The fast module of a spec given as text."""
    return "".join(inspect.getsource(rnnc.loads(spec)))


def function(text: str, name: str) -> ast.FunctionDef:
    """A function of a module by name."""
    return next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == name)


def loops(body: ast.AST) -> list[ast.For]:
    return [node for node in ast.walk(body) if isinstance(node, ast.For)]


def products(body: ast.AST) -> Iterator[ast.AST]:
    """Every matrix product: `a @ b` and NumPy's functions for it."""
    for node in ast.walk(body):
        func = node.func if isinstance(node, ast.Call) else None
        called = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if called in PRODUCTS or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)):
            yield node


@pytest.mark.parametrize("name", ["_forward", "_backward"])
def test_the_fast_lstm_has_one_product_per_step(name: str) -> None:
    """Four gates with two weights each: one product a step, forward and backward, and no other."""
    body = function(text_of("char_lstm", 2), name)
    (loop,) = loops(body)
    assert len(list(products(loop))) == 1


@pytest.mark.parametrize("kind", ["bool", "bool[3]"])
def test_the_textbook_gradient_of_a_bernoulli_head(kind: str) -> None:
    """d * (sigmoid(z) - y), as that of a softmax is d * (softmax(z) - onehot)."""
    spec = "axis t = 1..T\ninput x[t] : real[2]\nhead y[t] : KIND ~ bernoulli(affine(x[t]))\n".replace(
        "KIND", kind
    )
    text = "".join(inspect.getsource(rnnc.loads(spec, Options(level=0))))
    backward = ast.unparse(function(text, "_backward"))
    assert (
        re.search(r"dy_nll_sum \* \(sigmoid\(y_logits\[t\]\) - y_nll_\d\[t\]\)", backward)
        and "expm1" not in backward
    )


def test_what_loops_call_is_imported_but_for_what_the_spec_calls_so() -> None:
    """A quantity called `add` keeps its name, and NumPy's function is `np.add`."""
    spec = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n]\n"
    text = compile_source(
        spec + "add[t] = tanh(x[t] + add[t-1]) * exp(x[t])\nloss size = sum[t](sum(square(add[t])))\n"
    )
    assert "from numpy import multiply, tanh\n" in text
    loop = ast.unparse(loops(function(text, "_forward"))[0])
    assert "np.add(" in loop and "np.tanh" not in loop and " tanh(" in loop


def test_weight_gradients_of_the_fast_lstm_stand_outside_the_loop() -> None:
    body = function(text_of("char_lstm", 2), "_backward")
    (loop,) = loops(body)
    lines = [node.lineno for node in products(body)]
    # the head's: what it hands to h, its weights, its biases
    assert sum(line < loop.lineno for line in lines) == 3
    # input weights, recurrent weights, biases; the gradient of the input itself
    assert sum(line > (loop.end_lineno or 0) for line in lines) == 4


def test_gradients_of_the_fast_lstm_lie_where_the_forward_pass_is_done() -> None:
    """The gates' gradients need no array of their own, and what flows from step to step needs one step's."""
    wide = spec_of("char_lstm").replace("embed = 32", "embed = 128")  # else an input stands beside the state
    text = compile_source(wide)
    forward, backward = (ast.unparse(function(text, name)) for name in ("_forward", "_backward"))
    (gates,) = re.findall(r"buffer\('(\w+)', T_max, B, 4, hidden\)", backward)
    assert f"{gates} = buffer('{gates}', 4, T_max, B, hidden)" in forward
    assert gates not in forward[forward.index("return") :]
    assert "T_max + 1, B" not in backward


def test_a_narrow_input_of_joined_gates_stands_beside_the_state() -> None:
    """Inputs and ones are put there for all steps before the loop, the state at each step."""
    forward = function(text_of("char_lstm", 2), "_forward")
    (loop,) = loops(forward)
    before, body = ast.unparse(forward).split("for (")[0], ast.unparse(ast.Module(loop.body, []))
    beside = re.findall(r"(\w+)\[\.\.\., [^\]]*:", before)
    assert len(beside) == 3 and len(set(beside)) == 1  # an input, a one, and where the state goes
    assert re.findall(r"^\w+\[\.\.\.\] = h_tm1$", body, re.MULTILINE)
    assert called(ast.Module(loop.body, [])).count("add") == 2  # the cell's sum, the gates' half


def test_gradients_of_gates_outside_of_loops_lie_one_gate_after_the_other() -> None:
    """What fills them then fills memory in order. Products with them are still BLAS's: one for each gate where each
    has a result, one of a copy where the gates are added up, which is for inputs alone."""
    text = compile_source(
        "use mingru\naxis t = 1..T\ninput x[t] : real[3]\nh[t] = mingru(x[t], 4)\nhead y[t] : real[4] ~ normal(h[t])\n"
    )
    backward = ast.unparse(function(text, "_backward"))
    assert "buffer('dh_gz_1', 2, T_max, B, 4)" in backward and "einsum" not in backward
    of_parameters, of_inputs = backward.split("dx = buffer")
    assert "np.matmul(dh_gz_1.reshape(2, rows, 4).swapaxes(1, 2), x.reshape(rows, 3))" in of_parameters
    assert "transpose" not in of_parameters and "dh_gz_1.transpose(1, 2, 0, 3)" in of_inputs


def test_gates_of_the_fast_lstm_are_written_in_blocks() -> None:
    """Each gate's gradient into the buffer of one step, all of them in one go to where the product wants them."""
    loop = loops(function(text_of("char_lstm", 2), "_backward"))[0]
    gates = re.findall(r"\bmultiply\(\w+, \w+, (dh_ifog_\w+)\)", ast.unparse(loop))
    assert len(gates) == 4 and not [name for name in gates if name.endswith("_t")]
    assert len(re.findall(r"_t\[\.\.\.\] = ", ast.unparse(loop))) == 1


def made_in_loops(text: str) -> list[str]:
    """The new values in a module's loops."""
    bodies = [loop for name in ("_forward", "_backward") for loop in loops(function(text, name))]
    assigned = [n for loop in bodies for n in ast.walk(loop) if isinstance(n, ast.Assign)]
    return [ast.unparse(n) for n in assigned if isinstance(n.targets[0], ast.Name)]


def test_no_fast_loop_makes_arrays() -> None:
    """Along one axis, everything in a loop is written into a place made before it."""
    for example in EXAMPLES:
        if spec_of(example).count("\naxis ") == 1:
            assert not made_in_loops(text_of(example, 2)), example


@pytest.mark.parametrize("name", library())
def test_no_loop_of_a_library_cell_makes_arrays(name: str) -> None:
    """But for `np.where`, which has no place to write into. Nor does one call a function for a sigmoid."""
    text = compile_source(cell_spec(name))
    assert all(re.fullmatch(r"\w+ = np\.where\(.*\)", one) for one in made_in_loops(text))
    bodies = [loop for part in ("_forward", "_backward") for loop in loops(function(text, part))]
    assert not any("sigmoid" in called(loop) for loop in bodies)


def test_a_matrix_memory_is_read_by_products_side_by_side() -> None:
    """A matrix by a vector at every step, outside of loops too: `np.einsum` takes two to four times as long."""
    text = compile_source(cell_spec("deltanet") + "loss fit[t] = sum(square(h[t]))\n")
    forward, backward = (ast.unparse(function(text, name)) for name in ("_forward", "_backward"))
    assert re.search(r"matmul\(h_S\[1:\], h_q\[\.\.\., :, None\], ", forward)
    assert not re.search(r"einsum\('[^>]*\w{4}", forward + backward)


LSTM = """use lstm
dim m = 3, hidden = 4
axis t = 1..T
input x[t] : real[m], wanted[t] : real[hidden]
h[t] = lstm(x[t], hidden)
loss fit[t] = dot(wanted[t], h[t])
"""


def called(body: ast.AST) -> list[str]:
    """The functions a piece of code calls, by their last name, in order."""
    calls = [node.func for node in ast.walk(body) if isinstance(node, ast.Call)]
    return [f.attr if isinstance(f, ast.Attribute) else ast.unparse(f) for f in calls]


def test_the_gates_of_the_fast_lstm_are_squashed_by_one_tanh() -> None:
    """Sigmoids too, the half folded into their weights: one tanh for all gates and one for the cell."""
    text = compile_source(LSTM)
    (loop,) = loops(function(text, "_forward"))
    assert called(ast.Module(loop.body, [])).count("tanh") == 2
    assert "sigmoid" not in called(function(text, "_forward"))


def test_gradients_that_others_read_too_are_multiplied_at_once() -> None:
    """Those of normalised gates are summed for two parameters each: no chain of factors is gained by taking the block
    apart."""
    spec = FOLDER.parent / "benchmarks" / "specs" / "lstm_norm_peephole.rnn"
    text = compile_source(spec.read_text(encoding="utf-8"))
    (loop,) = loops(function(text, "_backward"))
    wide = re.findall(r"multiply\(dh_ifgo_\w+, h_ifgo_\w+_rows, dh_ifgo_\w+\)", ast.unparse(loop))
    assert len(wide) == 1 and "dh_ifgo_2[:, 0] = " not in text


def test_local_derivatives_of_the_fast_lstm_stand_before_the_loop() -> None:
    """Going back, a step adds what comes together and multiplies by slopes that are known already."""
    (loop,) = loops(function(compile_source(LSTM), "_backward"))
    found = called(ast.Module(loop.body, []))
    assert set(found) <= {"add", "multiply", "dot", "keep"}
    assert found.count("multiply") == 6  # the cell, four gates, what the cell hands on


@pytest.mark.parametrize("spec", [LSTM, spec_of("lstm")], ids=["from the library", "written out"])
def test_the_fast_lstm_is_short(spec: str) -> None:
    """Forward and backward together; every statement under the equation it computes."""
    text = compile_source(spec)
    lines = text.splitlines()
    spans = [function(text, name) for name in ("_forward", "_backward")]
    used = [line for span in spans for line in lines[span.lineno - 1 : span.end_lineno] if line.strip()]
    assert len(used) < 150


TWO_GIVEN = """axis t = 1..T
input x[t] : real[3]
h[t] : real[4] = tanh(affine(x[t], h[t-1]))
head y[t] : real[4] ~ normal(h[t])
"""


def test_what_nobody_asks_for_is_no_array_of_zeros() -> None:
    """h is read by the loss, by the head's mean that is an output, and is a state: three cotangents, one of
    them always there."""
    body = function(compile_source(TWO_GIVEN), "_backward")
    assert "_cotangent" not in called(body)
    assert re.findall(r"_given\(cotangents, call, (.+)\)", ast.unparse(body)) == ["'output:y', 'state:h'"]
    (loop,) = loops(body)
    assert called(ast.Module(loop.body, [])) == ["add", "multiply", "dot"]


def test_two_layers_are_two_loops() -> None:
    """The second layer's input products are taken for all steps at once: it needs a loop of its own."""
    assert len(loops(function(text_of("lstm2", 2), "_forward"))) == 2


def test_textbook_code_is_one_loop_each_way() -> None:
    text = text_of("vanilla", 0)
    (forward,) = loops(function(text, "_forward"))
    (backward,) = loops(function(text, "_backward"))
    assert "h[t] = " in ast.unparse(forward)
    assert ast.unparse(forward.iter) == "range(1, T_max + 1)"
    assert ast.unparse(backward.iter) == "range(T_max, 0, -1)"


@pytest.mark.parametrize("level", [0, 2])
def test_lines_are_short_and_ascii(level: int) -> None:
    for example in EXAMPLES:
        text = text_of(example, level)
        assert text.isascii()
        code = [line for line in text.splitlines() if not line.lstrip().startswith(("SPEC = ", "#"))]
        assert max(map(len, code)) <= 120, max(code, key=len)


@pytest.mark.parametrize("level", [0, 2])
def test_same_input_same_bytes(level: int) -> None:
    assert text_of.__wrapped__("gru", level) == text_of("gru", level)


def test_comments_name_the_line_of_the_spec() -> None:
    text = text_of("vanilla", 2)
    assert "vanilla.rnn:" in text.partition("def _forward")[2].partition("def _backward")[0]
    assert "back through h[t] = " in text


def test_a_template_takes_only_text_that_the_compiler_made() -> None:
    assert page.only_code(page.Code("x = 1")) == "x = 1"
    with pytest.raises(TypeError, match="a template was given str, not Code"):
        page.only_code("x = 1")


@pytest.mark.parametrize("cell", ["fastgrnn", "liquid"])
def test_what_comes_back_is_multiplied_once(cell: str) -> None:
    """Two parameters are no factors of products there, and their gradients need terms of the recurrence's sum: these
    are computed outside. At each step what comes back is added up, passed on, and multiplied by one slope."""
    text = compile_source(cell_spec(cell) + "loss fit[t] = sum(square(h[t]))\n")
    (loop,) = loops(function(text, "_backward"))
    found = called(ast.Module(loop.body, []))
    assert found.count("multiply") + found.count("divide") == 2 and found.count("add") == 2
