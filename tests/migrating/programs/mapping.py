from prefect import flow, task, unmapped
from prefect.futures import PrefectFuture, as_completed, wait
from prefect.task_runners import ConcurrentTaskRunner


@task
def scale(value: int, factor: int) -> int:
    return value * factor


@task
def total(values: list[int]) -> int:
    return sum(values)


@flow(task_runner=ConcurrentTaskRunner(max_workers=4))
def sums(values: list[int]) -> int:
    scaled: list[PrefectFuture[int]] = scale.map(values, factor=unmapped(10))
    done, not_done = wait(scaled)
    assert (len(done), len(not_done)) == (len(values), 0)
    assert sorted(future.result() for future in as_completed(scaled)) == [10, 20, 30]
    return total.submit(scaled).result()


if __name__ == "__main__":
    print(sums([1, 2, 3]))
