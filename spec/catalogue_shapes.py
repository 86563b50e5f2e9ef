"""Codes 3xx: sizes, shapes and types."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN301",
        "not a size",
        "A size is a whole-number polynomial in dims: `n`, `4 * n`, `n + m - 1`. It holds for the whole "
        "network, "
        "so it cannot depend on the data, and it is not divided: name the smaller part and multiply.",
        wrong="dim n = 8\naxis t = 1..T\ninput x[t] : real[n / 2]\noutput x\n",
        right="dim half = 4\naxis t = 1..T\ninput x[t] : real[2 * half]\noutput x\n",
    ),
    Entry(
        "RNN302",
        "matrix product does not fit",
        "`a @ b` multiplies the last size of `a` with the first of `b`, which must be the same size by name: "
        "two dims are different even when both are 128. It takes matrix and vector, vector and matrix, or "
        "two "
        "matrices; for more sizes there is `einsum`.",
        wrong="dim n = 4, m = 4\naxis t = 1..T\ninput x[t] : real[m]\nparam W : real[n, n]\n"
        "h[t] = tanh(W @ x[t])\noutput h\n",
        right="dim n = 4, m = 4\naxis t = 1..T\ninput x[t] : real[m]\nparam W : real[n, m]\n"
        "h[t] = tanh(W @ x[t])\noutput h\n",
    ),
    Entry(
        "RNN303",
        "shapes differ",
        "Operations place by place take operands of one shape, by name, or scalars. Nothing is stretched "
        "silently: `expand(f, d)` appends a size by repetition.",
        wrong="dim heads = 2, d = 3\naxis t = 1..T\ninput x[t] : real[heads, d], f[t] : real[heads]\n"
        "y[t] = x[t] * f[t]\noutput y\n",
        right="dim heads = 2, d = 3\naxis t = 1..T\ninput x[t] : real[heads, d], f[t] : real[heads]\n"
        "y[t] = x[t] * expand(f[t], d)\noutput y\n",
    ),
    Entry(
        "RNN304",
        "needs a type",
        "Shapes are inferred from what is known: inputs, parameters, types written. Nothing on this cycle of "
        "equations has a known shape, so one of them needs its type.",
        wrong="axis t = 1..T\nh[t] = tanh(h[t-1])\noutput h\n",
        right="dim n = 4\naxis t = 1..T\nh[t] : real[n] = tanh(h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN305",
        "wrong kind of value",
        "Whole numbers and truth values become real in arithmetic; tokens never do: a token is compared, "
        "indexes a table, or becomes a vector by `onehot`. Conditions must be true or false.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : token(n)\ny[t] = 2 * x[t]\noutput y\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : token(n)\ny[t] = 2 * onehot(x[t])\noutput y\n",
    ),
    Entry(
        "RNN306",
        "affine has no shape here",
        "The shape of `affine(…)` is that of the left side seen through functions that work place by place, "
        "of "
        "the matrix's side in `R @ affine(…)`, or of the head's argument. Elsewhere it needs an equation of "
        "its "
        "own with a type.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\ny[t] = sum(affine(x[t]))\noutput y\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\na[t] : real[n] = affine(x[t])\n"
        "y[t] = sum(a[t])\n"
        "output y\n",
    ),
    Entry(
        "RNN307",
        "needs a vector or a matrix",
        "A function over the last feature size was given something that has none. To reduce over time, name "
        "the axis: `sum[t](…)`.",
        wrong="axis t = 1..T\ninput x[t] : real\ny[t] = softmax(x[t])\noutput y\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\ny[t] = softmax(x[t])\noutput y\n",
    ),
    Entry(
        "RNN308",
        "index or slice does not fit",
        "A row `E[k]` is taken with a token whose count is the number of rows, by name; `pick` takes a token "
        "or "
        "a whole number; a slice lies inside the last size.",
        wrong="dim n = 4, m = 4, d = 3\naxis t = 1..T\ninput x[t] : token(m)\nparam E : real[n, d]\n"
        "y[t] = E[x[t]]\noutput y\n",
        right="dim n = 4, d = 3\naxis t = 1..T\ninput x[t] : token(n)\nparam E : real[n, d]\n"
        "y[t] = E[x[t]]\noutput y\n",
    ),
    Entry(
        "RNN309",
        "not the declared type",
        "The right side of an equation, a start value, or a second type written for the same quantity does "
        "not "
        "have the type declared.",
        wrong="dim n = 4, m = 4\naxis t = 1..T\ninput x[t] : real[m]\nh[t] : real[n] = tanh(x[t])\n"
        "output h\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nh[t] : real[n] = tanh(x[t])\noutput h\n",
    ),
    Entry(
        "RNN310",
        "einsum pattern does not fit",
        'A pattern such as "hij,hj->hi" has a letter for every size of every operand, the parts in order, '
        "and "
        "after the arrow the sizes of the result. One letter is one size, by name.",
        wrong="dim h = 2, n = 3\naxis t = 1..T\ninput x[t] : real[h, n]\nparam A : real[h, n, n]\n"
        'y[t] = einsum("hij,j->hi", A, x[t])\noutput y\n',
        right="dim h = 2, n = 3\naxis t = 1..T\ninput x[t] : real[h, n]\nparam A : real[h, n, n]\n"
        'y[t] = einsum("hij,hj->hi", A, x[t])\noutput y\n',
    ),
    Entry(
        "RNN311",
        "argument does not fit the cell",
        "A cell's header says how many sizes an input has. A dim in the header is found from the argument's "
        "sizes; here the argument does not tell it.",
        wrong="use lstm\ndim n = 4\naxis t = 1..T\ninput x[t] : real\nh[t] = lstm(x[t], n)\noutput h\n",
        right="use lstm\ndim n = 4\naxis t = 1..T\ninput x[t] : real\nh[t] = lstm(expand(x[t], 1), n)\n"
        "output h\n",
    ),
    Entry(
        "RNN312",
        "not a start for a parameter",
        "After `~` stands how a parameter is filled: zeros, ones, constant(v), normal(std), uniform(lo, hi), "
        "glorot, he, orthogonal(gain), identity, sparse(density, radius), range, or an expression over "
        "these, "
        "numbers and dims. After `=` stands a constant.",
        wrong="dim n = 4\nparam W : real[n, n] ~ gaussian(0.1)\noutput W\n",
        right="dim n = 4\nparam W : real[n, n] ~ normal(0.1)\nA = W @ W\noutput A\n",
    ),
    Entry(
        "RNN314",
        "impossible dim",
        "A dim is a whole number from 0 up to 2,147,483,647. A dim that abbreviates an expression of others "
        "has no value of its own to give.",
        wrong="dim n = 4 - 5\naxis t = 1..T\ninput x[t] : real[n]\noutput x\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\noutput x\n",
    ),
    Entry(
        "RNN315",
        "too many sizes",
        "A type has at most 8 sizes.",
        wrong=f"dim n = 2\naxis t = 1..T\ninput x[t] : real[{', '.join(9 * 'n')}]\noutput x\n",
        right=f"dim n = 2\naxis t = 1..T\ninput x[t] : real[{', '.join(8 * 'n')}]\noutput x\n",
    ),
)
