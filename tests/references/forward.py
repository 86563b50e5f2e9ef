"""The examples of the chapter by hand: forward, one sequence at a time, from the book's and the papers' equations.

A function has the name of its spec, takes the parameters and what the sequence has (arrays cut to its own
lengths), and returns for each term of the loss the terms' elements, weighted. They take complex numbers, so that
their derivatives are exact without being written out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .cells import CELLS, gate, sigmoid
from .steps import (
    Array,
    Losses,
    Params,
    bernoulli,
    gru,
    gru_step,
    log_softmax,
    lstm_step,
    normal,
    of_copy,
    softmax,
    tagged,
    tanh,
)
from .steps import lstm as lstm_states


def fed_back(p: Params, y: Array, h: Array, always: Array | float = 0) -> Losses:
    """A network that reads its last symbol: y[0] is 0; `always` comes on top at every step."""
    states = []
    for k in (0, *y[:-1]):
        h = np.tanh(gate(p, "h", ("h", h)) + p["E"][k] + always)
        states.append(h)
    return tagged(p, states[: len(y)], y)


def directed_model(p: Params, y: Array) -> Losses:
    return fed_back(p, y, np.zeros_like(p["b_h"]))


def vector_each_step(p: Params, x: Array, y: Array) -> Losses:
    return fed_back(p, y, np.zeros_like(p["b_h"]), p["R"] @ x)


def vector_start(p: Params, x: Array, y: Array) -> Losses:
    return fed_back(p, y, np.tanh(p["R"] @ x))


def vector_both(p: Params, x: Array, y: Array) -> Losses:
    return fed_back(p, y, np.tanh(p["Q"] @ x), p["R"] @ x)


def sequence_to_sequence(p: Params, x: Array, y: Array) -> Losses:
    h, states = np.zeros_like(p["b_h"]), []
    for v, k in zip(x, (0, *y[:-1]), strict=False):
        h = np.tanh(gate(p, "h", ("x", v), ("h", h)) + p["E"][k])
        states.append(h)
    return tagged(p, states, y)


def encoder_decoder(p: Params, x: Array, y: Array) -> Losses:
    c = gru(of_copy(p, "e"), p["E"][x])[-1]
    d, losses = tanh(p, "d", ("C", c)), []
    for t in range(len(y)):
        last = p["F"][y[t - 1] if t else 0]
        d = gru_step(of_copy(p, "d"), np.concatenate([last, c]), d)
        losses.append(-log_softmax(gate(p, "y", ("d", d), ("C", c), ("3", last)))[y[t]])
    return {"y": losses}


def attention_additive(p: Params, x: Array, y: Array) -> Losses:
    f = gru(of_copy(p, "f"), p["E"][x])[1:]
    g = gru(of_copy(p, "g"), p["E"][x[::-1]])[::-1]  # g[1] … g[S], and 0
    h = [np.concatenate(pair) for pair in zip(f, g, strict=False)]
    d, losses = tanh(p, "d", ("g", g[0])), []
    for t in range(len(y)):
        last, c = p["F"][y[t - 1] if t else 0], np.zeros(2 * len(d))
        if h:
            weights = softmax(np.array([p["v"] @ np.tanh(p["Wq"] @ d + p["Wk"] @ h_s) for h_s in h]))
            c = sum(a * h_s for a, h_s in zip(weights, h, strict=True))
        d = gru_step(of_copy(p, "d"), np.concatenate([last, c]), d)
        losses.append(-log_softmax(gate(p, "y", ("d", d), ("c", c), ("3", last)))[y[t]])
    return {"y": losses}


def attention_dot(p: Params, x: Array, y: Array) -> Losses:
    source = lstm_states(of_copy(p, "h"), p["E"][x])
    (d, cell), h = source[-1], np.array([pair[0] for pair in source[1:]])
    k, losses = np.zeros_like(d), []
    for t in range(len(y)):
        last = p["F"][y[t - 1] if t else 0]
        d, cell = lstm_step(of_copy(p, "d"), np.concatenate([last, k]), d, cell)
        c = softmax(h @ d) @ h if len(h) else np.zeros_like(d)
        k = np.tanh(p["W_kc"] @ c + p["W_kd"] @ d)
        losses.append(-log_softmax(gate(p, "y", ("k", k)))[y[t]])
    return {"y": losses}


def deep_stacked(p: Params, x: Array, y: Array) -> Losses:
    below: list[Array] | None = None
    for layer in ("h1", "h2", "h3"):
        h, states = np.zeros_like(p["b_h1"]), []
        for t, v in enumerate(x):
            under = [] if below is None else [(f"h{int(layer[1]) - 1}", below[t])]
            h = tanh(p, layer, ("x", v), *under, (layer, h))
            states.append(h)
        below = states
    return tagged(p, below or [], y, "h3")


def deep_transition(p: Params, x: Array, y: Array) -> Losses:
    h, outputs = np.zeros_like(p["b_h"]), []
    for v in x:
        h = tanh(p, "h", ("z", tanh(p, "z", ("u", tanh(p, "u", ("x", v))), ("h", h))))
        outputs.append(tanh(p, "o", ("h", h)))
    return tagged(p, outputs, y, "o")


def deep_skip(p: Params, x: Array, y: Array) -> Losses:
    h, states = np.zeros_like(p["b_h"]), []
    for v in x:
        h = tanh(p, "h", ("z", tanh(p, "z", ("x", v), ("h", h))), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def leaky(p: Params, x: Array, y: Array, share: Array) -> Losses:
    """Units that keep the share `share` of themselves."""
    h, states = np.zeros_like(p["b_g"]), []
    for v in x:
        h = share * h + (1 - share) * tanh(p, "g", ("x", v), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def leaky_fixed(p: Params, x: Array, y: Array) -> Losses:
    return leaky(p, x, y, 1 - 1 / p["scale"])


def leaky_learned(p: Params, x: Array, y: Array) -> Losses:
    return leaky(p, x, y, sigmoid(p["r"]))


def zoneout(p: Params, x: Array, y: Array, keep: Array) -> Losses:
    h, states = np.zeros_like(p["b_g"]), []
    for v, kept in zip(x, keep, strict=True):
        h = kept * h + (1 - kept) * tanh(p, "g", ("x", v), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def dropout(p: Params, x: Array, y: Array, m: Array, **masks: Array) -> Losses:
    h = CELLS["lstm"](of_copy(p, "h"), x * m / 0.8)
    return tagged(p, [u * v / 0.7 for u, v in zip(h, masks["y.dropout"], strict=True)], y, "1")


def echo_state(p: Params, x: Array, y: Array) -> Losses:
    h, losses = np.zeros(len(p["W"])), []
    for v, wanted in zip(x, y, strict=True):
        h = np.tanh(p["W"] @ h + p["U"] @ v)
        losses.append(normal(wanted, p["V"] @ h + p["c"]))
    return {"y": losses, "decay": [1e-6 * (p["V"] ** 2).sum()]}


def lstm(p: Params, x: Array, y: Array) -> Losses:
    h = s = np.zeros_like(p["b_f"])
    states = []
    for v in x:
        f, g, q, b = (sigmoid(gate(p, name, ("x", v), ("h", h))) for name in "fgqb")
        s = f * s + g * b
        h = np.tanh(s) * q
        states.append(h)
    return tagged(p, states, y)


def lstm_peephole(p: Params, x: Array, y: Array) -> Losses:
    return tagged(p, CELLS["lstm_peephole"](of_copy(p, "h"), x), y)


def grid(p: Params, x: Array, y: Array) -> Losses:
    h: dict[tuple[int, int], Array] = {}
    none, losses = np.zeros_like(p["b_h"]), []
    for i, j in itertools.product(*map(range, y.shape)):
        above, left = h.get((i - 1, j), none), h.get((i, j - 1), none)
        h[i, j] = tanh(p, "h", ("x", x[i, j]), ("h", above), ("h_2", left))
        losses.append(-log_softmax(gate(p, "y", ("h", h[i, j])))[y[i, j]])
    return {"y": losses}


def stop_symbol(p: Params, y: Array) -> Losses:
    return tagged(p, gru(of_copy(p, "h"), p["E"][[0, *y[:-1]]])[1 : len(y) + 1], y)


def stop_event(p: Params, y: Array) -> Losses:
    states = gru(of_copy(p, "h"), p["E"][[0, *y[:-1]]])[1 : len(y) + 1]
    logits = [p["W_zh"] @ h + p["W_z2"] @ p["E"][k] + p["b_z"] for h, k in zip(states, y, strict=True)]
    events = [bernoulli(logit, t == len(y)) for t, logit in enumerate(logits, 1)]
    return {**tagged(p, states, y), "z": events}


def stop_length(p: Params, y: Array) -> Losses:
    left = len(y) - np.arange(1, len(y) + 1)
    before = [np.concatenate([p["E"][k], p["w"] * n]) for k, n in zip((0, *y[:-1]), left, strict=False)]
    losses = tagged(p, gru(of_copy(p, "h"), before)[1:], y)
    return {**losses, "T": [-log_softmax(p["r"])[len(y)]]}


def mixture_density(p: Params, y: Array) -> Losses:
    h, losses = CELLS["lstm"](of_copy(p, "h"), np.array([0.0, *y[:-1]])[:, None]), []
    for h_t, wanted in zip(h, y, strict=False):
        chances = softmax(gate(p, "weights", ("h", h_t)))
        scales = np.exp(gate(p, "scales", ("h", h_t)))
        means = gate(p, "means", ("h", h_t))
        densities = np.exp(-(((wanted - means) / scales) ** 2) / 2) / (scales * np.sqrt(2 * np.pi))
        losses.append(-np.log(chances @ densities))
    return {"y": losses}


def forecast(p: Params, when: Array, y: Array) -> Losses:
    before = np.concatenate([[0.0, *y[:-1]][: len(y)], *when.T]).reshape(1 + when.shape[1], len(y)).T
    h = gru(of_copy(p, "h"), before)[1:]
    means = [last[0] + gate(p, "centre", ("h", v)) for last, v in zip(before, h, strict=True)]
    scales = [np.exp(gate(p, "spread", ("h", v))) for v in h]
    return {"y": [normal(*parts) for parts in zip(y, means, scales, strict=True)]}


def canon(p: Params, y: Array) -> Losses:
    h = gru(of_copy(p, "h"), np.concatenate([np.zeros((1, y.shape[1])), y[:-1]])[: len(y)])[1:]
    logits = [gate(p, "y", ("h", v)) for v in h]
    return {"y": [sum(map(bernoulli, o, notes)) for o, notes in zip(logits, y, strict=True)]}


def classifier(p: Params, x: Array, y: Any, **masks: Array) -> Losses:
    h, g = (lstm_states(of_copy(p, name), x[::way])[-1][0] for name, way in (("h", 1), ("g", -1)))
    kept = ("1", h * masks["y.dropout"] / 0.5), ("2", g * masks["y.dropout_"] / 0.5)
    return {"y": [-log_softmax(gate(p, "y", *kept))[y]]}


def plain(p: Params, x: Array, w: Array) -> list[Array]:
    """The states of the plain network whose transition is `w`."""
    h, states = np.zeros_like(p["b_h"]), []
    for v in x:
        h = np.tanh(gate(p, "h", ("x", v)) + w @ h)
        states.append(h)
    return states


def regularised(p: Params, x: Array, y: Array) -> Losses:
    h = plain(p, x, p["W"])
    before = [np.zeros_like(p["b_h"]), *h]
    return {
        **tagged(p, h, y),
        "decay": [1e-3 * (p["W"] ** 2).sum()],
        "activity": [0.01 * (v**2).sum() for v in h],
        "slowness": [0.1 * ((v - u) ** 2).sum() for u, v in zip(before, h, strict=False)],
    }


def weighted_heads(p: Params, x: Array, y: Array, next: Array, kind: Any) -> Losses:
    h = CELLS["vanilla"](p, x)
    last = h[-1] if len(h) else np.zeros_like(p["b_h"])
    return {
        **tagged(p, h, y),
        "next": [0.1 * normal(v, gate(p, "next", ("h", u)), 0.5) for u, v in zip(h, next, strict=True)],
        "kind": [-2 * log_softmax(gate(p, "kind", ("h", last)))[kind]],
    }


def frozen(p: Params, x: Array, y: Array) -> Losses:
    h, states = np.zeros_like(p["b_h"]), []
    for k in x:
        h = tanh(p, "h", ("1", p["E"][k]), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def orthogonal_cayley(p: Params, x: Array, y: Array) -> Losses:
    a, one = p["R"] - p["R"].T, np.eye(len(p["R"]))
    return tagged(p, plain(p, x, np.linalg.solve(one + a, one - a)), y)


def orthogonal_exp(p: Params, x: Array, y: Array) -> Losses:
    """The plain series, far enough for the small matrices of a test."""
    a = p["R"] - p["R"].T
    term = total = np.eye(len(a))
    for k in range(1, 120):
        term = term @ a / k
        total = total + term
    return tagged(p, plain(p, x, total), y)


def spectral_scaling(p: Params, x: Array, y: Array) -> Losses:
    w, v = p["W"], p["v0"]
    for _ in range(10):
        v = w.T @ w @ v
        v = v / np.sqrt(v @ v)
    u = w @ v
    return tagged(p, plain(p, x, 0.95 * w / np.sqrt(u @ u)), y)


def taps(p: Params, x: Array, y: Array) -> Losses:
    h, states = np.zeros_like(p["b_h"]), []
    late = np.concatenate([np.zeros((2, x.shape[1])), x])
    for t in range(len(x)):
        h = tanh(p, "h", ("x", late[t + 2]), ("x_2", late[t + 1]), ("x_3", late[t]), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def time_stamps(p: Params, x: Array, time: Array, y: Array) -> Losses:
    h, states = np.zeros_like(p["b_h"]), []
    for t in range(len(x)):
        passed = max(time[t].real - time[t - 1].real, 0) if t else 0.0
        h = tanh(p, "h", ("x", x[t]), ("k", (1 + np.exp(p["r"])) ** -passed * h))
        states.append(h)
    return tagged(p, states, y)


def missing(p: Params, x: Array, seen: Array, y: Array) -> Losses:
    h, last, states = np.zeros_like(p["b_h"]), np.zeros(x.shape[1]), []
    for v, mask in zip(x, seen, strict=True):
        last = np.where(mask, v, last)
        h = tanh(p, "h", ("last", last), ("mask", mask.astype(float)), ("h", h))
        states.append(h)
    return tagged(p, states, y)


def siamese(p: Params, a: Array, b: Array, same: bool) -> Losses:
    f, g = (lstm_states(of_copy(p, "f"), p["E"][k])[-1][0] for k in (a, b))
    distance = sum(v if v.real >= 0 else -v for v in f - g)
    return {"same": [bernoulli(p["scale"] * np.exp(-distance) + p["bias"], bool(same))]}


def ctc(p: Params, x: Array, z: Array) -> Losses:
    """By looking at every path (eq. 2 and 3): those that are z when repeats are joined and blanks dropped."""
    f = CELLS["lstm"](of_copy(p, "f"), x) if len(x) else []
    g = CELLS["lstm"](of_copy(p, "g"), x[::-1])[::-1] if len(x) else []
    shown = [log_softmax(gate(p, "p", ("f", u), ("g", v))) for u, v in zip(f, g, strict=True)]
    total = 0.0
    for path in itertools.product(range(len(p["b_p"])), repeat=len(x)):
        if [k for k, _ in itertools.groupby(path) if k] == list(z):
            total += np.exp(sum(row[k] for row, k in zip(shown, path, strict=True)))
    return {"ctc": [-np.log(total)]}


def transducer(p: Params, x: Array, z: Array) -> Losses:
    """By looking at every order of T blanks and U labels, the last a blank."""
    f = [gate(p, "f", ("k", k)) for k in CELLS["lstm"](of_copy(p, "k"), x)] if len(x) else []
    g = [pair[0] for pair in lstm_states(of_copy(p, "g"), p["E"][z], p["s"])]
    if not f:
        return {"transducer": [0.0]}
    total = 0.0
    for labels in itertools.combinations(range(len(f) + len(z) - 1), len(z)):
        t = u = 0
        way = 0.0
        for place in range(len(f) + len(z)):
            row = log_softmax(f[t] + p["W"] @ g[u])
            if place in labels:
                way, u = way + row[z[u]], u + 1
            else:
                way, t = way + row[0], t + 1
        total += np.exp(way)
    return {"transducer": [-np.log(total)]}
