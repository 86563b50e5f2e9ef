"""Diagonal linear recurrences, alone and coupled: found in the equations, and as exact side by side as step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rnnc
from hypothesis import given
from hypothesis import strategies as st
from rnnc.__main__ import main
from rnnc.compiler import prelude
from rnnc.compiler.driver import Options

STEPS = [0, 1, 2, 63, 64, 65, 100, 290, 1000]
FACTORS = {
    "usual": lambda rng, shape: rng.uniform(0, 1, shape),
    "zero": lambda rng, shape: np.zeros(shape),
    "some zero": lambda rng, shape: rng.uniform(0, 1, shape) * (rng.random(shape) > 0.1),
    "tiny": lambda rng, shape: rng.uniform(0, 1e-200, shape),
    "one": lambda rng, shape: np.ones(shape),
    "of both signs": lambda rng, shape: rng.uniform(-1, 1, shape),
    "growing": lambda rng, shape: rng.uniform(1, 1.2, shape),
    "the same each step": lambda rng, shape: np.broadcast_to(rng.uniform(0.9, 1, shape[1:]), shape),
    "complex": lambda rng, shape: np.exp(1j * rng.uniform(0, 6, shape)) * 0.99,
}


def by_steps(a: Any, b: Any, first: Any) -> Any:
    h = [first]
    for a_t, b_t in zip(a, b):
        h.append(a_t * h[-1] + b_t)
    return np.array(h)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("factor", list(FACTORS))
def test_equal_to_rounding(factor: str, steps: int, step: int) -> None:
    rng = np.random.default_rng(steps)
    a = FACTORS[factor](rng, (steps, 2, 3))
    b = rng.normal(size=a.shape)
    first = rng.normal(size=(2, 3))
    h = np.full((steps + 1, 2, 3), np.nan, a.dtype)
    h[0 if step > 0 else -1] = first
    here, past = (h[1:], h[:-1]) if step > 0 else (h[:-1], h[1:])
    prelude.scan(here, past, a, b, step)
    size = by_steps(np.abs(a[::step]), np.abs(b[::step]), np.abs(first))  # what is added up
    error = np.abs(h[::step] - by_steps(a[::step], b[::step], first))
    assert (error <= 1e-13 * size).all()


@pytest.mark.parametrize("lacking", [0, 1, 2, 3])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("steps", STEPS)
def test_sums_equal_to_rounding(steps: int, ragged: bool, lacking: int) -> None:
    """The factor lacks the steps, the sequences too, the features too."""
    rng = np.random.default_rng(steps)
    a, b = rng.uniform(-1, 1, (steps, 2, 3)[lacking:]), rng.normal(size=(steps, 2, 3))
    ended = np.arange(steps)[:, None] >= np.array([steps, steps // 2]) if ragged else None
    if ended is not None:
        b[ended] = 0
    if ended is not None and not lacking:
        a[ended] = np.nan
    later = rng.normal(size=(2, 3)) * (1 - ragged)
    e, d = later.copy(), b.copy()  # the result may lie where the terms do
    prelude.scan_sums(d, e, a, d, ended, -1)
    for t in reversed(range(steps)):
        wanted = b[t] + later
        later = (a if lacking else a[t]) * wanted
        if ended is not None:
            later[ended[t]] = 0
        np.testing.assert_allclose(d[t], wanted, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(e, later, rtol=1e-12, atol=1e-13)


@given(
    steps=st.integers(0, 2) | st.integers(60, 140),
    row=st.sampled_from([(1,), (2,), (3, 1), (2, 4), (2, 2, 2), (1, 300), (0, 3)]),
    dtype=st.sampled_from(["f", "d", "D"]),
    step=st.sampled_from([1, -1]),
    lacking=st.integers(0, 3),
    between=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_whatever_the_sizes(
    steps: int, row: Any, dtype: str, step: int, lacking: int, between: int, seed: int
) -> None:
    """The factor lacks the steps, the sequences too, or nothing (``lacking`` 0); terms lie where the result goes,
    which is every second array of a larger one (``between`` 2)."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(-1.1, 1.1, [(steps, *row), row, row[1:], ()][lacking]).astype(dtype)
    places = np.zeros(((steps + 1) * between, *row), dtype)[::between]
    places[:] = rng.normal(size=places.shape)
    here, past = (places[1:], places[:-1]) if step > 0 else (places[:-1], places[1:])
    terms, first = here[::step].copy(), places[0 if step > 0 else -1].copy()
    factors = np.broadcast_to(a, (steps, *row))[:: step if lacking == 0 else 1]
    wide = "D" if dtype == "D" else "d"
    wanted = by_steps(factors.astype(wide), terms.astype(wide), first.astype(wide))
    size = by_steps(np.abs(factors), np.abs(terms), np.abs(first))
    prelude.scan(here, past, a, here, step)
    assert (np.abs(places[::step] - wanted) <= 100 * np.finfo(dtype).eps * size).all()


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("steps", [1024, 1025, 1030, 2148])
def test_as_many_steps_go_together_as_stay_in_the_cache(steps: int, fixed: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.9, 1, (256,) if fixed else (steps, 1, 256)), rng.normal(size=(steps, 1, 256))
    h = np.full((steps + 1, 1, 256), 0.5)
    assert steps * h[0].nbytes >= 2**21
    prelude.scan(h[1:], h[:-1], a, b)
    wanted = by_steps(np.broadcast_to(a, b.shape), b, h[0])
    np.testing.assert_allclose(h, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factors", [[100.0], [1e30, 1e30, 0.0], [1e-30]])
@pytest.mark.parametrize("fixed", [False, True])
def test_products_that_overflow_make_nothing_of_what_is_zero(factors: list[float], fixed: bool) -> None:
    a = np.resize(np.array(factors, np.float32), (200, 1, 1))
    h = np.zeros((201, 1, 1), np.float32)
    prelude.scan(h[1:], h[:-1], a[0, 0] if fixed else a, np.zeros_like(a))
    assert not h.any()


def test_stretches_are_taken_where_they_pay(monkeypatch: Any) -> None:
    taken = []
    monkeypatch.setattr(prelude, "in_stretches", lambda h, first, a, b: taken.append(h.shape) or first)
    for shape in [(63, 2), (64, 2), (64, 2, 256), (64, 2, 257), (9000, 2)]:
        h = np.zeros((shape[0] + 1, *shape[1:]), np.float32)
        prelude.scan(h[1:], h[:-1], np.ones_like(h[1:]), h[1:])
    assert taken == [(64, 2), (64, 2, 256), (8192, 2), (808, 2)]


def test_nan_stays_where_it_is_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 1, (300, 2, 3)), rng.normal(size=(300, 2, 3))
    whole, spoilt = np.zeros((301, 2, 3)), np.zeros((301, 2, 3))
    prelude.scan(whole[1:], whole[:-1], a, b)
    a[200, 0] = np.nan
    prelude.scan(spoilt[1:], spoilt[:-1], a, b)
    np.testing.assert_array_equal(spoilt[:201], whole[:201])
    np.testing.assert_array_equal(spoilt[:, 1], whole[:, 1])
    assert np.isnan(spoilt[201:, 0]).all()


FORMS = [(), (3,), (2, 3), (100, 2, 3)]  # a factor lacks the steps, the sequences too, the features too
KINDS = {
    "turning": lambda rng, shape: rng.uniform(-0.7, 0.7, shape),
    "growing": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "zero": lambda rng, shape: np.zeros(shape),
    "some zero": lambda rng, shape: rng.uniform(-0.7, 0.7, shape) * (rng.random(shape) > 0.5),
    "tiny": lambda rng, shape: rng.uniform(0, 1e-30, shape),
}


@pytest.mark.parametrize("dtype", ["f", "d", "D"])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", list(KINDS))
def test_coupled_equal_to_rounding(kind: str, count: int, dtype: str) -> None:
    """Against the recurrence in double precision: what is added up at each step, less than 100 roundings off."""
    rng = np.random.default_rng(0)
    for past_is_given, number in [(True, 0), (True, 3), (False, 1), (False, 3)]:
        shapes = [
            [FORMS[(number + i + j) % 4 if number < 3 else 3] for j in range(count)] for i in range(count)
        ]
        a = [[KINDS[kind](rng, shape).astype(dtype) for shape in row] for row in shapes]
        b = rng.normal(size=(count, 100, 2, 3)).astype(dtype)
        first = rng.normal(size=(count, 2, 3)).astype(dtype)
        h = np.full((count, 101, 2, 3), np.nan, dtype)
        h[:, 0], left = first, [[np.empty((2, 3), dtype), a[i][0], 0] for i in range(count)]
        rows, place = [[*a[i], b[i]] for i in range(count)], [h_i[1:] for h_i in h]
        given = [h_i[:-1] for h_i in h] if past_is_given else []
        assert prelude.scan_coupled(place, rows, given, [] if past_is_given else left)  # type: ignore[arg-type]
        wide = np.array([[np.broadcast_to(x, (100, 2, 3)) for x in row] for row in a])
        shifted = wide if past_is_given else np.concatenate([0 * wide[:, :, :1], wide[:, :, :-1]], 2)
        wanted, size = first * past_is_given, np.abs(first)
        for t in range(100):
            size = np.abs(b[:, t]) + (np.abs(shifted[:, :, t]) * size).sum(1)
            wanted = b[:, t].astype("D") + (shifted[:, :, t].astype("D") * wanted).sum(1)
            assert (np.abs(h[:, t + 1] - wanted) <= 100 * np.finfo(dtype).eps * size).all()
        for i, (product, _, _) in enumerate(left if not past_is_given else []):
            np.testing.assert_allclose(
                product, wide[i][0][-1] * h[0, -1], rtol=1e-5 if dtype == "f" else 1e-13
            )


def test_coupled_recurrences_of_few_steps_many_numbers_or_overflowing_products_are_left_alone() -> None:
    def taken(steps: int, width: int, factor: Any) -> bool:
        h = np.zeros((2, steps, 1, width), np.float32)
        rows = [
            [np.float32(0.5), factor, np.zeros_like(h[0])],
            [factor, np.float32(0.5), np.zeros_like(h[0])],
        ]
        done = prelude.scan_coupled([*h], rows, [], [])
        assert not h.any()
        return done

    assert taken(80, 128, np.float32(0.5)) and not taken(79, 128, np.float32(0.5))
    assert not taken(80, 129, np.float32(0.5)) and taken(80, 0, np.float32(0.5))
    changing = np.full((80, 1, 64), 0.5, np.float32)
    assert taken(80, 64, changing) and not taken(80, 65, np.full((80, 1, 65), 0.5, np.float32))
    assert not taken(80, 2, np.float32(1e30))  # 0 times a product that overflows would be no number


def test_of_many_steps_those_go_together_that_stay_in_the_cache() -> None:
    rng = np.random.default_rng(0)
    for shape in [(64,), (3000, 1, 64)]:
        a, c = rng.uniform(-0.7, 0.7, (2, *shape))
        b, h = rng.normal(size=(2, 3000, 1, 64)), np.zeros((2, 3000, 1, 64))
        if len(shape) > 1:
            a, c, b, h = (x[..., :32] for x in (a, c, b, h))
        assert prelude.scan_coupled([*h], [[a, -c, b[0]], [c, a, b[1]]], [], [])
        z = by_steps(
            np.broadcast_to(a + 1j * c, h[0].shape)[:-1], (b[0] + 1j * b[1])[1:], b[0, 0] + 1j * b[1, 0]
        )
        np.testing.assert_allclose(h[0] + 1j * h[1], z, rtol=1e-11, atol=1e-11)


HEAD = "head y[t] : real[n] ~ normal(affine(h[t]), 1)\n"
TOP = (
    "dim n = 2\naxis t = 1..T\ninput x[t] : real[n], z[t] : real[n], u : real[n]\n"
    "param s : real[n], w : real[n] ~ uniform(0, 1)\n"
)
NETWORKS = {
    "gated": "h[0] = s\nh[t] = sigmoid(affine(x[t])) * h[t-1] + tanh(affine(z[t]))\n",
    "constant": "h[t] = w * h[t-1] + x[t]\n",
    "a number": "h[t] = 0.9 * h[t-1] + x[t]\n",
    "of each sequence": "h[t] = tanh(u) * h[t-1] + x[t]\n",
    "the same for all features": "h[t] = sigmoid(mean(s)) * h[t-1] + x[t]\n",
    "the same for all sequences": "a[t] = 1 / (1 + t)\nh[t] = a[t] * h[t-1] + x[t]\n",
    "a constant from the end": "h[T+1] = s\nh[t] = w * h[t+1] + x[t]\n",
    "kept": "h[t] = x[t] + sigmoid(w) * h[t-1]\n",
    "from the end": "h[T+1] = s\nh[t] = sigmoid(affine(x[t])) * h[t+1] + tanh(affine(z[t]))\n",
    "from the end, of the step before": "h[t] = sigmoid(affine(z[t-1])) * h[t+1] + x[t-1]\n",
    "mixed": "h[t] = (1 - sigmoid(x[t])) * h[t-1] + sigmoid(x[t]) * z[t]\n",
}


STEP_BY_STEP = {
    "factors of two steps": (
        "g[t] = g[t-1] + sigmoid(z[t]) * (x[t] - w * h[t-1])\nh[t] = h[t-1] + sigmoid(x[t]) * g[t]\n"
    ),
    "products with values of their own past the end": (
        "p[T+1] = s\np[t] = w * g[t]\ng[t] = q[t+1] + x[t]\nh[t] = p[t+1] + z[t]\nq[t] = u * h[t]\n"
    ),
}
COUPLED = {
    "complex": "h[0] = s\nh[t] = w * h[t-1] - u * g[t-1] + x[t]\ng[t] = w * g[t-1] + u * h[t-1] + z[t]\n",
    "changing": "g[t] = tanh(z[t]) * h[t-1] - w * g[t-1]\nh[t] = tanh(x[t]) * g[t-1] + w * h[t-1] + z[t]\n",
    "an oscillator": "g[t] = g[t-1] + 0.1 * (x[t] - w * h[t-1])\nh[t] = h[t-1] + 0.1 * g[t]\n",
    "from the end": "h[t] = w * g[t+1] + x[t]\ng[t] = s - (w * h[t+1] - 0.5 * g[t+1])\n",
    "three": "f[t] = w * g[t-1] - u\ng[t] = z[t] - s * h[t-1]\nh[t] = w * f[t-1] + tanh(x[t]) * h[t-1] + x[t]\n",
    "a sum that is not kept": (
        "a[t] = 1 / (1 + t)\ng[t] = s * h[t-1] + a[t] * g[t-1]\nh[t] = a[t] * g[t-1] + x[t] + w * h[t-1]\n"
    ),
    "before another loop": (
        "p[t] = w * q[t-1] - s * p[t-1] + x[t]\nq[t] = w * p[t-1] + s * q[t-1] + z[t]\n"
        "h[t] = tanh(w * h[t-1] + p[t])\ng[t] = tanh(s * g[t-1] + q[t])\n"
    ),
}


@pytest.mark.parametrize("network", [*COUPLED, *STEP_BY_STEP])
def test_coupled_recurrences_equal_the_textbook(network: str, monkeypatch: Any) -> None:
    """With a state, cotangents of outputs and in segments; ragged batches go step by step."""
    text = TOP + (COUPLED | STEP_BY_STEP)[network] + HEAD.replace("h[t]", "h[t], g[t]")
    fast: Any = rnnc.loads(text)
    plain = rnnc.loads(text, Options(level=0))
    taken: list[bool] = []
    if network in COUPLED:
        scan = fast.scan_coupled
        monkeypatch.setattr(fast, "scan_coupled", lambda *given: taken.append(scan(*given)) or taken[-1])
    rng = np.random.default_rng(0)
    params = plain.init(seed=1, dtype="float64")
    params |= {name: rng.uniform(0.1, 0.6, 2) for name in params.keys() & {"s", "w"}}
    for steps, ragged in [(0, False), (1, False), (170, False), (170, True)]:
        lengths = np.array([steps, steps // 2 if ragged else steps])
        batch = {name: rng.normal(size=(steps, 2, 2)) for name in ("x", "z", "y")} | {"T": lengths}
        batch["u"] = rng.uniform(0.1, 0.6, (2, 2))
        state = None
        if not fast.NO_STREAM:
            given = fast.forward(params, batch).state.items()
            state = {name: rng.normal(size=v.shape) if v.dtype.kind == "f" else v for name, v in given}
        taken.clear()
        found, wanted = (m.forward(params, batch, state=state) for m in (fast, plain))
        assert found.loss == pytest.approx(wanted.loss, rel=1e-12, abs=1e-13)
        cotangents = {"loss": 1.0, "y": rng.normal(size=wanted.outputs["y"].shape)}
        cotangents |= {f"state.{name}": rng.normal(size=(2, 2)) for name in ("h", "g") if state}
        for ours, theirs in zip(
            *(m.backward(params, r, cotangents) for m, r in ((fast, found), (plain, wanted)))
        ):
            for name, value in theirs.items():
                np.testing.assert_allclose(ours[name], value, rtol=1e-10, atol=1e-10, err_msg=name)
        assert any(taken) == (steps == 170 and not ragged and network in COUPLED)
        if state and steps:
            whole, parts = (
                fast.loss_and_grad(params, batch, state=state, checkpoint=c)[1] for c in (None, 85)
            )
            for name, value in whole.items():
                np.testing.assert_allclose(parts[name], value, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("steps", [0, 1, 17, 64, 300])
@pytest.mark.parametrize("network", list(NETWORKS))
def test_the_fast_module_equals_the_textbook_on_ragged_batches(network: str, steps: int) -> None:
    text = TOP + NETWORKS[network] + HEAD
    fast, plain = rnnc.loads(text), rnnc.loads(text, Options(level=0))
    for function in (fast._forward, fast._backward):
        assert {"scan", "scan_sums"} & {*function.__code__.co_names}
    rng = np.random.default_rng(0)
    params = {name: value + 0.1 for name, value in plain.init(seed=1, dtype="float64").items()}
    lengths = np.array([steps, steps // 2, min(steps, 1), 0])
    batch = {name: rng.normal(size=(steps, 4, 2)) for name in ("x", "z", "y")} | {"T": lengths}
    batch["u"] = rng.normal(size=(4, 2))
    for value in (batch[name] for name in ("x", "z", "y")):
        value[np.arange(steps)[:, None] >= lengths] = np.nan
    state = None
    if not fast.NO_STREAM:
        state = {**fast.forward(params, batch).state, "h": rng.normal(size=(4, 2))}
    found, wanted = (m.forward(params, batch, state=state) for m in (fast, plain))
    assert found.loss == pytest.approx(wanted.loss, rel=1e-12, abs=1e-13)
    cotangents = {"loss": 1.0, "y": rng.normal(size=wanted.outputs["y"].shape)}
    for ours, theirs in zip(
        fast.backward(params, found, cotangents), plain.backward(params, wanted, cotangents)
    ):
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("h[t] = sigmoid(x[t]) * h[t-1] + z[t]", "step by step, or in stretches side by side"),
        ("h[t] = tanh(w * h[t-1] + z[t])", "not a diagonal linear recurrence: h = tanh("),
        ("h[t] = w * h[t-1] * h[t-1] + z[t]", "not a diagonal linear recurrence: "),
        (
            "g[t] = w * h[t-1] + z[t]\nh[t] = w * g[t-1] + x[t]",
            "reduction (coupled linear recurrences: g, h)",
        ),
        ("g[t] = w * h[t-2] + z[t]\nh[t] = w * g[t-1] + x[t]", "h is read elsewhere than one step before"),
        ("g[t] = w * (h[t-1] + z[t])\nh[t] = w * g[t-1] + x[t]", ": g is "),
        ("h[t] = h[t-1] + z[t]", "h is not one product and one sum"),
    ],
)
def test_the_schedule_says_so_or_what_prevents_it(
    equation: str, said: str, tmp_path: Any, capsys: Any
) -> None:
    spec = tmp_path / "a.rnn"
    spec.write_text(TOP + equation + "\n" + HEAD, "utf-8")
    assert main(["show", "--schedule", str(spec)]) == 0
    assert said in capsys.readouterr().out.split("backward")[0]


def test_a_factor_that_never_changes_is_one_block_with_a_row_for_each_sequence() -> None:
    factors = prelude.every_step(np.arange(3.0), np.zeros((5, 4, 3)))
    assert len(factors) == 5 and all(factor is factors[0] for factor in factors)
    assert factors[0].flags.c_contiguous and (factors[0] == np.broadcast_to(np.arange(3.0), (4, 3))).all()
