"""Equations as a graph of ONNX: NumPy code told by running it on symbols, and ONNX Runtime runs what was told.

A symbol answers to NumPy's own functions (`__array_ufunc__`, `__array_function__`), so that the library of
`tests/test_peers.py` serves as it is; a loop becomes as many copies of its body as it has steps. Beside its name
in the graph a symbol carries a value at which shapes and types are seen, and which nothing else is taken from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from rnnc.peers.libraries import Library

OPSET = 18
Array = np.ndarray[Any, Any]

UFUNCS = {
    np.add: "Add", np.subtract: "Sub", np.multiply: "Mul", np.divide: "Div", np.power: "Pow", np.negative: "Neg",
    np.exp: "Exp", np.log: "Log", np.sqrt: "Sqrt", np.sin: "Sin", np.cos: "Cos", np.tanh: "Tanh",
    np.absolute: "Abs", np.sign: "Sign", np.floor: "Floor", np.maximum: "Max", np.minimum: "Min",
    np.matmul: "MatMul", np.equal: "Equal", np.less: "Less", np.less_equal: "LessOrEqual",
    np.greater: "Greater", np.greater_equal: "GreaterOrEqual",
    np.logical_and: "And", np.logical_or: "Or", np.logical_not: "Not",
}  # fmt: skip
COMPOSED: dict[Any, Callable[..., Any]] = {
    np.square: lambda a: a * a,
    np.expm1: lambda a: np.exp(a) - 1,
    np.log1p: lambda a: np.log(1 + a),
    np.logaddexp: lambda a, b: np.maximum(a, b) + np.log1p(np.exp(-np.absolute(a - b))),
    np.not_equal: lambda a, b: np.logical_not(np.equal(a, b)),
    np.remainder: lambda a, b: a - b * np.floor(a / b),
}


class Graph:
    """The nodes and constants told so far."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def add(self, op: str, inputs: Sequence[Any], value: Any, **attributes: Any) -> Symbol:
        from onnx import helper

        name = f"v{len(self.nodes)}"
        names = [self.name_of(one) for one in inputs]
        self.nodes.append(helper.make_node(op, names, [name], **attributes))
        return Symbol(self, name, np.asarray(value))

    def name_of(self, value: Any) -> str:
        if isinstance(value, Symbol):
            return value.name
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name


class Symbol(NDArrayOperatorsMixin):
    """A tensor of the graph; what NumPy is asked to do with it becomes nodes."""

    def __init__(self, graph: Graph, name: str, value: Array) -> None:
        self.graph, self.name, self.value = graph, name, value
        self.shape, self.dtype, self.ndim = value.shape, value.dtype, value.ndim

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any) -> Symbol:
        assert method == "__call__"
        if ufunc in COMPOSED:
            return COMPOSED[ufunc](*inputs)  # type: ignore[no-any-return]
        if ufunc not in UFUNCS:
            raise NotImplementedError(f"ONNX is not told of `{ufunc.__name__}`")
        values = [_value(one) for one in inputs]
        common = np.result_type(*values)
        typed = [one if _value(one).dtype == common else _cast(self.graph, one, common) for one in inputs]
        return self.graph.add(UFUNCS[ufunc], typed, ufunc(*values))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in FUNCTIONS:
            raise NotImplementedError(f"ONNX is not told of `{function.__name__}`")
        return FUNCTIONS[function](self.graph, *args, **kwargs)

    def reshape(self, *shape: Any) -> Symbol:
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self.graph.add("Reshape", [self, np.array(wanted, np.int64)], self.value.reshape(wanted))

    def astype(self, dtype: Any) -> Symbol:
        return _cast(self.graph, self, np.dtype(dtype))

    def sum(self, axis: int) -> Symbol:
        return _reduced("ReduceSum", self, axis, self.value.sum(axis))

    def mean(self, axis: int) -> Symbol:
        return _reduced("ReduceMean", self, axis, self.value.mean(axis))

    @property
    def T(self) -> Symbol:
        return _transposed(self.graph, self, range(self.ndim)[::-1])

    def __getitem__(self, index: Any) -> Symbol:
        """Of whole numbers, stretches and new axes: what is cut, then what is left in shape."""
        cut = self.value[index]
        parts = [part for part in (index if isinstance(index, tuple) else (index,)) if part is not None]
        before = parts.index(...) if ... in parts else len(parts)
        axes = [*range(before), *range(self.ndim - (len(parts) - before - 1), self.ndim)]
        bounds = [
            _bounds(part, self.shape[axis]) for part, axis in zip((p for p in parts if p is not ...), axes)
        ]
        starts, ends = (np.array(column, np.int64) for column in zip(*bounds))
        told = self.graph.add("Slice", [self, starts, ends, np.array(axes, np.int64)], self.value)
        return self.graph.add("Reshape", [told, np.array(cut.shape, np.int64)], cut)


def _bounds(part: Any, size: int) -> tuple[int, int]:
    if isinstance(part, slice):
        return part.indices(size)[:2]
    place = int(part) % size
    return place, place + 1


def _value(one: Any) -> Array:
    return one.value if isinstance(one, Symbol) else np.asarray(one)


def _cast(graph: Graph, one: Any, dtype: Any) -> Any:
    from onnx import helper

    if not isinstance(one, Symbol):
        return np.asarray(one).astype(dtype)
    return graph.add("Cast", [one], one.value.astype(dtype), to=helper.np_dtype_to_tensor_dtype(dtype))


def _reduced(op: str, a: Symbol, axis: int, value: Any) -> Symbol:
    return a.graph.add(op, [a, np.array([axis], np.int64)], value, keepdims=0)


def _transposed(graph: Graph, a: Symbol, order: Sequence[int]) -> Symbol:
    if list(order) == sorted(order):
        return a
    return graph.add("Transpose", [a], a.value.transpose(tuple(order)), perm=list(order))


def _swapped(graph: Graph, a: Symbol, one: int, other: int) -> Symbol:
    order = list(range(a.ndim))
    order[one], order[other] = order[other], order[one]
    return _transposed(graph, a, order)


def _joined(graph: Graph, parts: Sequence[Any], axis: int = 0) -> Symbol:
    return graph.add("Concat", parts, np.concatenate([_value(part) for part in parts], axis), axis=axis)


def _stacked(graph: Graph, parts: Sequence[Any], axis: int = 0) -> Symbol:
    new = (slice(None),) * axis + (None,)
    wide = [part.reshape(_value(part)[new].shape) for part in parts]
    return _joined(graph, wide, axis)


def _wide(graph: Graph, a: Symbol, shape: tuple[int, ...]) -> Symbol:
    return graph.add("Expand", [a, np.array(shape, np.int64)], np.broadcast_to(a.value, shape))


def _chosen(graph: Graph, condition: Any, a: Any, b: Any) -> Symbol:
    common = np.result_type(_value(a), _value(b))
    parts = [
        condition,
        *(_cast(graph, one, common) if _value(one).dtype != common else one for one in (a, b)),
    ]
    return graph.add("Where", parts, np.where(*map(_value, (condition, a, b))))


def _einsum(graph: Graph, spec: str, *operands: Any) -> Symbol:
    return graph.add("Einsum", operands, np.einsum(spec, *map(_value, operands)), equation=spec)


def _running(graph: Graph, a: Symbol, axis: int) -> Symbol:
    return graph.add("CumSum", [a, np.array(axis % a.ndim, np.int64)], np.cumsum(a.value, axis))


FUNCTIONS: dict[Any, Callable[..., Symbol]] = {
    np.transpose: _transposed,
    np.swapaxes: _swapped,
    np.concatenate: _joined,
    np.stack: _stacked,
    np.broadcast_to: _wide,
    np.where: _chosen,
    np.einsum: _einsum,
    np.cumsum: _running,
    np.max: lambda graph, a, axis: _reduced("ReduceMax", a, axis, a.value.max(axis)),
}


def library(plain: Library, dtype: str) -> Library:
    """The library of NumPy's functions, with those of ONNX that NumPy lacks."""

    def either(op: str, name: str) -> Any:
        known = getattr(plain, name)
        return lambda a, *rest: _own(op, a, *rest) if isinstance(a, Symbol) else known(a, *rest)

    kinds = {"real": np.dtype(dtype), "int": np.dtype("int64"), "bool": np.dtype("bool")}
    return replace(
        plain,
        name="onnx",
        number=lambda value, kind: np.asarray(value, kinds[kind]),
        cast=lambda a, kind: a.astype(kinds[kind]),
        sigmoid=either("Sigmoid", "sigmoid"),
        softmax=either("Softmax", "softmax"),
        logsumexp=either("ReduceLogSumExp", "logsumexp"),
    )


def _own(op: str, a: Symbol, *axis: int) -> Symbol:
    if op == "ReduceLogSumExp":
        return _reduced(op, a, *axis, a.value.sum(*axis))
    return a.graph.add(op, [a], a.value, **({"axis": axis[0]} if axis else {}))


def executed(
    run: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]],
    params: Mapping[str, Array],
    batch: Mapping[str, Array],
    dtype: str,
) -> dict[str, Array]:
    """What ONNX Runtime makes of the graph that `run(params, batch)` tells."""
    import onnxruntime

    graph, given = Graph(dtype), dict[str, Array]()

    def symbols(arrays: Mapping[str, Array], letter: str) -> dict[str, Symbol]:
        found = {}
        for number, (name, value) in enumerate(arrays.items()):
            given[f"{letter}{number}"] = value.astype(dtype) if value.dtype.kind == "f" else value
            found[name] = Symbol(graph, f"{letter}{number}", given[f"{letter}{number}"])
        return found

    with np.errstate(all="ignore"):  # of the values that show shapes
        results = run(symbols(params, "p"), symbols(batch, "b"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    made = _model(graph, given, [value.name for value in results.values()])
    session = onnxruntime.InferenceSession(made, options)
    read = {one.name for one in session.get_inputs()}
    found = session.run(None, {name: value for name, value in given.items() if name in read})
    return dict(zip(results, found))


def _model(graph: Graph, given: Mapping[str, Array], results: Sequence[str]) -> bytes:
    from onnx import helper, numpy_helper

    def told(name: str, value: Array) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)

    read = set(itertools.chain.from_iterable(node.input for node in graph.nodes))
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(graph.dtype), None)
        for name in results
    ]
    made = helper.make_graph(
        graph.nodes,
        "equations",
        [told(name, value) for name, value in given.items() if name in read],
        ends,
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    return model.SerializeToString()
