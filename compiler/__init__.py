"""From a checked spec to a printed module: equations, derivatives, schedule, text."""
