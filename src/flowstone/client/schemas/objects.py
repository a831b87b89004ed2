"""Hands on what clients answer with."""

from __future__ import annotations

from flowstone.client.objects import (
    Artifact,
    ConcurrencyLimit,
    Flow,
    FlowRun,
    GlobalConcurrencyLimit,
    Log,
    OrchestrationResult,
    SetStateStatus,
    TaskRun,
    Variable,
)
from flowstone.core.states import State, StateDetails, StateType

__all__ = [
    "Artifact",
    "ConcurrencyLimit",
    "Flow",
    "FlowRun",
    "GlobalConcurrencyLimit",
    "Log",
    "OrchestrationResult",
    "SetStateStatus",
    "State",
    "StateDetails",
    "StateType",
    "TaskRun",
    "Variable",
]
