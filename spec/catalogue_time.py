"""Codes 4xx: indices, delays and cycles."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN401",
        "not an index",
        "Along an axis a quantity is read at the index itself, at a whole number of steps before or after "
        "it, "
        "or at an end: `t`, `t-k`, `t+k`, `1`, `T`, `0`, `T+1`, where k is a number or a dim. The index of "
        "one axis "
        "does not point along another.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = x[2 * t]\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = x[t-2]\noutput h\n",
    ),
    Entry(
        "RNN402",
        "index not on the left",
        "An index on the right must stand on the left, or be bound by a reduction around it. Without an "
        "index "
        "on the left, a sequence can be read at an end (`h[T]`) or reduced over (`sum[t](h[t])`).",
        wrong="axis t = 1..T\ninput x[t] : real\nc = x[t]\noutput c\n",
        right="axis t = 1..T\ninput x[t] : real\nc = x[T]\noutput c\n",
    ),
    Entry(
        "RNN403",
        "wrong number of indices",
        "A quantity is read with one index for each of its axes, in their order; parameters, and quantities "
        "that have one value for a whole sequence, are read with none.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h)\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN404",
        "a cycle without a delay",
        "Quantities need one another at the same step, so none of them can be worked out first. The cycle is "
        "shown edge by edge; one of its reads needs a delay, `t-1`.",
        wrong="axis t = 1..T\ninput x[t] : real\na[t] = tanh(x[t] + b[t])\nb[t] = 0.5 * a[t]\noutput b\n",
        right="axis t = 1..T\ninput x[t] : real\na[t] = tanh(x[t] + b[t-1])\nb[t] = 0.5 * a[t]\noutput b\n",
    ),
    Entry(
        "RNN405",
        "a cycle of mixed directions",
        "Along a cycle some reads look back (`t-1`) and some look ahead (`t+1`). Steps cannot be worked out "
        "in "
        "either order. Two directions need two sequences of states that do not read each other, as in a "
        "bidirectional network.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1] + g[t+1])\ng[t] = 0.5 * h[t]\n"
        "output g\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\ng[t] = tanh(x[t] + g[t+1])\n"
        "output g, h\n",
    ),
    Entry(
        "RNN406",
        "part of what it needs whole",
        "A fixed place of a sequence (`h[T]`) or a reduction over it is needed while the sequence itself "
        "depends "
        "on the result.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1] + h[T])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\ny[t] = h[t] - h[T]\noutput y\n",
    ),
    Entry(
        "RNN407",
        "delay too long",
        "A delay is at most 1024 steps: so many values of the past are kept with the state.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = x[t-5000]\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = x[t-50]\noutput h\n",
    ),
    Entry(
        "RNN408",
        "not an axis",
        "An axis is declared by its index and the name of its length, and runs from 1: `axis t = 1..T`. "
        "Every "
        "sequence has its own length, so it is a name, not a number.",
        wrong="axis t = 1..100\ninput x : real\noutput x\n",
        right="axis t = 1..T\ninput x[t] : real\noutput x\n",
    ),
    Entry(
        "RNN409",
        "not a left side",
        "An equation is written for every step, `h[t] = …`; its delays stand on the right. Beside it only "
        "the "
        "value outside the sequence can be given: `h[0] = …` before it, `g[T+1] = …` past its end.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t+1] = tanh(x[t] + h[t])\nh[t] = x[t]\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t-1] + h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN410",
        "not a reduction over an axis",
        "`sum[s](…)`, `mean[s]`, `max[s]` and `logsumexp[s]` take an axis away, `softmax[s]` keeps it. In "
        "the bracket "
        "stands the index of one declared axis.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real\nc = sum[n](x[t])\noutput c\n",
        right="axis t = 1..T\ninput x[t] : real\nc = sum[t](x[t])\noutput c\n",
    ),
    Entry(
        "RNN411",
        "too many axes",
        "A spec has at most 8 axes.",
        wrong="".join(f"axis t{i} = 1..T{i}\n" for i in range(9)) + "input x[t0] : real\noutput x\n",
        right="".join(f"axis t{i} = 1..T{i}\n" for i in range(8)) + "input x[t0] : real\noutput x\n",
    ),
)
