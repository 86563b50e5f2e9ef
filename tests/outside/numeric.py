"""Keras, ONNX Runtime, SciPy, ReservoirPy: libraries that take numbers and give numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .register import SINGLE, Params, outside


def keras_layer(kind: str, x: Any, weights: list[Any], **options: Any) -> Any:
    import keras

    net = getattr(keras.layers, kind)(weights[1].shape[0], return_sequences=True, **options)
    net.build((x.shape[1], *x.shape[::2]))
    net.set_weights(weights)
    outputs = net(np.swapaxes(x, 0, 1).astype(np.float32))
    return np.swapaxes(keras.ops.convert_to_numpy(outputs), 0, 1)


def side_by_side(p: Params, gates: str, *letters: str) -> list[Any]:
    """For each letter the weights of all gates on it, and their biases, as Keras has them."""
    return [np.concatenate([p[f"W_{g}{a}"].T for g in gates], axis=1) for a in letters] + [
        np.concatenate([p[f"b_{g}"] for g in gates])
    ]


@outside("vanilla", "keras.layers.SimpleRNN", tensors=False, tolerance=SINGLE)
def keras_vanilla(p: Params, x: Any) -> Any:
    return keras_layer("SimpleRNN", x, side_by_side(p, "h", "x", "h"))


@outside("lstm", "keras.layers.LSTM", tensors=False, tolerance=SINGLE)
def keras_lstm(p: Params, x: Any) -> Any:
    return keras_layer("LSTM", x, side_by_side(p, "ifgo", "x", "h"))


@outside("gru", "keras.layers.GRU", tensors=False, tolerance=SINGLE)
def keras_gru(p: Params, x: Any) -> Any:
    """The second row of biases is that of the products with the state."""
    on_x, _, bias = side_by_side({**p, "W_gh": p["W_uh"]}, "zrg", "x", "h")
    on_h = np.concatenate([p["W_zh"].T, p["W_rh"].T, p["W_uh"].T], axis=1)
    none = np.zeros_like(p["b_u"])
    return keras_layer("GRU", x, [on_x, on_h, np.stack([bias, np.concatenate([none, none, p["b_u"]])])])


@outside("gru_reset_before", "keras.layers.GRU", tensors=False, tolerance=SINGLE)
def keras_gru_reset_before(p: Params, x: Any) -> Any:
    weights = side_by_side({**p, "W_gh": p["W_gk"]}, "zrg", "x", "h")
    return keras_layer("GRU", x, weights, reset_after=False)


def onnx_node(kind: str, x: Any, p: Params, gates: str, **options: Any) -> Any:
    """The outputs of one ONNX node; its gates' parameters stand below each other. `more` are further inputs by name."""
    import onnxruntime
    from onnx import TensorProto, helper

    more = options.pop("more", {})
    count = len(p[f"b_{gates[0]}"])
    arrays = {
        "W": np.concatenate([p[f"W_{g}x"] for g in gates])[None],
        "R": np.concatenate([p[f"W_{g}h"] for g in gates])[None],
        "B": np.concatenate([p[f"b_{g}"] for g in gates] + [p.get(f"c_{g}", np.zeros(count)) for g in gates])[None],
        **more,
    }  # fmt: skip
    feeds = {name: a.astype(np.float32) for name, a in {"X": x, **arrays}.items()}
    order = ["X", "W", "R", "B", "", "", "", "P"] if "P" in feeds else ["X", "W", "R", "B"]
    node = helper.make_node(kind, order, ["Y"], hidden_size=count, **options)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in feeds.items()]
    outputs = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "cell", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    run = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return run.run(["Y"], feeds)[0][:, 0]


@outside("vanilla", "onnxruntime.RNN", tensors=False, tolerance=SINGLE)
def onnx_vanilla(p: Params, x: Any) -> Any:
    return onnx_node("RNN", x, p, "h")


@outside("irnn", "onnxruntime.RNN", tensors=False, tolerance=SINGLE)
def onnx_irnn(p: Params, x: Any) -> Any:
    weights = {"W_hx": p["W"], "W_hh": p["U"], "b_h": p["b"]}
    return onnx_node("RNN", x, weights, "h", activations=["Relu"])


@outside("lstm", "onnxruntime.LSTM", tensors=False, tolerance=SINGLE)
def onnx_lstm(p: Params, x: Any) -> Any:
    return onnx_node("LSTM", x, p, "iofg")


@outside("lstm_peephole", "onnxruntime.LSTM", tensors=False, tolerance=SINGLE)
def onnx_peephole(p: Params, x: Any) -> Any:
    peepholes = np.concatenate([p["p_i"], p["p_o"], p["p_f"]])[None]
    return onnx_node("LSTM", x, p, "iofg", more={"P": peepholes})


@outside("lstm_coupled", "onnxruntime.LSTM", tensors=False, tolerance=SINGLE)
def onnx_coupled(p: Params, x: Any) -> Any:
    """It has f = 1 - i, the cell i = 1 - f: the sigmoid of the opposite sign."""
    opposite = {name.replace("_f", "_i"): -p[name] for name in ("W_fx", "W_fh", "b_f")}
    return onnx_node("LSTM", x, {**p, **opposite}, "iofg", input_forget=1)


@outside("gru", "onnxruntime.GRU", tensors=False, tolerance=SINGLE)
def onnx_gru(p: Params, x: Any) -> Any:
    return onnx_node("GRU", x, {**p, "W_gh": p["W_uh"], "c_g": p["b_u"]}, "zrg", linear_before_reset=1)


@outside("gru_reset_before", "onnxruntime.GRU", tensors=False, tolerance=SINGLE)
def onnx_gru_reset_before(p: Params, x: Any) -> Any:
    return onnx_node("GRU", x, {**p, "W_gh": p["W_gk"]}, "zrg")


@outside("lru", "scipy.signal.lfilter", tensors=False)
def lru(p: Params, x: Any) -> Any:
    """Every complex unit as a filter with one pole."""
    from scipy.signal import lfilter

    poles = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    scale = np.sqrt(1 - np.abs(poles) ** 2)
    drive = x @ (p["B_re"] + 1j * p["B_im"]).T
    units = [lfilter([s], [1, -a], drive[..., i], axis=0) for i, (s, a) in enumerate(zip(scale, poles))]
    return (np.stack(units, axis=-1) @ (p["C_re"] + 1j * p["C_im"]).T).real + p["D"] * x


@outside("s4d", "scipy.signal.cont2discrete", tensors=False)
def s4d(p: Params, x: Any) -> Any:
    """Every channel as a continuous system of its own: SciPy's zero-order hold, then its simulation."""
    from scipy.signal import cont2discrete, dlsim

    y = np.empty_like(x)
    for d in range(x.shape[-1]):
        # z' = a z + u with y = 2 Re(c z), the real and imaginary parts of each z side by side
        a = np.kron(np.diag(-np.exp(p["A_re"][d])), np.eye(2))
        a += np.kron(np.diag(p["A_im"][d]), [[0, -1], [1, 0]])
        b = np.tile([[1.0], [0.0]], (len(a) // 2, 1))
        c = 2 * np.stack([p["C_re"][d], -p["C_im"][d]], axis=-1).reshape(1, -1)
        step = np.exp(p["rate"][d])
        a, b, *_ = cont2discrete((a, b, c, [[0.0]]), step, "zoh")
        # the state after the input of a step gives the output of that step
        system = (a, b, c @ a, c @ b + p["D"][d], step)
        for row in range(x.shape[1]):
            y[:, row, d] = dlsim(system, x[:, row, d])[1][:, 0]
    return y


@outside("echo_state", "reservoirpy.nodes.Reservoir", tensors=False)
def echo_state(p: Params, x: Any) -> Any:
    return reservoir(x, p["W"], p["U"], p["b"], leak=0.5)


@outside("leaky", "reservoirpy.nodes.Reservoir", tensors=False)
def leaky(p: Params, x: Any) -> Any:
    return reservoir(x, p["W_gh"], p["W_gx"], p["b_g"], leak=0.1)


def reservoir(x: Any, on_h: Any, on_x: Any, bias: Any, leak: float) -> Any:
    """Its leak is the share of what is new."""
    from reservoirpy.nodes import Reservoir

    net = [Reservoir(units=len(bias), W=on_h, Win=on_x, bias=bias, lr=leak) for _ in range(x.shape[1])]
    return np.stack([node.run(x[:, row]) for row, node in enumerate(net)], axis=1)
