"""ONNX Runtime: a cell's step as a graph, told by running the cell on symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..cases import Case
from .networks import STATES, Functions, one_step, pack

OPSET = 18


class Graph:
    """The nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> list[Symbol]:
        from onnx import helper

        names = [self.name_of(value) for value in inputs]
        results = [f"v{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op, names, results, **attributes))
        return [Symbol(self, name) for name in results]

    def one(self, op: str, *inputs: Any, **attributes: Any) -> Symbol:
        return self.add(op, *inputs, **attributes)[0]

    def name_of(self, value: Any) -> str:
        if isinstance(value, Symbol):
            return value.name
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.int64 if isinstance(value, list) else np.float32)
        return name


class Symbol:
    """A tensor that is not there yet."""

    __array_ufunc__ = None  # so that NumPy leaves `array + symbol` to the symbol

    def __init__(self, graph: Graph, name: str, shape: tuple[int, ...] = ()) -> None:
        self.graph, self.name, self.shape = graph, name, shape

    def __add__(self, other: Any) -> Symbol:
        return self.graph.one("Add", self, other)

    def __sub__(self, other: Any) -> Symbol:
        return self.graph.one("Sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.graph.one("Sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.graph.one("Mul", self, other)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return self.graph.one("Div", self, other)

    def __matmul__(self, other: Any) -> Symbol:
        return self.graph.one("MatMul", self, other)

    def reshape(self, *shape: int) -> Symbol:
        return self.graph.one("Reshape", self, list(shape))

    def __getitem__(self, index: tuple[slice, int]) -> Symbol:
        """``a[:, k]``."""
        return self.graph.one("Gather", self, self.graph.one("Constant", value_int=index[1]), axis=1)


def functions(graph: Graph) -> Functions:
    """Of parameters alone NumPy computes at once; of symbols a node is made."""

    def either(op: str, plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda a: graph.one(op, a) if isinstance(a, Symbol) else plain(a)

    def unused(*_: Any) -> Any:
        raise NotImplementedError

    return Functions(
        either("Tanh", np.tanh), either("Sigmoid", unused), either("Exp", np.exp), either("Expm1", np.expm1),
        either("Sqrt", np.sqrt), either("Sin", np.sin), either("Cos", np.cos),
        mean=lambda a, axis: graph.one("ReduceMean", a, [axis], keepdims=1),
        softmax=unused,
        split=lambda a, n: graph.add("Split", a, outputs=n, axis=-1, num_outputs=n),
        concat=lambda parts: graph.one("Concat", *parts, axis=-1),
        flip=unused, zeros=unused, scan=unused,
    )  # fmt: skip


def step(case: Case) -> tuple[Callable[[Any], Any], Callable[[Sequence[np.ndarray], np.ndarray], Any]]:
    """`start()`, the state before the first step, and `step(state, x)`, which returns the next and the output."""
    import onnxruntime

    n, B, _m = case.size.H, case.size.B, case.size.D
    session = onnxruntime.InferenceSession(_model(case).SerializeToString(), _options(onnxruntime))
    states = [f"state{number}" for number in range(STATES[case.cell])]

    def run(state: Sequence[np.ndarray], x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        *after, out = session.run(None, {"x": x, **dict(zip(states, state))})
        return after, out

    return lambda: [np.zeros((B, n), np.float32) for _ in states], run


def _options(onnxruntime: Any) -> Any:
    import os

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    options.inter_op_num_threads = 1
    return options


def _model(case: Case) -> Any:
    from onnx import TensorProto, checker, helper, numpy_helper

    graph, B, n = Graph(), case.size.B, case.size.H
    x = Symbol(graph, "x", (B, case.size.D))
    state = tuple(Symbol(graph, f"state{number}", (B, n)) for number in range(STATES[case.cell]))
    carried, out = one_step(
        functions(graph), case.cell, pack(case.cell, case.params), state if len(state) > 1 else state[0], x
    )
    after = carried if isinstance(carried, tuple) else (carried,)
    # What is both the state and the output, or is only passed on, needs a name of its own.
    results = [graph.one("Identity", value) for value in (*after, out)]
    value = helper.make_tensor_value_info
    made = helper.make_graph(
        graph.nodes,
        case.cell,
        [value(one.name, TensorProto.FLOAT, one.shape) for one in (x, *state)],
        [value(one.name, TensorProto.FLOAT, (B, None)) for one in results],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    checker.check_model(model)
    return model
