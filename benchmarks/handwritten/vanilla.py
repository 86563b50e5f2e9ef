"""h[t] = tanh(W x[t] + U h[t-1] + b)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .common import Array, Buffers


class Vanilla(Buffers):
    def __init__(self, T: int, B: int, m: int, n: int, dtype: str = "float32") -> None:
        super().__init__(T, B, m, n, dtype)
        self.h = self.empty(T + 1, B, n)
        self.h[0] = 0
        self.a, self.slope = self.empty(T, B, n), self.empty(self.steps_at_once(B * n), B, n)
        self.z, self.dh = self.empty(B, n), self.empty(B, n)
        self.dz = self.a  # the input projections have served by then
        self.forward_views = list(zip(self.h[:-1], self.a, self.h[1:]))
        self.backward_views, self.local_views = list(zip(self.dh_t, self.dz)), list(self.slope)

    def loss_and_grad(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> tuple[float, dict]:
        x = batch["x"].reshape(-1, self.m)
        W_x, W_h = np.ascontiguousarray(params["h.W_hx"].T), np.ascontiguousarray(params["h.W_hh"].T)
        np.dot(x, W_x, self.a.reshape(-1, self.n))
        np.add(self.a, params["h.b_h"], self.a)
        z, add, tanh = self.z, np.add, np.tanh
        for h_tm1, a_t, h_t in self.forward_views:
            h_tm1.dot(W_h, z)
            add(z, a_t, z)
            tanh(z, h_t)
        loss = self.loss(batch["y"], self.h[1:])
        self._back(np.ascontiguousarray(params["h.W_hh"]))
        dz = self.dz.reshape(-1, self.n)
        return loss, {
            "h.W_hx": dz.T @ x,
            "h.W_hh": dz.T @ self.h[:-1].reshape(-1, self.n),
            "h.b_h": self.rows @ dz,
        }

    def _derivatives(self, steps: slice, count: int) -> None:
        slope = self.slope[:count]
        np.square(self.h[1:][steps], slope)
        np.subtract(self.one, slope, slope)

    def _back(self, W: Array) -> None:
        dh, add, multiply = self.dh, np.add, np.multiply
        dh[...] = 0
        for (dh_t, dz_t), slope in self.backwards(self.backward_views, self.local_views, self._derivatives):
            add(dh, dh_t, dh)
            multiply(dh, slope, dz_t)
            dz_t.dot(W, dh)
