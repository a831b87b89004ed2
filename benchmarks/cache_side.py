"""One measured run of cached calls, the same for all libraries; prints what it saw as JSON.

    python benchmarks/cache_side.py flowstone hit 1024 2000 1024-0 FOLDER
    python benchmarks/cache_side.py hash numpy 1000000000

Started by `cache.py` in the environment of the library that it names.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

WARM_UP = 5
PIECE = bytes(range(256)) * 4
ran: list[tuple[int, str]] = []
"""The calls whose function really ran."""


def made(library: str, size: int, folder: str) -> tuple[Callable[[Any], Any], Callable[..., Any]]:
    """Return what runs a program, and the cached function that it calls."""
    value = PIECE * (size // len(PIECE))

    def make(number, turn):  # type: ignore[no-untyped-def]
        ran.append((number, turn))
        return value

    if library == "joblib":
        memory = importlib.import_module("joblib").Memory(folder, verbose=0)
        return (lambda program: program()), memory.cache(make)
    face = importlib.import_module(library)
    policies = importlib.import_module(f"{library}.cache_policies")
    policy = policies.INPUTS + policies.TASK_SOURCE
    task = face.task(cache_policy=policy, persist_result=True)(make)

    @face.flow(name="bench-cache")
    def flow(program):  # type: ignore[no-untyped-def]
        return program()

    return flow.with_options(validate_parameters=False), task


def measure(
    library: str, row: str, size: int, calls: int, turn: str, folder: str
) -> dict[str, Any]:
    """Return the seconds of one call, and whether all of them hit or missed as they should."""
    run, cached = made(library, size, folder)
    numbers: Iterable[int] = [0] * calls if row == "again" else range(calls)

    def program() -> tuple[float, bool]:
        warm = 1 if calls < WARM_UP else WARM_UP
        for number in range(-warm, 0):
            cached(number, turn)
        if row == "again":
            cached(0, turn)
        ran.clear()
        started = time.perf_counter()
        sizes = {len(cached(number, turn)) for number in numbers}
        return time.perf_counter() - started, sizes == {size // len(PIECE) * len(PIECE)}

    seconds, is_right = run(program)
    expected = calls if row == "miss" else 0
    return {"seconds": seconds / calls, "right": is_right and len(ran) == expected}


def hash_array(size: int) -> dict[str, Any]:
    """Return the bytes a second that are hashed, by our key and by the hash alone."""
    numpy, xxhash = map(importlib.import_module, ("numpy", "xxhash"))
    hash_value = importlib.import_module("flowstone.core.hashing").hash_value
    array = numpy.arange(size // 8, dtype="float64")
    both: dict[str, Callable[[Any], Any]] = {"ours": hash_value, "bare": xxhash.xxh3_128_digest}
    seen: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(5):
        for name, way in both.items():
            started = time.perf_counter()
            way(array)
            seen[name].append(array.nbytes / (time.perf_counter() - started))
    return {name: statistics.median(speeds) for name, speeds in seen.items()}


if __name__ == "__main__":
    library, row, size, *rest = sys.argv[1:]
    if library == "hash":
        print(json.dumps(hash_array(int(size))))
    else:
        calls, turn, folder = rest
        print(json.dumps(measure(library, row, int(size), int(calls), turn, folder)))
