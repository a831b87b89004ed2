"""What changes is told to who listens, whichever process changed it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import pytest

from flowstone.core.ids import id_text
from flowstone.server import live
from flowstone.server.live import Changes, Topics, _Listener
from flowstone.store.changes import FLOW_RUN, LIMITS, LINES, TASK_RUNS, Change, note_changes
from tests.server.serving import code_of, listening
from tests.server.stories import Story
from tests.store.feeding import feed

ONE, OTHER = bytes(15) + b"1", bytes(15) + b"2"


class Stream:
    """A stream of server-sent events, as a browser reads it."""

    def __init__(self, lines) -> None:
        self.lines = lines

    def next(self):
        """Return the next event: its name, its id, its data."""
        event = {}
        for line in self.lines:
            if not line:
                if "event" in event:
                    return event["event"], int(event["id"]), json.loads(event["data"])
                event = {}
                continue
            name, _, value = line.partition(":")
            event[name] = value.strip()
        raise AssertionError("the stream has ended")


@contextlib.contextmanager
def stream(address, topics, last=None):
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with httpx.stream(
        "GET", f"{address}/api/live?topics={topics}", headers=headers, timeout=15
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        yield Stream(answer.iter_lines())


def test_a_run_that_changes_is_told_of_and_who_was_away_hears_what_was_missed(any_database):
    story = Story(any_database)
    run = story.flow_run("talks")
    with listening(any_database) as address:
        with stream(address, f"runs,lines:{id_text(run)},limits") as heard:
            assert heard.next()[0] == "hello"
            task = story.task_run("add-0", run)
            story.add(story.log.line("hello", flow_run=run, task_run=task))
            story.log.segment(story.records)
            story.log.hold()
            feed(any_database)
            told = {"flow_runs": [], "task_runs": [], "lines": []}
            while not all(told.values()):
                name, last, data = heard.next()
                assert (name, data["limits"]) == ("changes", False)
                for topic, found in told.items():
                    found.extend(data[topic])
            assert all(id_text(run) in found for found in told.values())
            with any_database.transaction() as connection:
                note_changes(connection, [(LIMITS, None)])
            while not data["limits"]:
                _, last, data = heard.next()
        with any_database.transaction() as connection:
            note_changes(connection, [(FLOW_RUN, ONE)])
        with stream(address, "runs", last=last) as heard:
            assert heard.next()[0] == "hello"
            name, _, data = heard.next()
            assert (name, data["flow_runs"]) == ("changes", [id_text(ONE)])
        with stream(address, "runs", last=10**9) as heard:
            assert [heard.next()[0], heard.next()[0]] == ["hello", "resync"]
    story.log.die()


@pytest.mark.parametrize(
    "topics", ["", ",", "run", "run:12", "everything", ",".join(["runs"] * 101)]
)
def test_what_is_no_topic_is_refused(told, topics):
    client, _ = told
    answer = client.get(f"/api/live?topics={topics}")
    assert code_of(answer)[0] == 400


def test_a_stream_too_many_is_refused(told, monkeypatch):
    monkeypatch.setattr(live, "_MOST_LISTENERS", 0)
    client, _ = told
    assert code_of(client.get("/api/live")) == (503, "too_many_streams")


def test_of_streams_that_begin_at_once_one_begins_to_read(any_database):
    async def begin_at_once():
        changes = Changes(any_database)
        topics = Topics(True, frozenset(), frozenset(), limits=False, artifacts=False)
        streams = [changes.stream(topics, None) for _ in range(5)]
        await asyncio.gather(*(anext(one) for one in streams))
        readers = [one for one in asyncio.all_tasks() if one.get_coro().__name__ == "_read_on"]
        for one in streams:
            await one.aclose()
        await asyncio.gather(*readers)
        return len(readers)

    assert asyncio.run(begin_at_once()) == 1


def listener(**wanted):
    given = {"all_runs": False, "runs": frozenset(), "lines": frozenset()}
    rest = {"limits": False, "artifacts": False}
    return _Listener(Topics(**(given | rest | wanted)))


def told_to(one):
    message = one.take()
    return message.event, json.loads(message.data)


def test_a_listener_hears_what_it_asked_for_and_each_thing_once():
    one = listener(runs=frozenset({ONE}), lines=frozenset({OTHER}))
    changes = [(FLOW_RUN, ONE), (FLOW_RUN, OTHER), (TASK_RUNS, ONE), (LINES, OTHER), (LINES, ONE)]
    for _ in range(3):
        one.hear([Change(number, *what) for number, what in enumerate(changes)])
    assert told_to(one) == (
        "changes",
        {
            "flow_runs": [id_text(ONE)],
            "task_runs": [id_text(ONE)],
            "lines": [id_text(OTHER)],
            "limits": False,
            "artifacts": False,
        },
    )
    assert not one.news.is_set()


def test_a_listener_that_takes_nothing_costs_little_and_is_told_to_read_anew(monkeypatch):
    monkeypatch.setattr(live, "_TOLD_AT_ONCE", 10)
    one = listener(all_runs=True)
    for number in range(1000):
        one.hear([Change(number, FLOW_RUN, number.to_bytes(16, "big"))])
        assert len(one._found) <= 10
    assert told_to(one)[0] == "resync"
    one.hear([Change(1001, FLOW_RUN, ONE)])
    assert told_to(one)[1]["flow_runs"] == [id_text(ONE)]
