"""The paths under `/api`: one module a noun."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from flowstone.server.routes import (
    artifacts,
    bulk,
    dashboard,
    definitions,
    filters,
    flow_runs,
    graphs,
    health,
    limits,
    live,
    log_lines,
    logs,
    reference,
    sessions,
    settings,
    task_runs,
    tokens,
    variables,
)

ROUTES: list[ControllerRouterHandler] = [
    *flow_runs.ROUTES,
    *log_lines.ROUTES,
    *graphs.ROUTES,
    *artifacts.ROUTES,
    *definitions.ROUTES,
    *filters.ROUTES,
    *variables.ROUTES,
    *bulk.ROUTES,
    *dashboard.ROUTES,
    *live.ROUTES,
    *reference.ROUTES,
    *health.ROUTES,
    *limits.ROUTES,
    *logs.ROUTES,
    *sessions.ROUTES,
    *settings.ROUTES,
    *task_runs.ROUTES,
    *tokens.ROUTES,
]
"""Everything that is served under `/api`."""
