import asyncio

from prefect import flow, task
from prefect.artifacts import Artifact, create_markdown_artifact, create_table_artifact


@task
async def measure(number: int) -> dict[str, int]:
    await asyncio.sleep(0)
    return {"number": number, "square": number * number}


@flow
async def report(count: int = 3) -> None:
    rows = await asyncio.gather(*(measure(number) for number in range(count)))
    await create_table_artifact(table=list(rows), key="squares")
    await create_markdown_artifact(markdown=f"# {len(rows)} squares", key="report")
    found = await Artifact.get("report")
    print(found.data)


if __name__ == "__main__":
    asyncio.run(report())
