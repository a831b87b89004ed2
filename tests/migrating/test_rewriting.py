from __future__ import annotations

import pytest

from flowstone.migrating.counterparts import counterpart
from flowstone.migrating.rewriting import Remark, rewrite


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import prefect\nprefect.flow\n", "import flowstone\nflowstone.flow\n"),
        ("import prefect as p\np.flow\n", "import flowstone as p\np.flow\n"),
        ("import prefect.runtime as r\n", "import flowstone.runtime as r\n"),
        ("from prefect import flow as f\nf\n", "from flowstone import flow as f\nf\n"),
        (
            "from prefect.futures import PrefectFuture\nx: PrefectFuture\n",
            "from flowstone.futures import TaskFuture\nx: TaskFuture\n",
        ),
        (
            "import prefect.futures\nprefect.futures.PrefectFuture\n",
            "import flowstone.futures\nflowstone.futures.TaskFuture\n",
        ),
        (
            "from prefect.futures import PrefectFuture as F\nF\n",
            "from flowstone.futures import TaskFuture as F\nF\n",
        ),
        (
            "from prefect_dask.task_runners import DaskTaskRunner\nDaskTaskRunner\n",
            "from flowstone.dask import DaskTaskRunner\nDaskTaskRunner\n",
        ),
        (
            "from prefect.variables import Variable\nasync def f(): await Variable.get('x')\n",
            "from flowstone.variables import Variable\nasync def f(): await Variable.aget('x')\n",
        ),
        (
            (
                "from prefect.artifacts import create_link_artifact\n"
                "async def f(): await create_link_artifact('x')\n"
                "def g(): create_link_artifact('y')\n"
            ),
            (
                "from flowstone.artifacts import acreate_link_artifact, create_link_artifact\n"
                "async def f(): await acreate_link_artifact('x')\n"
                "def g(): create_link_artifact('y')\n"
            ),
        ),
    ],
)
def test_imports_names_and_awaits_are_rewritten(before, after):
    assert rewrite(before.encode()).source.decode() == after


@pytest.mark.parametrize(
    "source",
    [
        "prefect = 3\nprefect.flow\n",
        "from mine import PrefectFuture\nPrefectFuture\n",
        "from .prefect import flow\n",
        "x.prefect.flow(prefect=1)\n",
        "# import prefect\n'''prefect runs'''\n",
        "async def f(x): await x.get('y')\n",
        "x = 'r\u00e9sum\u00e9'\r\n",
    ],
)
def test_what_only_looks_like_it_stays_byte_for_byte(source):
    done = rewrite(source.encode())
    assert (done.source, done.remarks) == (source.encode(), [])


def test_a_name_of_the_program_that_hides_an_import_stays():
    source = b"from prefect.futures import PrefectFuture\ndef f(PrefectFuture): PrefectFuture\n"
    assert b"def f(PrefectFuture): PrefectFuture" in rewrite(source).source


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("from prefect import *", 1, "by name"),
        ("import prefect_gcp", 1, "library that it wraps"),
        ("from prefect import task\n\n@task(asset_deps=[])\ndef f(): ...", 3, "`asset_deps=`"),
        ("from prefect import flow\n@flow\ndef f(): ...\nf.deploy()", 4, "`.deploy()` is not here"),
        ("import prefect\nprefect.pause_flow_run()", 2, "prefect.pause_flow_run is not here"),
        ("x = 'PREFECT_HOME'", 1, "FLOWSTONE_HOME"),
        ("import logging\nlogging.getLogger('prefect.flow_runs')", 2, "'flowstone'"),
        ("from prefect.infrastructure import Process", 1, "nothing like it"),
    ],
)
def test_what_is_not_here_is_remarked_on_with_its_line(source, line, text):
    [remark] = rewrite(source.encode()).remarks
    assert remark.line == line
    assert text in remark.text


def test_a_remark_is_made_once_for_a_chain_of_names():
    source = b"import prefect\nprefect.flow.from_source('x').deploy('y')\nprefect.serve.x.y\n"
    assert [remark.line for remark in rewrite(source).remarks] == [2, 3]


def test_remarks_sort_by_line():
    assert Remark(2, "b") < Remark(10, "a")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("prefect", "flowstone"),
        ("prefect.tasks.task_input_hash", "flowstone.tasks.task_input_hash"),
        ("prefect_ray.context.remote_options", "flowstone.ray.remote_options"),
        (
            "prefect.testing.utilities.prefect_test_harness",
            "flowstone.testing.utilities.flowstone_test_harness",
        ),
    ],
)
def test_a_counterpart_is_what_can_be_imported_here(theirs, ours):
    found = counterpart(theirs)
    assert (found.name, found.problem) == (ours, None)


@pytest.mark.parametrize(
    "opened",
    [
        "async def f():\n    async with get_client() as client:\n        ",
        "client = get_client(sync_client=True)\nif client:\n        ",
    ],
)
def test_methods_that_a_client_does_not_have_are_remarked_on(opened):
    source = "from prefect import get_client\n" + opened
    done = rewrite(f"{source}client.read_flows()\n        client.hello()\n".encode())
    assert [(remark.line, "`.hello`" in remark.text) for remark in done.remarks] == [(5, True)]
