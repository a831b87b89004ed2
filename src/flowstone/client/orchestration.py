"""Hands on `get_client`, where users look for it."""

from __future__ import annotations

from flowstone.client.asynchronous import AsyncClient as PrefectClient
from flowstone.client.client import Client as SyncPrefectClient
from flowstone.client.opening import get_client

__all__ = ["PrefectClient", "SyncPrefectClient", "get_client"]
