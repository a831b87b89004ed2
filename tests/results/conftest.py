"""The storages that results are tested on: a local directory, memory, and S3 by a local server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from flowstone.results.filesystems import LocalFileSystem, RemoteFileSystem, storage_at

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Give the URL of a local S3 server, with one bucket `results`."""
    server_module = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3fs.S3FileSystem(**s3_settings(url)).mkdir("results")
    yield url
    server.stop()


def s3_settings(endpoint: str) -> dict[str, str]:
    return {"key": "k", "secret": "s", "endpoint_url": endpoint}


@pytest.fixture(params=["local", "memory", "s3"])
def place(request, tmp_path):
    """Give an empty place of each kind."""
    if request.param == "local":
        return LocalFileSystem(tmp_path / "results")
    if request.param == "memory":
        return RemoteFileSystem(f"memory://{uuid.uuid4().hex}")
    endpoint = request.getfixturevalue("s3_endpoint")
    return RemoteFileSystem(f"s3://results/{uuid.uuid4().hex}", s3_settings(endpoint))


@pytest.fixture
def storage(place):
    return storage_at(place)
