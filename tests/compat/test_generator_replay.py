"""Generators whose values are given again from the cache: reference 6, complaint B12."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS, TASK_SOURCE


def test_a_generator_gives_its_values_again_by_explicit_policy_only(home):
    """B12: a list, then None, then [], then consumed."""
    begun = []

    @task
    def plain(n):
        begun.append("plain")
        yield from range(n)

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def kept(n):
        begun.append("kept")
        for number in range(n):
            yield [number]
        return "end"

    def consume():
        for _ in range(2):
            returned.append((yield from kept(2)))

    @flow(persist_result=True)
    def etl():
        assert [list(plain(2)), list(plain(2))] == [[0, 1]] * 2
        for value in kept(3):
            value.append("changed by its user")
        assert list(kept(3)) == kept.submit(3).result() == [[0], [1], [2]]
        assert list(consume()) == [[0], [1], [0], [1]]

    returned = []
    etl()
    assert returned == ["end", "end"]
    assert begun == ["plain", "plain", "kept", "kept"]


def test_an_async_generator_gives_its_values_again_too(home):
    begun = []

    @task(cache_policy=INPUTS)
    async def numbers(n):
        begun.append(n)
        for number in range(n):
            yield number

    async def consume():
        return [number async for number in numbers(2)]

    assert asyncio.run(consume()) == asyncio.run(consume()) == [0, 1]
    assert flow(lambda: numbers.submit(2).result())() == [0, 1]
    assert begun == [2]


@pytest.mark.parametrize("kind", ["too many", "too large", "no pickle", "closed early", "failed"])
def test_a_generator_that_cannot_be_given_again_is_no_error(home, monkeypatch, kind):
    monkeypatch.setattr("flowstone.engine.replays.MOST_VALUES", 3)
    monkeypatch.setattr("flowstone.engine.replays.MOST_BYTES", 1000)
    begun = []

    @task(cache_key_fn=lambda *_: "k")
    def numbers():
        begun.append(1)
        for number in range(4 if kind == "too many" else 2):
            yield {"too large": "x" * 2000, "no pickle": threading.Lock()}.get(kind, number)
        if kind == "failed":
            raise ValueError(kind)

    for _ in range(2):
        values = numbers()
        next(values)
        if kind == "closed early":
            values.close()
        elif kind == "failed":
            with pytest.raises(ValueError, match="failed"):
                list(values)
        else:
            list(values)
    assert begun == [1, 1]


def test_closing_a_replay_early_is_no_error(home):
    @task(cache_policy=INPUTS)
    def numbers(n):
        yield from range(n)

    list(numbers(3))
    again = numbers(3)
    assert next(again) == 0
    again.close()
    assert list(numbers(3)) == [0, 1, 2]
