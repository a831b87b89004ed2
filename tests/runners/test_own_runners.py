"""Task runners that others write: what the contract in `flowstone.task_runners` asks of them."""

from __future__ import annotations

import pytest

from flowstone import flow, task
from flowstone.runners.threads import Threads
from flowstone.task_runners import StartedRunner, TaskRunner, ThreadPoolTaskRunner


class Told(StartedRunner):
    """Threads that note what is asked of them."""

    def __init__(self, notes):
        self.notes = notes
        self.threads = Threads(1)

    def submit(self, spec, args, kwargs, wait_for, env, inputs=()):
        self.notes.append(spec.name)
        return self.threads.submit(spec, args, kwargs, wait_for, env, inputs or {})

    def close(self):
        self.notes.append("closed")
        self.threads.close()


class OwnTaskRunner(TaskRunner):
    """A runner with no more than the contract asks for."""

    def __init__(self, notes):
        super().__init__(1)
        self.notes = notes

    def start(self):
        return Told(self.notes)


@task
def double(n):
    return 2 * n


def test_a_flow_gives_its_tasks_to_a_runner_of_ones_own_and_closes_it_once(home):
    notes = []

    @flow(task_runner=OwnTaskRunner(notes))
    def doubled():
        first = double.submit(4)
        return [*double.map([1, first]).result(), first.result()]

    assert doubled() == [2, 16, 8]
    assert notes == ["double", "double", "double", "closed"]


def test_a_runner_of_ones_own_can_be_used_as_a_context(home):
    notes = []
    with OwnTaskRunner(notes) as runner:
        assert runner.submit(double, {"n": 3}).result() == 6
        assert notes == ["double"]
    assert notes == ["double", "closed"]


def test_a_runner_of_ones_own_has_the_name_of_its_class():
    assert OwnTaskRunner([]).name == "own"
    assert ThreadPoolTaskRunner().name == "threadpool"


def test_a_runner_without_a_start_is_refused_when_it_is_made():
    class Unfinished(TaskRunner):
        pass

    with pytest.raises(TypeError, match="start"):
        Unfinished(None)
