"""A module's check of itself, on the machine where it runs, with NumPy alone.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def selfcheck(digest=None, seed=0):
    """Whether this module is right on this machine, on random data: for each check its name, whether it holds
    (None: it does not apply) and what was seen. ``digest`` is the SHA-256 of `SPEC`, in hexadecimal."""
    same = None if digest is None else digest == SPEC_SHA256
    found = [("spec", same, f"sha256 {digest}" + (f", compiled was {SPEC_SHA256}" if same is False else ""))]
    for name, check in (
        ("gradient", _check_gradient),
        ("streaming", _check_streaming),
        ("padding", _check_padding),
    ):
        with np.errstate(all="ignore"):
            try:
                found.append((name, *check(seed)))
            except Exception as error:  # whatever goes wrong is what was looked for
                found.append((name, False, f"{type(error).__name__}: {error}"))
    return found


def _check_gradient(seed):
    """Along two random directions of each argument, with random cotangents of all results: the derivative is
    Im f(p + i e u) / e with e = 1e-30. No difference is taken, so nothing cancels (Squire & Trapp 1998)."""
    params, batch = _checked_data(seed, ragged=True)
    rng = np.random.default_rng([seed, 1])
    given = {"params": params, "batch": batch, "state": _shaken_state(params, batch, rng)}
    run = _noisy(given, seed)
    weights = {key: rng.standard_normal(np.shape(value)) for key, value in _results(run).items()}
    grads = dict(zip(given, backward(params, run, weights)))
    names = [(part, name) for part in given for name in grads[part] if name in given[part]]
    floor = 1e-14 * max([1.0, *(np.abs(grads[part][name]).max(initial=0) for part, name in names)])
    worst, where = 0.0, ""
    for part, name in names * 2:
        gradient = grads[part][name]
        along = rng.standard_normal(gradient.shape)
        allowed = 1e-11 * np.abs(gradient * along).sum() + floor * np.abs(along).sum()
        found = _moved(given, part, name, 1e-30j * along, weights, seed).imag / 1e-30
        error = _number(np.abs(found - np.sum(gradient * along)) / max(allowed, 1e-300))
        if error > max(worst, 1):
            up, down = (_moved(given, part, name, s * along, weights, seed) for s in (1e-5, -1e-5))
            if _at_a_kink(found, (up - down) / 2e-5):
                continue
        if error > worst:
            worst, where = error, f" ({part}[{name!r}])"
    return worst <= 1, f"worst error {worst:.2g} of what is allowed{where}"


def _shaken_state(params, batch, rng):
    """A state the network can be in, not one of this batch; {} where none is carried."""
    state = forward(params, batch).state if STATES and not NO_STREAM else {}
    if AXES.get(STREAM) in state:  # which counts how far a whole sequence goes
        return {}
    return {
        key: value * rng.uniform(0.8, 1.25, value.shape) if value.dtype.kind == "f" else value
        for key, value in state.items()
    }


def _moved(given, part, name, change, weights, seed):
    """The sum of the weighed results when an argument is changed."""
    results = _results(_noisy({**given, part: {**given[part], name: given[part][name] + change}}, seed))
    return np.asarray(sum(np.sum(weights[key] * value) for key, value in results.items()))


def _noisy(given, seed):
    """A forward pass, its noise drawn from the seed."""
    return forward(
        given["params"], given["batch"], state=given["state"] or None, train=bool(NOISES), seed=seed
    )


def _at_a_kink(found, second):
    """Whether differences say something else than the complex step: it cannot judge there."""
    return np.isfinite(second) and np.abs(second - found) > 1e-8 + 1e-5 * np.abs(found)


def _number(error):
    """NaN is the largest error of all."""
    return np.inf if np.isnan(error) else float(error)


def _results(run):
    """What `backward` takes cotangents of."""
    found = {} if run.loss is None else {"loss": run.loss}
    for key, name in COTANGENTS.items():
        kind, _, entry = name.partition(":")
        if kind == "output" and np.asarray(run.outputs[entry]).dtype.kind in "fc":
            found[key] = run.outputs[entry]
        elif kind == "state" and key == f"state.{entry}":
            found[key] = run.state[entry]
    return found


def _check_streaming(seed):
    """`start` and `step` give what `forward` gives, with parameters as they are and frozen."""
    if NO_STREAM or STREAM is None:
        return None, NO_STREAM or "the network has no axis to step along"
    params, batch = _checked_data(seed, ragged=False)
    whole = np.flatnonzero(batch[AXES[STREAM]] == batch[AXES[STREAM]].max())
    for name, value in batch.items():  # some end by the spec's rule
        batch[name] = np.take(value, whole, len(INPUTS[name][0]) if name in INPUTS else 0)
    run, worst = forward(params, batch), 0.0
    for found, wanted in [*_by_steps(params, batch, run), *_by_steps(freeze(params), batch, run)]:
        size = np.abs(wanted).max(initial=0) + 1e-300
        worst = max(worst, _number(np.abs(np.subtract(found, wanted, dtype=float)).max(initial=0) / size))
    return worst <= 1e-11, f"{batch[AXES[STREAM]][0]} steps, worst relative difference {worst:.2g}"


def _by_steps(params, batch, run):
    """The last state and the outputs, one step at a time, each with what ``run`` has."""
    lengths = batch[AXES[STREAM]]
    timed = [name for name in INPUTS if STREAM in INPUTS[name][0] and name in batch]
    hidden = timed if COUNTED else [*timed, AXES[STREAM]]
    state = start(params, len(lengths), {name: value for name, value in batch.items() if name not in hidden})
    steps = []
    for t in range(lengths[0]):
        now = {name: np.take(batch[name], t, INPUTS[name][0].index(STREAM)) for name in timed}
        state, outputs = step(params, state, now)
        steps.append(outputs)
    pairs = [(state[key], run.state[key]) for key in STATES]
    for key in steps[0]:
        stacks = (np.stack([outputs[key] for outputs in steps], k) for k in range(len(AXES)))
        pairs.append((next(s for s in stacks if s.shape == run.outputs[key].shape), run.outputs[key]))
    return pairs


def _check_padding(seed):
    """What stands past a sequence's own end changes no bit of any result."""
    if UNROLL or not AXES:
        return None, "every sequence has the same length" if UNROLL else "the network has no axis"
    params, batch = _checked_data(seed, ragged=True)
    spoilt = dict(batch)
    for name in (name for name in INPUTS if name in batch):
        axes = INPUTS[name][0]
        spoilt[name] = array = batch[name].copy()
        for place, axis in enumerate(axes):
            past = np.arange(array.shape[place])[:, None] >= batch[AXES[axis]]
            garbage = {"f": np.nan, "b": True}.get(array.dtype.kind, 10**6)
            np.moveaxis(array, (place, len(axes)), (0, 1))[past] = garbage
    found, wanted = (_everything(params, one) for one in (spoilt, batch))
    odd = [name for name in wanted if not np.array_equal(found[name], wanted[name])]
    return not odd, f"{', '.join(odd)} changed" if odd else f"{len(wanted)} results, none changed"


def _everything(params, batch):
    """Every result of a batch."""
    run = forward(params, batch)
    weights = {key: np.ones(np.shape(value)) for key, value in _results(run).items()}
    grads = zip(("d params", "d batch", "d state"), backward(params, run, weights))
    parts = {"outputs": run.outputs, "nll": run.nll, "state": run.state, **dict(grads)}
    found = {f"{part}[{name!r}]": value for part, group in parts.items() for name, value in group.items()}
    if run.loss is not None:
        found["loss"] = run.loss
    return found


def _checked_data(seed, ragged):
    """Random parameters and a random batch that the network accepts and has results of usual size for."""
    drawn = init(seed=seed, dtype="float64")
    rng = np.random.default_rng([seed, 2])
    for name in TRAINED:
        off = np.where(drawn[name], 0, rng.uniform(0.1, 0.5, drawn[name].shape))
        drawn[name] = drawn[name] * rng.uniform(0.9, 1.1, drawn[name].shape) + off
    told = ""
    for attempt in range(300):
        whole = 0 if attempt > 100 else 1 if ragged else 3
        batch = _random_batch(rng, drawn, whole, positive=attempt % 2 == 1)
        try:
            run = forward(drawn, batch)
        except (ValueError, IndexError) as error:  # a sequence goes on after its end symbol, and the like
            told = f": {error}"
            continue
        if all((np.abs(value) < 1e9).all() for value in _results(run).values()):
            return drawn, batch
    raise ValueError("no random batch has results of usual size" + told)


def _random_batch(rng, params, whole, positive):
    """Three sequences, the first ``whole`` ones of full length."""
    rows, dims = 3, _dims(params)
    longest = max([1, *(lags for lags, _ in STATES.values())]) + 3
    batch, extents = {}, {}
    for k, axis in enumerate(AXES):
        lengths = np.full(rows, UNROLL.get(axis, longest + k), np.intp)
        if not UNROLL:
            lengths[whole:] = rng.integers(1, longest + k, rows - whole)
        batch[AXES[axis]], extents[axis] = lengths, lengths.max()
    for name, (axes, _, kind, _) in INPUTS.items():
        shape = (*(extents[axis] for axis in axes), rows, *_shapes(dims)[name])
        if name in NOISES:
            continue
        if kind == "real":
            value = rng.standard_normal(shape)
            batch[name] = np.abs(value) if positive else value
        elif kind == "bool":
            batch[name] = rng.random(shape) < 0.5
        else:
            count = _token_counts(dims)[name][0] if kind == "token" else 5
            batch[name] = rng.integers(0, max(count, 1), shape)
    return batch
