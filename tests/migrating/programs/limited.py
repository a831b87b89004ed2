from prefect import flow, tags, task
from prefect.concurrency.sync import concurrency
from prefect.context import get_run_context
from prefect.runtime import flow_run, task_run


@task(tags=["database"])
def asks(number: int) -> str:
    with concurrency("database", occupy=1):
        return f"{task_run.name} of {get_run_context().task.name}: {number}"


@flow(name="limited")
def limited() -> None:
    with tags("nightly"):
        for future in asks.map([1, 2]):
            print(future.result())
    print(flow_run.flow_name)


if __name__ == "__main__":
    limited()
