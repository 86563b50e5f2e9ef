"""The LSTM. A step's row is [o i f g c]: sigmoids side by side, and [i f] * [g c] is one product.

z = x W + h U + b,   o i f = sigmoid(z),   g = tanh(z),   c' = i g + f c,   h' = o tanh(c')"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .common import Array, Buffers, beside, blocks

GATES = "oifg"
W_X, W_H = [f"h.W_{g}x" for g in GATES], [f"h.W_{g}h" for g in GATES]
BIAS = [f"h.b_{g}" for g in GATES]


class Lstm(Buffers):
    def __init__(self, T: int, B: int, m: int, n: int, dtype: str = "float32") -> None:
        super().__init__(T, B, m, n, dtype)
        self.W, self.U, self.b = self.empty(m, 4 * n), self.empty(n, 4 * n), self.empty(4 * n)
        self.U_T = self.empty(4 * n, n)
        self.h, self.row = self.empty(T + 1, B, n), self.empty(T + 1, B, 5 * n)
        self.tanh_c = self.empty(T, B, n)
        self.h[0], self.row[0] = 0, 0
        self.a = self.empty(T, B, 4 * n)
        at_once = self.steps_at_once(5 * B * n)
        self.local, self.slope = self.empty(at_once, B, 4, n), self.empty(at_once, B, n)
        self.z, self.products = self.empty(B, 4 * n), self.empty(B, 2 * n)
        self.dh, self.dc, self.u = self.empty(B, n), self.empty(B, n), self.empty(B, n)
        self.dz = self.a  # the input projections have served by then
        self._cut()

    def _cut(self) -> None:
        """Views of every step."""
        T, B, n = self.T, self.B, self.n
        row, after = self.row[:T], self.row[1:]
        parts = (row[..., : 4 * n], row[..., : 3 * n], row[..., :n], row[..., n : 3 * n], row[..., 3 * n :])
        self.forward_views = list(zip(self.h, self.a, *parts, after[..., 4 * n :], self.tanh_c, self.h[1:]))
        dz = self.dz.reshape(T, B, 4, n)
        self.backward_views = list(
            zip(self.dh_t, row[..., 2 * n : 3 * n], dz[:, :, 0], dz[:, :, 1:], self.dz)
        )
        self.local_views = list(zip(self.slope, self.local[:, :, 0], self.local[:, :, 1:]))

    def loss_and_grad(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> tuple[float, dict]:
        x = batch["x"].reshape(-1, self.m)
        for names, whole in ((W_X, self.W), (W_H, self.U), (BIAS, self.b)):
            beside(params, names, whole, halved=3)
        np.dot(x, self.W, self.a.reshape(-1, 4 * self.n))
        np.add(self.a, self.b, self.a)
        self._forth()
        loss = self.loss(batch["y"], self.h[1:])
        for number, name in enumerate(W_H):
            self.U_T[number * self.n : (number + 1) * self.n] = params[name]
        self._back()
        dz = self.dz.reshape(-1, 4 * self.n)
        h = self.h[:-1].reshape(-1, self.n)
        return loss, blocks(dz.T @ x, W_X) | blocks(dz.T @ h, W_H) | blocks(self.rows @ dz, BIAS)

    def _forth(self) -> None:
        U, z, products, half = self.U, self.z, self.products, self.half
        left, right = products[:, : self.n], products[:, self.n :]
        add, multiply, tanh = np.add, np.multiply, np.tanh
        for h_tm1, a_t, oifg, oif, o, i_f, gc, c_t, tanh_c, h_t in self.forward_views:
            h_tm1.dot(U, z)
            add(z, a_t, z)
            tanh(z, oifg)
            multiply(oif, half, oif)
            add(oif, half, oif)
            multiply(i_f, gc, products)
            add(left, right, c_t)
            tanh(c_t, tanh_c)
            multiply(o, tanh_c, h_t)

    def _derivatives(self, steps: slice, count: int) -> None:
        """Of h by c, of h by z_o, and of c by z_i, z_f, z_g."""
        row, tanh_c = self.row[steps], self.tanh_c[steps]
        local, slope = self.local[:count], self.slope[:count]
        o, i, f, g, c = (row[..., k * self.n : (k + 1) * self.n] for k in range(5))
        by_o, by_i, by_f, by_g = (local[:, :, k] for k in range(4))
        np.square(row[..., : 4 * self.n], local.reshape(count, self.B, -1))
        for value, by, factor in ((o, by_o, tanh_c), (i, by_i, g), (f, by_f, c)):
            np.subtract(value, by, by)
            np.multiply(by, factor, by)
        np.subtract(self.one, by_g, by_g)
        np.multiply(by_g, i, by_g)
        np.square(tanh_c, slope)
        np.subtract(self.one, slope, slope)
        np.multiply(slope, o, slope)

    def _back(self) -> None:
        U_T, dh, dc, u = self.U_T, self.dh, self.dc, self.u
        dc_wide = dc[:, None]
        add, multiply = np.add, np.multiply
        dh[...], dc[...] = 0, 0
        steps = self.backwards(self.backward_views, self.local_views, self._derivatives)
        for (dh_t, f, dz_o, dz_ifg, dz_t), (slope, local_o, local_ifg) in steps:
            add(dh, dh_t, dh)
            multiply(dh, slope, u)
            add(dc, u, dc)
            multiply(dh, local_o, dz_o)
            multiply(dc_wide, local_ifg, dz_ifg)
            multiply(dc, f, dc)
            dz_t.dot(U_T, dh)
