from __future__ import annotations

import os

import pytest

from flowstone.runners.ray import process_left_as_it_is
from flowstone.task_runners import (
    DaskTaskRunner,
    ProcessPoolTaskRunner,
    RayTaskRunner,
    ThreadPoolTaskRunner,
)
from tests.face.conftest import home, recorded

RUNNERS = {
    "threads": lambda _: ThreadPoolTaskRunner(max_workers=2),
    "processes": lambda _: ProcessPoolTaskRunner(max_workers=2),
    "dask": lambda request: DaskTaskRunner(address=request.getfixturevalue("dask_address")),
    "ray": lambda request: request.getfixturevalue("ray_here") and RayTaskRunner(),
}
CLUSTERS = {
    # A cluster begins with the first of its tests.
    "dask": (pytest.mark.dask, pytest.mark.timeout(60)),
    "ray": (pytest.mark.ray, pytest.mark.timeout(90)),
}


BEGUN = pytest.StashKey()


@pytest.fixture(
    params=[pytest.param(name, marks=CLUSTERS.get(name, ())) for name in RUNNERS],
)
def runner(request):
    """Give each task runner in turn: what a test asks of one it asks of all."""
    return RUNNERS[request.param](request)


@pytest.fixture(scope="session")
def dask_address(request):
    """Give the address of a Dask cluster of two workers, each with one thread."""
    return once(request.config, begin_dask)


@pytest.fixture(scope="session")
def ray_here(request):
    """Begin Ray in this process, with two workers."""
    return once(request.config, begin_ray)


def once(config, begin):
    """Return what a function gives, called once however many modules have these fixtures."""
    begun = config.stash.setdefault(BEGUN, {})
    if begin not in begun:
        begun[begin], end = begin()
        config.add_cleanup(end)
    return begun[begin]


def begin_dask():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    return cluster.scheduler_address, cluster.close


def begin_ray():
    # Else Ray keeps back what it says of workers that a test killed, and says it after the tests.
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    # Ray would write a token into the user's home.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    with process_left_as_it_is():  # other tests come after this
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 << 20,
            log_to_driver=False,
            namespace="flowstone",
        )
    return ray, ray.shutdown


__all__ = ["dask_address", "home", "ray_here", "recorded", "runner"]
