"""Properties along time: what is later changes nothing, and cutting a sequence changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..module import Array, Arrays
from .case import Case
from .compare import Comparison, Verdict, agree, joined
from .data import (
    Data,
    argument_axes,
    batch,
    context,
    cotangent_axes,
    draw,
    ends,
    full,
    garbage,
    past_end,
    rows,
    with_cotangents,
)
from .gradient import drawn
from .observe import everything, forward, only
from .subject import Subject, is_real

# ------------------------------------------------------------------------------------------- causality


def no_past_only(subject: Subject) -> str | None:
    """Why steps may depend on later ones."""
    return subject.no_stream


def streamed(subject: Subject, name: str) -> int | None:
    """Where the streaming axis stands among an input's dimensions."""
    axes = subject.inputs[name].axes if name in subject.inputs else ()
    return axes.index(subject.stream) if subject.stream in axes else None


def taken(subject: Subject, data: Data, steps: slice) -> Data:
    """Some steps of every streamed input; lengths are what of each sequence lies within."""
    found = dict(data.batch)
    for name in subject.inputs:
        place = streamed(subject, name)
        if place is not None:
            found[name] = data.batch[name][(slice(None),) * place + (steps,)]
    length = subject.axes[str(subject.stream)]
    start, stop = steps.start or 0, steps.stop
    found[length] = np.clip(data.batch[length] - start, 0, stop - start)
    return replace(data, batch=found, cotangents={})


def steps_of(subject: Subject, data: Data) -> int:
    return dict(data.case.steps)[str(subject.stream)]


def timed_outputs(subject: Subject, arrays: Arrays) -> dict[str, int]:
    """The outputs that run along the streaming axis, with that axis's place."""
    layouts = {name: subject.layouts.get(name.partition(".")[2], ()) for name in only(arrays, "outputs")}
    return {name: axes.index(str(subject.stream)) for name, axes in layouts.items() if subject.stream in axes}


def until(array: Array, place: int, cut: int) -> Array:
    return np.ascontiguousarray(array[(slice(None),) * place + (slice(cut),)])


def check_causality(subject: Subject, case: Case) -> Verdict:
    """NaN, and other tokens, from a step on: nothing before it changes, to the bit."""
    data = draw(subject, case, ragged=False)
    cut = 1 + case.seed % max(steps_of(subject, data) - 1, 1)
    spoilt = replace(data, batch=_spoilt_after(subject, data, cut))
    with np.errstate(all="ignore"):
        before, after = forward(subject, data), forward(subject, spoilt)
    places = timed_outputs(subject, before)
    untimed = {n: v for n, v in only(before, "outputs").items() if n not in places and _of_steps(subject, n)}
    found = {n: until(after[n], p, cut) for n, p in places.items()} | {n: after[n] for n in untimed}
    wanted = {n: until(before[n], p, cut) for n, p in places.items()} | untimed
    return Comparison(subject, (f"with NaN after step {cut}", "without")).of(found, wanted)


def _of_steps(subject: Subject, name: str) -> bool:
    """An output without the streaming axis reads no step of a network that can be streamed, unless it
    is a sum over all steps: those have no batch axis."""
    return "@" in subject.layouts.get(name.partition(".")[2], ())


def _spoilt_after(subject: Subject, data: Data, cut: int) -> Arrays:
    found, other = dict(data.batch), batch(subject, data.case, np.random.default_rng([data.case.seed, 7]))
    kept = set(subject.module.HEADS) if subject.refuses else set()  # other targets may end a sequence
    for name in subject.inputs:
        place = streamed(subject, name)
        if place is not None and name not in kept:
            later = (slice(None),) * place + (slice(cut, None),)
            found[name] = data.batch[name].copy()
            found[name][later] = np.nan if is_real(found[name]) else other[name][later]
    return found


def no_timed_outputs(subject: Subject) -> str | None:
    """Why no gradient of single steps can be asked for."""
    if subject.no_stream:
        return subject.no_stream
    data = draw(subject, Case(tuple((axis, 1) for axis in subject.axes), 1, subject.smallest), ragged=False)
    real = with_cotangents(subject, data, ("outputs",)).cotangents
    timed = any(subject.stream in subject.layouts[name] for name in real)
    return None if timed else f"no real output runs along {subject.stream}"


def check_causal_gradient(subject: Subject, case: Case) -> Verdict:
    """A cotangent at one step gives no gradient to later steps."""
    data = draw(subject, case, ragged=False)
    cut = 1 + case.seed % max(steps_of(subject, data) - 1, 1)
    cotangents = {}
    for name, value in with_cotangents(subject, data, ("outputs",)).cotangents.items():
        axes = subject.layouts.get(name, ())
        if subject.stream in axes:
            cotangents[name] = value.copy()
            cotangents[name][(slice(None),) * axes.index(subject.stream) + (slice(cut, None),)] = 0
    grads = only(everything(subject, replace(data, cotangents=cotangents)), "dbatch")
    verdicts = []
    for name, grad in grads.items():
        place = streamed(subject, name.partition(".")[2])
        if place is not None:
            wanted = grad.copy()
            wanted[(slice(None),) * place + (slice(cut, None),)] = 0
            labels = (f"gradient of the outputs up to step {cut}", "zero")
            verdicts.append(Comparison(subject, labels).of({name: grad}, {name: wanted}))
    return joined(verdicts)


# --------------------------------------------------------------------------------- streams and chunks


def check_streaming(subject: Subject, case: Case) -> Verdict:
    """`start`, then `step` by step, with parameters as they are and frozen."""
    data = draw(subject, case, ragged=False)
    length = data.batch[subject.axes[str(subject.stream)]]
    whole_rows = np.flatnonzero(length == steps_of(subject, data))  # some end by `stop when`

    def pair(data: Data, frozen: bool) -> tuple[Arrays, Arrays]:
        data = rows(subject, data, whole_rows)
        whole = forward(subject, data)
        kept = {name: whole[name] for name in timed_outputs(subject, whole)} | only(whole, "state")
        params = subject.module.freeze(data.params) if frozen else data.params
        return stepped(subject, replace(data, params=params)), kept

    ways = {"step by step": False, "step by step, parameters frozen": True}
    return joined(
        agree(subject, data, partial(pair, frozen=frozen), (way, "whole")) for way, frozen in ways.items()
    )


def stepped(subject: Subject, data: Data) -> Arrays:
    """Outputs and last state, one step at a time."""
    m, (once, now) = subject.module, split(subject, data)
    state = m.start(data.params, batch_size=len(data.batch[subject.axes[str(subject.stream)]]), context=once)
    outputs: list[Arrays] = []
    for t in range(steps_of(subject, data)):
        state, out = m.step(data.params, state, now(t))
        outputs.append(out)
    found = {
        f"outputs.{name}": np.stack(
            [out[name] for out in outputs], subject.layouts[name].index(str(subject.stream))
        )
        for name in (outputs[0] if outputs else {})
        if subject.stream in subject.layouts.get(name, ())
    }
    return found | {f"state.{key}": np.asarray(state[key]) for key in subject.carried}


def one_step(subject: Subject, data: Data) -> Iterator[tuple[str, Arrays]]:
    """`start` and one `step`."""
    once, now = split(subject, data)
    state = subject.module.start(data.params, batch_size=data.case.rows, context=once)
    yield "start", state
    after, out = subject.module.step(data.params, state, now(0))
    yield "step", {**{f"state.{name}": value for name, value in after.items()}, **out}


def split(subject: Subject, data: Data) -> tuple[Arrays, Callable[[int], Arrays]]:
    """What is given once for all steps, and what each step gets."""
    places = {name: streamed(subject, name) for name in subject.inputs}

    def now(t: int) -> Arrays:
        return {n: np.take(data.batch[n], t, place) for n, place in places.items() if place is not None}

    return context(subject, data), now


def cuts(case: Case, count: int) -> list[tuple[int, int]]:
    """Chunks of a sequence, an empty one among them now and then."""
    rng = np.random.default_rng([case.seed, 8])
    inner = sorted(int(cut) for cut in rng.integers(0, count + 1, 1 + case.seed % 3))
    edges = [0, *inner, count]
    return list(zip(edges, edges[1:]))


def begun(subject: Subject, case: Case) -> Data:
    """Where a state must tell the whole length, there is one."""
    return full(subject, replace(case, seed=case.seed | 1) if subject.counted else case)


def check_chunks(subject: Subject, case: Case) -> Verdict:
    """Cut anywhere, the state carried on, gradients carried back."""
    data = begun(subject, case)
    pieces = cuts(case, steps_of(subject, data))

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        return chunked(subject, data, pieces), _comparable(subject, whole_of(subject, data))

    return agree(subject, data, pair, ("in chunks", "whole"))


def check_copies(subject: Subject, case: Case) -> Verdict:
    """Chunks of one step, each with parameters of its own: the copies' gradients add up to the shared one's,
    and no way of cutting is finer."""
    data = begun(subject, case)
    count = steps_of(subject, data)
    pieces = [(t, t + 1) for t in range(count)] or [(0, 0)]

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        shared = _comparable(subject, whole_of(subject, data))
        return only(chunked(subject, data, pieces), "grad"), only(shared, "grad")

    return agree(subject, data, pair, ("sum over the copies", "shared"))


def whole_of(subject: Subject, data: Data) -> Arrays:
    """The whole at once, with cotangents of outputs and last states: the loss is a mean over all steps."""
    cotangents = {key: value for key, value in data.cotangents.items() if key != "loss"}
    kept = replace(data, cotangents=cotangents)
    return (everything if cotangents else forward)(subject, kept, **drawn(subject, data))


def _comparable(subject: Subject, whole: Arrays) -> Arrays:
    """What chunks give too."""
    timed = timed_outputs(subject, whole)
    rest = only(whole, "nll", "state", "grad", "dbatch", "dstate")
    return {name: whole[name] for name in timed} | rest


def chunked(subject: Subject, data: Data, pieces: list[tuple[int, int]]) -> Arrays:
    """Forward chunk by chunk, backward through the carried states; noise goes on in the same numbers."""
    runs, state = [], data.state
    lengths = data.batch[subject.axes[str(subject.stream)]]
    for start, stop in pieces:
        part = taken(subject, data, slice(start, stop)).batch
        options = {**drawn(subject, data), "last": lengths <= stop}
        runs.append(subject.module.forward(data.params, part, state=state, **options))
        state = runs[-1].state
    found = {
        f"outputs.{name}": np.concatenate(
            [run.outputs[name] for run in runs], axes.index(str(subject.stream))
        )
        for name, axes in subject.layouts.items()
        if subject.stream in axes
    }
    for name in runs[0].nll or {}:
        timed = subject.stream in subject.module.HEADS[name]
        found[f"nll.{name}"] = np.asarray(sum(run.nll[name] for run in (runs if timed else runs[-1:])))
    found |= {f"state.{name}": np.asarray(value) for name, value in runs[-1].state.items()}
    if any(key != "loss" for key in data.cotangents):
        found |= _back(subject, data, pieces, runs)
    return found


def _back(subject: Subject, data: Data, pieces: list[tuple[int, int]], runs: list[object]) -> Arrays:
    """Each chunk's gradients, from the last to the first, what flows into its state handed on."""
    later = {k: v for k, v in data.cotangents.items() if k.startswith("state.")}
    d_params: Arrays = {}
    d_batches: list[Arrays] = []
    d_state: Arrays = {}
    own = {key: value for key, value in data.cotangents.items() if key in subject.layouts}
    for number, (piece, run) in reversed(list(enumerate(zip(pieces, runs)))):
        here = {key: _slice(subject, key, value, piece, number) for key, value in own.items()}
        grads, d_batch, d_state = subject.module.backward(data.params, run, {**here, **later})
        d_params = {name: d_params.get(name, 0) + grad for name, grad in grads.items()}
        d_batches.insert(0, d_batch)
        later = {f"state.{key}": d_state[key] for key in subject.real_states}
    found = {f"grad.{name}": value for name, value in d_params.items()}
    for name in d_batches[0]:
        place = streamed(subject, name)
        pieces_of = [d_batch[name] for d_batch in d_batches]
        found[f"dbatch.{name}"] = (
            np.asarray(sum(pieces_of)) if place is None else np.concatenate(pieces_of, place)
        )
    return found | {f"dstate.{key}": value for key, value in d_state.items()}


def _slice(subject: Subject, name: str, value: Array, piece: tuple[int, int], number: int) -> Array:
    """A chunk's part of a cotangent; what does not run along the steps has it in the first chunk."""
    axes = subject.layouts[name]
    if subject.stream not in axes:
        return value if number == 0 else np.zeros_like(value)
    return value[(slice(None),) * axes.index(str(subject.stream)) + (slice(*piece),)]


def reads_the_index(subject: Subject) -> str | None:
    """Why a network is not the same at every time."""
    if subject.no_stream:
        return subject.no_stream
    if subject.spec is None:
        return "the text of the spec is not at hand"
    if subject.counted:
        return f"the length {subject.axes[str(subject.stream)]} is an output, so a state tells how long the whole is"
    if "index" in subject.spec.operators:
        return f"an equation reads the number {subject.stream}"
    if "index" in subject.spec.stop_operators:
        return f"the stopping rule reads the number {subject.stream}"
    return None


def check_shift(subject: Subject, case: Case) -> Verdict:
    """The count of steps behind is moved on by any number: nothing but the count changes."""
    data = full(subject, replace(case, seed=case.seed | 1))
    assert data.state is not None
    key = str(subject.stream)
    shifted = replace(data, state={**data.state, key: data.state[key] + 5 + case.seed % 7})
    found, wanted = everything(subject, shifted), everything(subject, data)
    for arrays in (found, wanted):
        arrays.pop(f"state.{key}")
    return Comparison(subject, ("later", "now")).of(found, wanted)


# --------------------------------------------------------------------------------------------- padding


def dirty(subject: Subject, data: Data) -> Data:
    """Garbage past every sequence's end, in inputs, in states that have steps of another axis, and in
    cotangents of both and of outputs."""
    lengths = ends(subject, data.batch)

    def soiled(value: Array, axes: tuple[str, ...], fill: Any) -> Array:
        timed = axes[:-1] if axes[-1:] == ("@",) and "lag" not in axes else ()
        return np.where(past_end(value, timed, lengths), fill, value) if timed else value

    def soiled_state(name: str, value: Array) -> Array:
        return soiled(value, argument_axes(subject, f"state.{name}"), garbage(value))

    batch = {n: soiled(v, argument_axes(subject, n), garbage(v)) for n, v in data.batch.items()}
    cotangents = {k: soiled(v, cotangent_axes(subject, k), np.nan) for k, v in data.cotangents.items()}
    state = data.state and {n: soiled_state(n, v) for n, v in data.state.items()}
    return replace(data, batch=batch, state=state, cotangents=cotangents)


def check_padding(subject: Subject, case: Case) -> Verdict:
    """NaN, infinities and impossible tokens in the padding: the same bits everywhere."""
    data = full(subject, case)
    spoilt = dirty(subject, data)
    infinite = spoilt.with_batch({name: _infinite(spoilt.batch[name]) for name in subject.real_inputs})
    wanted = everything(subject, data)
    return joined(
        Comparison(subject, (f"with {fill} in the padding", "without")).of(everything(subject, other), wanted)
        for fill, other in (("NaN", spoilt), ("infinities", infinite))
    )


def _infinite(value: Array) -> Array:
    return np.where(np.isnan(value), np.inf, value)


def check_more_padding(subject: Subject, case: Case) -> Verdict:
    """Three steps more of garbage along every axis."""
    data = full(subject, case)

    def pair(data: Data) -> tuple[Arrays, Arrays]:
        more = longer(subject, data, 3)
        found = everything(subject, more)
        wanted = everything(subject, data)
        return {name: _cropped(value, wanted[name]) for name, value in found.items()}, wanted

    return agree(subject, data, pair, ("more padding", "as it was"))


def nothing_to_pad(subject: Subject) -> str | None:
    """Why no padding can be added: where no array runs along an axis, its longest sequence is its end."""
    return None if padded_axes(subject) else "no input runs along an axis"


def padded_axes(subject: Subject) -> set[str]:
    return {axis for item in subject.inputs.values() for axis in item.axes}


def longer(subject: Subject, data: Data, steps: int) -> Data:
    """More padding, of garbage."""
    longer_axes = padded_axes(subject)

    def more(value: Array, axes: tuple[str, ...], fill: Any) -> Array:
        grown = tuple(count + steps * (axis in longer_axes) for axis, count in zip(axes, value.shape))
        wider = np.full((*grown, *value.shape[len(axes) :]), fill, value.dtype)
        wider[tuple(map(slice, value.shape))] = value
        return wider

    batch = {n: more(v, argument_axes(subject, n), garbage(v)) for n, v in data.batch.items()}
    state = data.state and {
        n: more(v, argument_axes(subject, f"state.{n}"), garbage(v)) for n, v in data.state.items()
    }
    cotangents = {k: more(v, cotangent_axes(subject, k), np.nan) for k, v in data.cotangents.items()}
    return replace(data, batch=batch, state=state, cotangents=cotangents)


def _cropped(value: Array, like: Array) -> Array:
    return value[tuple(slice(n) for n in like.shape)] if value.ndim == like.ndim else value
