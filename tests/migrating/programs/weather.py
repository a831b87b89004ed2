from datetime import timedelta

import prefect
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.tasks import exponential_backoff

ASKED = []


@prefect.task(
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=0.001),
    cache_policy=INPUTS + TASK_SOURCE,
    cache_expiration=timedelta(minutes=5),
    task_run_name="forecast-of-{city}",
    persist_result=True,
)
def forecast(city: str) -> float:
    ASKED.append(city)
    if len(ASKED) == 1:
        raise ConnectionError("the service was away")
    return len(city) * 1.5


@prefect.flow(flow_run_name="weather-of-{cities}", persist_result=True)
def weather(cities: list[str]) -> dict[str, float]:
    return {city: forecast(city) for city in cities}


if __name__ == "__main__":
    print(weather(["Oslo", "Lima", "Oslo"]))
    print(ASKED)
