"""Every page, by its address and the heading that it shows; what an address needs is in braces."""

from __future__ import annotations

_NIGHTLY = "nightly-2026-01-31"
_RUN = f"/runs/{{{_NIGHTLY}}}"
RUN_TABS = (
    "graph",
    "task-runs",
    "logs",
    "subflows",
    "results",
    "parameters",
    "states",
    "details",
)
PLACES = {
    "/": "Home",
    "/runs": "Runs",
    "/runs?kind=task": "Runs",
    _RUN: _NIGHTLY,
    **{f"{_RUN}?tab={tab}": _NIGHTLY for tab in RUN_TABS},
    "/runs/{broken-run}": "broken-run",
    "/runs/{crashed-run}": "crashed-run",
    f"/task-runs/{{{_NIGHTLY}|fragile}}": "fragile-0",
    "/task-runs/{broken-run|check}": "check-0",
    "/flows": "Flows & tasks",
    "/flows/nightly": "nightly",
    "/tasks": "Flows & tasks",
    "/tasks/load": "load",
    "/limits": "Limits",
    "/artifacts": "Artifacts",
    "/artifacts/{totals}": "totals",
    "/artifacts/{notes}": "notes",
    "/variables": "Variables",
    "/settings": "Settings",
    "/login": "Log in",
}
