"""The Pythons of this machine that Flowstone is for, and environments that have it from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

LEAST = (3, 11)
WHEELS = Path(__file__).parents[2] / "build" / "wheels"
"""What a wheel depends on, by the version of Python: fetched once, so that it works offline."""
SECONDS = 240
_ASK = "import sys, venv; print(*sys.version_info[:2], sys.implementation.name)"


class Environment(NamedTuple):
    """A virtual environment: its Python, the command of the wheel, and a place to run them in."""

    python: str
    flowstone: str
    folder: Path


def interpreters() -> dict[str, str]:
    """Return a Python of each version that is here, from PATH, pyenv or uv, by its version."""
    found: dict[str, str] = {}
    for path in [sys.executable, *_on_path(), *_of_pyenv(), *_of_uv()]:
        asked = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, check=False)
        if asked.returncode == 0:  # a shim may stand for a version that is not chosen
            major, minor, kind = asked.stdout.split()
            if kind == "cpython" and (int(major), int(minor)) >= LEAST:
                found.setdefault(f"{major}.{minor}", path)
    return found


def _on_path() -> list[str]:
    names = [f"python3.{minor}" for minor in range(LEAST[1], LEAST[1] + 10)]
    return [path for name in names if (path := shutil.which(name))]


def _of_pyenv() -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    return sorted(map(str, root.glob("versions/3.1[1-9]*/bin/python3")))


def _of_uv() -> list[str]:
    if not (uv := shutil.which("uv")):
        return []
    words = [uv, "python", "list", "--only-installed", "--offline"]
    listed = subprocess.run(words, capture_output=True, text=True, check=False)
    return [line.split()[1] for line in listed.stdout.splitlines() if len(line.split()) > 1]


def environment(python: str, version: str, wheel: Path, folder: Path) -> Environment:
    """Return a new environment that has the wheel and what it depends on, and nothing else."""
    place = folder / "environment"
    ran(python, "-m", "venv", "--without-pip", str(place))
    made = Environment(str(place / "bin/python"), str(place / "bin/flowstone"), folder)
    pip = [sys.executable, "-m", "pip", "--python", made.python]
    there = str(WHEELS / version)
    install = [*pip, "install", "-q", "--no-index", "--find-links", there, str(wheel)]
    if tried(*install).returncode:
        fetched = tried(*pip, "download", "-q", "--only-binary", ":all:", "-d", there, str(wheel))
        if fetched.returncode:
            pytest.skip(
                f"needs the network once, for what Python {version} needs: {fetched.stderr}"
            )
        Path(there, wheel.name).unlink(missing_ok=True)
        ran(*install)
    return made


def ran(*words: str, **variables: str) -> str:
    """Return what a command prints; it has to succeed."""
    done = tried(*words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tried(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command away from this tree, and return how it ended."""
    ours = ("PYTHONPATH", "FLOWSTONE_HOME", "COVERAGE_PROCESS_START")
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        words,
        env={**environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd="/",
    )
