"""Hand-written modules that obey the compiled-module contract, to stand beside the printed ones."""
