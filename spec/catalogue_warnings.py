"""Codes 9xx: what is legal and almost surely not meant."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN901",
        "unused parameter",
        "A parameter is declared that no equation reads: it is initialised, saved, and never changes.",
        wrong="axis t = 1..T\ninput x[t] : real\nparam a : real, b : real\nh[t] = a * x[t]\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nparam a : real, b : real\nh[t] = a * x[t] + b\noutput h\n",
    ),
    Entry(
        "RNN902",
        "unused input",
        "An input is declared that no equation reads: the batch must hold it all the same.",
        wrong="axis t = 1..T\ninput x[t] : real, z[t] : real\nh[t] = tanh(x[t])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real, z[t] : real\nh[t] = tanh(x[t] + z[t])\noutput h\n",
    ),
    Entry(
        "RNN903",
        "unused dim",
        "A dim is declared that nothing uses.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real\noutput x\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\noutput x\n",
    ),
    Entry(
        "RNN904",
        "unused equation",
        "Nothing reads this quantity, and no `output` names it, so it is not computed.",
        wrong="axis t = 1..T\ninput x[t] : real\na[t] = 2 * x[t]\nh[t] = tanh(x[t])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\na[t] = 2 * x[t]\nh[t] = tanh(a[t])\noutput h\n",
    ),
    Entry(
        "RNN905",
        "nothing is asked for",
        "The spec has no head, no loss and no output, so the compiled module has nothing to compute.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN906",
        "a reduction over an axis that is not there",
        "Nothing inside the reduction runs along its axis, so it reduces equal values: a sum is the value times "
        "the length, a mean the value itself. An index was probably mixed up.",
        wrong="axis s = 1..S\naxis t = 1..T\ninput x[s] : real, z[t] : real\nc[t] = sum[s](z[t]) + sum[s](x[s])\n"
        "output c\n",
        right="axis s = 1..S\naxis t = 1..T\ninput x[s] : real, z[t] : real\nc[t] = sum[s](x[s] * z[t])\noutput c\n",
    ),
    Entry(
        "RNN907",
        "probabilities in place of logits",
        "`categorical` takes the softmax of its argument, `bernoulli` the sigmoid, and `poisson` the exponential. An "
        "argument that is such a value already gets it twice: the network trains, and badly.",
        wrong="dim m = 4\naxis t = 1..T\ninput x[t] : real[m]\nhead y[t] : token(m) ~ categorical(softmax(x[t]))\n",
        right="dim m = 4\naxis t = 1..T\ninput x[t] : real[m]\nhead y[t] : token(m) ~ categorical(x[t])\n",
    ),
    Entry(
        "RNN908",
        "a start that nothing reads",
        "A quantity is given its value before the first step, or past the last, and nothing reads it there. What runs "
        "from the end to the start, as a `reverse` cell does, starts at `h[T+1]`.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[0] = 1\nh[t] = tanh(x[t] + h[t+1])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[T+1] = 1\nh[t] = tanh(x[t] + h[t+1])\noutput h\n",
    ),
)
