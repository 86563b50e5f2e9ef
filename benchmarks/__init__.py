"""How fast compiled modules are, beside other ways to run the same equations; `python -m benchmarks --help`."""
