from prefect import allow_failure, flow, task
from prefect.exceptions import PrefectException
from prefect.states import Completed, Failed, State


@task
def fails() -> None:
    raise PrefectException("as it was told to")


@task
def goes_on(value: object) -> str:
    return type(value).__name__


@flow
def inner(good: bool) -> State:
    return Completed(message="all good") if good else Failed(message="not good")


@flow
def outer() -> None:
    for good in (True, False):
        state = inner(good, return_state=True)
        print(state.type.value, state.message)
    failed = fails.submit()
    print(goes_on.submit(allow_failure(failed)).result())


if __name__ == "__main__":
    outer(return_state=True)
