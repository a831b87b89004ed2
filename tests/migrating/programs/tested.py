import prefect.testing.utilities as testing
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.logging import get_logger

logger = get_logger("tested")


@task
def numbers():
    yield from range(3)


@flow
def tested() -> int:
    return sum(numbers())


if __name__ == "__main__":
    with testing.prefect_test_harness():
        print(tested())
        with get_client(sync_client=True) as client:
            print([run.state_name for run in client.read_flow_runs()])
