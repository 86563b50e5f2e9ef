"""Codes 5xx: heads, losses and stopping."""

from .entry import Entry

_START = "axis t = 1..T\ninput x[t] : real\n"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN501",
        "unknown distribution",
        "A head is drawn from one of the distributions that the compiler knows.",
        wrong=_START + "head y[t] : real ~ gauss(x[t])\n",
        right=_START + "head y[t] : real ~ normal(x[t])\n",
    ),
    Entry(
        "RNN502",
        "target of the wrong type",
        "Each distribution draws values of one kind: `categorical` tokens, `bernoulli` truth values, "
        "`normal` and "
        "`normal_mixture` real numbers, `poisson` whole numbers.",
        wrong=_START + "head y[t] : real ~ bernoulli(x[t])\n",
        right=_START + "head y[t] : bool ~ bernoulli(x[t])\n",
    ),
    Entry(
        "RNN503",
        "wrong number of arguments of a distribution",
        "A distribution was given more or fewer arguments than it has parameters.",
        wrong=_START + "head y[t] : bool ~ bernoulli(x[t], 1)\n",
        right=_START + "head y[t] : bool ~ bernoulli(x[t])\n",
    ),
    Entry(
        "RNN504",
        "argument does not fit the target",
        "The arguments of a distribution go with the target's type: the logits of a `categorical` have one "
        "component for each token, the mean of a `normal` has the target's shape.",
        wrong="dim n = 4, k = 4\naxis t = 1..T\ninput x[t] : real[n]\n"
        "head y[t] : token(k) ~ categorical(x[t])\n",
        right="dim k = 4\naxis t = 1..T\ninput x[t] : real[k]\nhead y[t] : token(k) ~ categorical(x[t])\n",
    ),
    Entry(
        "RNN505",
        "not a weight",
        "The weight of a head or of a loss is a number.",
        wrong=_START + "head y[t] : real ~ normal(x[t]) weight x[t]\n",
        right=_START + "head y[t] : real ~ normal(x[t]) weight 0.5\n",
    ),
    Entry(
        "RNN506",
        "a head that reads its own target",
        "What a value is predicted from cannot depend on the value itself. The path from the distribution to "
        "its "
        "own target is shown edge by edge. Earlier values may be read: that is teacher forcing.",
        wrong=_START + "h[t] = tanh(x[t] + y[t])\nhead y[t] : real ~ normal(h[t])\n",
        right=_START + "h[t] = tanh(x[t] + y[t-1])\nhead y[t] : real ~ normal(h[t])\n",
    ),
    Entry(
        "RNN507",
        "a head that reads the future",
        "A sequence is predicted from its first step to its last: what a value is predicted from may depend "
        "on "
        "earlier values of the head, not on later ones.",
        wrong=_START + "h[t] = tanh(x[t] + y[t+1])\nhead y[t] : real ~ normal(h[t])\n",
        right=_START + "h[t] = tanh(x[t] + y[t-1])\nhead y[t] : real ~ normal(h[t])\n",
    ),
    Entry(
        "RNN508",
        "not a noise",
        "A noise is real, and drawn by `bernoulli(p)` (1 with probability p, else 0), `normal(mean, std)` or "
        "`uniform(low, high)`, with numbers that are known when the spec is compiled. `dropout(v, p)` stands "
        "in "
        "an equation or an argument of a cell, with p from 0 up to, not including, 1.",
        wrong=_START + "noise m[t] : real ~ bernoulli(1.5)\nhead y[t] : real ~ normal(x[t] * m[t])\n",
        right=_START + "head y[t] : real ~ normal(x[t])\n",
    ),
    Entry(
        "RNN509",
        "not an end of a sequence",
        "`stop when EXPR` ends a drawn sequence at the first step at which the expression is true. It needs "
        "a head "
        "along an axis, depends on what is drawn (or on the step's number), and can come true: a token is "
        "never a "
        "number beyond its count. A spec has one such rule.",
        wrong="dim k = 4\naxis t = 1..T\ninput x[t] : real[k]\nhead y[t] : token(k) ~ categorical(x[t])\n"
        "stop when y[t] == 4\n",
        right="dim k = 4\naxis t = 1..T\ninput x[t] : real[k]\nhead y[t] : token(k) ~ categorical(x[t])\n",
    ),
    Entry(
        "RNN510",
        "not a length to draw",
        "A head on the length of an axis, `head T : int ~ poisson(…)`, is drawn before the sequence: its "
        "arguments "
        "are made from parameters and from inputs without an index. It is an `int` or a `token(K)`, which "
        "stands "
        "for a length from 0 to K - 1.",
        wrong="axis t = 1..T\ninput x[t] : real\nhead T : int ~ poisson(x[1])\noutput x\n",
        right="axis t = 1..T\ninput x[t] : real\noutput x\n",
    ),
    Entry(
        "RNN511",
        "a rule to stop where nothing can be drawn step by step",
        "`stop when …` ends a sequence that is drawn step by step. A bidirectional network needs the whole "
        "sequence before it can say anything of the first step: its length comes with its inputs, and it is drawn "
        "all at once.",
        wrong="dim k = 4\naxis t = 1..T\ninput x[t] : real[k]\ng[t] : real[k] = tanh(affine(x[t], g[t+1]))\n"
        "head y[t] : token(k) ~ categorical(g[t])\nstop when y[t] == 0\n",
        right="dim k = 4\naxis t = 1..T\ninput x[t] : real[k]\ng[t] : real[k] = tanh(affine(x[t], g[t+1]))\n"
        "head y[t] : token(k) ~ categorical(g[t])\n",
    ),
)
