"""Transactions of async code, and hooks of either colour."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flowstone import flow, task
from flowstone.transactions import (
    AsyncTransaction,
    atransaction,
    get_transaction,
    transaction,
)
from tests.compat.diary import Diary

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_async_transactions_are_entered_with_async_with(diary):
    async def main() -> None:
        async with atransaction() as outer:
            assert isinstance(outer, AsyncTransaction)

            @task
            async def a() -> Any:
                return get_transaction()

            a.on_commit(diary.hook("+a"))
            assert isinstance(await a(), AsyncTransaction)
            assert diary.entries == []
        assert outer.is_committed()
        with pytest.raises(NotImplementedError, match="does not support the `with` statement"):
            outer.__enter__()
        off = atransaction(commit_mode="OFF")
        async with off:
            assert await off.commit()
        assert not await off.rollback()

    asyncio.run(main())
    assert diary.entries == ["+a"]


def test_async_code_rolls_back_too(diary):
    async def main() -> None:
        async with atransaction():
            diary.step("a")()
            raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(main())
    assert diary.entries == ["-a"]


def test_hooks_may_be_async_in_sync_code_and_sync_in_async_code():
    ran: list[tuple[str, bool]] = []

    def note(name: str) -> None:
        ran.append((name, threading.current_thread() is threading.main_thread()))

    async def aside(_transaction: Any) -> None:
        await asyncio.sleep(0)
        note("async")

    def plain(_transaction: Any) -> None:
        note("sync")

    with transaction() as one:
        one.stage(None, on_commit_hooks=[aside, plain])

    async def main() -> None:
        async with atransaction() as one:
            one.stage(None, on_commit_hooks=[aside, plain])

        @task(on_commit=[plain])
        async def a() -> None: ...

        await a()

    asyncio.run(main())
    assert [name for name, _ in ran] == ["async", "sync", "async", "sync", "sync"]
    # What is sync does not hold up the loop.
    assert ran[3:] == [("sync", False), ("sync", False)]


def test_async_tasks_that_are_submitted_belong_to_the_transaction_too(diary):
    @task
    async def a() -> None:
        await asyncio.sleep(0)

    async def undo(_transaction: Any) -> None:
        await asyncio.sleep(0)
        diary.entries.append("-a")

    a.on_rollback(undo)

    @flow
    def main() -> None:
        with pytest.raises(KeyError), transaction():
            a.submit().result()
            raise KeyError("x")

    main()
    assert diary.entries == ["-a"]


def test_an_async_task_that_is_cancelled_rolls_back_what_is_around_it(diary):
    @task
    async def slow() -> None:
        await asyncio.sleep(10)

    async def work() -> None:
        async with atransaction():
            diary.step("a")()
            await slow()

    async def main() -> None:
        running = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert diary.entries == ["-a"]
