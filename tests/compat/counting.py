"""Tasks that count their calls, and what of them is kept."""

from __future__ import annotations

from flowstone import task
from flowstone.settings import ResultSettings, Settings, TaskSettings
from flowstone.wiring.process import PROCESS


def files(home):
    folder = home / "results"
    return (
        sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.exists() else []
    )


def counted(**options):
    """Return a task that counts its calls, and its calls."""
    calls = []

    @task(**options)
    def double(x):
        calls.append(x)
        return 2 * x

    return double, calls


def set_settings(home, tasks=None, results=None):
    given = {"tasks": tasks or TaskSettings(), "results": results or ResultSettings()}
    PROCESS.restart(Settings(home=str(home), **given))
