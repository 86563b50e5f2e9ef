"""The GRU with the reset gate after the product. A step's row is [u r z g], so that [u r z] reads h and
[r z g] reads x; all four local derivatives are of h[t].

    r z = sigmoid(x W + h U + b),   u = h U_u + b_u,   g = tanh(x W_g + b_g + r u),   h' = g + z (h - g)"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .common import Array, Buffers, beside, blocks

W_X, W_H = ["h.W_rx", "h.W_zx", "h.W_gx"], ["h.W_uh", "h.W_rh", "h.W_zh"]
BIAS = ["h.b_u", "h.b_r", "h.b_z", "h.b_g"]


class Gru(Buffers):
    def __init__(self, T: int, B: int, m: int, n: int, dtype: str = "float32") -> None:
        super().__init__(T, B, m, n, dtype)
        self.W, self.U, self.b = self.empty(m, 3 * n), self.empty(n, 3 * n), self.empty(4 * n)
        self.U_T = self.empty(3 * n, n)
        self.h, self.row, self.a = self.empty(T + 1, B, n), self.empty(T, B, 4 * n), self.empty(T, B, 3 * n)
        self.h[0] = 0
        self.local, self.dz = self.empty(self.steps_at_once(4 * B * n), B, 4, n), self.empty(T, B, 4, n)
        self.z, self.dh, self.v = self.empty(B, 3 * n), self.empty(B, n), self.empty(B, n)
        row = self.row
        parts = [
            row[..., :n],
            row[..., n : 3 * n],
            row[..., n : 2 * n],
            row[..., 2 * n : 3 * n],
            row[..., 3 * n :],
        ]
        projected = (self.a[..., : 2 * n], self.a[..., 2 * n :])
        self.forward_views = list(zip(self.h, *projected, *parts, self.h[1:]))
        of_h = self.dz.reshape(T, B, 4 * n)[..., : 3 * n]
        self.backward_views = list(zip(self.dh_t, self.dz, of_h, parts[3]))
        self.local_views = list(self.local)

    def loss_and_grad(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> tuple[float, dict]:
        n, half = self.n, self.half
        x = batch["x"].reshape(-1, self.m)
        beside(params, W_X, self.W, halved=2)
        beside(params, W_H, self.U)
        beside(params, BIAS, self.b)
        self.U[:, n:] *= half
        self.b[n : 3 * n] *= half
        np.dot(x, self.W, self.a.reshape(-1, 3 * n))
        np.add(self.a, self.b[n:], self.a)
        self._forth()
        loss = self.loss(batch["y"], self.h[1:])
        for number, name in enumerate(W_H):
            self.U_T[number * n : (number + 1) * n] = params[name]
        self._back()
        dz = self.dz.reshape(-1, 4 * n)
        h = self.h[:-1].reshape(-1, n)
        return loss, (
            blocks(dz[:, n:].T @ x, W_X) | blocks(dz[:, : 3 * n].T @ h, W_H) | blocks(self.rows @ dz, BIAS)
        )

    def _forth(self) -> None:
        n, U, z, half, b_u = self.n, self.U, self.z, self.half, self.b[: self.n]
        z_u, z_rz, pre = z[:, :n], z[:, n:], self.v
        add, multiply, subtract, tanh = np.add, np.multiply, np.subtract, np.tanh
        for h_tm1, a_rz, a_g, u, rz, r, z_t, g, h_t in self.forward_views:
            h_tm1.dot(U, z)
            add(z_rz, a_rz, z_rz)
            tanh(z_rz, rz)
            multiply(rz, half, rz)
            add(rz, half, rz)
            add(z_u, b_u, u)
            multiply(r, u, pre)
            add(pre, a_g, pre)
            tanh(pre, g)
            subtract(h_tm1, g, h_t)
            multiply(h_t, z_t, h_t)
            add(h_t, g, h_t)

    def _derivatives(self, steps: slice, count: int) -> None:
        """Of h by u, and by what r, z and g are functions of."""
        row = self.row[steps].reshape(count, self.B, 4, self.n)
        u, r, z, g = (row[:, :, number] for number in range(4))
        local = self.local[:count]
        by_u, by_r, by_z, by_g = (local[:, :, number] for number in range(4))
        np.subtract(self.h[:-1][steps], g, by_u)  # for now
        np.subtract(self.one, z, by_r)
        np.multiply(z, by_r, by_z)
        np.multiply(by_z, by_u, by_z)
        np.square(g, by_g)
        np.subtract(self.one, by_g, by_g)
        np.multiply(by_g, by_r, by_g)
        np.multiply(by_g, r, by_u)
        np.subtract(self.one, r, by_r)
        np.multiply(by_r, u, by_r)
        np.multiply(by_r, by_u, by_r)

    def _back(self) -> None:
        U_T, dh, v = self.U_T, self.dh, self.v
        dh_wide = dh[:, None]
        add, multiply = np.add, np.multiply
        dh[...] = 0
        steps = self.backwards(self.backward_views, self.local_views, self._derivatives)
        for (dh_t, dz, dz_of_h, z), local in steps:
            add(dh, dh_t, dh)
            multiply(dh_wide, local, dz)
            dz_of_h.dot(U_T, v)
            multiply(dh, z, dh)
            add(dh, v, dh)
