"""One thread or several, for every library that has threads."""

from __future__ import annotations

import os
from importlib.util import find_spec

VARIABLE = "RNNC_BENCHMARK_THREADS"  # set in a process that measures
LIBRARIES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NPROC")  # NPROC is XLA's


def environment(count: int) -> dict[str, str]:
    """Of a process that is to use so many threads; libraries read it when they are imported."""
    found = os.environ | dict.fromkeys((VARIABLE, *LIBRARIES), str(count))
    if count == 1:
        found["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return found


def count() -> int:
    return int(os.environ[VARIABLE])


def settle() -> None:
    """What no environment variable does."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(count())
        torch.set_num_interop_threads(1)
