"""The cells of the library written by hand, one sequence at a time: from the papers, not from the specs.

Each takes the parameters of one copy (their names without the copy's) and a sequence x[t], row by row, and
gives the output, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray
Params = Mapping[str, Array]
Cell = Callable[[Params, Array], Array]


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def normalised(a: Array) -> Array:
    return (a - a.mean()) / np.sqrt(a.var() + 1e-5)


def gate(p: Params, name: str, *inputs: tuple[str, Array]) -> Array:
    """W_a a + W_b b + … + bias."""
    return sum(p[f"W_{name}{letter}"] @ value for letter, value in inputs) + p.get(f"b_{name}", 0)


def vanilla(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_h"]), []
    for row in x:
        h = np.tanh(gate(p, "h", ("x", row), ("h", h)))
        out.append(h)
    return np.array(out)


def irnn(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b"]), []
    for row in x:
        h = np.maximum(p["W"] @ row + p["U"] @ h + p["b"], 0)
        out.append(h)
    return np.array(out)


def indrnn(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["u"]), []
    for row in x:
        h = np.maximum(gate(p, "h", ("x", row)) + p["u"] * h, 0)
        out.append(h)
    return np.array(out)


def lstm(p: Params, x: Array, coupled: bool = False) -> Array:
    h = c = np.zeros_like(p["b_f"])
    out = []
    for row in x:
        f, o = (sigmoid(gate(p, name, ("x", row), ("h", h))) for name in "fo")
        i = 1 - f if coupled else sigmoid(gate(p, "i", ("x", row), ("h", h)))
        c = f * c + i * np.tanh(gate(p, "g", ("x", row), ("h", h)))
        h = o * np.tanh(c)
        out.append(h)
    return np.array(out)


def lstm_peephole(p: Params, x: Array) -> Array:
    h = c = np.zeros_like(p["b_f"])
    out = []
    for row in x:
        i = sigmoid(gate(p, "i", ("x", row), ("h", h)) + p["p_i"] * c)
        f = sigmoid(gate(p, "f", ("x", row), ("h", h)) + p["p_f"] * c)
        c = f * c + i * np.tanh(gate(p, "g", ("x", row), ("h", h)))
        o = sigmoid(gate(p, "o", ("x", row), ("h", h)) + p["p_o"] * c)
        h = o * np.tanh(c)
        out.append(h)
    return np.array(out)


def lstm_projected(p: Params, x: Array) -> Array:
    c, r, out = np.zeros_like(p["b_f"]), np.zeros(len(p["W_hs"])), []
    for row in x:
        i, f, o = (sigmoid(gate(p, name, ("x", row), ("h", r))) for name in "ifo")
        c = f * c + i * np.tanh(gate(p, "g", ("x", row), ("h", r)))
        r = p["W_hs"] @ (o * np.tanh(c))
        out.append(r)
    return np.array(out)


def lstm_layer_norm(p: Params, x: Array) -> Array:
    h = c = np.zeros_like(p["a_c"])
    out = []
    for row in x:
        z = p["a_h"] * normalised(p["U"] @ h) + p["a_x"] * normalised(p["W"] @ row) + p["b"]
        f, i, o, g = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(p["a_c"] * normalised(c) + p["b_c"])
        out.append(h)
    return np.array(out)


def multiplicative_lstm(p: Params, x: Array) -> Array:
    h = c = np.zeros_like(p["b_f"])
    out = []
    for row in x:
        m = (p["W_mx"] @ row) * (p["W_mh"] @ h)
        i, f, o = (sigmoid(gate(p, name, ("x", row), ("m", m))) for name in "ifo")
        c = f * c + i * np.tanh(gate(p, "g", ("x", row), ("m", m)))
        h = o * np.tanh(c)
        out.append(h)
    return np.array(out)


def gru(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_r"]), []
    for row in x:
        r, z = (sigmoid(gate(p, name, ("x", row), ("h", h))) for name in "rz")
        n = np.tanh(p["W_gx"] @ row + p["b_g"] + r * (p["W_uh"] @ h + p["b_u"]))
        h = (1 - z) * n + z * h
        out.append(h)
    return np.array(out)


def gru_reset_before(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_r"]), []
    for row in x:
        r, z = (sigmoid(gate(p, name, ("x", row), ("h", h))) for name in "rz")
        h = (1 - z) * np.tanh(p["W_gx"] @ row + p["W_gk"] @ (r * h) + p["b_g"]) + z * h
        out.append(h)
    return np.array(out)


def mgu(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_f"]), []
    for row in x:
        f = sigmoid(gate(p, "f", ("x", row), ("h", h)))
        h = (1 - f) * h + f * np.tanh(p["W_gx"] @ row + p["W_gk"] @ (f * h) + p["b_g"])
        out.append(h)
    return np.array(out)


def ugrnn(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_z"]), []
    for row in x:
        c, g = np.tanh(gate(p, "g", ("x", row), ("h", h))), sigmoid(gate(p, "z", ("x", row), ("h", h)))
        h = g * h + (1 - g) * c
        out.append(h)
    return np.array(out)


def sru(p: Params, x: Array) -> Array:
    c, out = np.zeros_like(p["b_f"]), []
    for row in x:
        f = sigmoid(p["W_fx"] @ row + p["v_f"] * c + p["b_f"])
        r = sigmoid(p["W_rx"] @ row + p["v_r"] * c + p["b_r"])
        c = f * c + (1 - f) * (p["W"] @ row)
        out.append(r * c + (1 - r) * row)
    return np.array(out)


def qrnn(p: Params, x: Array) -> Array:
    before = np.vstack([np.zeros_like(x[:1]), x[:-1]])
    z, f, o = (x @ p[f"W_{name}x"].T + before @ p[f"W_{name}x_2"].T for name in "zfo")
    c, out = np.zeros(z.shape[1]), []
    for t in range(len(x)):
        c = sigmoid(f[t]) * c + (1 - sigmoid(f[t])) * np.tanh(z[t])
        out.append(sigmoid(o[t]) * c)
    return np.array(out)


def mingru(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_z"]), []
    for row in x:
        z = sigmoid(gate(p, "z", ("x", row)))
        h = (1 - z) * h + z * gate(p, "g", ("x", row))
        out.append(h)
    return np.array(out)


def minlstm(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_f"]), []
    for row in x:
        f, i = sigmoid(gate(p, "f", ("x", row))), sigmoid(gate(p, "i", ("x", row)))
        h = (f * h + i * gate(p, "g", ("x", row))) / (f + i)
        out.append(h)
    return np.array(out)


def leaky(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_g"]), []
    for row in x:
        h = 0.9 * h + 0.1 * np.tanh(gate(p, "g", ("x", row), ("h", h)))
        out.append(h)
    return np.array(out)


def echo_state(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b"]), []
    for row in x:
        h = 0.5 * h + 0.5 * np.tanh(p["U"] @ row + p["W"] @ h + p["b"])
        out.append(h)
    return np.array(out)


def clockwork(p: Params, x: Array) -> Array:
    """Three modules, with periods 1, 2 and 4."""
    state, out = [np.zeros_like(p["b_a1_0"]) for _ in range(3)], []
    for t, row in enumerate(x, 1):
        old = list(state)
        for g in (1, 2, 3):
            if t % 2 ** (g - 1) == 0:
                slower = sum(p[f"W_a{g}_{k}s{k}"] @ old[k - 1] for k in range(g, 4))
                state[g - 1] = np.tanh(p[f"W_a{g}_{g - 1}x"] @ row + p[f"b_a{g}_{g - 1}"] + slower)
        out.append(np.concatenate(state))
    return np.array(out)


def recurrent_highway(p: Params, x: Array) -> Array:
    """Three layers a step."""
    s, out = np.zeros_like(p["b_g1"]), []
    for row in x:
        for layer in (1, 2, 3):
            below = f"s{layer - 1}" if layer > 1 else "h"
            inputs = [(below, s), *([("x", row)] if layer == 1 else [])]
            t = sigmoid(gate(p, f"z{layer}", *inputs))
            s = np.tanh(gate(p, f"g{layer}", *inputs)) * t + s * (1 - t)
        out.append(s)
    return np.array(out)


def slstm(p: Params, x: Array) -> Array:
    """Without the running maximum, which changes nothing in exact arithmetic."""
    h = c = n = np.zeros_like(p["b_z"])
    out = []
    for row in x:
        z, o, u, v = (gate(p, name, ("x", row), ("h", h)) for name in "zouv")
        i, f = np.exp(u), sigmoid(v)
        c, n = f * c + i * np.tanh(z), f * n + i
        h = sigmoid(o) * c / n
        out.append(h)
    return np.array(out)


def mlstm(p: Params, x: Array) -> Array:
    """Without the running maximum; the floor of the denominator is then 1."""
    d = len(p["b_q"])
    memory, n, out = np.zeros((d, d)), np.zeros(d), []
    for row in x:
        q, v, o, u, w = (gate(p, name, ("x", row)) for name in "qvouw")
        k = p["W_kx"] @ row / np.sqrt(d) + p["b_k"]
        f, i = sigmoid(w), np.exp(u)
        memory, n = f * memory + i * np.outer(v, k), f * n + i * k
        out.append(sigmoid(o) * (memory @ q) / max(abs(n @ q), 1.0))
    return np.array(out)


def linear_attention(p: Params, x: Array) -> Array:
    """As attention over all steps so far."""

    def phi(a: Array) -> Array:
        return np.where(a > 0, a + 1, np.exp(np.minimum(a, 0)))

    q, k, v = phi(x @ p["W_ax"].T), phi(x @ p["W_bx"].T), x @ p["W_vx"].T
    weights = np.tril(q @ k.T)
    return weights @ v / weights.sum(axis=1, keepdims=True)


def gated_linear_attention(p: Params, x: Array) -> Array:
    keys = len(p["W_qx"])
    memory, out = np.zeros((keys, len(p["W_vx"]))), []
    for row in x:
        alpha = sigmoid(gate(p, "a", ("x", row))) ** (1 / 16)
        memory = alpha[:, None] * memory + np.outer(p["W_kx"] @ row, p["W_vx"] @ row)
        read = normalised(memory.T @ (p["W_qx"] @ row / np.sqrt(keys)))
        r = gate(p, "r", ("x", row))
        out.append(r * sigmoid(r) * read)
    return np.array(out)


def rwkv(p: Params, x: Array) -> Array:
    """As weighted means over all steps so far."""
    before = np.vstack([np.zeros_like(x[:1]), x[:-1]])
    r, k, v = ((p[f"mu_{n}"] * x + (1 - p[f"mu_{n}"]) * before) @ p[f"W_{n}"].T for n in "rkv")
    w, out = np.exp(p["decay"]), []
    for t in range(len(x)):
        ages = np.arange(t - 1, -1, -1)[:, None]
        weights = np.vstack([np.exp(-ages * w + k[:t]), np.exp(p["u"] + k[t : t + 1])])
        out.append(p["W_o"] @ (sigmoid(r[t]) * (weights * v[: t + 1]).sum(0) / weights.sum(0)))
    return np.array(out)


def selective_ssm(p: Params, x: Array) -> Array:
    state, out = np.zeros_like(p["A"]), []
    for row in x:
        step = np.log1p(np.exp(gate(p, "step", ("x", row))))
        state = np.exp(-step[:, None] * np.exp(p["A"])) * state
        state = state + (step * row)[:, None] * (p["W_Bx"] @ row)[None, :]
        out.append(state @ (p["W_Cx"] @ row) + p["D"] * row)
    return np.array(out)


def lru(p: Params, x: Array) -> Array:
    """With complex numbers."""
    eigenvalues = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    scale = np.sqrt(1 - np.abs(eigenvalues) ** 2)
    state, out = np.zeros(len(eigenvalues), complex), []
    for row in x:
        state = eigenvalues * state + scale * ((p["B_re"] + 1j * p["B_im"]) @ row)
        out.append(((p["C_re"] + 1j * p["C_im"]) @ state).real + p["D"] * row)
    return np.array(out)


def liquid(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["A"]), []
    for row in x:
        f = sigmoid(gate(p, "f", ("x", row), ("h", h)))
        h = (h + 0.1 * f * p["A"]) / (1 + 0.1 * (np.log1p(np.exp(p["rate"])) + f))
        out.append(h)
    return np.array(out)


def cornn(p: Params, x: Array) -> Array:
    y = z = np.zeros_like(p["b_z"])
    out = []
    for row in x:
        drive = np.tanh(p["W_zh"] @ y + p["W_zz"] @ z + p["W_zx"] @ row + p["b_z"])
        z = z + 0.05 * (drive - 2 * y - 4 * z)
        y = y + 0.05 * z
        out.append(y)
    return np.array(out)


def silu(a: Array) -> Array:
    return a * sigmoid(a)


def unit(a: Array) -> Array:
    return a / np.sqrt((a**2).sum() + 1e-6)


def deltanet(p: Params, x: Array) -> Array:
    """The memory as a product with I - beta k k'."""
    memory, out = np.zeros((len(p["W_vx"]), len(p["W_ax"]))), []
    for row in x:
        q, k = unit(silu(p["W_ax"] @ row)), unit(silu(p["W_bx"] @ row))
        beta = sigmoid(p["W_betax"] @ row)
        memory = memory @ (np.eye(len(k)) - beta * np.outer(k, k)) + beta * np.outer(p["W_vx"] @ row, k)
        out.append(memory @ q)
    return np.array(out)


def gated_deltanet(p: Params, x: Array) -> Array:
    memory, out = np.zeros((len(p["W_vx"]), len(p["W_ax"]))), []
    for row in x:
        q, k = unit(silu(p["W_ax"] @ row)), unit(silu(p["W_bx"] @ row))
        beta = sigmoid(p["W_betax"] @ row)
        alpha = np.exp(-np.exp(p["A"]) * np.log1p(np.exp(gate(p, "step", ("x", row)))))
        memory = alpha * memory @ (np.eye(len(k)) - beta * np.outer(k, k))
        memory = memory + beta * np.outer(silu(p["W_vx"] @ row), k)
        read = memory @ q
        read = p["gain"] * read / np.sqrt((read**2).mean() + 1e-5)
        out.append(silu(p["W_rx"] @ row) * read)
    return np.array(out)


def retention(p: Params, x: Array) -> Array:
    """In the parallel form: attention weighed by powers of gamma."""
    q, k, v = x @ p["W_qx"].T, x @ p["W_kx"].T / np.sqrt(len(p["W_kx"])), x @ p["W_vx"].T
    ages = np.subtract.outer(np.arange(len(x)), np.arange(len(x)))
    read = np.where(ages >= 0, (q @ k.T) * (1 - 1 / 32) ** np.maximum(ages, 0), 0) @ v
    return np.array([silu(p["W_rx"] @ row) * normalised(r) for row, r in zip(x, read)])


def mamba2(p: Params, x: Array) -> Array:
    """As attention with a mask of decays (the duality of the paper)."""
    step = np.log1p(np.exp(x @ p["W_stepx"] + p["b_step"]))
    log_decay = np.cumsum(-np.exp(p["A"]) * step)
    mask = np.tril(np.exp(np.minimum(np.subtract.outer(log_decay, log_decay), 0)))
    weights = mask * ((x @ p["W_Cx"].T) @ (x @ p["W_Bx"].T).T)
    return weights @ (step[:, None] * x) + p["D"] * x


def hgrn2(p: Params, x: Array) -> Array:
    state, out = np.zeros((len(p["W_gx"]), len(p["W_ix"]))), []
    for row in x:
        f = sigmoid(p["W_gx"] @ row)
        state = np.diag(f) @ state + np.outer(1 - f, p["W_ix"] @ row)
        out.append(silu(p["W_qx"] @ row) @ state)
    return np.array(out)


def rg_lru(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["L"]), []
    for row in x:
        a = sigmoid(p["L"]) ** (8 * sigmoid(gate(p, "r", ("x", row))))
        h = a * h + np.sqrt(1 - a**2) * (sigmoid(gate(p, "i", ("x", row))) * row)
        out.append(h)
    return np.array(out)


def s4d(p: Params, x: Array) -> Array:
    """With complex numbers, as a convolution with the kernel 2 Re(C (exp(step A) - 1) / A exp(k step A))."""
    a, c = -np.exp(p["A_re"]) + 1j * p["A_im"], p["C_re"] + 1j * p["C_im"]
    step = np.exp(p["rate"])[:, None]
    powers = np.exp(np.arange(len(x))[:, None, None] * step * a)
    kernel = 2 * (c * (np.exp(step * a) - 1) / a * powers).sum(axis=2).real
    seen = [sum(kernel[t - s] * x[s] for s in range(t + 1)) for t in range(len(x))]
    return np.array(seen) + p["D"] * x


def antisymmetric(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b"]), []
    for row in x:
        drive = (p["W"] - p["W"].T - 0.01 * np.eye(len(h))) @ h + p["V"] @ row + p["b"]
        h = h + 0.1 * np.tanh(drive)
        out.append(h)
    return np.array(out)


def janet(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_s"]), []
    for row in x:
        s = gate(p, "s", ("x", row), ("h", h))
        h = sigmoid(s) * h + (1 - sigmoid(s - 1)) * np.tanh(gate(p, "g", ("x", row), ("h", h)))
        out.append(h)
    return np.array(out)


def ligru(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_z"]), []
    for row in x:
        z = sigmoid(gate(p, "z", ("x", row), ("h", h)))
        h = z * h + (1 - z) * np.maximum(gate(p, "g", ("x", row), ("h", h)), 0)
        out.append(h)
    return np.array(out)


def fastgrnn(p: Params, x: Array) -> Array:
    h, out = np.zeros_like(p["b_z"]), []
    for row in x:
        product = p["W_px"] @ row + p["W_ph"] @ h
        z, g = sigmoid(product + p["b_z"]), np.tanh(product + p["b_g"])
        h = (sigmoid(p["zeta"]) * (1 - z) + sigmoid(p["nu"])) * g + z * h
        out.append(h)
    return np.array(out)


def phased_lstm(p: Params, x: Array) -> Array:
    """The time is the number of the step."""
    h = c = np.zeros_like(p["b_f"])
    out = []
    for t, row in enumerate(x, 1):
        phase = (t / p["period"] - p["shift"]) % 1
        half = 2 * phase / p["open"]
        k = np.select([half < 1, half < 2], [half, 2 - half], 0.001 * phase)
        i, f, o = (sigmoid(gate(p, name, ("x", row), ("h", h))) for name in "ifo")
        new = f * c + i * np.tanh(gate(p, "g", ("x", row), ("h", h)))
        h = k * o * np.tanh(new) + (1 - k) * h
        c = k * new + (1 - k) * c
        out.append(h)
    return np.array(out)


CELLS: dict[str, Cell] = {
    "vanilla": vanilla, "irnn": irnn, "indrnn": indrnn, "lstm": lstm,
    "lstm_coupled": lambda p, x: lstm(p, x, coupled=True), "lstm_peephole": lstm_peephole,
    "lstm_projected": lstm_projected, "lstm_layer_norm": lstm_layer_norm,
    "multiplicative_lstm": multiplicative_lstm, "gru": gru, "gru_reset_before": gru_reset_before, "mgu": mgu,
    "ugrnn": ugrnn, "sru": sru, "qrnn": qrnn, "mingru": mingru, "minlstm": minlstm, "leaky": leaky,
    "echo_state": echo_state, "clockwork": clockwork, "recurrent_highway": recurrent_highway, "slstm": slstm,
    "mlstm": mlstm, "linear_attention": linear_attention, "gated_linear_attention": gated_linear_attention,
    "rwkv": rwkv, "selective_ssm": selective_ssm, "lru": lru, "liquid": liquid, "cornn": cornn,
    "deltanet": deltanet, "gated_deltanet": gated_deltanet, "retention": retention, "mamba2": mamba2,
    "hgrn2": hgrn2, "rg_lru": rg_lru, "s4d": s4d, "antisymmetric": antisymmetric, "janet": janet, "ligru": ligru,
    "fastgrnn": fastgrnn, "phased_lstm": phased_lstm,
}  # fmt: skip
