"""Every record of the operator table is tried by the same tests: a new record brings its own.

`uses` finds calls that an operator's own shape and type rules accept, among small candidates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from rnnc.compiler.ir import Attr, Equation, System, attrs, here
from rnnc.compiler.operators import SURFACE, TABLE, TRAITS, Call, Code, Operator, ShapeError
from rnnc.compiler.reference import _function
from rnnc.spec.sizes import Size
from systems import STEP, Material, check_gradients, cotangents, gradients

K, N, M = Size.of("k"), Size.of("n"), Size.of("m")
DIMS = {"n": 3, "m": 4, "k": 2}
SHAPES = ((), (N,), (N, N), (M, N), (K, M, N))
STATICS: dict[str, tuple[Attr, ...]] = {
    "size": (Size.of(0), Size.of(1), N, Size.of(5)),
    "sizes": ((M,), (K, M)),
    "str": (
        ",i->i",
        "i,i->",
        "i,i->i",
        "i,j->ij",
        "ij,j->i",
        "ij,ik->kj",
        "ij->j",
        "ij->ji",
        "i,ij->",
        "ij,k->k",
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero")  # 1 % 0

MOST = 12  # uses of one operator that are tried
Lead = tuple[tuple[int, ...], ...]  # of each operand
LEAD = (5, 2)  # leading (axes) dimensions
CODED = [operator for operator in TABLE.values() if operator.code]
DIFFERENTIABLE = [o for o in CODED if any(o.differentiable(k) for k in range(max(len(o.operands), 1)))]

every_coded = pytest.mark.parametrize("operator", CODED, ids=lambda o: o.name)


@dataclass(frozen=True)
class Use:
    operator: Operator
    call: Call

    def function(self, code: Code, dtype: str = "float64") -> Any:
        """The printed expression as a function of the operands (and the buffer)."""
        sizes = [size.value(DIMS) for size in code.sizes]
        count = len(self.call.shapes)
        run = _function(code.text)
        return lambda *slots: run(np.dtype(dtype), *slots[:count], *sizes, *slots[count:])

    def result(self, *operands: np.ndarray, dtype: str = "float64") -> np.ndarray:
        return np.asarray(self.function(self.operator.printed(self.call), dtype)(*operands))

    @property
    def shape(self) -> tuple[int, ...]:
        return extent(self.operator.shape(self.call))

    @property
    def type(self) -> str:
        return self.operator.type(self.call)

    def operands(
        self, lead: list[tuple[int, ...]], seed: int = 0, dtype: str = "float64"
    ) -> list[np.ndarray]:
        """Random operands; away from 0 and not negative where the operator is not defined there."""
        rng = np.random.default_rng(seed)
        made = [
            value(rng, kind, (*front, *extent(shape)), dtype)
            for kind, shape, front in zip(self.call.types, self.call.shapes, lead)
        ]
        with np.errstate(invalid="ignore"):
            defined = np.isfinite(self.result(*made, dtype=dtype)).all()
        return (
            made if defined else [np.abs(a) + a.dtype.type(0.1) if a.dtype.kind in "fc" else a for a in made]
        )


def value(rng: np.random.Generator, kind: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if kind == "real":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(2, size=shape).astype("int64" if kind == "int" else "bool")


def positive(a: np.ndarray) -> np.ndarray:
    return np.abs(a).astype(a.dtype) + a.dtype.type(0.1)


def extent(shape: tuple[Size, ...]) -> tuple[int, ...]:
    return tuple(size.value(DIMS) for size in shape)


@cache
def uses(name: str) -> tuple[Use, ...]:
    """Some of the uses that the rules accept, spread over all of them."""
    found = list(_uses(TABLE[name]))
    return tuple(found[:: max(1, len(found) // MOST)])


def _uses(operator: Operator) -> Iterator[Use]:
    counts = (1, 2, 3) if operator.variadic else (len(operator.operands),)
    kinds = [STATICS[kind] for kind in operator.statics.values()]
    for count, statics in itertools.product(counts, itertools.product(*kinds)):
        given = dict(zip(operator.statics, statics))
        for types in itertools.product(("real", "int", "bool"), repeat=count):
            for shapes in itertools.product(SHAPES, repeat=count):
                call = Call(shapes, types, ((),) * count, given)
                if accepted(operator, call) and inside(operator, call):
                    yield Use(operator, call)


def accepted(operator: Operator, call: Call) -> bool:
    try:
        operator.shape(call)
        operator.type(call)
    except ShapeError:
        return False
    return True


def inside(operator: Operator, call: Call) -> bool:
    """Whether what a rule cannot know of symbolic sizes holds: a slice lies inside, indices exist."""
    last = extent(call.shapes[0])[-1] if call.shapes[0] else 0
    start, size, total = (extent((call.attrs.get(n, Size.of(9)),))[0] for n in ("start", "size", "total"))  # type: ignore[arg-type]
    if operator.name == "slice":
        return start + size <= last
    return start + last <= total if operator.name == "pad_slice" else size >= 2


def leads(use: Use) -> Iterator[Lead]:
    """Leading dimensions: all operands with them, and each one alone without them."""
    count = len(use.call.shapes)
    yield (LEAD,) * count
    if count > 1 and use.operator.name != "scatter_rows":
        for bare in range(count):
            yield tuple(() if number == bare else LEAD for number in range(count))


def batched(use: Use, lead: Lead) -> Use:
    """The use as it is where operands have (or lack) axes."""
    axes = tuple(("t", "@") if front else () for front in lead)
    return Use(use.operator, replace(use.call, axes=axes))


def at(operands: list[np.ndarray], lead: Lead, place: tuple[int, ...]) -> list[np.ndarray]:
    """The operands at one leading position."""
    return [a[place] if front else a for a, front in zip(operands, lead)]


@every_coded
def test_there_are_uses(operator: Operator) -> None:
    assert uses(operator.name)


@every_coded
def test_shape_rule_is_what_numpy_gives(operator: Operator) -> None:
    for use in uses(operator.name):
        operands = use.operands([()] * len(use.call.shapes))
        assert use.result(*operands).shape == use.shape, use.call


@every_coded
def test_type_rule_is_what_numpy_gives(operator: Operator) -> None:
    for use in uses(operator.name):
        kind = use.result(*use.operands([()] * len(use.call.shapes))).dtype.kind
        assert kind == {"real": "f", "int": "i", "bool": "b"}[use.type], use.call


@every_coded
def test_leading_dimensions_are_repetition(operator: Operator) -> None:
    """With leading dimensions, each position has the value computed alone (a reduction: their sum)."""
    for use in uses(operator.name):
        for lead in leads(use):
            together = batched(use, lead)
            operands = together.operands(lead)
            whole = together.result(*operands)
            parts = np.array([use.result(*at(operands, lead, place)) for place in np.ndindex(LEAD)])
            if operator.name == "scatter_rows":
                np.testing.assert_allclose(whole, parts.sum(0), rtol=1e-12, atol=1e-12)
            else:
                np.testing.assert_allclose(whole, parts.reshape(LEAD + use.shape), rtol=1e-12, atol=1e-12)


@every_coded
def test_dtypes_are_kept(operator: Operator) -> None:
    for use in uses(operator.name):
        lead = (LEAD,) * len(use.call.shapes)
        for dtype in ("float32", "float64"):
            result = batched(use, lead).result(*use.operands(lead, dtype=dtype), dtype=dtype)
            assert use.type != "real" or result.dtype == dtype, use.call


@every_coded
def test_out_is_the_same_in_a_buffer(operator: Operator) -> None:
    for use in uses(operator.name):
        lead = (LEAD,) * len(use.call.shapes)
        here = batched(use, lead)
        code = operator.printed_out(here.call)
        if code is None:
            continue
        for dtype in ("float32", "float64", "complex128"):
            if dtype == "complex128" and "flat" in operator.traits:
                continue
            operands = use.operands(lead, dtype=dtype)
            wanted = here.result(*operands, dtype=dtype)
            buffer = np.full_like(wanted, 7)
            here.function(code, dtype)(*operands, buffer)
            np.testing.assert_array_equal(buffer, wanted)
            for k in range(len(operands) if "elementwise" in operator.traits else 0):
                given = [operand.copy() for operand in operands]
                if given[k].dtype == wanted.dtype:
                    here.function(code, dtype)(*given, given[k])
                    np.testing.assert_array_equal(given[k], wanted)


def equation_of(use: Use) -> tuple[System, Material]:
    """The use as a system: its operands are parameters (inputs, when they are not real)."""
    rng = np.random.default_rng(1)
    operands = use.operands([()] * len(use.call.shapes))
    names = [f"p{number}" for number in range(len(operands))]
    equations, reads = [], []
    params, batch = {}, {"x": rng.normal(size=1)}
    for name, kind, shape, operand in zip(names, use.call.types, use.call.shapes, operands):
        axes = () if kind == "real" else ("@",)
        op = "param" if kind == "real" else "input"
        made = Equation(name, axes, shape, kind, op, (), attrs(name=name))
        (params if kind == "real" else batch)[name] = operand if kind == "real" else operand[None]
        equations.append(made)
        reads.append((name, here(axes)))
    return _system(use, equations), Material(params, batch)


def _system(use: Use, leaves: list[Equation]) -> System:
    from rnnc.compiler.ir import Axis, plain

    axes = ("@",) if any(leaf.axes for leaf in leaves) else ()
    if use.operator.name == "scatter_rows":
        axes = ()
    given = tuple(sorted(use.call.attrs.items()))
    shape = use.operator.shape(use.call)
    q = Equation("q", axes, shape, use.type, use.operator.name, tuple(map(plain, leaves)), given)
    return System((Axis("t", "T"), Axis("@")), (*leaves, q), (("output:q", "q"),))


@pytest.mark.parametrize("operator", DIFFERENTIABLE, ids=lambda o: o.name)
def test_derivative_agrees_with_the_complex_step(operator: Operator) -> None:
    for use in uses(operator.name):
        if use.type != "real":
            continue
        system, given = equation_of(use)
        weights = cotangents(system, given)
        check_gradients(system, given, weights, gradients(system, given, weights))


def test_a_wrong_derivative_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "tanh": (lambda c: c.d * (1 - c.q),),
        "mul": (lambda c: c.d * c.a, lambda c: c.d * c.b),
        "div": (lambda c: c.d / c.b, lambda c: c.d * (c.q / c.b)),
        "maximum": (lambda c: c.d, lambda c: c.d),
    }
    for name, rules in wrong.items():
        operator = TABLE[name]
        monkeypatch.setitem(TABLE, name, replace(operator, derivative=rules))
        with pytest.raises(AssertionError):
            test_derivative_agrees_with_the_complex_step(operator)


@every_coded
def test_traits_are_true(operator: Operator) -> None:
    assert operator.traits <= set(TRAITS)
    for use in uses(operator.name):
        operands = use.operands([()] * len(use.call.shapes))
        real = [number for number, kind in enumerate(use.call.types) if kind == "real"]
        value = use.result(*operands)
        for trait in operator.traits & set(CHECKS):
            CHECKS[trait](use, operands, real, value)


def scaled(
    operands: list[np.ndarray], real: list[int], factor: float, only: int | None = None
) -> list[np.ndarray]:
    return [a * factor if k in real and only in (None, k) else a for k, a in enumerate(operands)]


def is_linear(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    if use.type == "real":
        np.testing.assert_allclose(use.result(*scaled(operands, real, 3.0)), 3.0 * value)


def is_bilinear(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    for one in real:
        np.testing.assert_allclose(use.result(*scaled(operands, [one], 3.0)), 3.0 * value)


def keeps_zero(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    if real:
        assert not use.result(*scaled(operands, real, 0.0)).any()


def is_commutative(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    np.testing.assert_array_equal(use.result(*operands[::-1]), value)


def is_view(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    assert np.shares_memory(value, operands[0]) or not value.size


def is_flat(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    moved = [a + 1j * STEP if k in real else a for k, a in enumerate(operands)]
    assert not np.iscomplexobj(use.result(*moved))


def is_associative(use: Use, operands: list[np.ndarray], real: list[int], value: np.ndarray) -> None:
    if len(operands) == 2:
        a, b = operands
        left, right = use.result(use.result(a, b), b), use.result(a, use.result(b, b))
        np.testing.assert_allclose(left, right)


CHECKS = {
    "linear": is_linear,
    "bilinear": is_bilinear,
    "zero": keeps_zero,
    "commutative": is_commutative,
    "associative": is_associative,
    "view": is_view,
    "flat": is_flat,
}


def test_structure_is_what_has_no_code_or_is_summed() -> None:
    for operator in TABLE.values():
        assert bool(operator.code) or "structure" in operator.traits
        assert operator.doc and not operator.doc.endswith(".")


def test_operands_that_do_not_fit_are_told() -> None:
    def message(name: str, *shapes: tuple[Size, ...], **statics: Attr) -> str:
        with pytest.raises(ShapeError) as error:
            TABLE[name].shape(Call(shapes, ("real",) * len(shapes), (), statics))
        return error.value.message

    assert message("add", (N,), (M,)) == "[n] does not go with [m]"
    assert message("add", (N,), ()) == "[n] does not go with a scalar"
    assert message("sum", ()) == "needs at least 1 feature size(s), found a scalar"
    assert message("concat", (N, M), (M, M)) == "all sizes but the last must be equal: [n, m] and [m, m]"
    assert message("einsum", (N, M), (N,), spec="ij,j->i") == "'j' is m and n"
    assert message("einsum", (N,), spec="ii->i") == "the pattern 'ii' does not fit [n]"
    assert message("slice", (Size.of(3),), start=Size.of(2), size=Size.of(2)).startswith(
        "components 2 up to 4"
    )
    assert message("pick", (N, M), (M,)) == "the index of [n, m] must be [n], found [m]"


def test_types_that_do_not_fit_are_told() -> None:
    def message(name: str, *types: str) -> str:
        with pytest.raises(ShapeError) as error:
            TABLE[name].type(Call(((),) * len(types), types))
        return error.value.message

    assert message("add", "real", "int") == "real does not go with int"
    assert message("tanh", "int") == "needs real, found int"
    assert message("and", "bool", "real") == "needs bool, found real"
    assert message("where", "real", "real", "real") == "the condition must be bool, found real"
    assert message("take", "real", "real") == "needs a token or an int, found real"


def test_the_language_finds_operators_by_name_and_number_of_operands() -> None:
    assert [operator.name for operator in SURFACE["max"]] == ["maximum", "max", "max_over"]
    assert [len(operator.operands) for operator in SURFACE["-"]] == [2, 1]


def test_log_gamma_against_the_library() -> None:
    from rnnc.compiler import prelude

    for x in (0.01, 0.5, 1.0, 2.0, 3.7, 11.0, 170.0, 1e4):
        assert abs(prelude.lgamma(np.float64(x)) - math.lgamma(x)) <= 1e-13 * max(1.0, abs(math.lgamma(x)))


TIES = [
    ("relu", [[0.0]], [[0.0]]),
    ("abs", [[0.0]], [[0.0]]),
    ("root", [[0.0]], [[0.0]]),
    ("maximum", [[1.0], [1.0]], [[1.0], [0.0]]),
    ("minimum", [[1.0], [1.0]], [[1.0], [0.0]]),
    ("clip", [[1.0], [1.0], [1.0]], [[1.0], [0.0], [0.0]]),
    ("pow", [[-2.0], [3.0]], [[12.0], [0.0]]),
    ("max", [[2.0, 5.0, 5.0]], [[0.0, 1.0, 0.0]]),
    ("min", [[5.0, 2.0, 2.0]], [[0.0, 1.0, 0.0]]),
    ("logaddexp", [[-np.inf], [-np.inf]], [[0.0], [0.0]]),
    ("logsumexp", [[-np.inf, -np.inf]], [[0.0, 0.0]]),
]


@pytest.mark.parametrize("name, operands, wanted", TIES)
def test_derivatives_at_ties_and_edges(name: str, operands: list[Any], wanted: list[Any]) -> None:
    size = Size.of(len(operands[0]))
    call = Call(((size,),) * len(operands), ("real",) * len(operands))
    system, _ = equation_of(Use(TABLE[name], call))
    params = {f"p{number}": np.array(operand) for number, operand in enumerate(operands)}
    shape = [part.value({}) for part in system.table()["q"].shape]
    found = gradients(system, Material(params, {}), {"output:q": np.ones(shape)})
    for number, gradient in enumerate(wanted):
        np.testing.assert_array_equal(found[f"grad:p{number}"], gradient)


def test_the_slope_of_softplus_is_exact_however_small() -> None:
    """sigmoid(-30) by way of tanh has three digits left."""
    call = Call(((Size.of(5),),), ("real",))
    system, _ = equation_of(Use(TABLE["softplus"], call))
    a = np.array([-600.0, -30.0, -1.0, 30.0, 600.0])
    found = gradients(system, Material({"p0": a}, {}), {"output:q": np.ones(5)})
    np.testing.assert_allclose(found["grad:p0"], 1 / (1 + np.exp(-a)), rtol=1e-15, atol=0)
