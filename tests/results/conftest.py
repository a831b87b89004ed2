"""The storages that results are tested on: a local directory, memory, and S3 by a local server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="session")
def redis_program() -> str:
    """Give the Redis server's program; without it, what needs it is skipped."""
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    return program


class RedisServer:
    """A Redis server of this test's own, on a free port; what it holds is gone when it stops."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        command = [self._program, *options, str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(1000):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        """Stop it at once."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def redis_server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a Redis server that all tests share."""
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.port
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
