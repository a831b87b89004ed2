"""`logs --follow` and `watch`, of a run that ends meanwhile."""

from __future__ import annotations

import threading

import msgspec
import pytest

from flowstone.cli import following
from flowstone.core.facts import FlowRunChanged
from flowstone.core.states import COMPLETED, FAILED
from flowstone.store.databases import EmbeddedDatabase
from tests.server.serving import listening
from tests.store.segments import LogBuilder


@pytest.fixture(params=["home", "server"])
def run(request, home, monkeypatch):
    """A flow run of a living process, and what it goes on with."""
    monkeypatch.setattr(following, "_EACH", 0.02)
    log = LogBuilder(home)
    made = log.flow_run(name="long-run")
    log.segment([*log.definitions(), made, log.line("began", flow_run=made.run)])
    log.hold()
    EmbeddedDatabase(home).collect()

    def goes_on(kind: int) -> None:
        log.add(
            [
                log.line("went on", flow_run=made.run),
                FlowRunChanged(made.run, 2, kind, None, log.tick()),
            ]
        )

    if request.param == "home":
        yield goes_on
    else:
        with listening(EmbeddedDatabase(home)) as url:
            monkeypatch.setenv("FLOWSTONE_API_URL", url)
            yield goes_on
    log.die()


def later(call, *words):
    thread = threading.Timer(0.3, call, words)
    thread.start()
    return thread


def test_lines_are_shown_as_they_come_until_the_run_ends(cli, run):
    thread = later(run, COMPLETED)
    code, out, err = cli("flow-run", "logs", "long-run", "--follow", "-o", "json")
    thread.join()
    assert (code, err) == (0, "")
    messages = [msgspec.json.decode(line)["message"] for line in out.splitlines()]
    assert messages == ["began", "went on"]


@pytest.mark.parametrize(("kind", "expected"), [(COMPLETED, 0), (FAILED, 1)])
def test_watching_ends_with_the_run_and_tells_how(cli, run, kind, expected):
    thread = later(run, kind)
    code, out, _err = cli("flow-run", "watch", "long-run")
    thread.join()
    assert code == expected
    first, last = out.splitlines()
    assert "long-run: Running" in first
    assert ("Completed" if expected == 0 else "Failed") in last
