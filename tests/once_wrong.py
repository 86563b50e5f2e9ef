"""Specs that were once compiled wrongly, each as small as it goes."""

SPECS = {
    "a matrix times many that lie with rows and columns exchanged": """
dim n = 3, m = 4
axis t = 1..T
input x[t] : real[m, n]
param C : real[n, m]
output S
S[t] : real[n, n] = 0.8 * transpose(S[t-1]) + einsum("ij,jk->ki", C, x[t])
""",
    "a product that is no matrix product, read side by side with another": """
dim n = 2, m = 3
axis t = 1..T
input x[t] : real[n]
param w : real[n, m] ~ normal(0.5), v : real[n, n, m] ~ normal(0.5)
output y
y[t] : real[n] = cos(x[t] + einsum("ab,acb->a", rms_norm(expand(y[t-1], m) + w), v))
""",
    "a value past the end of what only the next step reads": """
axis t = 1..T
axis s = 1..S
param w : real
input d[t, s] : real
output h
h[t] : real = clip(o[t-1] / (1.5 + sin(h[t-1])), -1.3, 1.7)
o[t] : real = 0.5 * h[t-2] + tanh(0.3 * h[t-1] - h[t])
o[T+1] = tanh(w)
""",
    "a computed number in all places but one, read a step before": """
dim n = 3
axis t = 1..T
input x[t] : real[n]
param r : real = 0.3
output h
o[t] : real[n] = expand(sin(r), n)
o[0] = 1
h[t] : real[n] = tanh(h[t-1] * o[t-1] + x[t])
""",
    "nothing, over how many steps there are, in single precision": """
dim m = 2
axis t = 1..T
axis s = 1..S
param w : real[m]
output C
input u[t] : real
z[t, s] : real[m] = 1
a[t, s] = u[t] * z[t-5,s]
C[t, s] = 1
C[t, S+1] = mean[s](a[t,s])
""",
    "a state of no size": """
dim n = 0, m = 2
axis t = 1..T
input x[t] : real[m]
h[t] : real[n] = tanh(affine(x[t], h[t-1]))
head y[t] : real ~ normal(sum(h[t]))
""",
    "the mean of no components": """
dim n = 0
axis t = 1..T
input x[t] : real[n]
param g : real[n]
h[t] : real[n] = layer_norm(x[t] + h[t-1]) * rms_norm(g + x[t])
output h
""",
    "a loop that only gradients of inputs need, with strips of its own": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
output b
b[t] : real[n] = sin(x[t]) * tanh(0.5 * b[t+1] + x[t])
""",
    "a parameter and an input that nothing reads": """
axis t = 1..T
param w : real
input x[t] : real, z[t] : real
output h
h[t] = 2 * x[t]
""",
    "a corner past the end of one axis, far before the other": """
axis t = 1..T
axis r = 1..R
input x[t, r] : real
param u : real, v : real
output c
c[t, r] = 0.5 * c[t-3, r+2] + 0.3 * c[t, r+1] + x[t, r]
c[0, r] = u
c[0, R+1] = v
""",
    "a corner past both ends, and nothing along the edges": """
axis t = 1..T
axis r = 1..R
input x[t, r] : real
param v : real
output c
c[t, r] = 0.5 * c[t+1, r+3] + 0.3 * c[t+1, r+1] + x[t, r]
c[T+1, R+1] = v
""",
    "a corner before both axes, read from three steps along each": """
axis t = 1..T
axis r = 1..R
input x[t, r] : real
param u : real, v : real, w : real
output c
c[t, r] = 0.5 * c[t-3, r-3] + 0.3 * c[t, r-1] + x[t, r]
c[t, 0] = u
c[0, r] = w
c[0, 0] = v
""",
    "an end of three axes": """
axis t = 1..T
axis r = 1..R
axis s = 1..S
input x[t, r, s] : real
param u : real, v : real
output c
c[t, r, s] = 0.5 * c[t-1, r+1, s+2] + 0.3 * c[t, r, s+1] + x[t, r, s]
c[0, R+1, S+1] = v
c[t, r, S+1] = u
""",
    "a choice between numbers, and a number kept between others": """
dim n = 3
axis t = 1..T
input x[t] : real, b[t] : bool
const low : real[2, n] = 0.3
param w : real[2, n]
output a, c, d
a[t] = where(b[t], 1.3, n)
c = clip(1, low - 0.4, w + 0.7)
d[t] = x[t] * clip(n, 1.3, sum(sum(w)))
""",
    "dropout of what a cell takes": """
use lstm
dim n = 2
axis t = 1..T
input x[t] : real[n]
h[t] = lstm(dropout(x[t], 0.3), n)
g[t] = reverse lstm(dropout(h[t], 0.3), n) sharing h
head y[t] : real[n] ~ normal(dropout(g[t], 0.5))
""",
    "dropout of a starting value": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
param w : real[n]
h[t] = 0.5 * h[t-1] + x[t]
h[0] = tanh(dropout(w, 0.3))
head y[t] : real[n] ~ normal(h[t])
""",
    "a token that only goes round": """
dim n = 3
axis t = 1..T
input x[t] : real
output h
k[t] : token(n) = k[t-1]
h[t] = where(k[t] == 1, x[t], 0.5)
""",
    "a sum over time of what does not depend on time": """
dim n = 4, m = 2
axis t = 1..T
param a : real[m], b : real[n]
output out
out[t] = max(max[t](expand(a, n)), -1) @ b
""",
    "a slice of a repeated number": """
dim n = 3
axis t = 1..T
output y
v[t] = slice(expand(1, 2*n), n, n)
y[t] = v[t-3]
""",
    "a loss of numbers alone": """
dim n = 2
axis t = 1..T
param w : real
input x[t] : real
head c : token(2*n) ~ categorical(clip(expand(1, 2*n), 2.0, 2.5))
loss r = w
""",
    "a component picked by a number": """
dim m = 4
axis t = 1..T
input v[t] : real[m]
head s[t] : real[2] ~ normal(expand(pick(v[t], (1 % 2)), 2))
""",
    "an output from a recurrence that no loss reads": """
dim n = 4
axis t = 1..T
input x[t] : real[n]
param W : real[n, n], w : real = 1
h[t] = W @ (x[t] * h[t+1])
head y[t] : real ~ normal(w * sum(x[t]))
output h
""",
    "a parameter's product with a step's vector": """
dim n = 4
axis t = 1..T
input x[t] : real[n]
param u : real[n]
h[t] : real[n] = x[t] + r[t-1]
g[t] = dot(u, h[t])
r[t] = 0.3 * h[t] * g[t]
a[t] = pick(x[t], 0) * x[t]
output r, a
""",
    "an output that holds an end value past its steps": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
param q : real[n]
g[t] = 0.5*g[t+1] + x[t]
g[T+1] = q
output g
head y : real ~ normal(sum(g[1]))
""",
    "two steps past the end": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
param s : real[n]
g[t] = 0.5*g[t+1] + 0.1*g[t+2] + x[t]
g[T+1] = s
head z[t] : real[n] ~ normal(g[t], exp(0.3*g[t]))
head w[t] : real ~ normal(sum(g[t]), 1.5 * T / t)
""",
    "numbers as outputs and as gradients": """
axis t = 1..T
param w : real
input x[t] : real
output o, p
head u[t] : real ~ normal(w ** 0 * x[t])
o[t] = 2
p = 3
""",
    "an output with a value past its end": """
axis t = 1..T
param w : real
output a, s
a[t] = w
a[T+1] = 0.4
s = sum[t](a[t] * a[t+1])
""",
    "a start that runs along the other axis": """
axis t = 1..T
axis s = 1..S
param w : real
output u
input x[t] : real, z[s] : real
u[t,s] = 0.5 * u[t,s-1] + w
u[t,0] = x[t]
""",
    "an end along the other axis": """
axis t = 1..T
axis s = 1..S
param w : real
output u
input x[t] : real, z[s] : real
u[s,t] = 0.5 * u[s,t+1] + w
u[s,T+1] = z[s]
""",
    "a loss spread over components that are one number": """
dim n = 3
axis t = 1..T
input o[t] : real
param w : real
output q
q[t] = w
head a[t] : bool[n] ~ bernoulli(expand(o[t], n))
""",
    "two reads of places outside that have no value of their own": """
dim m = 3
axis t = 1..T
param w : real[m]
c[t] = w
loss h = dot(c[T+1], c[0]) + sum(w)
""",
    "dims that no parameter's shape tells": """
dim n = 2, m = 2, k = 3, g = 4
axis t = 1..T
param a : real[n + m], b : real[2*g + k], c : real[k], e : real[3*n*n]
output s
s = sum(a) + sum(b) + mean(c) + sum(e)
""",
    "rows of tables that change with time, of all their axes": """
dim n = 3
axis t = 1..T
axis s = 1..S
output y, z, u
input v[s,t] : token(n), c : token(n)[2], x[t] : real[n], q[s] : real[n]
param w : real[n,2]
y[t] = w[v[0,t]]
z[t] = sum[s](expand(x[t], 2)[v[s,t]])
u[s,t] = sum(sum(w[c])) + pick(outer(x[t], q[s])[v[s,t]], v[s,t]) + sum(sum(expand(x[T],2)[c]))
""",
    "sums over one axis of what is read ahead along the other": """
axis t = 1..T
axis s = 1..S
input x[t,s] : real
output a, b, g
param w : real
h[t] = w
a[t,s] = h[t-3] * x[t,s]
b[t] = sum[s](x[t,s] * w)
b[T+1] = 0.3
g[t] = b[t] + b[t+2]
""",
    "starts longer than what is still read of them, on two axes": """
axis t = 1..T
axis s = 1..S
input x[t] : real, z[s] : real
param w : real
output h, b
h[t] = x[t] * w
h[0] = w
h[T+1] = 2
v[t] = h[t-5] + h[t+3]
b[s,t] = 0.5 * b[s-2,t-3] + x[t-1] + 0.1 * b[s-1,t] + h[t-1] + h[t+1]
b[0,t] = x[t]
b[s,0] = z[s]
b[0,0] = w
""",
    "an operand that lacks an inner axis, written into a buffer": """
axis t = 1..T
axis s = 1..S
param w11 : real[2, 2]
const r10 : real[2, 2]
head g[s, t] : real[2] ~ normal(softmax[s](dot(r10, w11)) + 0.3)
""",
    "joined gates of two copies of a cell, of which only one is joined whole": """
use lstm
dim m = 3, n = 2
axis t = 1..T
input a[t] : real[m], b[t] : real[m]
h[t] = lstm(a[t], n)
r[t] = reverse lstm(a[t], n)
g[t] = lstm(b[t], n) sharing h
c[t] = concat(h.c[t], r.c[t], g.c[t])
output c
""",
    "a fixed place that is past the end of some sequences, beside longer delays": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
param a : real[n]
g[T+1] = a
g[t] = tanh(x[t] + g[t+1] + g[t+2])
head y : real[n] ~ normal(g[1])
""",
    "a backward loop that only the gradient of an input needs": """
axis i = 1..I
axis j = 1..J
input x[i, j] : real
p[i, j] = 0.5 * p[i-1, j] + 0.25 * p[i, j-1] + x[i, j]
e = p[I, J]
output e
""",
    "a loss at every step of an axis that it does not run along": """
dim n = 3
axis t = 1..T
axis s = 1..S
param w : real[n]
input x[t] : real[n], z[s] : real
loss a[t, s] = dot(w, x[t])
""",
    "the sum over an axis, at every step of it": """
axis t = 1..T
input x[t] : real
param w : real
y[t] = sum[t](w * x[t])
z[t] = mean[t](w)
output y, z
head u[t] : token(3) ~ categorical(mean[t](expand(w, 3)))
""",
    "an input with a value past its end": """
axis t = 1..T
input o[t] : real
o[T+1] = 0.4
param w : real
h[t] = w * o[t+1]
output h
loss first = w * o[1]
""",
    "a fixed step of a start that runs along the other axis": """
axis t = 1..T
axis s = 1..S
v[t, s] = 1
v[0, s] = 2
loss l[t] = v[t-5, 1]
""",
    "the mean over another axis, inside a recurrence": """
dim lag = 3
axis i = 1..N
axis time = 1..Len
s1[time] = clip(mean[i](s1[time-lag]), -1.3, 1.7)
output s1
""",
    "a head whose target changes no likelihood": """
dim m = 2
axis t = 1..T
input z[t] : real[m]
head h : token(m) ~ categorical(z[T+1])
""",
    "the gradient of a sum over all steps, read back from behind": """
axis s = 1..S
input x[s] : real
param w : real
g[s] = tanh(w * x[s])
loss c[s] = g[s-3]
""",
    "a softmax along an axis of what is 0 outside the other": """
axis t = 1..T
axis s = 1..S
input x[t,s] : real
param w : real
c[t] = w * softmax[t](x[t,0]) + x[t,1]
output c
""",
    "a fixed step of an unrolled network's past": """
axis t = 1..T
input h[t] : real
param w : real
z[t] : real = sigmoid(w * z[t-1] + h[t])
output z
loss q[t] = z[t-2]
""",
    "the gradient of all components of one step, alike": """
dim n = 3
axis t = 1..T
input p[t] : real[n]
head u[t] : bool ~ bernoulli(1 - sum(p[T]) * 2)
""",
    "a component of every row, picked by one number": """
dim n = 3, k = 2
axis t = 1..T
input x[t] : int
param w : real[k, n, n]
output o
o[t] : real[k] = sum(pick(w, x[t] % 2))
""",
    "gates of two loops that run against each other, with one input": """
dim n = 2
axis t = 1..T
input x[t] : real[n]
output g, d
a[t] : real[n] = affine(x[t], g[t+1])
b[t] : real[n] = affine(x[t], g[t+1])
g[t] = a[t] * b[t]
c[t] : real[n] = affine(x[t], h[t-1])
d[t] : real[n] = affine(x[t], h[t-1])
h[t] = c[t]
""",
}
