"""Lowering: what each construct becomes in equations, and what the program says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_check_affine
import test_check_shapes
import test_check_time
from checked import attempt, lines, program
from rnnc.compiler.validate import validate
from rnnc.spec.catalogue import ENTRIES

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.rnn"))

HEADER = """\
dim n = 3, k = 4, j = 2
axis t = 1..T
input x[t] : real[n], a[t] : real, w[t] : token(k), c : real[n], b[t] : bool, i[t] : int
param W : real[n, n], v : real[n]
"""


def lowered(statements: str, name: str) -> list[str]:
    """The equations of one quantity of a spec."""
    return lines(program(f"{HEADER}{statements}\n"), name)


def right_specs() -> list[str]:
    """Every spec of the checker's tables that is right."""
    shapes, time, affine = test_check_shapes, test_check_time, test_check_affine
    return [
        *(path.read_text() for path in EXAMPLES),
        *(f"{shapes.HEADER}y[t] = {e}\noutput y\n" for e, _ in shapes.SHAPES),
        *(f"{shapes.HEADER}y[t] : {t} = {e}\noutput y\n" for t, e, code in shapes.DECLARED if not code),
        *(f"{time.HEADER}y[t] = x[{e}]\noutput y\n" for e in time.INDICES),
        *(f"{time.HEADER}{e}\noutput h\n" for e in time.LEGAL),
        *(f"{time.HEADER}h[t] = x[t] + h[t-1]\n{e}\noutput h\n" for e, code in time.ENDS if not code),
        *(f"{affine.HEADER}{e}\noutput h\n" for e, _ in affine.NAMES),
        *(entry.right for entry in ENTRIES if entry.code >= "RNN200"),
    ]


def test_every_right_spec_lowers_to_a_valid_system() -> None:
    specs = right_specs()
    for spec in specs:
        found, _ = attempt(spec)
        assert found is not None
        validate(found.forward)
    assert len(specs) > 150


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_compile_without_a_warning(path: Path) -> None:
    found, reported = attempt(path.read_text())
    assert found is not None and reported == []


VANILLA = """\
dim input = 8, hidden = 32, classes = 5
axis t = 1..T
input x[t] : real[input]
param U : real[hidden, input], W : real[hidden, hidden] ~ orthogonal, b : real[hidden] = 0
param V : real[classes, hidden], c : real[classes] = 0
h[0] = 0
h[t] = tanh(b + W @ h[t-1] + U @ x[t])
head y[t] : token(classes) ~ categorical(c + V @ h[t])
"""


def test_the_vanilla_network() -> None:
    found = program(VANILLA)
    assert lines(found, "h") == [
        "h.start.1 : real = number() {value: 0.0}",
        "h.start[@] : real[hidden] = expand(h.start.1) {sizes: (<hidden>)}",
        'h.past[@] : real[hidden] = carry(h.start[@]) {key: "h"}',
        'h.1[t,@] : real[hidden] = einsum(W, h[t-1,@]) {spec: "ij,j->i"}',
        "h.2[t,@] : real[hidden] = add(b, h.1[t,@])",
        'h.3[t,@] : real[hidden] = einsum(U, x[t,@]) {spec: "ij,j->i"}',
        "h.4[t,@] : real[hidden] = add(h.2[t,@], h.3[t,@])",
        "h[t,@] : real[hidden] = tanh(h.4[t,@]) before t: h.past",
        "h.state[@] : real[hidden] = copy(h[T,@])",
    ]


# Statements, a quantity, and the last equations of it.
EQUATIONS = [
    ("y[t] = a[t] * x[t]", "y", ["y.1[t,@] : real[n] = expand(a[t,@]) {sizes: (<n>)}",
                                 "y[t,@] : real[n] = mul(y.1[t,@], x[t,@])"]),
    ("y[t] = x[t]", "y", ["y[t,@] : real[n] = copy(x[t,@])"]),
    ("y[t] = x[1] + x[T]", "y", ["y[t,@] : real[n] = add(x[1,@], x[T,@])"]),
    ("y = x[T]", "y", ["y[@] : real[n] = copy(x[T,@])"]),
    ("y = exp(v)", "y", ["y : real[n] = exp(v)"]),
    ("y = v * c", "y", ["y[@] : real[n] = mul(v, c[@])"]),
    ("z = exp(v)\ny = 2 * z", "y", ["y : real[n] = mul(y.2, z)"]),
    ("y[t] = v", "y", ["y[t,@] : real[n] = copy(v)"]),
    ("y[t] = 0.5", "y", ["y.1 : real = number() {value: 0.5}", "y[t,@] : real = copy(y.1)"]),
    ("y[t] = t", "y", ['y.1[t,@] : int = index() {axis: "t"}', "y[t,@] : real = real(y.1[t,@])"]),
    ("y[t] : int = t", "y", ['y[t,@] : int = index() {axis: "t"}']),
    ("y[t] = T", "y", ['y.1[@] : int = length() {axis: "t"}', "y[t,@] : real = real(y.1[@])"]),
    ("y[t] = a[t] / n", "y", ["y.1 : real = dim() {size: <n>}", "y[t,@] : real = div(a[t,@], y.1)"]),
    ("y[t] = w[t] == 2", "y", ["y.1 : int = number() {value: 2}", "y[t,@] : bool = eq(w[t,@], y.1)"]),
    ("y[t] = x[t] @ W", "y", ['y[t,@] : real[n] = einsum(x[t,@], W) {spec: "i,ij->j"}']),
    ("y[t] = W @ outer(x[t], x[t])", "y", ['y[t,@] : real[n,n] = einsum(W, y.1[t,@]) {spec: "ij,jk->ik"}']),
    ("y[t] = dot(x[t], c)", "y", ['y[t,@] : real = einsum(x[t,@], c[@]) {spec: "i,i->"}']),
    ("y = sum[t](x[t])", "y", ["y[@] : real[n] = sum_over(x[t,@])"]),
    ("y = sum[t](x[t-1] * a[t])", "y", ["y[@] : real[n] = sum_over(y.2[t,@])"]),
    ("y = sum[t](c)", "y", ["y.1[t,@] : real[n] = copy(c[@])", "y[@] : real[n] = sum_over(y.1[t,@])"]),
    ("y[t] = softmax[t](a[t])", "y", ['y[t,@] : real = softmax_over(a[t,@]) {axis: "t"}']),
    ("y[t] = x[0]", "y", ["y.1 : real = number() {value: 0.0}", "y.2 : real[n] = expand(y.1) {sizes: (<n>)}",
                          "y[t,@] : real[n] = copy(y.2)"]),
    ("x[0] = c\ny[t] = x[0]", "y", ["y[t,@] : real[n] = copy(x.start[@])"]),
    ("y[t] = rms_norm(x[t])", "y", ["y.1[t,@] : real[n] = square(x[t,@])", "y.2[t,@] : real = mean(y.1[t,@])",
                                    "y.3 : real = number() {value: 1e-05}",
                                    "y.4[t,@] : real = add(y.2[t,@], y.3)",
                                    "y.5[t,@] : real = sqrt(y.4[t,@])",
                                    "y.6[t,@] : real[n] = expand(y.5[t,@]) {sizes: (<n>)}",
                                    "y[t,@] : real[n] = div(x[t,@], y.6[t,@])"]),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "name", "wanted"), EQUATIONS)
def test_equations(statements: str, name: str, wanted: list[str]) -> None:
    assert lowered(f"{statements}\noutput y", name)[-len(wanted) :] == wanted


def test_a_value_used_twice_is_computed_once() -> None:
    found = lowered("y[t] = layer_norm(exp(x[t]))\noutput y", "y")
    assert sum(" = exp(" in line for line in found) == 1


def test_a_longer_delay_keeps_more_of_the_past() -> None:
    found = program(f"{HEADER}h[0] = c\nh[t] = tanh(h[t-1] + h[t-3])\noutput h\n")
    text = lines(found, "h")
    assert "h.start[@] : real[n] = copy(c[@])" in text
    assert 'h.past[u3,@] : real[n] = carry(h.start[@]) {key: "h"}' in text
    assert "h.state[u3,@] : real[n] = copy(h[u3+T-3,@])" in text
    assert [(state.key, state.lags, state.past) for state in found.states] == [("h", 3, "h.past")]
    assert [axis.size for axis in found.forward.axes if axis.index == "u3"] == [3]


def test_a_delay_of_a_dim_is_fixed() -> None:
    found = program(f"{HEADER}h[t] = tanh(x[t] + h[t-j])\noutput h\n", {"j": 5})
    assert found.states[0].lags == 5
    assert found.fixed["j"] == "it was needed to compile the index `t-j`"
    assert found.fixed["k"] == "it sizes no parameter"
    assert "n" not in found.fixed


def test_without_a_stream_the_start_itself_is_the_boundary() -> None:
    found = program(f"{HEADER}h[0] = c\nh[t] = tanh(h[t-1] + x[T])\noutput h\n")
    assert lines(found, "h")[-1] == "h[t,@] : real[n] = tanh(h.1[t,@]) before t: h.start"
    assert found.states == () and found.stream is None


def test_past_the_end() -> None:
    found = lowered("g[T+1] = c\ng[t] = tanh(g[t+1] + g[t+2])\noutput g", "g")
    assert "g.end[@] : real[n] = copy(c[@])" in found
    assert "g.end.lags[u2,@] : real[n] = copy(g.end[@])" in found
    assert found[-1].endswith("after t: g.end.lags")


def test_taps_of_inputs_are_carried() -> None:
    found = program(f"{HEADER}y[t] = x[t-2]\nm[t] = b[t-1]\nr[t] = w[t-1] == 1\noutput y, m, r\n")
    assert [(s.key, s.lags, s.type) for s in found.states] == [
        ("x", 2, "real"),
        ("w", 1, "int"),
        ("b", 1, "bool"),
    ]
    assert lines(found, "b.past.1") == ["b.past.1 : bool = number() {value: false}"]


def test_two_axes_have_corners() -> None:
    spec = (
        "axis i = 1..I\naxis j = 1..J\ninput x[i,j] : real\nd[0,j] = j\nd[i,0] = i\nd[0,0] = 7\n"
        "d[i,j] = min(d[i-1,j], min(d[i,j-1], d[i-1,j-1])) + x[i,j]\noutput d\n"
    )
    found = program(spec)
    assert lines(found, "d")[-1].endswith(
        "before i: d.start_i; before j: d.start_j; before i, before j: d.start_i.start_j"
    )
    assert "d.start_i[j,@] : real = real(d.start_i.1[j,@]) before j: d.start_i.start_j" in lines(found, "d")
    assert found.no_stream.startswith("d reads d[i-1, j-1]")


def test_the_categorical_head() -> None:
    found = program(
        f"{HEADER}param V : real[k, n]\nhead y[t] : token(k) ~ categorical(V @ x[t]) weight 0.5\n"
    )
    assert lines(found, "y") == [
        'y[t,@] : int = input() {name: "y"}',
        'y.logits[t,@] : real[k] = einsum(V, x[t,@]) {spec: "ij,j->i"}',
        "y.nll.1[t,@] : real = logsumexp(y.logits[t,@])",
        "y.nll.2[t,@] : real = pick(y.logits[t,@], y[t,@])",
        "y.nll[t,@] : real = sub(y.nll.1[t,@], y.nll.2[t,@])",
        "y.nll.total[@] : real = sum_over(y.nll[t,@])",
        "y.nll.sum : real = sum_over(y.nll.total[@])",
        'y.nll.count : real = count() {axes: ("t")}',
        "y.nll.one : real = number() {value: 1.0}",
        "y.nll.elements : real = maximum(y.nll.count, y.nll.one)",
        "y.nll.mean : real = div(y.nll.sum, y.nll.elements)",
        "y.nll.weight : real = number() {value: 0.5}",
        "y.nll.weighted : real = mul(y.nll.weight, y.nll.mean)",
    ]
    (head,) = found.heads
    assert (head.args, head.weight, head.fed_back, head.target.kind) == (
        (("y", "y.logits"),),
        0.5,
        False,
        "token",
    )
    assert dict(found.forward.outputs) == {
        "loss": "y.nll.weighted",
        "nll:y": "y.nll.total",
        "output:y": "y.logits",
    }


def test_a_head_of_a_whole_sequence() -> None:
    found = program(f"{HEADER}head y : bool ~ bernoulli(sum(x[T]))\n")
    assert "y.nll.count : real = count() {axes: ()}" in lines(found, "y")
    assert found.forward.output("nll:y") == "y.nll"


def test_second_arguments_have_keys() -> None:
    (head,) = program(f"{HEADER}head y[t] : real[n] ~ normal(x[t], 2)\n").heads
    assert head.args == (("y", "y.mean"), ("y.scale", "y.scale"))


def test_a_target_that_is_fed_back() -> None:
    found = program(f"{HEADER}y[0] = 1\nh[t] = onehot(y[t-1])\nhead y[t] : token(k) ~ categorical(h[t])\n")
    assert found.heads[0].fed_back
    assert lines(found, "y.start")[0] == "y.start.1 : int = number() {value: 1}"
    assert [(s.key, s.type) for s in found.states] == [("y", "int")]


def test_losses_are_added() -> None:
    found = program(
        f"{HEADER}head y[t] : real[n] ~ normal(x[t])\nloss step[t] = a[t]\n"
        "loss once = sum(c)\nloss weights = sum(v) weight 3\n"
    )
    assert 'step.count : real = count() {axes: ("t")}' in lines(found, "step")
    assert "once.count : real = count() {axes: ()}" in lines(found, "once")
    assert lines(found, "weights")[-1] == "weights.weighted : real = mul(weights.weight, weights)"
    assert lines(found, "loss") == [
        "loss.2 : real = add(y.nll.mean, step.mean)",
        "loss.3 : real = add(loss.2, once.mean)",
        "loss.4 : real = add(loss.3, weights.weighted)",
    ]


def test_names_of_the_compiler_give_way() -> None:
    cell = (
        "cell odd(x[t] : real[d]) -> h[t] : real[d] {\n  start[t] = 2 * x[t]\n"
        "  h[0] = 1\n  h[t] = h[t-1] + start[t]\n}\n"
    )
    found = program(f"{HEADER}{cell}h[t] = odd(x[t])\noutput h\n")
    assert [line.partition("[")[0] for line in lines(found, "h.start")][-1] == "h.start"
    assert any(line.startswith("h.start_[@]") for line in lines(found, "h"))
    validate(found.forward)


def test_every_equation_has_its_place() -> None:
    found = program(f"{HEADER}h[t] = tanh(W @ h[t-1] + x[t])\nhead y[t] : real[n] ~ normal(h[t])\n")
    for equation in found.forward.equations:
        assert equation.span is not None and equation.origin
