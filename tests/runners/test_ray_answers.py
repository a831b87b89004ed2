"""How the answers of short Ray tasks are taken, with a Ray that is made up."""

from __future__ import annotations

from queue import SimpleQueue

from flowstone.runners.ray_answers import Answers


class Gone:
    """Ray, after its end."""

    def wait(self, refs, *, num_returns, timeout):
        raise RuntimeError("Ray has ended")

    def get(self, refs):
        raise RuntimeError("Ray has ended")


def test_where_ray_has_ended_nobody_waits_for_an_answer():
    answers, taken = Answers(Gone()), SimpleQueue()
    answers.expect("a", taken.put)
    answers.expect("b", taken.put)
    assert [str(taken.get(timeout=10)) for _ in range(2)] == 2 * ["Ray has ended"]
    answers.close()


class Ready:
    """Ray, where each answer is there at once."""

    def wait(self, refs, *, num_returns, timeout):
        return refs[:num_returns], refs[num_returns:]

    def get(self, refs):
        return refs


def test_an_answer_that_cannot_be_taken_keeps_no_other_waiting(caplog):
    def refuse(answer):
        raise ValueError(answer)

    answers, taken = Answers(Ready()), SimpleQueue()
    answers.expect("a", refuse)
    answers.expect("b", taken.put)
    assert taken.get(timeout=10) == "b"
    answers.close()
    assert "An answer of Ray could not be taken" in caplog.text
