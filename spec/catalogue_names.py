"""Codes 2xx: names, calls and cells."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN201",
        "unknown name",
        "A name is read that nothing has. What may be read: dims, the axes' indices and lengths, inputs, "
        "parameters, quantities with an equation, heads, and what is inside a cell's copy (`h1.c`). Inside a "
        "cell only its own names can be read.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(xx[t] + h[t-1])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN202",
        "defined twice",
        "A name has one meaning in a spec. In a loop every turn defines its own: put the loop's variable "
        "into "
        "the name with a brace, `h{l}`.",
        wrong="axis t = 1..T\ninput x[t] : real\nfor l in 1..2 {\n  h[t] = tanh(x[t])\n}\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nfor l in 1..2 {\n  h{l}[t] = tanh(x[t])\n}\noutput h1, h2\n",
    ),
    Entry(
        "RNN203",
        "wrong number of arguments",
        "A function or a cell was given more or fewer arguments than it takes. `rnnc ops` lists the "
        "functions, "
        "`rnnc cells` the cells.",
        wrong="axis t = 1..T\ninput x[t] : real\ny[t] = tanh(x[t], x[t-1])\noutput y\n",
        right="axis t = 1..T\ninput x[t] : real\ny[t] = tanh(x[t]) * x[t-1]\noutput y\n",
    ),
    Entry(
        "RNN204",
        "unknown function",
        "What stands before the bracket is neither a function of the language nor a cell that the spec can "
        "call. A cell of the library is named in a `use` first; a cell of another file is imported.",
        wrong="axis t = 1..T\ninput x[t] : real\nh[t] = sigma(x[t] + h[t-1])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\nh[t] = sigmoid(x[t] + h[t-1])\noutput h\n",
    ),
    Entry(
        "RNN205",
        "not a whole right side",
        "A call of a cell puts equations in place and names them after the left side, so it is the whole "
        "right side of an equation; `reverse` and `sharing` go with such a call only.",
        wrong="use lstm\ndim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = 2 * lstm(x[t], n)\n"
        "output h\n",
        right="use lstm\ndim n = 4\naxis t = 1..T\ninput x[t] : real[n]\n"
        "u[t] = lstm(x[t], n)\nh[t] = 2 * u[t]\noutput h\n",
    ),
    Entry(
        "RNN206",
        "unknown or incomplete cell",
        "The library has no such cell, or a cell's header promises an output that its body does not define. "
        "A "
        "header names at least one output and uses one index at most.",
        wrong="use lstmm\naxis t = 1..T\ninput x[t] : real\noutput x\n",
        right="use lstm\naxis t = 1..T\ninput x[t] : real\noutput x\n",
    ),
    Entry(
        "RNN207",
        "unknown argument name",
        "Arguments of functions have no names, but for the `bias` of `affine`. Arguments of a cell may be "
        "given by the names in its header, each once.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nh[t] : real[n] = affine(x[t], bais = 1)\n"
        "output h\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nh[t] : real[n] = affine(x[t], bias = 1)\n"
        "output h\n",
    ),
    Entry(
        "RNN209",
        "not in this place",
        "Inputs, axes, heads, outputs and losses belong to the spec as a whole, so they do not stand inside "
        "a "
        "cell; cells and imports do not stand inside a loop; and what is inside a cell's copy is defined by "
        "the cell: from outside only its start can be given.",
        wrong="axis t = 1..T\ninput x[t] : real\ncell leaky(x[t] : real) -> h[t] : real {\n"
        "  output h\n  h[t] = 0.9 * h[t-1] + x[t]\n}\nh[t] = leaky(x[t])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\ncell leaky(x[t] : real) -> h[t] : real {\n"
        "  h[t] = 0.9 * h[t-1] + x[t]\n}\nh[t] = leaky(x[t])\noutput h\n",
    ),
    Entry(
        "RNN210",
        "cannot share parameters",
        "`sharing NAME` names another copy of the same cell, whose parameters must have the same shapes.",
        wrong="use lstm\ndim n = 4\naxis t = 1..T\ninput a[t] : real[n]\n"
        "b[t] = tanh(a[t])\nh[t] = lstm(a[t], n) sharing b\noutput h\n",
        right="use lstm\ndim n = 4\naxis t = 1..T\ninput a[t] : real[n]\n"
        "b[t] = lstm(a[t-1], n)\nh[t] = lstm(a[t], n) sharing b\noutput h, b\n",
    ),
    Entry(
        "RNN211",
        "a parameter of affine clashes",
        "`affine` names its weights after the left side and the argument: `W_ih` for the `h` in the equation "
        "of "
        "`i`. Something else has that name already: a parameter of the spec, or an `affine` of another "
        "equation.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nparam W_hx : real[n, n]\n"
        "h[t] : real[n] = affine(x[t]) + W_hx @ h[t-1]\noutput h\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\nparam W : real[n, n]\n"
        "h[t] : real[n] = affine(x[t]) + W @ h[t-1]\noutput h\n",
    ),
    Entry(
        "RNN212",
        "negative number in a name",
        "A brace in a name is worked out to a whole number that becomes part of the name: `h{l-1}` is `h0` "
        "where l is 1. Below 0 there is no such name.",
        wrong="axis t = 1..T\ninput x[t] : real\nfor l in 0..1 {\n  h{l-1}[t] = x[t]\n}\noutput h0\n",
        right="axis t = 1..T\ninput x[t] : real\nfor l in 1..2 {\n  h{l-1}[t] = x[t]\n}\noutput h0, h1\n",
    ),
    Entry(
        "RNN213",
        "known too late",
        "Bounds of loops, delays and numbers in names are worked out first of all. A dim of a cell that is "
        "found from an argument's sizes is not known then; pass it to the cell as an argument of its own.",
        wrong="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\n"
        "cell late(x[t] : real[m]) -> h[t] : real[m] {\n"
        "  h[t] = x[t-m]\n}\nh[t] = late(x[t])\noutput h\n",
        right="dim n = 4\naxis t = 1..T\ninput x[t] : real[n]\n"
        "cell late(x[t] : real[m], k) -> h[t] : real[m] {\n"
        "  h[t] = x[t-k]\n}\nh[t] = late(x[t], n)\noutput h\n",
    ),
    Entry(
        "RNN214",
        "an output called loss",
        "What a module returns is told apart by name: its outputs, the arguments of its heads, and the loss of the "
        "whole network, which is called `loss`. A head or an output needs another name.",
        wrong="axis t = 1..T\ninput x[t] : real\nhead loss[t] : real ~ normal(x[t])\n",
        right="axis t = 1..T\ninput x[t] : real\nhead y[t] : real ~ normal(x[t])\n",
    ),
    Entry(
        "RNN280",
        "too many statements",
        "Loops and cells are written out when a spec is compiled. Together they may make 20,000 statements.",
        wrong="axis t = 1..T\ninput x[t] : real\nfor l in 1..30000 {\n  h{l}[t] = x[t]\n}\noutput h1\n",
        right="axis t = 1..T\ninput x[t] : real\nfor l in 1..3 {\n  h{l}[t] = x[t]\n}\noutput h1, h2, h3\n",
    ),
    Entry(
        "RNN281",
        "too many files",
        "A spec may import 64 files, counting what imported files import.",
        wrong="".join(f'import "cells{i}.rnn"\n' for i in range(70)),
        right="axis t = 1..T\ninput x[t] : real\noutput x\n",
    ),
    Entry(
        "RNN282",
        "cells nested too deep",
        "Cells may call cells, 16 deep. A cell that calls itself, straight or through others, has no end.",
        wrong="axis t = 1..T\ninput x[t] : real\ncell again(x[t] : real) -> h[t] : real {\n"
        "  h[t] = again(x[t])\n}\nh[t] = again(x[t])\noutput h\n",
        right="axis t = 1..T\ninput x[t] : real\ncell leaky(x[t] : real) -> h[t] : real {\n"
        "  h[t] = 0.9 * h[t-1] + x[t]\n}\nh1[t] = leaky(x[t])\nh2[t] = leaky(h1[t])\noutput h2\n",
    ),
    Entry(
        "RNN283",
        "nothing to import",
        "What a spec imports is a regular file in the spec's own folder or below it, after every link has "
        "been "
        "followed, and is named by a relative path. A spec that is not in a file itself imports nothing.",
        wrong='import "../elsewhere/cells.rnn"\naxis t = 1..T\ninput x[t] : real\noutput x\n',
        right="cell leaky(x[t] : real) -> h[t] : real {\n  h[t] = 0.9 * h[t-1] + x[t]\n}\n"
        "axis t = 1..T\ninput x[t] : real\nh[t] = leaky(x[t])\noutput h\n",
    ),
    Entry(
        "RNN284",
        "too many of a kind",
        "Once loops and cells are written out, a spec may have 500 dims, 500 cells, 500 inputs, 2,000 parameters "
        "(those of `affine` among them), 500 noises, 100 heads, 500 losses, 500 outputs and 2,000 equations. What is "
        "alike is better a vector: `real[n]` instead of n scalars.",
        wrong="axis t = 1..T\ninput x[t] : real\nfor l in 1..101 {\n  head y{l}[t] : real ~ normal(x[t])\n}\n",
        right="dim n = 101\naxis t = 1..T\ninput x[t] : real\nhead y[t] : real[n] ~ normal(expand(x[t], n))\n",
    ),
)
