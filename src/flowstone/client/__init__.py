"""Asks what is known of runs: `with get_client() as client: client.read_flow_runs()`."""

from __future__ import annotations

from flowstone.client.asynchronous import AsyncClient
from flowstone.client.client import Client
from flowstone.client.opening import get_client

__all__ = ["AsyncClient", "Client", "get_client"]
