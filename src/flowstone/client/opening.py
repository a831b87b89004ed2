"""`get_client()`: `with` gives a client to call, `async with` one to await."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from flowstone.client.asynchronous import AsyncClient
from flowstone.client.client import Client
from flowstone.client.place import place_of
from flowstone.settings import get_current_settings


class OpenedClient(Client):
    """A client as `get_client()` gives it, which can also be called without any `with`."""

    async def __aenter__(self) -> AsyncClient:
        return AsyncClient(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def get_client(
    httpx_settings: dict[str, Any] | None = None,
    sync_client: bool = False,  # noqa: FBT001, FBT002 - as users of Prefect call it
) -> OpenedClient:
    """Return a client of the server that `api.url` names, else of the home; no server is started.

    `with` gives one to call, `async with` one to await. The parameters are taken and not used: the
    settings `api` say how a server is reached.
    """
    del httpx_settings, sync_client
    return OpenedClient(place_of(get_current_settings()))
