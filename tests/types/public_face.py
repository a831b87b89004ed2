"""What a type checker knows of the public face. Read by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, assert_type

from flowstone import (
    Flow,
    State,
    Task,
    Transaction,
    allow_failure,
    flow,
    get_run_logger,
    runtime,
    tags,
    task,
    unmapped,
)
from flowstone.context import FlowRunContext, TaskRunContext, get_run_context, with_context
from flowstone.exceptions import FlowstoneError, PrefectException
from flowstone.futures import FutureList, PrefectFuture, TaskFuture, as_completed
from flowstone.runners.threads import Threads
from flowstone.states import Completed
from flowstone.task_runners import (
    ConcurrentTaskRunner,
    StartedRunner,
    TaskRunner,
    ThreadPoolTaskRunner,
)
from flowstone.tasks import exponential_backoff
from flowstone.transactions import (
    AsyncTransaction,
    CommitMode,
    atransaction,
    get_transaction,
    transaction,
)


@task
def bare(x: int, *, y: str = "a") -> float:
    return x + len(y)


@task(retries=3, retry_delay_seconds=exponential_backoff(2), tags=["a"])
def with_options(x: int) -> str:
    return str(x)


@task
async def later(x: int) -> bytes:
    return bytes(x)


@task(name="later", retry_delay_seconds=[1, 2.5])
async def later_with_options(x: int) -> bytes:
    return bytes(x)


@flow
def plain_flow(n: int = 1) -> list[str]:
    assert_type(bare(1, y="b"), float)
    assert_type(with_options(n), str)
    get_run_logger().info("x")
    return []


@flow(name="async", log_prints=True)
async def async_flow() -> int:
    assert_type(await later(1), bytes)
    assert_type(await later_with_options(1), bytes)
    return 1


def on_end(task: Task[..., Any], run: Any, state: State) -> None: ...


assert_type(bare.fn(1), float)
assert_type(plain_flow(), list[str])
assert_type(plain_flow.with_options(name="b")(2), list[str])
a_coroutine: Coroutine[Any, Any, int] = async_flow()
assert_type(task(len, name="length")([1]), int)
made: Callable[[int], str] = with_options
a_flow: Flow[..., float] = flow(bare.fn)
task(on_completion=[on_end])

assert_type(bare(1, return_state=True), State[float])
assert_type(bare(1, wait_for=[]), float)
a_state = assert_type(later(1, return_state=True), Coroutine[Any, Any, State[bytes]])
assert_type(plain_flow(return_state=True), State[list[str]])
a_flow_state = assert_type(async_flow(return_state=True), Coroutine[Any, Any, State[int]])


# States
assert_type(bare(1, return_state=True).result(), float)
assert_type(bare(1, return_state=True).result(raise_on_failure=False), Any)
unsaid: State = Completed(data=1)
assert_type(unsaid.result(), Any)


async def asks_later() -> None:
    assert_type(await (await later(1, return_state=True)).aresult(), bytes)


# Futures: a future, a state or an annotation may stand for any argument.
one = assert_type(with_options.submit(1), TaskFuture[str])
assert_type(one.result(), str)
assert_type(one.result(timeout=1), str)
assert_type(one.result(raise_on_failure=False), Any)
assert_type(one.state, State[str])
assert_type(with_options.submit(one, wait_for=[one]), TaskFuture[str])
assert_type(with_options.submit(1, return_state=True), State[str])
assert_type(later.submit(1), TaskFuture[bytes])
assert_type(later.submit(allow_failure(one)).result(), bytes)
assert_type(later.submit(1, return_state=True), State[bytes])

many = assert_type(with_options.map([1, 2]), FutureList[str])
assert_type(many.result(), list[str])
assert_type(many[0], TaskFuture[str])
assert_type([future.result() for future in as_completed(many)], list[str])
assert_type(with_options.map([1], return_state=True), list[State[str]])
assert_type(later.map([1], y=unmapped(2)).result(), list[bytes])
assert_type(later.map([1], return_state=True), list[State[bytes]])
bare_future: TaskFuture = one
bare_list: FutureList = many


# Generators: a submitted one gives the list of its values.
def counts(n: int) -> Generator[int, None, str]:
    yield n
    return "end"


async def counts_later(n: int) -> AsyncGenerator[float, None]:
    yield n


count = task(counts)
count_later = task(counts_later)
assert_type(count(1), Generator[int, None, str])
a_generator = assert_type(count_later(1), AsyncGenerator[float, None])
assert_type(count.submit(1), TaskFuture[list[int]])
assert_type(count_later.submit(1).result(), list[float])
assert_type(count.map([1]).result(), list[list[int]])
assert_type(count_later.map([1], return_state=True), list[State[list[float]]])


# The run around the code
with tags("a", "b") as in_force:
    assert_type(in_force, set[str])
assert_type(runtime.flow_run.name, str | None)
assert_type(runtime.task_run.run_count, int)
assert_type(get_run_context(), FlowRunContext | TaskRunContext)
assert_type(with_context(bare.fn)(1, y="a"), float)
no_such_name = runtime.flow_run.nmae  # type: ignore[attr-defined]


# A task runner of one's own
class OwnTaskRunner(TaskRunner):
    def start(self) -> StartedRunner:
        return Threads(1)


flow(task_runner=OwnTaskRunner(None))

# Old names
an_old_future: PrefectFuture[str] = one
an_old_runner: ThreadPoolTaskRunner = ConcurrentTaskRunner()
an_old_error: type[FlowstoneError] = PrefectException

bare("x")  # type: ignore[call-overload]
bare(1, z=3)  # type: ignore[call-overload]
task(retires=3)  # type: ignore[call-overload]
flow(retries="3")  # type: ignore[call-overload]
with_options.with_options(retries="x")  # type: ignore[arg-type]


# Methods: the instance is bound, on the class it is the first argument.
class Holder:
    @task
    def load(self, x: int) -> str:
        return str(x)

    @flow
    async def run(self, x: int) -> bytes:
        return bytes(x)


assert_type(Holder().load(1), str)
assert_type(Holder().load.submit(1), TaskFuture[str])
assert_type(Holder().load.map([1]), FutureList[str])
assert_type(Holder().load.with_options(name="b")(1), str)
assert_type(Holder.load(Holder(), 1), str)
a_method_run: Coroutine[Any, Any, bytes] = Holder().run(1)
Holder().load("x")  # type: ignore[call-overload]


def undo(one: Transaction) -> None:
    assert_type(one.get("path"), Any)


@task(on_rollback=[undo])
def undoable() -> int:
    return 1


also: Callable[[Transaction], None] = undoable.on_commit(undo)


def transactions() -> None:
    with transaction(key="k", commit_mode=CommitMode.EAGER) as one:
        assert_type(one, Transaction)
        assert_type(one.commit(), bool)
    assert_type(get_transaction(), Transaction | AsyncTransaction | None)


async def async_transactions() -> None:
    async with atransaction() as one:
        assert_type(one, AsyncTransaction)
        assert_type(await one.rollback(), bool)
