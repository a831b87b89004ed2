from __future__ import annotations

import asyncio
import threading

import pytest

from flowstone import flow, tags, task
from flowstone.runtime import flow_run, task_run


@task(tags=["own"])
def tagged():
    return task_run.tags


@task
def plain():
    return task_run.tags


@task
async def later():
    await asyncio.sleep(0)
    return task_run.tags


def test_blocks_add_up_and_end(home):
    with tags("a", "b") as outer:
        assert outer == {"a", "b"}
        with tags("b", "c") as inner:
            assert inner == {"a", "b", "c"}
            assert plain() == ["a", "b", "c"]
        assert tagged() == ["a", "b", "own"]
    assert plain() == []
    assert tagged() == ["own"]


def test_a_block_ends_also_where_its_code_fails(home):
    with pytest.raises(ZeroDivisionError), tags("a"):
        _ = 1 / 0
    assert plain() == []


def test_a_run_takes_the_tags_of_the_block_it_began_in_and_keeps_them(home, recorded):
    @task(retries=1)
    def fails_once():
        if task_run.run_count == 1:
            raise ValueError
        return task_run.tags

    @flow
    def tidy():
        with tags("block"):
            return fails_once()

    assert tidy() == ["block"]
    assert recorded.created("fails_once-0").tags == ("block",)


def test_a_flow_run_and_all_within_it_have_the_tags_around_its_call(home, recorded):
    @flow(name="inner")
    def subflow():
        return flow_run.tags, tagged()

    @flow(name="outer")
    def parent():
        return flow_run.tags, tagged(), subflow()

    with tags("x"):
        assert parent() == (["x"], ["own", "x"], (["x"], ["own", "x"]))
    assert {fact.tags for fact in recorded.facts if hasattr(fact, "tags") and fact.tags} == {
        ("own",),
        ("x",),
        ("own", "x"),
    }


def test_a_block_within_a_flow_tags_subflows_and_not_the_flow_run(home):
    @flow
    def subflow():
        return flow_run.tags

    @flow
    def parent():
        with tags("x"):
            child = subflow()
        return flow_run.tags, child, subflow()

    assert parent() == ([], ["x"], [])


def test_the_tags_of_a_flow_go_to_what_runs_inside(home):
    @flow(tags=["inner"])
    def subflow():
        return flow_run.tags, plain()

    @flow(tags=["outer"])
    def parent():
        with tags("block"):
            return tagged(), subflow()

    inside = (["block", "inner", "outer"], ["block", "inner", "outer"])
    assert parent() == (["block", "outer", "own"], inside)


def test_submitted_and_mapped_runs_have_the_tags_of_where_they_were_submitted(home):
    @task
    def nested(_):
        return plain.submit().result()

    @flow
    def submits():
        with tags("x"):
            one, many, other = plain.submit(), nested.map([1, 2]), later.submit()
        return one.result(), many.result(), other.result(), plain.submit().result()

    assert submits() == (["x"], [["x"], ["x"]], ["x"], [])


def test_coroutines_that_run_together_have_their_own_tags(home):
    async def within(tag):
        with tags(tag):
            await asyncio.sleep(0)
            return await later()

    @flow
    async def gathers():
        return await asyncio.gather(within("a"), within("b"), later())

    assert asyncio.run(gathers()) == [["a"], ["b"], []]


def test_other_threads_are_not_in_the_block(home):
    found = []
    with tags("a"):
        thread = threading.Thread(target=lambda: found.append(plain()))
        thread.start()
        thread.join()
    assert found == [[]]


def test_tags_given_as_a_list_are_refused_with_the_way_to_give_them():
    with pytest.raises(TypeError, match=r"got \['a', 'b'\]. Give each as an argument"):
        tags(["a", "b"]).__enter__()


def test_a_text_that_no_database_can_carry_is_written_out(home, recorded):
    with tags("a\0b\ud800"):
        assert plain() == ["a\\x00b\\ud800"]
    assert recorded.created("plain").tags == ("a\\x00b\\ud800",)
