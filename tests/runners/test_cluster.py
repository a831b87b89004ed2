"""When a cluster's runs begin, seen with a scheduler that keeps what it is sent."""

from __future__ import annotations

import msgspec
import pytest

from flowstone import flow, task
from flowstone.runners.remote import RETURNED, Answer
from flowstone.runners.usage import Usage
from flowstone.task_runners import TaskRunner, _clustered
from tests.face.conftest import home, recorded

ANSWER = msgspec.msgpack.encode(Answer(RETURNED, False, True, Usage(1.0, 1.0, 1 << 20), []))


class Kept:
    """A cluster of one worker, whose bodies end when a test says so."""

    def __init__(self):
        self.sent = []
        self.interrupt_next = False

    def count(self):
        return 1

    def connect(self, places):
        pass

    def options(self):
        return {}

    def send(self, sent, errand, body, refs, label):
        if self.interrupt_next:
            raise KeyboardInterrupt
        self.sent.append(sent)

    def end_first(self):
        self.sent.pop(0).answer(ANSWER, b"")

    def close(self):
        print("the cluster says good-bye")


class Runner(TaskRunner):
    name = "kept"

    def __init__(self):
        super().__init__(None)
        self.kept = Kept()

    def start(self):
        return _clustered(self.kept, spread=1)


@task
def works():
    raise AssertionError("the scheduler runs nothing")


@pytest.fixture
def on_kept(home):
    def run(body, **options):
        runner = Runner()
        return flow(lambda: body(runner.kept), task_runner=runner, name="flow", **options)()

    return run


def test_a_run_whose_place_is_there_is_sent_before_submit_returns(on_kept, recorded):
    def body(kept):
        future = works.submit()
        assert len(kept.sent) == 1
        kept.end_first()
        assert future.result() is None

    on_kept(body)
    assert recorded.states("works-0") == ["Pending", "Running", "Completed"]


def test_a_run_without_a_place_says_what_it_waits_for_until_another_ends(on_kept, recorded):
    def body(kept):
        first, second = works.submit(), works.submit()
        assert len(kept.sent) == 1
        assert second.state.message == "Queued: a place on the cluster (1 of 1 in use)"
        kept.end_first()
        first.wait()
        while not kept.sent:
            pass
        assert second.state.name == "Running"
        kept.end_first()
        second.wait()

    on_kept(body)
    assert recorded.states("works-1") == ["Pending", "Pending", "Running", "Completed"]


def test_a_run_that_is_cancelled_as_it_waits_gives_up_its_place_in_the_queue(on_kept):
    def body(kept):
        first, second, third = (works.submit() for _ in range(3))
        assert second.cancel()
        kept.end_first()
        first.wait()
        while not kept.sent:
            pass
        kept.end_first()
        third.wait()
        return second.state.name, third.state.name

    assert on_kept(body) == ("Cancelled", "Completed")


def test_ctrl_c_as_a_body_is_sent_is_heard_by_who_submits(on_kept, recorded):
    def body(kept):
        kept.interrupt_next = True
        works.submit()

    with pytest.raises(KeyboardInterrupt):
        on_kept(body)
    assert recorded.states("works-0")[-1] == "Crashed"


def test_a_run_that_has_ended_gives_its_place_to_the_next(on_kept):
    def body(kept):
        futures = [works.submit() for _ in range(20)]
        for future in futures:
            while not kept.sent:
                pass
            assert len(kept.sent) == 1
            kept.end_first()
            future.wait()
        return {future.state.name for future in futures}

    assert on_kept(body) == {"Completed"}


__all__ = ["home", "recorded"]


def test_what_a_cluster_prints_as_it_is_left_is_not_its_runs(on_kept, recorded, capsys):
    def body(kept):
        print("the run goes on")
        works.submit()
        kept.end_first()

    on_kept(body, log_prints=True)
    assert "the run goes on" in recorded.lines
    assert "the cluster says good-bye" not in recorded.lines
    assert "the cluster says good-bye" in capsys.readouterr().out.splitlines()
