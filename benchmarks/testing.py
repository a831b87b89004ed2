"""What the pytest plugin costs a test: 200 tests of flows against the same of plain functions.

    python benchmarks/testing.py
    python benchmarks/testing.py --rounds 3 --tests 200 --workers 2

Each test calls a flow of two tasks, one of which is retried after 60 seconds of the test's clock,
and asks what was recorded. Whole pytest processes are measured, in turn, with and without xdist:
the time that passed, and the processor time, which others on the machine disturb less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST = 5.0
"""Milliseconds that a test may take more than a plain one."""
PLAIN = """
import pytest

def load(state):
    for attempt in range(2):
        try:
            state.append(attempt)
            if len(state) == 1:
                raise ValueError("not yet")
            return 1
        except ValueError:
            pass

def add(x, y):
    return x + y

def pipeline():
    return add(load([]), 2)

@pytest.mark.parametrize("number", range({tests}))
def test_pipeline(number):
    assert pipeline() == 3
"""
FLOWS = """
import pytest
from flowstone import flow, task
from flowstone.testing import recorded_runs

@task(retries=1, retry_delay_seconds=60)
def load(state):
    state.append(1)
    if len(state) == 1:
        raise ValueError("not yet")
    return 1

@task
def add(x, y):
    return x + y

@flow
def pipeline():
    return add(load([]), 2)

@pytest.mark.parametrize("number", range({tests}))
def test_pipeline(number{clock}):
    assert pipeline() == 3
{asks}"""
CLOCK = ", flowstone_clock"
ASKS = '    assert [run.state_name for run in recorded_runs()] == ["Completed"] * 3\n'
INI = "[pytest]\naddopts = -p no:cacheprovider\nfilterwarnings = error\n"


def main() -> int:
    options = _options()
    variants = {
        "plain": PLAIN.format(tests=options.tests),
        "isolated, clock": FLOWS.format(tests=options.tests, clock=CLOCK, asks=""),
        "isolated, clock, recorded_runs()": FLOWS.format(
            tests=options.tests, clock=CLOCK, asks=ASKS
        ),
    }
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="flowstone-benchmark-") as name:
        for title, more in (("alone", []), (f"xdist -n {options.workers}", _xdist(options))):
            seen = _measure(Path(name), variants, more, options.rounds)
            plain = seen.pop("plain")
            print(f"{title}: {options.tests} plain tests take {plain[0]:.2f} s")
            for variant, took in seen.items():
                passed, used = (
                    1000 * (ours - base) / options.tests
                    for ours, base in zip(took, plain, strict=True)
                )
                if "recorded" not in variant:  # which a test asks for, and pays for
                    worst = max(worst, passed)
                figures = f"{passed:5.2f} ms more, {used:5.2f} of processor"
                print(f"  {variant:<34} {took[0]:6.2f} s; a test: {figures}")
    print(f"budget: {MOST:g} ms a test more; {'kept' if worst <= MOST else 'NOT KEPT'}")
    return 0 if worst <= MOST else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _xdist(options: argparse.Namespace) -> list[str]:
    return ["-n", str(options.workers)]


def _measure(
    folder: Path, variants: dict[str, str], more: list[str], rounds: int
) -> dict[str, tuple[float, float]]:
    """Return the median seconds that passed and were used by each variant, in turn."""
    seen: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
    for number in range(rounds + 1):
        for variant, text in variants.items():
            took = _run(folder, text, "flowstone" in text, more)
            if number:  # the first round warms the caches
                seen[variant].append(took)
    return {
        variant: (
            statistics.median(one[0] for one in times),
            statistics.median(one[1] for one in times),
        )
        for variant, times in seen.items()
    }


def _run(folder: Path, text: str, is_isolated: bool, more: list[str]) -> tuple[float, float]:  # noqa: FBT001
    (folder / "test_suite.py").write_text(text)
    ini = INI + ("flowstone_isolate = true\n" if is_isolated else "")
    (folder / "pytest.ini").write_text(ini)
    # Others' plugins are rewritten at each start where no bytecode may be written.
    environ = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
    began, before = time.perf_counter(), _used()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *more, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**environ, "FLOWSTONE_HOME": str(folder / "never")},
    )
    took = time.perf_counter() - began, _used() - before
    if done.returncode or (folder / "never").exists():
        raise RuntimeError(done.stdout + done.stderr)
    return took


def _used() -> float:
    """Return the processor seconds of the child processes that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.exit(main())
