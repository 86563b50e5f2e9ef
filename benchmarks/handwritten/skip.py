"""h[t] = tanh(W x[t] + U h[t-1] + V h[t-3] + b): the two products are one with [h[t-1], h[t-3]] side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .common import Array, Buffers

LAG = 3


class Skip(Buffers):
    def __init__(self, T: int, B: int, m: int, n: int, dtype: str = "float32") -> None:
        super().__init__(T, B, m, n, dtype)
        self.h = self.empty(T + LAG, B, n)
        self.h[:LAG] = 0
        self.a, self.slope = self.empty(T, B, n), self.empty(self.steps_at_once(B * n), B, n)
        self.z, self.u = self.empty(B, n), self.empty(B, n)
        self.dz = self.empty(T + LAG, B, n)
        self.dz[T:] = 0
        self.dh = self.empty(B, n)
        h, dz = self.h, self.dz
        self.forward_views = list(zip(h[LAG - 1 : -1], h[:-LAG], self.a, h[LAG:]))
        self.backward_views = list(zip(dz[1:], dz[LAG:], self.dh_t, dz))
        self.local_views = list(self.slope)

    def loss_and_grad(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> tuple[float, dict]:
        x = batch["x"].reshape(-1, self.m)
        W_x = np.ascontiguousarray(params["W_hx"].T)
        W_1, W_3 = np.ascontiguousarray(params["W_hh"].T), np.ascontiguousarray(params["W_hh_2"].T)
        np.dot(x, W_x, self.a.reshape(-1, self.n))
        np.add(self.a, params["b_h"], self.a)
        z, u, add, tanh = self.z, self.u, np.add, np.tanh
        for h_tm1, h_tm3, a_t, h_t in self.forward_views:
            h_tm1.dot(W_1, z)
            h_tm3.dot(W_3, u)
            add(z, u, z)
            add(z, a_t, z)
            tanh(z, h_t)
        loss = self.loss(batch["y"], self.h[LAG:])
        self._back(np.ascontiguousarray(params["W_hh"]), np.ascontiguousarray(params["W_hh_2"]))
        dz = self.dz[: self.T].reshape(-1, self.n)
        return loss, {
            "W_hx": dz.T @ x,
            "W_hh": dz.T @ self.h[LAG - 1 : -1].reshape(-1, self.n),
            "W_hh_2": dz.T @ self.h[:-LAG].reshape(-1, self.n),
            "b_h": self.rows @ dz,
        }

    def _derivatives(self, steps: slice, count: int) -> None:
        slope = self.slope[:count]
        np.square(self.h[LAG:][steps], slope)
        np.subtract(self.one, slope, slope)

    def _back(self, W_1: Array, W_3: Array) -> None:
        dh, u, add, multiply = self.dh, self.u, np.add, np.multiply
        steps = self.backwards(self.backward_views, self.local_views, self._derivatives)
        for (dz_tp1, dz_tp3, dh_t, dz_t), slope in steps:
            dz_tp1.dot(W_1, dh)
            dz_tp3.dot(W_3, u)
            add(dh, u, dh)
            add(dh, dh_t, dh)
            multiply(dh, slope, dz_t)
