"""A character model written by hand: embedding, one LSTM layer, categorical head; NumPy only.

It obeys the contract of a compiled module, so it can take one's place in tests of the runtime, and it
is an independent reference for the module printed from its SPEC. Derived on paper, not by the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
Arrays = dict[str, np.ndarray]

SPEC = """\
use lstm
dim vocab = 96, embed = 32, hidden = 128
axis t = 1..T
input x[t] : token(vocab)
param E : real[vocab, embed] ~ normal(0.1)
h[t] = lstm(E[x[t]], hidden)
head y[t] : token(vocab) ~ categorical(affine(h[t]))
"""
DIMS = {"vocab": 96, "embed": 32, "hidden": 128}
GATES = "ifog"  # the order of the gates in every array that holds all four
PARAMS: dict[str, tuple[str, ...]] = {"E": ("vocab", "embed")}
for _gate in GATES:
    PARAMS[f"h.W_{_gate}x"] = ("hidden", "embed")
    PARAMS[f"h.W_{_gate}h"] = ("hidden", "hidden")
    PARAMS[f"h.b_{_gate}"] = ("hidden",)
PARAMS |= {"W_yh": ("vocab", "hidden"), "b_y": ("vocab",)}
SHAPES: dict[str, tuple[str, ...]] = {**PARAMS, "x": ("T", "B"), "y": ("T", "B")}


class Workspace:
    """Buffers by name; one of the wrong shape or dtype is replaced."""

    def __init__(self) -> None:
        self.buffers: Arrays = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        found = self.buffers.get(name)
        if found is None or found.shape != shape or found.dtype != dtype:
            found = self.buffers[name] = np.zeros(shape, dtype)
        return found


@dataclass
class Run:
    outputs: Arrays
    loss: Any
    nll: Arrays
    state: Arrays
    tape: Arrays = field(repr=False)


@dataclass
class Sequences:
    y: Array
    T: Array
    log_prob: Array


def init(seed: int = 0, dtype: str = "float32", **dims: int) -> Arrays:
    """Fresh parameters: normal(0.1) for E, Glorot for matrices, 0 for biases but the forget gate's 1."""
    unknown = set(dims) - set(DIMS)
    if unknown:
        raise ValueError(f"init: no dim named {sorted(unknown)[0]!r}; there are {', '.join(DIMS)}")
    sizes = {**DIMS, **dims}
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in PARAMS.items():
        at = tuple(sizes[dim] for dim in shape)
        if name == "E":
            value = rng.normal(0.0, 0.1, at)
        elif len(at) == 2:
            value = rng.uniform(-1, 1, at) * np.sqrt(6 / sum(at))
        else:
            value = np.full(at, float(name == "h.b_f"))
        params[name] = value.astype(dtype)
    return params


def workspace(params: Arrays, batch: Mapping[str, Array]) -> Workspace:
    """Buffers to be kept between calls."""
    return Workspace()


def forward(
    params: Arrays,
    batch: Mapping[str, Array],
    *,
    state: Mapping[str, Array] | None = None,
    train: bool = False,
    seed: int = 0,
    last: bool = True,
    workspace: Workspace | None = None,
) -> Run:
    """Every output, the loss when targets are given, the final state, and the tape for `backward`."""
    _check_params(params)
    ws = workspace or Workspace()
    tokens, mask = _tokens(params, batch, "x")
    steps, rows = tokens.shape
    hidden = params["h.b_i"].size
    dtype = _dtype(params, state or {})
    start = state or {name: np.zeros((rows, hidden), dtype) for name in ("h", "h.c")}
    weights = _stacked(params, ws, dtype)
    h, c = (ws.get(name, (steps + 1, rows, hidden), dtype) for name in ("h", "h.c"))
    h[0], c[0] = start["h"], start["h.c"]
    gates = ws.get("gates", (steps, rows, 4 * hidden), dtype)
    table = (params["E"].dot(weights["x"].T) + weights["b"]).astype(dtype, copy=False)
    np.take(table, tokens, axis=0, out=gates, mode="clip")
    squashed = ws.get("tanh c", (steps, rows, hidden), dtype)
    _loop(gates, h, c, squashed, weights["h"].T.copy(), mask)
    logits = ws.get("logits", (steps, rows, params["b_y"].size), dtype)
    np.matmul(h[1:], params["W_yh"].T, out=logits)
    logits += params["b_y"]
    tape = {"tokens": tokens, "h": h, "c": c, "gates": gates, "tanh c": squashed, "logits": logits}
    if mask is not None:
        tape["mask"] = mask
        logits[~mask] = 0
    count = np.zeros((), np.int64) if state is None else state["t"]
    lengths = np.asarray(batch["T"]) if "T" in batch else np.full(rows, steps)
    final = {"t": count + lengths, "h": h[-1].copy(), "h.c": c[-1].copy()}
    run = Run({"y": logits}, None, {}, final, tape)
    if "y" in batch:
        _score(run, _tokens(params, batch, "y")[0], mask, ws)
    return run


def _stacked(params: Arrays, ws: Workspace, dtype: Any) -> Arrays:
    """The gates' weights one below the other, the sigmoid gates' halved: sigmoid(z) = tanh(z/2)/2 + 1/2."""
    parts = {"x": "h.W_{}x", "h": "h.W_{}h", "b": "h.b_{}"}
    stacked = {key: np.concatenate([params[form.format(g)] for g in GATES]) for key, form in parts.items()}
    for value in stacked.values():
        value[: 3 * len(value) // 4] *= 0.5
    return stacked


def _loop(z: Array, h: Array, c: Array, squashed: Array, weight: Array, mask: Array | None) -> None:
    """The recurrence: z holds the inputs' part of the gates and becomes the gates."""
    n = h.shape[2]
    product, new = np.empty_like(z[0]) if len(z) else z, np.empty_like(h[0])
    for t in range(len(z)):
        np.dot(h[t], weight, product)
        np.add(z[t], product, z[t])
        np.tanh(z[t], z[t])
        sigmoids = z[t, :, : 3 * n]
        np.multiply(sigmoids, 0.5, sigmoids)
        np.add(sigmoids, 0.5, sigmoids)
        i, f, o, g = (z[t, :, k * n : (k + 1) * n] for k in range(4))
        np.multiply(f, c[t], c[t + 1])
        np.multiply(i, g, new)
        np.add(c[t + 1], new, c[t + 1])
        np.tanh(c[t + 1], squashed[t])
        np.multiply(o, squashed[t], h[t + 1])
        if mask is not None and not mask[t].all():
            ended = ~mask[t]
            h[t + 1, ended], c[t + 1, ended] = h[t, ended], c[t, ended]


def _score(run: Run, targets: Array, mask: Array | None, ws: Workspace) -> None:
    """Adds the loss, the negative log-likelihoods, and softmax - onehot to the run."""
    logits = run.outputs["y"]
    error = ws.get("error", logits.shape, logits.dtype)
    top = logits.real.max(-1, keepdims=True)
    np.subtract(logits, top, error)
    picked = np.take_along_axis(error, targets[..., None], -1)[..., 0]
    np.exp(error, error)
    total = error.sum(-1, keepdims=True)
    np.divide(error, total, error)
    nll = np.log(total[..., 0]) - picked
    one = np.take_along_axis(error, targets[..., None], -1) - 1
    np.put_along_axis(error, targets[..., None], one, -1)
    if mask is not None:
        nll[~mask] = 0
        error[~mask] = 0
    count = nll.size if mask is None else int(mask.sum())
    run.nll["y"] = nll.sum(0)
    loss = nll.sum() / max(count, 1)
    run.loss = complex(loss) if np.iscomplexobj(loss) else float(loss)
    run.tape["error"] = error
    run.tape["count"] = np.array(max(count, 1))


def backward(
    params: Arrays,
    run: Run,
    cotangents: Mapping[str, Any] | None = None,
    *,
    workspace: Workspace | None = None,
) -> tuple[Arrays, Arrays, Arrays]:
    """Gradients of the parameters, of the (absent) real inputs, and of the starting state."""
    ws = workspace or Workspace()
    given = {"loss": 1.0} if cotangents is None else cotangents
    tape, mask = run.tape, run.tape.get("mask")
    dlogits = ws.get("dlogits", tape["logits"].shape, tape["logits"].dtype)
    dlogits[...] = given.get("y", 0)
    if "error" in tape:
        dlogits += tape["error"] * (np.asarray(given.get("loss", 0)) / tape["count"]).astype(dlogits.dtype)
    if mask is not None:
        dlogits[~mask] = 0
    h = tape["h"]
    steps, rows, hidden = tape["tanh c"].shape
    flat = dlogits.reshape(-1, dlogits.shape[2])
    grads = {"W_yh": flat.T.dot(h[1:].reshape(-1, hidden)), "b_y": flat.sum(0)}
    dh = np.matmul(dlogits, params["W_yh"])
    ends = [np.zeros((rows, hidden), h.dtype) + given.get(key, 0) for key in ("h", "h.c")]
    dz, dh0, dc0 = _loop_back(params, tape, dh, ends[0], ends[1], ws)
    grads.update(_weight_gradients(params, tape, dz.reshape(-1, 4 * hidden)))
    return {name: grads[name] for name in PARAMS}, {}, {"h": dh0, "h.c": dc0}


def _loop_back(
    params: Arrays, tape: Arrays, dh: Array, dh_next: Array, dc_next: Array, ws: Workspace
) -> tuple[Array, Array, Array]:
    """The adjoint recurrence: cotangents of the gates before their nonlinearity, and of the start."""
    dz, from_h = _local_derivatives(tape, ws)
    gates, mask = tape["gates"], tape.get("mask")
    n = dh.shape[2]
    weight = np.concatenate([params[f"h.W_{gate}h"] for gate in GATES])
    for t in reversed(range(len(dz))):
        total_h = dh[t] + dh_next
        total_c = from_h[t] * total_h + dc_next
        i, f, o, g = (dz[t, :, k * n : (k + 1) * n] for k in range(4))
        for gate, cotangent in ((i, total_c), (f, total_c), (o, total_h), (g, total_c)):
            np.multiply(gate, cotangent, gate)
        new_c = total_c * gates[t, :, n : 2 * n]
        new_h = np.empty_like(total_h)
        if mask is not None and not mask[t].all():
            ended = ~mask[t]
            dz[t, ended] = 0
            np.dot(dz[t], weight, new_h)
            new_h[ended], new_c[ended] = dh_next[ended], dc_next[ended]
        else:
            np.dot(dz[t], weight, new_h)
        dh_next, dc_next = new_h, new_c
    return dz, dh_next, dc_next


def _local_derivatives(tape: Arrays, ws: Workspace) -> tuple[Array, Array]:
    """Per step: what each gate's cotangent is multiplied by, and dc/dh through the output's tanh."""
    gates, squashed, c = tape["gates"], tape["tanh c"], tape["c"]
    steps, rows, n = squashed.shape
    local = ws.get("dz", gates.shape, gates.dtype)
    from_h = ws.get("dc from dh", squashed.shape, squashed.dtype)
    for t in range(steps):
        i, f, o, g = (gates[t, :, k * n : (k + 1) * n] for k in range(4))
        sigmoids, slopes = gates[t, :, : 3 * n], local[t, :, : 3 * n]
        np.multiply(sigmoids, sigmoids, slopes)
        np.subtract(sigmoids, slopes, slopes)
        for k, factor in enumerate((g, c[t], squashed[t])):
            part = slopes[:, k * n : (k + 1) * n]
            np.multiply(part, factor, part)
        np.multiply(g, g, local[t, :, 3 * n :])
        np.subtract(1, local[t, :, 3 * n :], local[t, :, 3 * n :])
        np.multiply(local[t, :, 3 * n :], i, local[t, :, 3 * n :])
        np.multiply(squashed[t], squashed[t], from_h[t])
        np.subtract(1, from_h[t], from_h[t])
        np.multiply(from_h[t], o, from_h[t])
    return local, from_h


def _weight_gradients(params: Arrays, tape: Arrays, dz: Array) -> Arrays:
    """One product over all steps for each stack of weights."""
    tokens = tape["tokens"].reshape(-1)
    before = tape["h"][:-1].reshape(len(dz), -1)
    onehot = np.zeros((len(tokens), len(params["E"])), dz.dtype)
    onehot[np.arange(len(tokens)), tokens] = 1
    by_token = onehot.T.dot(dz)  # the gates' cotangents summed over each token's occurrences
    weight = np.concatenate([params[f"h.W_{gate}x"] for gate in GATES])
    stacks = {"h.W_{}x": by_token.T.dot(params["E"]), "h.W_{}h": dz.T.dot(before), "h.b_{}": dz.sum(0)}
    grads = {"E": by_token.dot(weight)}
    for form, stack in stacks.items():
        for gate, part in zip(GATES, np.split(stack, 4)):
            grads[form.format(gate)] = part.copy()
    return grads


def loss_and_grad(
    params: Arrays,
    batch: Mapping[str, Array],
    *,
    train: bool = True,
    seed: int = 0,
    workspace: Workspace | None = None,
) -> tuple[Any, Arrays]:
    run = forward(params, batch, train=train, seed=seed, workspace=workspace)
    return run.loss, backward(params, run, workspace=workspace)[0]


def start(params: Arrays, batch_size: int = 1, context: Mapping[str, Array] | None = None) -> Arrays:
    """The state before the first step."""
    shape, dtype = (batch_size, params["h.b_i"].size), np.result_type(*params.values())
    return {"t": np.zeros(batch_size, np.int64), "h": np.zeros(shape, dtype), "h.c": np.zeros(shape, dtype)}


def freeze(params: Arrays) -> Arrays:
    """The parameters: a step has nothing to prepare."""
    return params


def step(
    params: Arrays, state: Mapping[str, Array], inputs: Mapping[str, Array]
) -> tuple[Arrays, dict[str, Array]]:
    """One step, the textbook's equations as they stand."""
    _check_params(params)
    embedded, past = params["E"][np.asarray(inputs["x"])], state["h"]
    z = {
        gate: embedded.dot(params[f"h.W_{gate}x"].T)
        + past.dot(params[f"h.W_{gate}h"].T)
        + params[f"h.b_{gate}"]
        for gate in GATES
    }
    i, f, o = (0.5 * np.tanh(0.5 * z[gate]) + 0.5 for gate in "ifo")
    c = f * state["h.c"] + i * np.tanh(z["g"])
    h = o * np.tanh(c)
    return {"t": state["t"] + 1, "h": h, "h.c": c}, {"y": h.dot(params["W_yh"].T) + params["b_y"]}


def sample(
    params: Arrays,
    rng: np.random.Generator,
    batch_size: int = 1,
    max_steps: int = 200,
    context: Mapping[str, Array] | None = None,
    temperature: float = 1.0,
) -> Sequences:
    """Draws y given the inputs x of the context; `log_prob` is that at temperature 1."""
    logits = forward(params, {"x": (context or {})["x"][:max_steps]}).outputs["y"]
    scores = logits / temperature if temperature > 0 else logits
    noise = rng.gumbel(size=logits.shape) if temperature > 0 else 0.0
    drawn = (scores + noise).argmax(-1)
    top = logits.max(-1, keepdims=True)
    logp = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    log_prob = np.take_along_axis(logp, drawn[..., None], -1)[..., 0].sum(0)
    return Sequences(drawn, np.full(drawn.shape[1], len(drawn)), log_prob)


def _dtype(params: Arrays, state: Mapping[str, Array]) -> Any:
    """That of the parameters; complex anywhere makes complex."""
    dtype = np.result_type(*params.values())
    return np.result_type(dtype, np.complex64) if any(map(np.iscomplexobj, state.values())) else dtype


def _check_params(params: Mapping[str, Array]) -> None:
    """Every parameter there, shapes agreeing on the dims."""
    dims: dict[str, int] = {}
    for name, shape in PARAMS.items():
        if name not in params:
            raise ValueError(f"params: {name!r} is missing")
        value = params[name]
        wanted = tuple(dims.get(dim, got) for dim, got in zip(shape, np.shape(value)))
        if np.ndim(value) != len(shape) or np.shape(value) != wanted:
            raise ValueError(f"params[{name!r}]: expected {shape}, got {np.shape(value)}")
        dims.update(zip(shape, value.shape))


def _tokens(params: Arrays, batch: Mapping[str, Array], name: str) -> tuple[Array, Array | None]:
    """The tokens of an input or target, 0 in the padding, and the mask of valid steps (None: all)."""
    if name not in batch:
        raise ValueError(f"batch: {name!r} is missing")
    tokens = np.asarray(batch[name])
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        raise ValueError(f"batch[{name!r}]: expected integers (T, B), got {tokens.dtype} {tokens.shape}")
    mask = None
    if "T" in batch:
        lengths = np.asarray(batch["T"])
        if lengths.shape != tokens.shape[1:] or (lengths < 0).any() or (lengths > len(tokens)).any():
            raise ValueError(f"batch['T']: expected {tokens.shape[1]} lengths up to {len(tokens)}")
        mask = np.arange(len(tokens))[:, None] < lengths
        tokens = np.where(mask, tokens, 0)
    if tokens.size and (tokens.min() < 0 or tokens.max() >= len(params["E"])):
        raise ValueError(f"batch[{name!r}]: a token is not below vocab = {len(params['E'])}")
    return tokens, mask
