"""How the answers of short Ray tasks are taken, with a Ray that is made up."""

from __future__ import annotations

import time
from queue import SimpleQueue

import pytest

from flowstone.runners.ray_answers import Answers


class Late(Exception):
    """What Ray raises where an answer is not there in time."""


class Exceptions:
    """Those of Ray."""

    GetTimeoutError = Late


class Ray:
    """Ray, where each answer is there once nobody holds it back; some are errors."""

    exceptions = Exceptions

    def __init__(self, *, held=(), failing=()):
        self.held, self.failing = set(held), set(failing)

    def wait(self, refs, *, num_returns, timeout):
        done = [ref for ref in refs if ref not in self.held]
        return done, [ref for ref in refs if ref in self.held]

    def get(self, refs, *, timeout):
        if self.held & set(refs):
            time.sleep(timeout)
            raise Late
        if self.failing & set(refs):
            raise ValueError(*self.failing & set(refs))
        return refs


class Gone(Ray):
    """Ray, after its end."""

    def wait(self, refs, *, num_returns, timeout):
        raise RuntimeError("Ray has ended")

    def get(self, refs, *, timeout):
        raise RuntimeError("Ray has ended")


@pytest.fixture
def taken():
    """What was taken."""
    return SimpleQueue()


def expecting(ray, refs, take):
    answers = Answers(ray)
    for ref in refs:
        answers.expect(ref, take)
    return answers


def test_where_ray_has_ended_nobody_waits_for_an_answer(taken):
    answers = expecting(Gone(), range(20), taken.put)
    assert [str(taken.get(timeout=10)) for _ in range(20)] == 20 * ["Ray has ended"]
    answers.close()


def test_an_answer_that_cannot_be_taken_keeps_no_other_waiting(caplog, taken):
    def refuse(answer):
        raise ValueError(answer)

    answers = expecting(Ray(), ["a"], refuse)
    answers.expect("b", taken.put)
    assert taken.get(timeout=10) == "b"
    answers.close()
    assert "An answer of Ray could not be taken" in caplog.text


def test_an_answer_that_is_late_holds_up_no_other(taken):
    ray = Ray(held={0})
    answers = expecting(ray, range(40), taken.put)
    assert {taken.get(timeout=10) for _ in range(39)} == set(range(1, 40))
    ray.held.clear()
    assert taken.get(timeout=10) == 0
    answers.close()


def test_an_error_goes_to_whom_it_belongs(taken):
    answers = expecting(Ray(failing={1}), range(40), taken.put)
    found = [taken.get(timeout=10) for _ in range(40)]
    errors = [one for one in found if isinstance(one, ValueError)]
    assert [error.args for error in errors] == [(1,)]
    assert {one for one in found if one not in errors} == set(range(40)) - {1}
    answers.close()
