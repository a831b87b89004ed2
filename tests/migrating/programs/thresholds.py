import asyncio

from prefect import flow
from prefect.variables import Variable


@flow
async def adjusts() -> int:
    await Variable.set("threshold", 3, overwrite=True)
    before = await Variable.get("threshold", default=0)
    await Variable.set("threshold", before + 1, overwrite=True)
    return await Variable.get("threshold")


if __name__ == "__main__":
    print(asyncio.run(adjusts()))
