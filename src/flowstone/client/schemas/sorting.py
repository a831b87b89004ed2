"""Hands on the orders of lists."""

from __future__ import annotations

from flowstone.client.sorting import ArtifactSort, FlowRunSort, FlowSort, LogSort, TaskRunSort

__all__ = ["ArtifactSort", "FlowRunSort", "FlowSort", "LogSort", "TaskRunSort"]
