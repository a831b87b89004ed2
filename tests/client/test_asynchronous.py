"""The client to await is made of the client to call."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys

import pytest

from flowstone.client import AsyncClient, Client, get_client
from flowstone.client.orchestration import get_client as where_users_look
from flowstone.exceptions import ObjectNotFound

_OWN = {"close", "api_url"}
METHODS = [name for name in vars(Client) if not name.startswith("_") and name not in _OWN]


@pytest.mark.parametrize("name", METHODS)
def test_each_method_has_a_twin_that_is_awaited(name):
    method, twin = getattr(Client, name), getattr(AsyncClient, name)
    assert inspect.signature(twin) == inspect.signature(method)
    assert inspect.iscoroutinefunction(twin)
    assert twin.__doc__ == method.__doc__


def test_a_client_is_awaited_by_many_at_once(client, story):
    async def ask() -> list[int]:
        async with client as twin:
            assert twin.api_url == client.api_url
            return await asyncio.gather(*(twin.count_flow_runs() for _ in range(8)))

    assert asyncio.run(ask()) == [4] * 8


def test_what_is_missing_is_raised_where_it_is_awaited(client, story):
    async def ask() -> None:
        async with client as twin:
            await twin.read_flow_by_name("nobody")

    with pytest.raises(ObjectNotFound):
        asyncio.run(ask())


def test_a_client_need_not_be_opened(story, client):
    assert client.count_flow_runs() == 4
    client.close()
    assert client.count_flow_runs() == 4


def test_it_is_found_where_users_look_for_it():
    assert where_users_look is get_client


def test_on_a_home_nothing_that_speaks_to_servers_is_loaded(tmp_path):
    program = (
        "import sys\n"
        "from flowstone import get_client\n"
        "with get_client(sync_client=True) as client: assert client.read_flow_runs() == []\n"
        "print([m for m in ('http.client', 'ssl', 'httpx', 'litestar') if m in sys.modules])"
    )
    env = {"FLOWSTONE_HOME": str(tmp_path / "home"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
