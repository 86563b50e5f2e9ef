"""A spec's equations run by another library, which differentiates them itself: a peer to be measured against, and
a witness of values and gradients that shares neither storage nor derivatives with a printed module.

`translate` runs the stages, `reading` finds what an equation reads, `loops` makes one step of a loop, `operators` says
what each operator is in a library, `libraries` what the libraries call it, `run` makes a peer of it all."""
