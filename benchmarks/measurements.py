"""What is measured for the budgets: the commands, and the figures that they left in `build/`."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
COMMANDS = {
    "overhead": "benchmarks/overhead.py",
    "cache": "benchmarks/cache.py",
    "collector": "benchmarks/collector.py",
    "collector-full": "benchmarks/collector.py --lines --edges",
    "collector-postgres": "benchmarks/collector.py --database postgres",
    "queries": "benchmarks/queries.py --database sqlite",
    "queries-postgres": "benchmarks/queries.py --database postgres",
    "runners": "benchmarks/runners.py",
    "live": "benchmarks/live.py",
    "page": "benchmarks/page.py",
    "home": "benchmarks/page.py --history sqlite",
    "home-postgres": "benchmarks/page.py --history postgres",
    "kills": "tests/faults/kill_loop.py --kills 1000",
}
"""What follows `.venv/bin/python`, by the name of the measurement."""


def measure(names: list[str]) -> None:
    """Take these measurements, one after the other; what fails leaves no figures."""
    BUILD.mkdir(exist_ok=True)
    if (load := os.getloadavg()[0]) > 0.5:
        print(f"This machine is busy (load {load:.1f}): ratios may hold, rates and times do not.")
    for name in names:
        path = BUILD / f"{name}.json"
        path.unlink(missing_ok=True)
        print(f"\n{name}: {COMMANDS[name]}", flush=True)
        words = [sys.executable, *shlex.split(COMMANDS[name]), "--json", str(path)]
        # 1 says that a budget is not met, which the table shows; without figures it failed.
        subprocess.run(words, cwd=ROOT, check=False)
        if not path.exists():
            print(f"{name} left no figures: those of before stay, where there are some")


def joined(kept: dict[str, Any]) -> dict[str, Any]:
    """Return the kept figures with those that were taken anew, when, and on what machine.

    Figures of another machine are not kept.
    """
    machine = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
    }
    if kept["machine"] != machine:
        kept = {"taken": {}, "figures": {}}
    paths = {name: BUILD / f"{name}.json" for name in COMMANDS}
    there = {name: path for name, path in paths.items() if path.exists()}
    taken = {name: _moment(path.stat().st_mtime) for name, path in there.items()}
    figures = {name: json.loads(path.read_text()) for name, path in there.items()}
    return {
        "machine": machine,
        "taken": kept["taken"] | taken,
        "figures": kept["figures"] | figures,
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))
