"""The layer-normalised LSTM with peepholes. A step's row is [o i f g c], as in `lstm`.

    q = x W + h U,  N = norm(q) for each gate,  z = a N + b,  i f see p c, o sees p c',  c' = i g + f c,
    h' = o tanh(a_c norm(c') + b_c)

Means are products with a vector of 1/n. What multiplies a cotangent in the loop (gain, peephole, slope) is
multiplied together beforehand, for a stretch of steps; gradients of gains, shifts and peepholes are taken after
each stretch, from the cotangents of h and c that the loop leaves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .common import Array, Buffers, beside, blocks

GATES = "oifg"
W_X, W_H = [f"h.W_z_{g}x" for g in GATES], [f"h.W_z_{g}h" for g in GATES]
EPSILON = 1e-5


class LstmNormPeephole(Buffers):
    def __init__(self, T: int, B: int, m: int, n: int, dtype: str = "float32") -> None:
        super().__init__(T, B, m, n, dtype)
        self.W, self.U, self.U_T = self.empty(m, 4 * n), self.empty(n, 4 * n), self.empty(4 * n, n)
        self.h, self.row = self.empty(T + 1, B, n), self.empty(T + 1, B, 5 * n)
        self.h[0], self.row[0] = 0, 0
        self.a, self.normal, self.scale = self.empty(T, B, 4 * n), self.empty(T, B, 4, n), self.empty(T, B, 4)
        self.normal_c, self.scale_c, self.tanh_c = self.empty(T, B, n), self.empty(T, B), self.empty(T, B, n)
        self.gain, self.shift, self.peephole = self.empty(4, n), self.empty(4, n), self.empty(3, n)
        self.average, self.epsilon = self.empty(n), np.array(EPSILON, dtype)
        self.average[:] = 1 / n
        self.q, self.w, self.z = self.empty(B, 4, n), self.empty(B, 4, n), self.empty(B, 4, n)
        self.u, self.v, self.products = self.empty(B, n), self.empty(B, n), self.empty(B, 2 * n)
        self.dn_c, self.t_c = self.empty(B, n), self.empty(B, n)
        self.mean, self.other, self.mean_c, self.other_c = (self.empty(k * B) for k in (4, 4, 1, 1))
        self.dq = self.a  # the input projections have served by then
        self.dc, self.carried = self.empty(T, B, n), self.empty(B, n)
        K = self.steps_at_once(12 * B * n)
        self.local, self.folded = self.empty(K, B, 4, n), self.empty(K, B, 4, n)
        self.slope, self.slope_c, self.through, self.past = (self.empty(K, B, n) for _ in range(4))
        self._cut()

    def _cut(self) -> None:
        """Views of every step."""
        T, n = self.T, self.n
        row, c = self.row[:T], self.row[1:, :, 4 * n :]
        part = {name: row[..., k * n : (k + 1) * n] for k, name in enumerate("oifgc")}
        ifg, i_f, gc = row[..., n : 4 * n], row[..., n : 3 * n], row[..., 3 * n :]
        c_wide = part["c"][:, :, None]
        norms = (self.normal, self.scale[..., None], self.scale.reshape(T, -1))
        of_c = (self.normal_c, self.scale_c[..., None], self.scale_c)
        self.gate_views = list(zip(self.h, self.a, *norms, c_wide, ifg, i_f, gc, c))
        self.out_views = list(zip(part["o"], c, *of_c, self.tanh_c, self.h[1:]))
        dq = self.dq.reshape(T, -1, 4, n)
        self.backward_views = list(
            zip(self.dh_t, *of_c[:2], self.dc, self.dc[:, :, None], *norms[:2], dq, self.dq)
        )
        self.local_views = list(
            zip(self.slope_c, self.through, self.past, self.folded[:, :, 0], self.folded[:, :, 1:])
        )

    def loss_and_grad(self, params: Mapping[str, Array], batch: Mapping[str, Array]) -> tuple[float, dict]:
        n, x = self.n, batch["x"].reshape(-1, self.m)
        beside(params, W_X, self.W)
        beside(params, W_H, self.U)
        for k, gate in enumerate(GATES):
            self.gain[k], self.shift[k] = params[f"h.a_{gate}"], params[f"h.b_{gate}"]
            self.U_T[k * n : (k + 1) * n] = params[W_H[k]]
        for k, gate in enumerate(GATES[:3]):
            self.peephole[k] = params[f"h.p_{gate}"]
        np.dot(x, self.W, self.a.reshape(-1, 4 * n))
        self._forth(params["h.a_c"], params["h.b_c"])
        loss = self.loss(batch["y"], self.h[1:])
        grads = self._back(params["h.a_c"])
        dq, h = self.dq.reshape(-1, 4 * n), self.h[:-1].reshape(-1, n)
        return loss, grads | blocks(dq.T @ x, W_X) | blocks(dq.T @ h, W_H)

    def _forth(self, a_c: Array, b_c: Array) -> None:
        U, q, w, z, half, one = self.U, self.q, self.w, self.z, self.half, self.one
        gain, shift = self.gain.copy(), self.shift.copy()
        peephole = self.peephole * half
        gain[:3] *= half
        shift[:3] *= half
        p_o, p_if = peephole[0], peephole[1:]
        flat, rows, w_rows = q.reshape(self.B, -1), q.reshape(-1, self.n), w.reshape(-1, self.n)
        z_o, z_if, w_if, z_ifg = z[:, 0], z[:, 1:3], w[:, 1:3], z.reshape(self.B, -1)[:, self.n :]
        products, u, v = self.products, self.u, self.v
        left, right = products[:, : self.n], products[:, self.n :]
        mean, variance, mean_c, variance_c = self.mean, self.other, self.mean_c, self.other_c
        mean_wide, mean_c_wide = mean.reshape(self.B, 4, 1), mean_c[:, None]
        average, epsilon = self.average, self.epsilon
        add, multiply, subtract, divide, tanh, sqrt = (
            np.add, np.multiply, np.subtract, np.divide, np.tanh, np.sqrt,
        )  # fmt: skip
        for (h_tm1, a_t, normal, scale, scale_flat, c_tm1, ifg, i_f, gc, c_t), (
            o, _, normal_c, scale_c, scale_c_flat, tanh_c, h_t,
        ) in zip(self.gate_views, self.out_views):  # fmt: skip
            h_tm1.dot(U, flat)
            add(flat, a_t, flat)
            rows.dot(average, mean)
            subtract(q, mean_wide, q)
            multiply(q, q, w)
            w_rows.dot(average, variance)
            add(variance, epsilon, variance)
            sqrt(variance, variance)
            divide(one, variance, scale_flat)
            multiply(q, scale, normal)
            multiply(normal, gain, z)
            add(z, shift, z)
            multiply(c_tm1, p_if, w_if)
            add(z_if, w_if, z_if)
            tanh(z_ifg, ifg)
            multiply(i_f, half, i_f)
            add(i_f, half, i_f)
            multiply(i_f, gc, products)
            add(left, right, c_t)
            multiply(c_t, p_o, u)
            add(z_o, u, u)
            tanh(u, o)
            multiply(o, half, o)
            add(o, half, o)
            c_t.dot(average, mean_c)
            subtract(c_t, mean_c_wide, u)
            multiply(u, u, v)
            v.dot(average, variance_c)
            add(variance_c, epsilon, variance_c)
            sqrt(variance_c, variance_c)
            divide(one, variance_c, scale_c_flat)
            multiply(u, scale_c, normal_c)
            multiply(normal_c, a_c, u)
            add(u, b_c, u)
            tanh(u, tanh_c)
            multiply(o, tanh_c, h_t)

    def _derivatives(self, steps: slice, count: int) -> None:
        """`local`: of h by z_o and of c by z_i, z_f, z_g; `folded`: the same by N; `slope`: of h by tanh's argument,
        `slope_c` by norm(c); `through`: of h by c through o; `past`: of c by the c before."""
        row, tanh_c = self.row[steps], self.tanh_c[steps]
        o, i, f, g, c = (row[..., k * self.n : (k + 1) * self.n] for k in range(5))
        local, slope, past = self.local[:count], self.slope[:count], self.past[:count]
        by_o, by_i, by_f, by_g = (local[:, :, k] for k in range(4))
        np.square(row[..., : 4 * self.n], local.reshape(count, self.B, -1))
        for value, by, factor in ((o, by_o, tanh_c), (i, by_i, g), (f, by_f, c)):
            np.subtract(value, by, by)
            np.multiply(by, factor, by)
        np.subtract(self.one, by_g, by_g)
        np.multiply(by_g, i, by_g)
        np.multiply(local, self.gain, self.folded[:count])
        np.square(tanh_c, slope)
        np.subtract(self.one, slope, slope)
        np.multiply(slope, o, slope)
        np.multiply(slope, self.a_c, self.slope_c[:count])
        np.multiply(by_o, self.peephole[0], self.through[:count])
        np.multiply(by_i, self.peephole[1], past)
        past += by_f * self.peephole[2]
        past += f

    def _back(self, a_c: Array) -> dict[str, Array]:
        """Fills `dq`; the gradients of gains, shifts and peepholes."""
        self.a_c = a_c
        self.carried[...], self.u[...] = 0, 0
        sums = {
            "gain": np.zeros((4, self.n)),
            "shift": np.zeros((4, self.n)),
            "peephole": np.zeros((3, self.n)),
        }
        gain_c, shift_c = np.zeros(self.n), np.zeros(self.n)
        for stop in range(self.T, 0, -len(self.local)):
            steps = slice(max(0, stop - len(self.local)), stop)
            count = stop - steps.start
            self._derivatives(steps, count)
            self._stretch(self.backward_views[steps], self.local_views[:count])
            dz, c, N = self.local[:count], self.row[..., 4 * self.n :], self.normal[steps]
            np.multiply(self.dh_t[steps], dz[:, :, 0], dz[:, :, 0])
            np.multiply(self.dc[steps][:, :, None], dz[:, :, 1:], dz[:, :, 1:])
            sums["shift"] += self._total(dz).reshape(4, self.n)
            sums["peephole"][0] += self._total(dz[:, :, 0] * c[1:][steps])
            sums["peephole"][1:] += self._total(dz[:, :, 1:3] * c[:-1][steps][:, :, None]).reshape(2, self.n)
            sums["gain"] += self._total(np.multiply(dz, N, dz)).reshape(4, self.n)
            de = np.multiply(self.dh_t[steps], self.slope[:count], self.slope[:count])
            shift_c += self._total(de)
            gain_c += self._total(np.multiply(de, self.normal_c[steps], de))
        named = {"a": sums["gain"], "b": sums["shift"], "p": sums["peephole"]}
        grads = {f"h.{kind}_{gate}": row for kind, rows in named.items() for gate, row in zip(GATES, rows)}
        grads |= {"h.a_c": gain_c, "h.b_c": shift_c}
        return {name: value.astype(self.dtype) for name, value in grads.items()}

    def _total(self, a: Array) -> Array:
        """The sum over steps and rows."""
        a = a.reshape(len(a) * self.B, -1)
        return self.rows[: len(a)] @ a

    def _stretch(self, tape: list[tuple], local: list[tuple]) -> None:
        U_T, dh, dc_in, v, t = self.U_T, self.u, self.carried, self.v, self.z
        dn = self.q
        dn_rows, t_rows = dn.reshape(-1, self.n), t.reshape(-1, self.n)
        dn_o, dn_ifg = dn[:, 0], dn[:, 1:]
        dn_c, t_c = self.dn_c, self.t_c
        mean, mean_n, mean_c, mean_n_c = self.mean, self.other, self.mean_c, self.other_c
        mean_wide, mean_n_wide = mean.reshape(self.B, 4, 1), mean_n.reshape(self.B, 4, 1)
        mean_c_wide, mean_n_c_wide = mean_c[:, None], mean_n_c[:, None]
        average, add, multiply, subtract = self.average, np.add, np.multiply, np.subtract
        for (dh_t, N_c, scale_c, dc, dc_wide, N, scale, dq, dq_flat), (
            slope_c, through, past, folded_o, folded_ifg,
        ) in zip(reversed(tape), reversed(local)):  # fmt: skip
            add(dh, dh_t, dh_t)
            multiply(dh_t, slope_c, dn_c)
            dn_c.dot(average, mean_c)
            multiply(dn_c, N_c, t_c)
            t_c.dot(average, mean_n_c)
            subtract(dn_c, mean_c_wide, dn_c)
            multiply(N_c, mean_n_c_wide, t_c)
            subtract(dn_c, t_c, dn_c)
            multiply(dn_c, scale_c, dn_c)
            add(dc_in, dn_c, dc)
            multiply(dh_t, through, v)
            add(dc, v, dc)
            multiply(dh_t, folded_o, dn_o)
            multiply(dc_wide, folded_ifg, dn_ifg)
            dn_rows.dot(average, mean)
            multiply(dn, N, t)
            t_rows.dot(average, mean_n)
            subtract(dn, mean_wide, dn)
            multiply(N, mean_n_wide, t)
            subtract(dn, t, dn)
            multiply(dn, scale, dq)
            dq_flat.dot(U_T, dh)
            multiply(dc, past, dc_in)
