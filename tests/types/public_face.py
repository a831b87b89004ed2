"""What a type checker knows of the public face. Read by mypy, never run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from flowstone import Flow, State, Task, flow, get_run_logger, task
from flowstone.tasks import exponential_backoff


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
a_coroutine = assert_type(async_flow(), Coroutine[Any, Any, int])
assert_type(task(len, name="length")([1]), int)
made: Callable[[int], str] = with_options
a_flow: Flow[..., float] = flow(bare.fn)
task(on_completion=[on_end])

assert_type(bare(1, return_state=True), State)
a_state = assert_type(later(1, return_state=True), Coroutine[Any, Any, State])
assert_type(plain_flow(return_state=True), State)

bare("x")  # type: ignore[call-overload]
bare(1, z=3)  # type: ignore[call-overload]
task(retires=3)  # type: ignore[call-overload]
flow(retries="3")  # type: ignore[call-overload]
with_options.with_options(retries="x")  # type: ignore[arg-type]
