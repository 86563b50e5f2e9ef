"""Specs that were once compiled wrongly at -O2: mostly of what lies where, and of recurrences in stretches."""

SPECS = {
    "what the last step of a sum in stretches leaves, read a step ahead": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
g[t] : real[n] = 0.25 * g[t+1] + x[t-1]
output g
""",
    "what a sum in stretches begins with, past each sequence's own end": """
dim n = 2
axis t = 1..T
input z[t] : real[n], u : real[n]
param w : real[n]
a[t] : real[n] = w * (a[t+1] + z[t])
a[T+1] = u
output a
""",
    "two products of one state in a loop, of which one is on no cycle, for all steps of the other axis": """
dim n = 2
axis t = 1..T
axis s = 1..S
input x[s, t] : real[n]
output q
h[s, t] : real[n] = tanh(affine(h[s-1, t-2], x[s, t]))
q[s, t] : real[n] = affine(h[s-1, t-2])
""",
    "what a sum in stretches begins with, where more than one step before the first is read": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
param w : real[n]
v[t] = w * (v[t-1] + x[t])
h[t] = v[t-2]
output h
""",
    "a term made in the place of its sum, which is that of another term": """
dim m = 2
axis t = 1..T
input x[t] : real[m]
output e
d[t] : real[m] = tanh(affine(e[t-1], x[t], e[t-1]) + affine(e[t-1], x[t], e[t-1]))
h[t] : real[m] = tanh(affine(e[t-1], x[t], e[t-1]) + affine(e[t-1]))
k[t] : real[m] = tanh(affine(e[t-1], x[t], e[t-1]) + affine(e[t-1], x[t], e[t-1]))
g[t] : real[m] = h[t] * (g[t-1] + d[t])
e[t] : real[m] = tanh(g[t])
loss l = sum[t](sum(e[t] + k[t]))
""",
    "a factor that is the negative of what the backward pass does not know": """
dim n = 2
axis t = 1..T
input x[t] : real
h[t] : real = sin(-(n * h[t-1]))
g[t] : real = sin(-(n * g[t-1]))
output h, g
""",
    "an array in the place of another whose steps stand elsewhere in it": """
dim n = 2
axis t = 1..T
param w : real[n]
output o
c[t] : real[n] = c[t-3] + 1
o[t] : real[n] = w * (c[t] - o[t+3])
""",
    "gates that share a product, itself joined with the gates that share what it reads": """
dim n = 2
axis t = 1..T
input a[t] : real[n]
param w : real[n, n]
output c
v[t] : real[n] = sigmoid(affine(a[t], v[t-1])) * tanh(affine(a[t], v[t-1]))
x[t] : real[n] = w @ v[t-1]
c[t] : real[n] = sigmoid(affine(x[t], c[t+1])) * tanh(affine(x[t], c[t+1]))
""",
    "a recurrence whose term is its own past": """
axis s = 1..S
param w : real
output d
d[s] = d[s-1] + w * d[s-1]
d[0] = w
""",
    "gradients of gates side by side with those of another loop, which runs the other way": """
dim k = 2
axis t = 1..T
axis s = 1..S
output v
c[t] : real[k] = affine(z[t-1])
z[t] = c[t]
v[s, t] : real[k] = (affine(z[t-1], l[S, t+5]) + affine(z[t-1], l[S, t+5]))
l[s, t] = 1 * v[s, t]
""",
    "what is before the first step of one axis, past a shorter sequence's end along the other": """
dim n = 2
axis t = 1..T
axis s = 1..S
param w : real[n], u : real[n]
output p, q, r
v[t] : real[n] = 1
v[T+1] = w
p[t, s] : real[n] = p[t+1, s-1]
p[t, 0] = v[t]
q[t, s] : real[n] = q[t+1, s-1]
q[t, 0] = u
r[t, s] : real[n] = tanh(r[t+2, s-1] + r[t+1, s])
r[t, 0] = u
r[T+1, 0] = v[1] * w
r[T+1, s] = 0.4
""",
    "a stretch of what comes from the step after, read when this step's stands in its place": """
dim n = 2
axis t = 1..T
input x[t] : real[2 * n]
param W : real[n, n], b : real[n] = 0.2
output k
u[t] = tanh(W @ h[t-1])
z[t] = u[t] + b
w[t] = sin(z[t])
v[t] = concat(u[t], w[t])
h[t] = tanh(z[t] + sum(v[t-1] * x[t]))
k[t] = k[t+1] + h[t]
""",
    "a transpose of what comes from the step after, read when this step's stands in its place": """
dim n = 2
axis t = 1..T
input x[t] : real[n, n]
param W : real[n, n]
output k
u[t] : real[n, n] = tanh(W @ h[t-1])
z[t] = u[t] + 1
v[t] = transpose(u[t])
h[t] = tanh(z[t] + x[t] * v[t-1])
k[t] = k[t+1] + h[t]
""",
    "a stretch that is 0 past the end, of what has values there": """
dim n = 4, k = 2
axis t = 1..T
output h
g[t] : real[n] = tanh(affine(g[t+1]))
g[T+1] = 1
h[t] : real[k] = tanh(affine(slice(g[t], 1, k)) + h[t+1])
""",
    "a rolling buffer's first value, of an end that somebody whom nobody reads wants five steps of": """
axis t = 1..T
axis s = 1..S
input x[t] : real
input z[s] : real[3]
param w : real[3]
output p
p[t,s] : real[3] = 0.5 * q[t+1,s] + z[s]
q[t,s] : real[3] = tanh(p[t,s] * w)
q[T+1,s] = z[s]
c[t,s] = sum(q[t+5,s]) + x[t]
""",
    "a component told by a number that past a sequence's end tells none": """
axis t = 1..T
input x[t] : real
param p : real[11] ~ normal(1)
output h
h[t] = tanh(pick(p, 2 * (T - t)) + x[t] + h[t-1])
""",
    "a component told by a state that copies itself": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
output c
h[0] = 1
h[t] : token(n) = h[t-1]
c[t] = pick(x[t], h[t])
""",
    "components that are there for some steps only": """
dim n = 3
axis t = 1..T
input x[t] : real[2, n], i[t] : int
param p : real[n] ~ normal(1)
output h, g
h[t] = where(t <= 3, pick(p, t - 1), 1) * x[t]
g[t] = pick(x[t], i[t] - 1) + pick(h[t], i[t])
""",
    "past the end of one axis the number of the step along the other": """
axis t = 1..T
axis s = 1..S
input x[t] : int
param w : real
output h
h[t, s] : int = h[t+2, s+1] + x[t]
h[t, S+1] = t
loss l[t, s] = w * h[t, s]
""",
    "before the first step of one axis of three the number of the step along another": """
axis t = 1..T
axis s = 1..S
axis r = 1..R
input x[t] : int
param w : real
output h
h[t, s, r] : int = h[t+1, s-1, r+2] + x[t]
h[t, 0, r] = t
loss l[t, s] = w * sum[r](h[t, s, r])
""",
    "pieces that are put in their places for all steps, into what the loop reads": """
axis t = 1..T
input x[t] : real[3], z[t] : real
output h
a[t] : real[3] = affine(x[t])
v[t] = h[t-1] + a[t]
c[t] = concat(slice(v[t], 1, 2), expand(z[t], 1))
h[t] = tanh(c[t])
""",
    "one of several gates, past the end of the other axis, where the gradient sums over both": """
dim n = 2
axis t = 1..T
axis s = 1..S
output f
input u[s] : real[n]
e[s] : real[n] = affine(u[s])
f[t, s] : real[n] = affine(u[s], h[t,s-1])
g[t, s] : real[n] = affine(u[s], h[t,s-1])
p[t, s] = e[s] * f[t, s]
h[t, s] = g[t, s] * p[t, s]
""",
}
