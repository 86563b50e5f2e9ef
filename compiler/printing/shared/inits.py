"""How parameters start.

Part of every printed module that needs it: its functions are copied as they stand (see `page`). The names
in capitals and `_dims`, `_shapes` and the like are tables and functions that each module brings of its
own. Nothing here is imported."""

# ruff: noqa: F821
# mypy: ignore-errors

import numpy as np


def _checked_dims(dims):
    """Every dim: those given by keyword, the defaults for the rest."""
    for name, value in dims.items():
        if name in FIXED:
            raise ValueError(f"init: {name} is fixed when the spec is compiled: {FIXED[name]}")
        if name not in DIMS:
            raise ValueError(
                f"init: unknown dim {name!r}; this network has {[d for d in DIMS if d not in FIXED]}"
            )
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"init: {name}: expected a size, got {value!r}")
    return {**DIMS, **{name: int(value) for name, value in dims.items()}}


def _checked_seed(seed):
    """A seed for NumPy's generator."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed: expected a whole number that is not negative, got {seed!r}")
    return int(seed)


def _float_type(dtype):
    """A dtype that parameters may have."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64, np.complex64, np.complex128):
        raise ValueError(f"dtype: expected float32, float64 or complex128, got {dtype!r}")
    return found


def init_normal(rng, shape, std=1.0):
    return rng.normal(0.0, std, shape)


def init_uniform(rng, shape, low=0.0, high=1.0):
    return rng.uniform(low, high, shape)


def init_constant(rng, shape, value):
    return np.full(shape, value, float)


def init_zeros(rng, shape):
    return np.zeros(shape)


def init_ones(rng, shape):
    return np.ones(shape)


def init_glorot(rng, shape, rows=None):
    """Uniform within sqrt(6 / (fan in + fan out)) over the last two sizes (Glorot & Bengio 2010, eq. 16), or over
    the first ``rows`` sizes together and the others together."""
    fans = shape[-2:] if len(shape) > 1 else (1, *shape[-1:])
    if rows is not None:
        fans = (np.prod(shape[:rows], dtype=int), np.prod(shape[rows:], dtype=int))
    limit = np.sqrt(6.0 / max(sum(fans), 1))
    return rng.uniform(-limit, limit, shape)


def init_he(rng, shape):
    """Normal with standard deviation sqrt(2 / fan in) (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, np.sqrt(2.0 / max(shape[-1] if shape else 1, 1)), shape)


def init_orthogonal(rng, shape, gain=1.0):
    """Rows or columns of the last two sizes orthonormal, times the gain (Saxe et al. 2014)."""
    *outer, rows, columns = shape if len(shape) > 1 else (1, *shape)
    long, short = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(rng.normal(size=(*outer, long, short)))
    q = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., None, :]
    return gain * (q if rows >= columns else np.swapaxes(q, -1, -2)).reshape(shape)


def init_identity(rng, shape):
    return np.broadcast_to(np.eye(*shape[-2:]), shape).copy()


def init_sparse(rng, shape, density=0.1, radius=0.9):
    """A random sparse matrix scaled to a spectral radius (Jaeger 2001)."""
    weights = rng.uniform(-1.0, 1.0, shape) * (rng.uniform(size=shape) < density)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return weights
    largest = np.abs(np.linalg.eigvals(weights)).max(axis=-1, initial=0.0)
    return weights * (radius / np.where(largest > 0, largest, 1.0))[..., None, None]


def init_range(rng, shape):
    return (
        np.broadcast_to(np.arange(1.0, (shape[-1] if shape else 1) + 1), shape or (1,)).reshape(shape).copy()
    )
