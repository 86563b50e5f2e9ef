"""Properties of compiled modules: derived from their contract, tried on random cases, told by the spec."""
