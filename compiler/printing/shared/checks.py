"""What every function of a module checks first: parameters, batch, state, dims.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


class Run:
    """What `forward` returns: outputs, loss, nll (per head, per sequence), state; tape is for `backward`."""

    def __init__(self, outputs, loss, nll, state, tape):
        self.outputs, self.loss, self.nll, self.state, self.tape = outputs, loss, nll, state, tape


class Call:
    """The checked arguments of one call, and its buffers."""

    def __init__(self):
        # of a segment: the call it is a part of, how many steps are before it, whether it is the last
        self.whole, self.begun, self.final = None, 0, True
        self.batch = None  # of some rows: the call of all
        self.last = self.total = None  # which sequences end with this call, and their steps in all
        self.own, self.made = {}, {}  # arrays of the workspace that this call uses, by id; views of them
        self.even, self.past_end = (), {}  # axes along which all are equally long; `ended`, by axis

    def ragged(self, axis):
        """Whether some sequence ends before the longest."""
        known = axis in self.lengths and axis not in self.even
        return known and bool((self.lengths[axis] < self.longest[axis]).any())

    def ended(self, axis):
        """Whether some sequence ends before the longest; which steps are past each one's end, (steps, B), if so."""
        if axis not in self.past_end:
            ragged, steps = self.ragged(axis), self.longest[axis]
            past = self.buffer(f"past {axis}", steps, self.B, dtype=bool)
            if ragged:
                np.greater(np.arange(1, steps + 1)[:, None], self.lengths[axis], past)
            self.past_end[axis] = ragged, past
        return self.past_end[axis]

    def past(self, axis):
        """At each step, which rows have ended, or None: where they come in the order of their lengths, a slice."""
        ragged, ended = self.ended(axis)
        if not ragged:
            return self._kept_list("past", axis, [None] * len(ended))
        lengths, counts = self.lengths[axis], ended.sum(axis=1).tolist()
        if (lengths[1:] > lengths[:-1]).any():
            return [rows if count else None for rows, count in zip(ended, counts)]
        return [slice(self.B - count, None) if count else None for count in counts]

    def ending(self, axis):
        """At each step, the rows whose last it is, or None: a slice, where they stand together."""
        found = [None] * self.longest[axis]
        if axis in self.even and found:
            return self._kept_list("ending", axis, [*found[1:], slice(None)])
        for length in filter(None, set(self.lengths[axis].tolist())):
            rows = np.flatnonzero(self.lengths[axis] == length)
            together = rows[-1] - rows[0] + 1 == len(rows)
            found[length - 1] = slice(rows[0], rows[-1] + 1) if together else rows
        return found

    def _kept_list(self, name, axis, found):
        """A list that is the same for as many steps: a workspace keeps the first of them."""
        if self.workspace is not None:
            found = self.workspace.setdefault((name, axis, len(found)), found)
            self.own[id(found)] = found
        return found

    def steps(self, axis):
        """How many valid steps all rows of this call have together."""
        return self.B * self.longest[axis] if axis in self.even else int(self.lengths[axis].sum())

    def count(self, *axes):
        """How many valid elements a mean over these axes and the batch is of. A segment has its part in the
        means of the whole; what has no step has it in the last segment alone."""
        if not self.final and STREAM not in axes:
            return np.inf
        call = self.batch or self.whole or self
        even = all(axis in call.even for axis in axes)
        elements = call.B if even else np.ones(call.B, np.intp)
        for axis in axes:
            elements = elements * (call.longest[axis] if even else call.lengths[axis])
        return elements if even else int(elements.sum())

    def buffers(self, names, *shape, dtype=None):
        """Several arrays of one shape."""
        return [self.buffer(name, *shape, dtype=dtype) for name in names.split()]

    def buffer(self, name, *shape, dtype=None):
        """An array that nobody else uses: a new one, or this workspace's of that name. What is needed after
        another of its size is not any more asks for that one's."""
        found = self.made.get((name, shape, dtype))
        return self._buffer(name, shape, dtype) if found is None else found

    def _buffer(self, name, shape, dtype):
        wanted = self.dtype if dtype is None else dtype
        if self.workspace is None:
            return np.empty(shape, wanted)
        room, size = self.workspace.get(name), 1
        for extent in shape:
            size *= extent
        needed = size + 64 // np.dtype(wanted).itemsize
        if room is None or room.size != needed or room.dtype != wanted:
            room = self.workspace[name] = np.empty(needed, wanted)
        self.own[id(room)] = room
        found = self.made[name, shape, dtype] = on_line(room, size).reshape(shape)
        return found

    def forwards(self, loop, *arrays):
        """The arrays' steps in turn. A workspace keeps the views of its own arrays' steps from call to call, by
        the loop, which is told by the quantity it begins with; a loop inside another has none."""
        return self._in_turn(loop, 1, arrays)

    def backwards(self, loop, *arrays):
        """The arrays' steps in turn, from the last to the first."""
        return self._in_turn(loop, -1, arrays)

    def _in_turn(self, loop, way, arrays):
        if self.workspace is None or not loop:
            return zip(*(array[::way] for array in arrays))
        owners = [id(array.base if isinstance(array, np.ndarray) else array) for array in arrays]
        kept = self.made.get(loop)  # of a call of the same sizes, all of whose arrays were the workspace's
        if kept is None or kept[0] != owners:
            views, turns = self._views(loop, way, arrays)
            if turns is None:
                return zip(*views)
            kept = self.made[loop] = owners, turns
        return kept[1]

    def _views(self, loop, way, arrays):
        """The views of each array's steps, and what all have at each step; None where some array is not of the
        workspace. A loop always has the same stretches of its arrays: while these are the same and all sizes
        are, the views of the last call serve."""
        owners = [array.base if isinstance(array, np.ndarray) else array for array in arrays]
        known = [id(owner) in self.own for owner in owners]
        told = self.B, self.dims, self.longest, [id(owner) if own else 0 for owner, own in zip(owners, known)]
        kept = self.workspace.get(("steps", loop))
        if kept is None or kept[0] != told:
            if all(known) and len({*map(len, arrays)}) == 1:  # a step's views side by side in memory
                turns = [*zip(*(array[::way] for array in arrays))]
                views = [*zip(*turns)]
            else:
                turns, views = None, [[*array[::way]] if own else None for array, own in zip(arrays, known)]
            held = [owner for owner, own in zip(owners, known) if own]  # so that no other array has their ids
            kept = told, views, turns, held
            self.workspace["steps", loop] = kept
        _, views, turns, _ = kept
        if not all(known):
            views = [array[::way] if view is None else view for array, view in zip(arrays, views)]
        return views, turns

    def ones(self, count):
        """As many ones: a product with them is a sum."""
        if self.workspace is None:
            return np.ones(count, self.dtype)
        if ("ones", count) not in self.made:
            self.made["ones", count] = np.ones(count, self.dtype)
        return self.made["ones", count]

    def few(self, steps, numbers):
        """How many steps of so many numbers go together in a strip: about half a megabyte, which stays in the
        second-level cache beside what it is made of."""
        return min(steps, max(1, 2**19 // max(numbers * self.dtype.itemsize, 1)))

    def strips(self, loop, way, few, local, whole, *arrays):
        """The arrays' steps in turn, ``way`` 1 or -1. All but the first ``whole`` arrays have ``few`` steps only:
        before as many are taken, ``local(now, here)`` puts what belongs to the steps ``now`` in the places
        ``here``."""
        steps = len(arrays[0])
        if 0 < steps <= few:
            local(slice(0, steps), slice(0, steps))
            return self._in_turn(loop, way, arrays)
        return self._strips(loop, way, few, local, whole, arrays)

    def _strips(self, loop, way, few, local, whole, arrays):
        parts = arrays if self.workspace is None else self._views(loop, 1, arrays)[0]
        starts = range(0, len(arrays[0]), max(few, 1))
        for start in starts[::way]:
            now = slice(start, min(start + few, len(arrays[0])))
            here = slice(0, now.stop - start)
            local(now, here)
            views = [part[now if place < whole else here] for place, part in enumerate(parts)]
            yield from zip(*(view[::way] for view in views))


def _checked_params(params):
    """The parameters as arrays of one dtype, and the dims they have."""
    if not hasattr(params, "keys"):
        raise ValueError(f"params: expected a dict of arrays, got {type(params).__name__}")
    missing = [name for name in PARAMS if name not in params]
    unknown = [name for name in params if name not in PARAMS and name != "__meta__"]  # the notes of a file
    if missing or unknown:
        found = [f"{word} {names}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
        raise ValueError(f"params: {', '.join(found)}; this network has {PARAMS}")
    arrays = {name: _array("params", name, params[name]) for name in PARAMS}
    dtypes = {array.dtype for array in arrays.values()}
    dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes, *(() if dtypes else (float,)))
    if dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise ValueError(f"params: expected float32, float64 or complex128, got {dtype}")
    for name, array in arrays.items():
        if array.ndim != len(SHAPES[name]):
            raise ValueError(f"params[{name!r}]: expected shape {_named(SHAPES[name])}, got {array.shape}")
    dims = _dims(arrays)
    for name, shape in _shapes(dims).items():
        if name in arrays and arrays[name].shape != shape:
            found = f"expected shape {_named(SHAPES[name])} = {shape}, got {arrays[name].shape}"
            raise ValueError(f"params[{name!r}]: {found}")
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}, dims, dtype


def _array(where, name, value, kind="real"):
    """An argument as an array of numbers of a kind; ``where[name]`` is what messages call it."""
    if type(value) is not np.ndarray and hasattr(value, "filled") and np.any(value.mask):
        raise ValueError(f"{where}[{name!r}]: a masked array: fill it, and say by lengths what is left out")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{where}[{name!r}]: no array: {error}") from None
    if array.dtype.kind not in ("fciub" if kind == "real" else "biu" if kind == "bool" else "iu"):
        wanted = {"real": "real numbers", "bool": "bool"}.get(kind, "integers")
        raise ValueError(f"{where}[{name!r}]: expected {wanted}, got {array.dtype}")
    return array


def on_line(room, size):
    """So many numbers of an array with room for 64 bytes more, from a multiple of 64 bytes on: a processor's widest
    vectors are in one line of the cache each."""
    start = -room.ctypes.data % 64 // room.itemsize
    return room[start : start + size]


def _checked_count(what, value):
    """A number of sequences or of steps."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{what}: expected a whole number that is not negative, got {value!r}")
    return value


def _named(shape):
    return "(" + ", ".join(shape) + ("," if len(shape) == 1 else "") + ")"


def _unknown(names, drawing, known):
    """Names that a batch cannot have, or, where it is drawn, a context."""
    what, known = ("context", [*INPUTS, *AXES.values()]) if drawing else ("batch", known)
    return f"{what}: unknown {names}; expected {known}"


def _checked_call(params, batch, state, workspace=None, size=None, stream=True, drawing=False, clean=True):
    """Every argument of a call: names, shapes and dtypes; the padding of inputs set to 0, of real ones if ``clean``."""
    call = Call()
    if workspace is not None and not hasattr(workspace, "keys"):
        raise ValueError(f"workspace: expected what workspace returned, got {type(workspace).__name__}")
    if size is not None:
        _checked_count("batch_size", size)
    call.workspace = workspace
    call.params, call.dims, call.dtype = _checked_params(params)
    if not hasattr(batch, "keys"):
        raise ValueError(f"batch: expected a dict of arrays, got {type(batch).__name__}")
    names = [name for name, (axes, *_) in INPUTS.items() if stream or STREAM not in axes]
    told = stream or (COUNTED and not drawing)
    axes = {axis: length for axis, length in AXES.items() if told or axis != STREAM}
    unknown = [name for name in batch if name not in names and name not in axes.values()]
    if unknown:
        raise ValueError(_unknown(unknown, drawing, [*names, *axes.values()]))
    lengths = [length for length in axes.values() if batch.get(length) is not None]
    batch = {**batch, **{name: _array("batch", name, batch[name], "int") for name in lengths}}
    call.absent = [name for name in names if batch.get(name) is None]
    needed = [name for name in call.absent if name not in OPTIONAL and name not in NOISES]
    needed = [name for name in needed if not (drawing and name in HEADS)]
    if needed:
        raise ValueError(f"batch: missing {needed}")
    given = (name for name in names if name not in call.absent)
    arrays = {name: _array("batch", name, batch[name], INPUTS[name][2]) for name in given}
    shapes = _shapes(call.dims)
    extents = _extents(arrays, batch, shapes, axes, size)
    call.B = extents.pop("B")
    call.longest = extents
    call.lengths = {axis: _lengths(batch, axis, extents[axis], call) for axis in axes}
    for axis in axes if stream else ():
        _in_count(AXES[axis], extents[axis] if batch.get(AXES[axis]) is None else 0, call)
    call.even = {axis for axis, length in axes.items() if batch.get(length) is None}
    reals = [array for name, array in arrays.items() if INPUTS[name][2] == "real"]
    kept = [name for name, (_, kind) in STATES.items() if kind == "real"]
    reals += [_array("state", name, value) for name, value in _entries(state) if name in kept]
    if any(array.dtype.kind == "c" for array in reals):
        call.dtype = np.result_type(call.dtype, np.complex64)
        call.params = {name: array.astype(call.dtype) for name, array in call.params.items()}
    call.inputs = {}
    for name in (name for name in names if name in arrays or name not in NOISES):
        axes, _, kind, _ = INPUTS[name]
        shape = tuple(extents[axis] for axis in axes) + (call.B,) + shapes[name]
        array = arrays.get(name)
        if array is None:
            array = np.zeros(shape, {"real": call.dtype, "bool": bool}.get(kind, np.intp))
        call.inputs[name] = _checked_input(name, array, call, axes, kind, clean=clean)
    call.state = _checked_state(state, call)
    return call


def _as_before(params, batch, state, workspace, clean):
    """The call, if its arrays have the names, dtypes and shapes of the last that the workspace was given: they were
    as they should be, so only lengths and ranges are looked at. None where something differs, or may."""
    if state is not None or type(workspace) is not dict or "as before" not in workspace:
        return None
    told, found = workspace["as before"]
    if not all(map(_is_told, (params, batch), told)):
        workspace.pop("as before")
        return None
    call = Call()
    call.dims, call.dtype, call.B, call.longest, call.lengths, call.even, *made = found
    call.workspace, call.state, call.absent = workspace, None, []
    uneven = [axis for axis in AXES if axis not in call.even]
    if uneven:
        given = {axis: _lengths(batch, axis, call.longest[axis], call) for axis in uneven}
        call.lengths = {**call.lengths, **given}
    else:
        call.own, call.made, call.past_end = made
    call.params = {name: params[name] for name in PARAMS}
    call.inputs = {name: batch[name] for name in INPUTS if name in batch}
    for name, array in call.inputs.items():
        axes, _, kind, _ = INPUTS[name]
        if kind != "real" or (clean and uneven):
            call.inputs[name] = _checked_input(name, array, call, axes, kind, clean=clean)
    return call


def _is_told(table, told):
    """Whether a dict holds arrays of these names, dtypes and shapes and nothing else."""
    if not isinstance(table, dict) or len(table) != len(told):
        return False
    for name, dtype, shape in told:
        array = table.get(name)
        if type(array) is not np.ndarray or array.shape != shape or array.dtype != dtype:
            return False
    return True


def _remember(call, params, batch):
    """What `_as_before` needs, where arrays have the dtypes they are wanted in and inputs tell all extents."""
    tables, known = (params, batch), {axis for name in call.inputs for axis in INPUTS[name][0]}
    if type(call.workspace) is not dict or call.state is not None or call.absent or known != {*AXES}:
        return
    if not all(isinstance(table, dict) for table in tables):
        return
    if not all(type(array) is np.ndarray for table in tables for array in table.values()):
        return
    taken = ((call.params, params), (call.inputs, batch))
    if all(array.dtype == given[name].dtype for arrays, given in taken for name, array in arrays.items()):
        told = [[(name, array.dtype, array.shape) for name, array in table.items()] for table in tables]
        kept = call.dims, call.dtype, call.B, call.longest, call.lengths, call.even, {}, {}, {}
        call.workspace["as before"] = told, kept


def _entries(state):
    return state.items() if hasattr(state, "items") else ()


def _extents(arrays, batch, shapes, wanted, size):
    """B and the longest length of every axis, the same in all inputs."""
    found = {} if size is None else {"B": (size, "batch_size")}
    for name, array in arrays.items():
        axes = INPUTS[name][0]
        features, lead = shapes[name], len(axes) + 1
        if array.ndim != lead + len(features) or array.shape[lead:] != features:
            sizes = SHAPES[name]
            if array.ndim == lead + len(features):
                sizes = [f"{label}={size}" for label, size in zip(sizes, features)]
            labels = [*(AXES[axis] for axis in axes), "B", *sizes]
            raise ValueError(f"batch[{name!r}]: expected shape {_named(labels)}, got {array.shape}")
        for axis, extent in zip([*axes, "B"], array.shape):
            before, who = found.setdefault(axis, (extent, name))
            if before != extent:
                label = AXES.get(axis, axis)
                raise ValueError(f"batch[{name!r}]: {label} is {extent} here but {before} in {who!r}")
    for axis, length in wanted.items():
        given = batch.get(length)
        if given is not None and np.ndim(given) == 1:
            found.setdefault("B", (len(given), length))
            found.setdefault(axis, (int(np.max(given, initial=0)), length))
    absent = [AXES[axis] for axis in wanted if axis not in found]
    if not INPUTS and not wanted:
        found.setdefault("B", (1, ""))  # a network of parameters alone
    if "B" not in found or absent:
        raise ValueError(f"batch: nothing tells {', '.join(absent) or 'the batch size'}")
    return {axis: extent for axis, (extent, _) in found.items()}


def _lengths(batch, axis, longest, call):
    """The lengths along an axis as an integer array (B,)."""
    name, rows = AXES[axis], call.B
    given = batch.get(name)
    if given is None:
        return np.full(rows, longest, np.intp)
    lengths = np.asarray(given)
    if lengths.shape != (rows,):
        raise ValueError(f"batch[{name!r}]: expected shape (B={rows},), got {lengths.shape}")
    if rows and lengths.min() < 0:
        raise ValueError(f"batch[{name!r}]: expected 0 or more, got {lengths.min()}")
    if rows and lengths.max() > longest:
        raise ValueError(f"batch[{name!r}]: expected 0 to {longest}, got {lengths.min()} to {lengths.max()}")
    _in_count(name, lengths.max(initial=0), call)
    return lengths.astype(np.intp)


def _in_count(name, most, call):
    """Lengths that a head tells are tokens of it: it has only so many."""
    (count,) = _token_counts(call.dims).get(name, (most + 1,))
    if most >= count:
        raise ValueError(
            f"batch[{name!r}]: expected at most {count - 1}, for its head has {count} tokens, got {most}"
        )


def _checked_steps(call):
    """Steps written one after the other are for sequences of exactly so many."""
    for axis, steps in UNROLL.items():
        wrong = sorted({call.longest[axis], *map(int, call.lengths[axis])} - {steps})
        if wrong:
            found = ", ".join(map(str, wrong))
            raise ValueError(
                f"batch: expected {AXES[axis]} = {steps} in every sequence (--unroll {steps}), got {found}"
            )


def _checked_input(name, array, call, axes, kind, where="batch", clean=True):
    """One input in its dtype, 0 past each sequence's own end; a real one only if ``clean``."""
    if kind == "real":
        array = array.astype(call.dtype, copy=False)
        if not clean:
            return array
    return _in_range(where, name, own_steps(array, (*axes, "@"), call), call, kind)


def _in_range(where, name, array, call, kind):
    """Tokens of which there are so many, or truth values, told as such."""
    if kind == "bool" and array.dtype != bool:
        if array.size and (array.min() < 0 or array.max() > 1):
            raise ValueError(f"{where}[{name!r}]: expected 0 and 1, got {array.min()} to {array.max()}")
        return array.astype(bool)
    counts = _token_counts(call.dims)
    if name in counts and array.size:
        (count,) = counts[name]
        if array.min() < 0 or array.max() >= count:
            found = f"{array.min()} to {array.max()}"
            dim = INPUTS[name][3] if name in INPUTS else ""
            most = f"{dim} - 1 = {count - 1}" if dim else count - 1
            raise ValueError(f"{where}[{name!r}]: expected tokens 0 to {most}, got {found}")
    return array if kind in ("real", "bool") else array.astype(np.intp, copy=False)


def _checked_state(state, call):
    """A carried state as `forward` and `step` return it, 0 past each sequence's own end; None for a fresh
    start."""
    if state is None:
        return None
    if not hasattr(state, "keys"):
        raise ValueError(f"state: expected a dict of arrays, got {type(state).__name__}")
    if NO_STREAM or STREAM is None:
        raise ValueError(f"state: {NO_STREAM or 'this network carries none'}")
    missing = [name for name in [*STATES, STREAM] if name not in state]
    if missing:
        raise ValueError(f"state: missing {missing}")
    done = _array("state", STREAM, state[STREAM], "int").astype(np.intp, copy=False)
    if done.shape != (call.B,):
        raise ValueError(f"state[{STREAM!r}]: expected shape ({call.B},), got {done.shape}")
    if done.size and done.min() < 0:
        raise ValueError(f"state[{STREAM!r}]: expected 0 or more steps, got {done.min()}")
    checked = {STREAM: done}
    for name, (_, kind) in STATES.items():
        array = _entry(call, name, state[name], kind)
        checked[name] = _in_range("state", name, own_steps(array, (*STATE_AXES[name], "@"), call), call, kind)
    return checked


def _check_loss(call):
    """A loss needs every target."""
    if LOSS is None or call.absent:
        raise ValueError(
            f"batch: missing {call.absent}, which the loss needs" if LOSS else "the spec has no loss"
        )


def _scalar(value):
    """A 0-d value as a Python number."""
    number = np.asarray(value).item()
    return number if isinstance(number, complex) else float(number)
