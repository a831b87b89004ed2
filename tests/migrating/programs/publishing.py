import tempfile
from pathlib import Path

from prefect import flow, task
from prefect.transactions import transaction

PLACE = Path(tempfile.mkdtemp()) / "page.txt"


@task
def write(text: str) -> None:
    PLACE.write_text(text)


@write.on_rollback
def remove(transaction):
    PLACE.unlink()


def tell(flow, flow_run, state):
    print(f"{flow.name}: {state.name}; the page is {'there' if PLACE.exists() else 'gone'}")


@flow(on_failure=[tell])
def publish() -> None:
    with transaction():
        write("a page")
        raise ValueError("the page is wrong")


if __name__ == "__main__":
    publish(return_state=True)
