"""Directions of parameters, inputs and states, for tangents.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _checked_directions(call, d_params, d_batch, d_state):
    """A direction for every trained parameter, real input and real state: 0 where none is given."""
    if d_state and call.state is None:
        raise ValueError("d_state: the state has no direction where none is given with state=")
    real = [name for name in call.inputs if name not in NOISES and INPUTS[name][2] == "real"]
    shapes = {
        "param": {name: call.params[name].shape for name in TRAINED},
        "input": {name: call.inputs[name].shape for name in real},
        "state": {name: _state_shape(call, name) for name, (_, kind) in STATES.items() if kind == "real"},
    }
    found = {}
    for argument, part, given in (
        ("params", "param", d_params),
        ("batch", "input", d_batch),
        ("state", "state", d_state),
    ):
        given = {} if given is None else given
        if not hasattr(given, "keys"):
            raise ValueError(f"d_{argument}: expected a dict of arrays, got {type(given).__name__}")
        unknown = [name for name in given if name not in shapes[part]]
        if unknown:
            raise ValueError(f"d_{argument}: unknown {unknown}; directions are of {list(shapes[part])}")
        for name, shape in shapes[part].items():
            value = np.asarray(given.get(name, np.zeros(shape)))
            if value.shape != shape or value.dtype.kind not in "fiu":
                raise ValueError(
                    f"d_{argument}[{name!r}]: expected real {shape}, got {value.dtype} {value.shape}"
                )
            found[f"{part}:{name}"] = value.astype(call.dtype)
    for name in real:
        axes = (*INPUTS[name][0], "@")
        found[f"input:{name}"] = own_steps(found[f"input:{name}"], axes, call)
    return found
