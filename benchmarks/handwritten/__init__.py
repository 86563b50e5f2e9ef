"""The training step of five cells as well as we can write it by hand in NumPy: what a compiler could reach.

Each class is made for one set of sizes, T steps of B rows with `m` inputs and `n` units, and keeps its
buffers. `loss_and_grad(params, batch)` takes and gives what the compiled module of the spec of the same name
does: parameters and gradients by the spec's names, `W[out, in]`, and `batch` with `x` (T, B, m) and
`y` (T, B, n). All sequences have T steps.

What they have in common: one product per step and direction; all that is on no cycle outside the loop (input
projections, local derivatives a stretch of about a megabyte at a time, weight gradients as one product over
T*B rows); buffers and views made once; a sigmoid is half a tanh of half the argument, with one half folded into
the weights; neighbouring blocks share a call; constants of the right dtype."""

from __future__ import annotations

from .gru import Gru
from .lstm import Lstm
from .lstm_norm_peephole import LstmNormPeephole
from .skip import Skip
from .vanilla import Vanilla

HANDWRITTEN = {
    "vanilla": Vanilla,
    "lstm": Lstm,
    "gru": Gru,
    "lstm_norm_peephole": LstmNormPeephole,
    "skip": Skip,
}
