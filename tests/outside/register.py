"""The list of outside implementations, and what those in PyTorch share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Params = Mapping[str, Any]
Run = Callable[[Params, Any], Any]
SINGLE = 2e-6  # the tolerance for what counts in single precision


@dataclass(frozen=True)
class Outside:
    """`run` gives the outputs [T, B, n] of the `cell` for its parameters (named as in the cell) and inputs [T, B, m].

    With `tensors` all of these are PyTorch's and gradients flow; otherwise they are NumPy's. `tolerance` is relative to
    the largest output, and says which implementations count in single precision or add a small number to a
    denominator. `restrict` changes parameters where the implementation has less than the cell."""

    cell: str
    path: str
    run: Run
    tensors: bool
    tolerance: float
    restrict: Callable[[dict[str, Any]], None]

    @property
    def package(self) -> str:
        return self.path.split(".")[0]

    def __str__(self) -> str:
        """Its package and its name, as `docs/cells.md` has them."""
        return f"{self.package} {self.path.split('.')[-1]}"


CHECKS: list[Outside] = []


def as_it_is(params: dict[str, Any]) -> None:
    """No restriction."""


def outside(
    cell: str,
    path: str,
    tensors: bool = True,
    tolerance: float = 1e-10,
    restrict: Callable[[dict[str, Any]], None] = as_it_is,
) -> Callable[[Run], Run]:
    """Puts a function on the list: `cell` as `path` computes it, from the name of the package to its own."""

    def put(run: Run) -> Run:
        CHECKS.append(Outside(cell, path, run, tensors, tolerance, restrict))
        return run

    return put


def stacked(p: Params, form: str, gates: str) -> Any:
    """The parameters of several gates as the rows of one tensor."""
    import torch

    return torch.cat([p[form.format(gate)] for gate in gates])


def called(module: Any, weights: Params, *arguments: Any, **options: Any) -> Any:
    """The module's outputs with these weights in place of its own, so that gradients flow into them."""
    from torch.func import functional_call

    return functional_call(module, dict(weights), arguments, options)


def unrolled(cell: Any, weights: Params, x: Any) -> Any:
    """A cell of one step, which gives its state or (output, more state), run over all steps."""
    import torch

    state, out = None, []
    for row in x:
        state = called(cell, weights, row, state)
        out.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(out)


def heads_last(a: Any) -> Any:
    """[T, B, n] → [B, T, 1, n]: one head."""
    return a.transpose(0, 1)[:, :, None]


def silu_unit(a: Any) -> Any:
    """SiLU, then length 1."""
    import torch

    a = torch.nn.functional.silu(a)
    return a / torch.sqrt((a * a).sum(-1, keepdim=True) + 1e-6)
