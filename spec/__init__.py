"""The language: text with places, grammar, syntax tree, diagnostics, formatter, library of cells."""
