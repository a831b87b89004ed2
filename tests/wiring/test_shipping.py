"""`flush` waits for the log that runs of here are recorded in, whatever settings hold just now."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import flowstone
from flowstone import flow
from flowstone.settings import Settings, temporary_settings
from flowstone.settings.declared import ApiSettings
from flowstone.wiring.process import PROCESS
from tests.homes import recording_in
from tests.log.server import FakeServer

LONG = 15.0


@flow
def hello():
    return 1


@pytest.fixture
def server(tmp_path) -> Iterator[FakeServer]:
    """A server that takes nothing yet, to which this test's process reports."""
    with FakeServer() as server, recording_in(tmp_path) as home:
        server.trouble = 503
        PROCESS.restart(Settings(home=str(home), api=ApiSettings(url=server.url)))
        yield server
        if PROCESS.shipper is not None:
            PROCESS.shipper.leave()


def test_flush_waits_in_a_block_of_settings_that_shares_its_log(server):
    with temporary_settings({"tasks.default_retries": 1}):
        hello()
        assert not flowstone.flush(0.3)
        server.trouble = None
        assert flowstone.flush(LONG)


def test_runs_in_a_block_with_another_server_are_sent_to_that_one(server):
    with FakeServer() as other, temporary_settings({"api.url": other.url}):
        hello()
        assert flowstone.flush(LONG)
        assert len(other.logs) == 1
    assert not server.logs


def test_flush_of_one_thread_waits_while_settings_hold_in_another(server):
    hello()
    with temporary_settings({"tasks.default_retries": 1}), ThreadPoolExecutor() as pool:
        assert not pool.submit(flowstone.flush, 0.3).result()
        server.trouble = None
        assert pool.submit(flowstone.flush, LONG).result()
