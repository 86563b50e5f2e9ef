"""The machine at hand: what it is, and how fast it can possibly be."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from .compiler.cost import Cost
from .spec.records import dataclass

PACKAGES = ("numpy", "torch", "jax", "autograd", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Peaks:
    """Per second: floating-point operations of a large float32 product, tanh or exp (the faster) of elements in
    cache, bytes copied (read and written) between arrays that fit no cache."""

    flops: float
    functions: float
    bytes: float

    def bound(self, cost: Cost) -> float:
        """The seconds that something takes at least."""
        return cost.flops / self.flops + cost.functions / self.functions + cost.bytes / self.bytes

    def __str__(self) -> str:
        return (
            f"{self.flops / 1e9:.0f} billion operations, {self.functions / 1e9:.1f} billion tanh, "
            f"{self.bytes / 1e9:.0f} GB a second"
        )


def measure_peaks(seconds: float = 0.2) -> Peaks:
    """The best of many tries each."""
    n, random = 1024, np.random.default_rng(0)
    a, b, c = (random.standard_normal((n, n)).astype(np.float32) for _ in range(3))
    x, y = a.reshape(-1)[:16384].copy(), np.empty(16384, np.float32)
    source, target = np.ones(1 << 24, np.float32), np.zeros(1 << 24, np.float32)
    return Peaks(
        2.0 * n**3 / _best(lambda: np.dot(a, b, c), seconds),
        x.size / min(_best(lambda: np.tanh(x, y), seconds), _best(lambda: np.exp(x, y), seconds)),
        2.0 * source.nbytes / _best(lambda: np.copyto(target, source), seconds),
    )


def _best(run: Callable[[], object], seconds: float) -> float:
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def processor() -> str:
    """The name the processor gives itself, its family, and how many cores there are."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    told = dict(re.findall(r"^(model name|cpu family)\s*: *(.*)$", text, re.MULTILINE))
    name = told.get("model name") or platform.processor() or platform.machine()
    family = f" (family {told['cpu family']})" if "cpu family" in told else ""
    return f"{name}{family}, {os.cpu_count()} cores"


def versions() -> str:
    """Python, and every package that takes part; what is not installed is named too."""
    packages = [f"{package} {_version(package)}" for package in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", f"{packages[0]}{_products()}", *packages[1:]])


def _products() -> str:
    """By what NumPy multiplies matrices: OpenBLAS has kernels for many processors, and the wrong ones may be chosen."""
    try:
        control = import_module("threadpoolctl")
    except ImportError:
        return ""
    libraries = [
        one for one in control.threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]
    ]
    told = (f"{one['internal_api']} {one['version']}, {one.get('architecture', '')}" for one in libraries)
    return "".join(f" ({text.rstrip(', ')})" for text in told)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
