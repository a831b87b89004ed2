"""Clusters of two hosts, each a network namespace of its own with no home in common."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from flowstone import flow
from flowstone.store.queries import open_store
from flowstone.task_runners import DaskTaskRunner, RayTaskRunner
from tests.runners import bodies

ROOT = Path(__file__).parents[2]
HERE, THERE = (f"10.213.{os.getpid() % 256}.{number}" for number in (1, 2))
"""A network of this process's own: another run of the tests may have one too."""
pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and iproute2",
    ),
]


def ip(words, *, check=True):
    return subprocess.run(["ip", *words.split()], check=check, capture_output=True, text=True)


@pytest.fixture
def host(home):
    """Give what runs a command on another host, which cannot see this test's home."""
    name = f"flowstone{os.getpid()}"
    near, far = f"fsa{os.getpid()}"[:15], f"fsb{os.getpid()}"[:15]
    with ExitStack() as ends:
        made = ip(f"netns add {name}", check=False)
        if made.returncode:
            pytest.skip(f"no network namespace can be made: {made.stderr.strip()}")
        ends.callback(ip, f"netns delete {name}")
        ip(f"link add {near} type veth peer name {far}")
        ends.callback(ip, f"link delete {near}", check=False)
        ip(f"link set {far} netns {name}")
        ip(f"addr add {HERE}/24 dev {near}")
        ip(f"link set {near} up")
        ip(f"-n {name} addr add {THERE}/24 dev {far}")
        ip(f"-n {name} link set {far} up")
        ip(f"-n {name} link set lo up")

        def run(*command):
            # Its own mounts too: an empty directory where the home is.
            hide = f'mount -t tmpfs none {home} && exec "$@"'
            started = subprocess.Popen(
                ["ip", "netns", "exec", name, "unshare", "-m", "sh", "-c", hide, "sh", *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            ends.callback(started.wait)
            ends.callback(started.kill)
            return started

        yield run


def use_both(runner, home):
    """Run a flow on a cluster; check that bodies there are recorded as if they were here."""

    @flow(task_runner=runner)
    def body():
        numbers = bodies.double.map(range(10))
        nested = bodies.nests.submit(3)
        told = bodies.tells.submit("from afar")
        large = bodies.double.submit(bytes(1 << 20))
        longer = bodies.double.submit(large)
        told.wait()
        return numbers.result(), nested.result(), len(longer.result())

    assert body() == ([*range(0, 20, 2)], (6, 6, [0, 2, 4]), 4 << 20)
    with open_store(home) as store:
        rows = store.task_runs(limit=0)
        assert {row.state_name for row in rows} == {"Completed"}
        assert len(rows) == 10 + 1 + 5 + 1 + 2
        lines = {row.message for row in store.lines(limit=0)}
        assert {"printed from afar", "logged from afar"} <= lines


@pytest.mark.dask
def test_dask_workers_on_another_host(home, host):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=0, host=HERE, dashboard_address=":0", protocol="tcp"
    ) as cluster:
        address = cluster.scheduler_address
        host(
            *(sys.executable, "-m", "distributed.cli.dask_worker", address),
            *("--nthreads", "2", "--no-nanny", "--no-dashboard"),
        )
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
            [worker] = client.nthreads()
        assert THERE in worker
        use_both(DaskTaskRunner(address=address), home)


def drive_ray(home, here):
    """Use a Ray cluster of two hosts, in a process of its own: one has only one Ray."""
    import ray

    ray.init(address=f"{here}:26379", _node_ip_address=here, log_to_driver=False)
    end = time.monotonic() + 60
    while ray.cluster_resources().get("CPU", 0) < 2:
        assert time.monotonic() < end, "the other host did not come"
        time.sleep(0.2)
    use_both(RayTaskRunner(), home)


@pytest.mark.ray
def test_ray_workers_on_another_host(home, host):
    pytest.importorskip("ray", reason="Ray is not installed")
    command = shutil.which("ray", path=os.path.dirname(sys.executable))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"}
    environ["FLOWSTONE_HOME"] = str(home)
    options = ["--block", "--object-store-memory", str(100 << 20)]
    # Not in `tmp_path`: Ray's sockets lie there, and a path of those has 107 letters at most.
    place = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
    with (
        place as folder,
        subprocess.Popen(
            [
                *(command, "start", "--head", "--port", "26379", "--node-ip-address", HERE),
                *("--num-cpus", "0", "--include-dashboard", "false", *options),
                *("--temp-dir", folder),
            ],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as head,
    ):
        try:
            wait_for_port(HERE, 26379)
            host(
                *(command, "start", "--address", f"{HERE}:26379", "--node-ip-address", THERE),
                *("--num-cpus", "2", *options),
            )
            told = "from tests.runners import test_two_hosts as t; import pathlib, sys; "
            told += "t.drive_ray(pathlib.Path(sys.argv[1]), sys.argv[2])"
            driver = subprocess.run(
                [sys.executable, "-c", told, str(home), HERE],
                env=environ,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert driver.returncode == 0, driver.stderr
        finally:
            head.terminate()


def wait_for_port(address, port, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, f"nothing listens at {address}:{port}"
            time.sleep(0.1)
        else:
            return
