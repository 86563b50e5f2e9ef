"""From syntax tree to checked model, in four steps.

    expand     statements unrolled, cells copied in place, every name bound     -> model.Model
    infer      sizes and types of everything, as the least solution             -> infer.Typed
    causality  which quantity needs which, at what delay; every cycle legal
    (lower)    the terms that `infer` built become equations                    -> ir.System

A wrong part of a spec is reported once and becomes `Bad` (before sizes) or of type `UNKNOWN` (after):
both silence what depends on them."""
