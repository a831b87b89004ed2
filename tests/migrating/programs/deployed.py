import os

from prefect import flow, serve, task
from prefect.blocks.system import Secret
from prefect.deployments import run_deployment
from prefect_aws import S3Bucket


@task
def load(day: str) -> str:
    key = Secret.load("api-key").get()
    return f"{day} {key} {os.environ.get('PREFECT_API_URL')}"


@flow
def nightly(day: str = "today") -> None:
    load.delay(day)
    run_deployment("other/nightly")


if __name__ == "__main__":
    nightly.serve(name="nightly", cron="0 3 * * *")
    flow.from_source("https://example.org/flows.git", entrypoint="a.py:a").deploy("there")
    serve(nightly)
    S3Bucket.load("lake")
