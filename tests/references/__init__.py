"""Recurrent networks written out by hand in NumPy, forward and backward, one sequence at a time.

They are what the compiler is measured against, so they share nothing with it: no import of `rnnc`, no
batching, no padding; every gradient is derived on paper. Each module has `SHAPES`, the parameters under
the names of the spec, and `sequence(params, …)`, which returns the summed negative log-likelihood of one
sequence, the number of elements it is summed over, and the gradient of the sum."""
