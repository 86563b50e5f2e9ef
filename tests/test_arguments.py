"""What is no array of the right numbers is refused by name, wherever it is given; nothing is bent until it fits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import rnnc
from hypothesis import given, settings
from hypothesis import strategies as st
from rnnc.compiler.driver import Options

SPEC = """\
dim k = 4, n = 3
axis t = 1..T
input x[t] : real[n]
input f[t] : bool
param E : real[k, n] ~ normal(1)
p[t] : token(k) = where(f[t], p[t-1], y[t-1])
h[t] : real[n] = tanh(affine(x[t], E[p[t]], h[t-1]))
head y[t] : token(k) ~ categorical(affine(h[t]))
output h
"""
M = rnnc.loads(SPEC)
RNG = np.random.default_rng(0)
GIVEN: dict[str, dict[str, Any]] = {
    "params": M.init(seed=0, dtype="float64"),
    "batch": {
        "x": RNG.standard_normal((3, 2, 3)),
        "f": RNG.random((3, 2)) < 0.5,
        "y": RNG.integers(0, 4, (3, 2)),
        "T": np.array([3, 1]),
    },
}
GIVEN["state"] = M.forward(GIVEN["params"], GIVEN["batch"]).state
GIVEN["cotangents"] = {"h": RNG.standard_normal((3, 2, 3))}
EVERY = [(part, name) for part, arrays in GIVEN.items() for name in arrays]
ODD = {
    "text": lambda value: value.astype(str),
    "dates": lambda value: np.zeros(value.shape, "datetime64[s]"),
    "records": lambda value: np.zeros(value.shape, [("a", "f8")]),
    "objects": lambda value: value.astype(object),
    "lists of several lengths": lambda value: [[1], [1, 2]],
    "a mask": lambda value: np.ma.masked_array(value, np.ones(value.shape, bool)),
}


def call(part: str, name: str, value: Any) -> Any:
    given = {**GIVEN, part: {**GIVEN[part], name: value}}
    run = M.forward(given["params"], given["batch"], state=given["state"])
    return M.backward(given["params"], run, given["cotangents"])


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("part", "name"), EVERY)
def test_what_is_no_array_of_numbers(part: str, name: str, odd: str) -> None:
    with pytest.raises(ValueError, match=rf"{part}\['{name}'\]: "):
        call(part, name, ODD[odd](np.asarray(GIVEN[part][name])))


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("batch", "T", [3.0, np.nan], "expected integers, got float64"),
        ("batch", "T", [np.inf, 1.0], "expected integers, got float64"),
        ("batch", "T", [2 + 1j, 1], "expected integers, got complex128"),
        ("state", "y", [0, -1], "expected tokens 0 to k - 1 = 3, got -1 to 0"),
        ("state", "y", [0.0, 1.0], "expected integers, got float64"),
        ("state", "p", [4, 0], "expected tokens 0 to 3, got 0 to 4"),
        ("state", "t", [3, -1], "expected 0 or more steps, got -1"),
        ("state", "t", [0.5, 1.0], "expected integers, got float64"),
        ("state", "t", 3, r"expected shape \(2,\), got \(\)"),
        ("cotangents", "h", np.full((3, 2, 3), 1j), "expected real numbers, got complex128"),
    ],
)
def test_numbers_of_another_kind(part: str, name: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"{part}\['{name}'\]: {words}"):
        call(part, name, value)


def test_a_step_names_its_own_arguments() -> None:
    params, state = GIVEN["params"], M.start(GIVEN["params"], 2)
    now = {"x": np.zeros((2, 3)), "f": np.zeros(2, bool), "y": np.zeros(2, int)}
    for name, value, words in (
        ("y", [0, 4], "expected tokens 0 to k - 1 = 3"),
        ("f", [2, 0], "expected 0 and 1"),
        ("x", [["a"] * 3] * 2, "expected real numbers"),
    ):
        with pytest.raises(ValueError, match=rf"inputs\['{name}'\]: {words}"):
            M.step(params, state, {**now, name: np.array(value)})
    with pytest.raises(ValueError, match=r"state\['t'\]: expected integers"):
        M.step(params, {**state, "t": np.array(["a", "b"])}, now)


@pytest.mark.parametrize("part", ["context", "prefix"])
def test_sampling_names_what_it_was_given(part: str) -> None:
    given: dict[str, Any] = {"context": {"x": np.zeros((3, 2, 3)), "f": np.zeros((3, 2), bool)}, "prefix": {}}
    given[part]["y" if part == "prefix" else "x"] = np.full((3, 2) if part == "prefix" else (3, 2, 3), "a")
    with pytest.raises(ValueError, match=rf"{part}\['[xy]'\]: expected"):
        M.sample(GIVEN["params"], RNG, batch_size=2, max_steps=3, **given)


def test_masked_arrays_without_a_mask_and_other_kinds_of_arrays_will_do() -> None:
    wanted = call("batch", "x", GIVEN["batch"]["x"])[0]["E"]
    for made in (np.ma.masked_array, lambda x: x.tolist(), lambda x: x.astype(">f8"), np.asfortranarray):
        np.testing.assert_array_equal(call("batch", "x", made(GIVEN["batch"]["x"]))[0]["E"], wanted)


EVEN = {name: value for name, value in GIVEN["batch"].items() if name != "T"}
BATCHES = {"even": EVEN, "ragged": GIVEN["batch"]}
AGAIN = [(part, name) for part, name in EVERY if part in ("params", "batch") and name != "T"]


def again(part: str, name: str, value: Any, batch: Any = EVEN) -> Any:
    """A call with a workspace that has seen another of the same shapes, in which all was as it should be."""
    given = {"params": GIVEN["params"], "batch": batch}
    kept = M.workspace(given["params"], given["batch"])
    M.loss_and_grad(given["params"], given["batch"], workspace=kept)
    assert "as before" in kept
    given = {**given, part: {**given[part], name: value}}
    return M.loss_and_grad(given["params"], given["batch"], workspace=kept)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("part", "name"), AGAIN)
def test_a_workspace_does_not_make_a_call_careless(part: str, name: str, odd: str) -> None:
    with pytest.raises(ValueError, match=rf"{part}\['{name}'\]: "):
        again(part, name, ODD[odd](np.asarray(GIVEN[part][name])))


@pytest.mark.parametrize("value", [[[0, 1], [2, 3], [4, 0]], [[0, 1], [2, 3], [-1, 0]]])
def test_a_workspace_looks_at_ranges_every_time(value: Any) -> None:
    with pytest.raises(ValueError, match=r"batch\['y'\]: expected tokens 0 to k - 1 = 3, got "):
        again("batch", "y", np.array(value))


@pytest.mark.parametrize("value", [[4, 1], [-1, 3], [2.0, 1.0], [1, 2, 3]])
def test_a_workspace_looks_at_lengths_every_time(value: Any) -> None:
    with pytest.raises(ValueError, match=r"batch\['T'\]: expected |B is 2 here but 3 in 'T'|B is 3"):
        again("batch", "T", np.array(value), GIVEN["batch"])


@pytest.mark.parametrize("value", [[3, 1], [0, 0], [1, 3], [3, 3], [2, 2]])
def test_a_workspace_takes_the_lengths_of_each_call(value: Any) -> None:
    """What was padding before may be none now, and the other way round."""
    batch = {**GIVEN["batch"], "T": np.array(value)}
    loss, grads = M.loss_and_grad(GIVEN["params"], batch)
    found, found_grads = again("batch", "T", batch["T"], GIVEN["batch"])
    assert found == loss
    for key, grad in grads.items():
        np.testing.assert_array_equal(found_grads[key], grad)


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize(("part", "name"), AGAIN)
def test_a_workspace_takes_the_numbers_of_each_call(part: str, name: str, kind: str) -> None:
    value = np.asarray(GIVEN[part][name])
    other = (
        ~value
        if value.dtype == bool
        else (value + 1) % 4
        if value.dtype.kind == "i"
        else value + RNG.random(value.shape)
    )
    given = {"params": GIVEN["params"], "batch": BATCHES[kind]}
    given = {**given, part: {**given[part], name: other}}
    loss, grads = M.loss_and_grad(given["params"], given["batch"])
    found, found_grads = again(part, name, other, BATCHES[kind])
    assert found == loss != M.loss_and_grad(GIVEN["params"], BATCHES[kind])[0]
    for key, grad in grads.items():
        np.testing.assert_array_equal(found_grads[key], grad)
    with pytest.raises(ValueError, match="expected shape|here but"):
        again(part, name, other[..., :-1] if other.ndim > 1 else other[:-1], BATCHES[kind])
    single = again(
        part, name, other.astype(np.float32 if other.dtype.kind == "f" else other.dtype), BATCHES[kind]
    )
    assert np.isclose(single[0], loss, rtol=1e-6)


class Lookup:
    """A mapping that cannot be gone through item by item."""

    def __init__(self, table: Any) -> None:
        self.keys, self.get, self.table = table.keys, table.get, table

    def __getitem__(self, name: str) -> Any:
        return self.table[name]

    def __iter__(self) -> Any:
        return iter(self.table)


WAYS = {
    "no lengths": lambda params, batch: (params, {**batch, "T": None}),
    "another mapping": lambda params, batch: (Lookup(params), batch),
    "everything in the parameters": lambda params, batch: ({**params, "x": batch["x"]}, batch),
}


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("then", WAYS)
def test_what_a_workspace_cannot_remember_it_does_not(first: str, then: str) -> None:
    """The second call is as one without: the same numbers, or the same refusal."""
    params, kept = GIVEN["params"], M.workspace(GIVEN["params"], EVEN)
    short = {name: value[:2] for name, value in EVEN.items()}

    def answer(way: str, batch: Any, workspace: Any) -> Any:
        try:
            return M.loss_and_grad(*WAYS[way](params, batch), workspace=workspace)[0]
        except ValueError as error:
            return str(error)

    answer(first, EVEN, kept)
    assert answer(then, short, kept) == answer(then, short, None)
    assert answer(then, EVEN, kept) == answer(then, EVEN, None)


def short(batch: Any) -> Any:
    return {name: value if name == "T" else value[:2] for name, value in batch.items()}


def trained(batch: Any, **options: Any) -> Any:
    return lambda space: M.loss_and_grad(GIVEN["params"], batch, workspace=space, **options)


def run_and_back(cotangents: Any, batch: Any = EVEN) -> Any:
    def both(space: Any) -> Any:
        run = M.forward(GIVEN["params"], batch, workspace=space)
        return [run.loss, run.outputs, *M.backward(GIVEN["params"], run, cotangents)]

    return both


CALLS = {
    "even": trained(EVEN),
    "even, other numbers": trained({**EVEN, "x": 2 * EVEN["x"]}),
    "even, fewer steps": trained(short(EVEN)),
    "even, three rows of two steps": trained(
        {name: value.reshape(2, 3, *value.shape[2:]) for name, value in EVEN.items()}
    ),
    "even, one row": trained({name: value[:, :1] for name, value in EVEN.items()}),
    "single precision": lambda space: M.loss_and_grad(
        {name: value.astype("f") for name, value in GIVEN["params"].items()}, EVEN, workspace=space
    ),
    "ragged": trained(GIVEN["batch"]),
    "ragged, fewer steps": trained({**GIVEN["batch"], "T": np.array([2, 1])}),
    "after others": trained(EVEN, state=M.forward(GIVEN["params"], EVEN).state),
    "in segments": trained(EVEN, checkpoint=2),
    "forward and back": run_and_back({"loss": 1.0}),
    "ragged, forward and back": run_and_back({"loss": 1.0}, GIVEN["batch"]),
    "ragged, and no number past the ends": run_and_back(
        {"loss": 1.0},
        {
            **EVEN,
            "T": np.array([2, 3]),
            "x": np.where([[[1], [1]], [[1], [1]], [[0], [1]]], EVEN["x"], np.nan),
        },
    ),
    "back from outputs": run_and_back({"h": np.ones((3, 2, 3)), "state.h": np.ones((2, 3))}),
}


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*CALLS]), min_size=2, max_size=8))
def test_what_a_workspace_was_used_for_before_makes_no_difference(names: list[str]) -> None:
    space: dict[Any, Any] = {}
    for name in names:
        assert bits(CALLS[name](space)) == bits(CALLS[name](None))


def bits(found: Any) -> Any:
    """Numbers, arrays and tables of them, to the last bit."""
    if isinstance(found, dict):
        return {name: bits(value) for name, value in found.items()}
    return [*map(bits, found)] if isinstance(found, (list, tuple)) else np.asarray(found).tobytes()


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_the_workspace_of_another_module_is_refused(kind: type[dict[Any, Any]]) -> None:
    """Its buffers have the same names, and the steps of its loops may stand elsewhere in them."""
    space = kind(M.workspace(GIVEN["params"], EVEN))
    M.loss_and_grad(GIVEN["params"], EVEN, workspace=space)
    other = rnnc.loads(SPEC.replace("h[t-1]", "h[t-2]"))
    with pytest.raises(ValueError, match="workspace: another module's"):
        other.loss_and_grad(GIVEN["params"], EVEN, workspace=space)
    M.loss_and_grad(GIVEN["params"], EVEN, workspace=space)


def test_a_loop_runs_over_the_arrays_it_is_given() -> None:
    """A workspace's views of a loop's steps are of the same arrays, or made anew."""
    call = M.Call()
    call.workspace, call.dtype, call.B, call.dims, call.longest = {}, np.dtype(float), 2, {}, {"t": 3}
    a, b, other = call.buffer("a", 3, 2), call.buffer("b", 3, 2), np.zeros((3, 2))
    for arrays in ((a, b), (a, b), (b, a), (a, other), (a, b), (other, b)):
        for way, loop in ((1, call.forwards), (-1, call.backwards)):
            steps = [*loop(f"h {way}", *arrays)]
            assert len(steps) == 3
            for views, *wanted in zip(steps, *(array[::way] for array in arrays)):
                places = [one.__array_interface__["data"] for one in views]
                assert places == [one.__array_interface__["data"] for one in wanted]


def test_a_run_whose_workspace_another_call_has_is_refused() -> None:
    kept = M.workspace(GIVEN["params"], EVEN)
    first = M.forward(GIVEN["params"], EVEN, workspace=kept)
    once = M.backward(GIVEN["params"], first)[0]
    again = M.backward(GIVEN["params"], first)[0]
    for name, grad in once.items():
        np.testing.assert_array_equal(again[name], grad)
    M.loss_and_grad(GIVEN["params"], EVEN, workspace=kept)
    with pytest.raises(ValueError, match="run: another call was given its workspace"):
        M.backward(GIVEN["params"], first)


LENGTHS = rnnc.loads("""\
dim n = 3, lengths = 5
axis t = 1..T
param c : real[n]
head T : token(lengths) ~ categorical(affine(c))
h[t] : real[n] = tanh(affine(h[t-1], c))
head y[t] : token(n) ~ categorical(affine(h[t]))
""")


@pytest.mark.parametrize("lengths", [None, np.array([6, 2]), np.array([5, 5])])
def test_lengths_that_no_head_can_tell_are_refused(lengths: Any) -> None:
    params, y = LENGTHS.init(seed=0), np.zeros((6, 2), int)
    with pytest.raises(ValueError, match=r"batch\['T'\]: expected at most 4, .* got [56]"):
        LENGTHS.loss_and_grad(params, {"y": y, "T": lengths})
    with pytest.raises(ValueError, match=r"\['T'\]: expected at most 4, "):
        LENGTHS.sample(params, np.random.default_rng(0), context={"T": np.array([5])})
    assert LENGTHS.loss_and_grad(params, {"y": y, "T": np.array([4, 0])})[0] > 0
    assert LENGTHS.sample(params, np.random.default_rng(0), batch_size=8).T.max() <= 4


def test_no_elements_no_loss() -> None:
    """Even where a term would be infinite."""
    m = rnnc.loads(
        "dim n = 2\naxis t = 1..T\ninput x[t] : real[n]\nparam s : real\nhead y[t] : real[n] ~ normal(x[t], s)\n"
    )
    none = np.zeros((0, 2, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        assert m.forward({"s": np.zeros(())}, {"x": none, "y": none}).loss == 0


def test_dims_for_which_a_slice_is_not_there_are_refused() -> None:
    text = "dim n = 4\naxis t = 1..T\nparam w : real[n]\ninput x[t] : real[3]\n"
    m = rnnc.loads(text + "h[t] = tanh(slice(w, 1, 3) * x[t] + h[t-1])\nhead y[t] : real[3] ~ normal(h[t])\n")
    said = "a slice of 3 from 1 is not inside the last size n, with n = 3"
    with pytest.raises(ValueError, match=said):
        m.init(n=3)
    batch = {"x": np.ones((2, 1, 3)), "y": np.ones((2, 1, 3))}
    with pytest.raises(ValueError, match=said):
        m.loss_and_grad({"w": np.ones(3)}, batch)
    assert m.loss_and_grad(m.init(n=5), batch)[1]["w"].shape == (5,)


def test_dims_for_which_a_component_is_not_there_are_refused() -> None:
    m = rnnc.loads("dim n = 4\nparam w : real[n]\ninput c : real\nh = pick(w, 3) * c\noutput h\n")
    with pytest.raises(ValueError, match="there is no component 3 of the last size n, with n = 3"):
        m.init(n=3)
    assert m.init(n=5)["w"].shape == (5,)


@pytest.mark.parametrize("level", [0, 2])
def test_a_component_that_is_not_there_is_0(level: int) -> None:
    """As the product with `onehot` is; and no gradient goes anywhere."""
    text = "dim n = 3\naxis t = 1..T\ninput x[t] : real[n], i[t] : int\nh[t] = pick(x[t], i[t])\noutput h\n"
    m, x = rnnc.loads(text, Options(level=level)), np.arange(1.0, 16.0).reshape(5, 1, 3)
    run = m.forward({}, {"x": x, "i": np.array([[0], [2], [-1], [3], [-4]])})
    assert run.outputs["h"].ravel().tolist() == [1, 6, 0, 0, 0]
    _, found, _ = m.backward({}, run, {"h": np.ones((5, 1))})
    assert found["x"].tolist() == np.where(np.isin(x, [1, 6]), 1, 0).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
def test_a_buffer_of_a_workspace_begins_at_a_multiple_of_64_bytes(dtype: str) -> None:
    call = rnnc.loads("axis t = 1..T\ninput x[t] : real\nloss l = sum[t](x[t])\n").Call()
    call.workspace, call.dtype = {}, np.dtype(dtype)
    for number, shape in enumerate([(3,), (5, 7), (2, 3, 11)]):
        buffer = call.buffer(f"b{number}", *shape)
        assert buffer.shape == shape and buffer.ctypes.data % 64 == 0 and buffer.flags.c_contiguous
