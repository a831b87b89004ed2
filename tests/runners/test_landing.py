"""What workers on other hosts record comes home with their answers, as it is."""

from __future__ import annotations

import os

import pytest

from flowstone import flow
from flowstone.core.facts import LineLogged
from flowstone.log.writer import LogWriter
from flowstone.runners.landing import Incoming, Outgoing
from flowstone.store.queries import open_store
from flowstone.task_runners import DaskTaskRunner
from tests.log.reading import read_logs
from tests.runners import bodies


def line(text):
    return LineLogged(None, None, 1, 20, "x", text)


@pytest.fixture
def elsewhere(tmp_path):
    """A log that is written somewhere else."""
    log = LogWriter(str(tmp_path / "elsewhere"), b"e" * 16, version="1", segment_bytes=1 << 16)
    yield log
    log.abandon()


def texts(directory):
    return [fact.message for fact in read_logs(directory) if isinstance(fact, LineLogged)]


def test_what_is_handed_over_is_the_log_as_it_is(elsewhere, tmp_path):
    outgoing, incoming = Outgoing(elsewhere.directory, elsewhere.id), Incoming(tmp_path / "home")
    (tmp_path / "home").mkdir()
    assert outgoing.take() == []
    for number in range(300):  # over several segments
        elsewhere.append(line(f"{number} " + 1000 * "x"))
        if number % 7 == 0:
            incoming.land(outgoing.take())
    incoming.land(outgoing.take())
    assert outgoing.take() == []
    assert texts(tmp_path / "home") == texts(elsewhere.directory)
    assert len(os.listdir(tmp_path / "home")) > 2


def test_answers_that_overtake_each_other_are_put_in_order(elsewhere, tmp_path):
    outgoing, incoming = Outgoing(elsewhere.directory, elsewhere.id), Incoming(tmp_path)
    answers = []
    for number in range(3):
        elsewhere.append(line(str(number)))
        answers.append(outgoing.take())
    incoming.land(answers[1])
    incoming.land(answers[2])
    incoming.land(answers[0])
    assert texts(tmp_path) == ["0", "1", "2"]


def _sees_no_home(directory, log):
    return False


def _hide_home():
    from flowstone.wiring import cluster_worker

    cluster_worker._sees = _sees_no_home


@pytest.mark.dask
@pytest.mark.timeout(60)  # it begins a cluster of its own
def test_a_home_that_workers_cannot_see_has_all_that_they_record(home):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=":0"
    ) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            client.run(_hide_home)

        @flow(task_runner=DaskTaskRunner(cluster=cluster))
        def body():
            told = bodies.tells.map(map(str, range(20)))
            nested = bodies.nests.map([2, 2, 2, 2])
            failed = bodies.fails.submit("home", return_state=True)
            return told.result(), nested.result(), failed.is_failed()

        body(return_state=True)
        before = len(os.listdir(home / "logs"))
        body(return_state=True)  # the same workers go on with the same logs
        assert len(os.listdir(home / "logs")) == before == 3
    with open_store(home) as store:
        rows = store.task_runs(limit=0)
        lines = [row.message for row in store.lines(limit=0)]
    assert len([row for row in rows if row.name.startswith("double-")]) == 2 * 4 * 4
    assert {row.state_type for row in rows if row.task_name != "fails"} == {"COMPLETED"}
    assert {f"printed {n}" for n in range(20)} <= set(lines)
    assert len([text for text in lines if text.startswith("logged")]) == 40


def test_what_a_full_disk_refuses_is_written_with_what_comes_next(
    elsewhere, tmp_path, monkeypatch, caplog
):
    outgoing, incoming = Outgoing(elsewhere.directory, elsewhere.id), Incoming(tmp_path)
    answers = []
    for number in range(4):
        elsewhere.append(line(str(number)))
        answers.append(outgoing.take())
    incoming.land(answers[0])
    with monkeypatch.context() as disk:
        write = os.pwrite
        disk.setattr(os, "pwrite", lambda fd, data, at: write(fd, data[:5], at))
        incoming.land(answers[1])
        incoming.land(answers[2])
    assert "could not be written" in caplog.text
    incoming.land(answers[3])
    assert texts(tmp_path) == ["0", "1", "2", "3"]
