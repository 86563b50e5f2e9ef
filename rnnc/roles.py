"""What a checked spec says of its data: which parts are text, which axis of an array is the batch."""

from __future__ import annotations

from .compiler.program import Input, Program
from .failure import Failure
from .runtime.batching import Fields
from .spec.records import dataclass
from .spec.sizes import Size


@dataclass(frozen=True, slots=True)
class TextRoles:
    """A model that reads tokens and predicts the next one; `count` is how many there are, given the dims."""

    fields: Fields
    count: Size
    dims: tuple[tuple[str, int], ...]

    @property
    def dim(self) -> str | None:
        """The dim that is the number of tokens, if it is one dim by itself."""
        names = [name for name in self.count.dims if self.count == Size.of(name)]
        return names[0] if names else None


def observed(program: Program) -> dict[str, Input]:
    """Inputs and targets by name, but for targets that are made from the lengths."""
    targets = (head.target for head in program.heads if head.given)
    return {item.name: item for item in (*program.inputs, *targets)}


def lengths(program: Program) -> dict[str, str]:
    """The name of each time axis's length."""
    return {axis.index: axis.length for axis in program.forward.axes if axis.length}


def text_roles(program: Program) -> TextRoles:
    """Failure says why the spec is no model of text."""
    if len(program.heads) != 1:
        raise _no_text(program, f"it has {len(program.heads)} heads, not one")
    head = program.heads[0]
    target = head.target
    if head.distribution != "categorical" or target.kind != "token" or target.shape or target.count is None:
        raise _no_text(program, f"its head `{head.name}` predicts no single token")
    if program.stream is None or target.axes != (program.stream,):
        raise _no_text(program, program.no_stream or f"its head `{head.name}` is not along one axis")
    inputs = [item for name, item in observed(program).items() if name != head.name]
    for item in inputs:
        if (item.kind, item.axes, item.shape, item.count) != ("token", target.axes, (), target.count):
            raise _no_text(program, f"its input `{item.name}` is no token like those of `{head.name}`")
    if len(inputs) > 1 or (not inputs and not head.fed_back):
        raise _no_text(program, f"it has {len(inputs)} inputs, not one")
    name = inputs[0].name if inputs else None
    return TextRoles(Fields(name, head.name, lengths(program)[program.stream]), target.count, program.dims)


def _no_text(program: Program, why: str) -> Failure:
    return Failure(
        f"{program.source.path} is no model of text: {why}; train it on arrays with --data FILE.npz"
    )


def batch_axes(program: Program) -> dict[str, int]:
    """For every array the module takes, which of its axes is the batch's."""
    axes = {name: len(item.axes) for name, item in observed(program).items()}
    return {**axes, **dict.fromkeys(lengths(program).values(), 0)}


def counted(program: Program) -> list[str]:
    """The lengths whose product is how many elements the first head scores in a sequence."""
    return [lengths(program)[axis] for axis in (program.heads[0].axes if program.heads else ())]
