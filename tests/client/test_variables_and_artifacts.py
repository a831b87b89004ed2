"""`Variable` and `Artifact` are those of the server, where the settings name one."""

from __future__ import annotations

import asyncio

import pytest

from flowstone.artifacts import Artifact, MarkdownArtifact
from flowstone.client import get_client
from flowstone.settings import temporary_settings
from flowstone.variables import Variable
from tests.server.serving import listening


@pytest.fixture
def elsewhere(database, tmp_path):
    """A server over one home, and a process that records in another."""
    with (
        listening(database) as url,
        temporary_settings({"home": str(tmp_path / "mine"), "api.url": url}),
    ):
        yield url


def test_a_variable_is_set_and_read_on_the_server(elsewhere, database):
    assert Variable.set("region", {"a": 1}, tags=["eu"]).value == {"a": 1}
    with pytest.raises(ValueError, match="already exists"):
        Variable.set("region", 2)
    assert asyncio.run(Variable.aget("region")) == {"a": 1}
    assert Variable.get("other", default=3) == 3
    with temporary_settings({"home": str(database.home)}, restore_defaults=["api.url"]):
        assert Variable.get("region") == {"a": 1}
    assert Variable.unset("region") is True
    assert Variable.unset("region") is False


def test_an_artifact_is_found_on_the_server_right_after_it_was_made(elsewhere):
    made = MarkdownArtifact(key="report", markdown="# All is well").create()
    found = Artifact.get("report")
    assert found is not None
    assert (found.id, found.data) == (made.id, "# All is well")
    assert Artifact.get("other") is None
    assert Artifact.get_or_create("report") == (found, False)
    with get_client() as client:
        assert [one.id for one in client.read_artifacts()] == [made.id]
