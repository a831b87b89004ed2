"""Training a small classifier: a class whose methods are tasks and flows, with hooks and limits.

Several learning rates are tried side by side, but no more at once than the limit "trainer" allows
(make it before the first time); one of them diverges. The best one is trained to the end.

    flowstone gcl create trainer --limit 2
    python examples/training.py
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, Field

from flowstone import State, Task, flow, tags, task
from flowstone.concurrency.sync import concurrency
from flowstone.context import get_run_context
from flowstone.futures import as_completed
from flowstone.runtime import flow_run, task_run
from flowstone.states import Cancelling, Completed, Failed

Point = tuple[float, float, int]
HEARD: list[str] = []


class Settings(BaseModel):
    """How to train."""

    rate: float = Field(gt=0)
    epochs: int = 5
    enough: float = 0.9


class Model(NamedTuple):
    """A line that parts the points of two classes."""

    x: float = 0.0
    y: float = 0.0
    bias: float = 0.0

    def value(self, point: Point) -> float:
        """Return how far a point lies on its right side; below 0 is the wrong one."""
        return (self.x * point[0] + self.y * point[1] + self.bias) * point[2]


class DivergedError(ArithmeticError):
    """The model gets worse instead of better."""


class Seats:
    """Counts how many train at the same time, and how many did at most."""

    taken: ClassVar[list[int]] = []
    most = 0

    @classmethod
    @contextmanager
    def one(cls) -> Iterator[None]:
        """Take a seat while the body runs, as long as the limit allows."""
        with concurrency("trainer", occupy=1):
            cls.taken.append(1)
            cls.most = max(cls.most, len(cls.taken))
            try:
                yield
            finally:
                cls.taken.pop()


def hear(declared: Any, run: Any, state: State) -> None:
    """Remember that a run came into a state."""
    HEARD.append(f"{declared.name} {run.name}: {state.name}")


def is_accident(_task: Task[..., Any], _run: object, state: State) -> bool:
    """Whether the same training may succeed another time."""
    return not isinstance(state.result(raise_on_failure=False), DivergedError)


class Trainer:
    """Finds the model that parts some points best."""

    def __init__(self, points: list[Point]) -> None:
        self.points = points
        self.half = len(points) // 2

    @classmethod
    @flow(flow_run_name="{count} points")
    def of_random_points(cls, count: int, seed: int = 0) -> Trainer:
        """Return a trainer for points that a line from corner to corner parts, but for noise."""
        return cls(cls.draw(count, seed))

    @staticmethod
    @task(tags=["data"], on_completion=[hear], task_run_name="draw")
    def draw(count: int, seed: int) -> list[Point]:
        """Return random points and their classes."""
        dice = random.Random(seed)  # noqa: S311  the same each time, as it must be
        spots = [(dice.random(), dice.random(), dice.uniform(-0.1, 0.1)) for _ in range(count)]
        return [(x, y, 1 if x > y + noise else -1) for x, y, noise in spots]

    def right(self, model: Model) -> float:
        """Return which part of the second half of the points lies on its right side."""
        rest = self.points[self.half :]
        return sum(model.value(point) > 0 for point in rest) / len(rest)

    @task
    def epochs(self, rate: float, number: int) -> Generator[Model, None, None]:
        """Yield the model after each look at the first half of the points."""
        model = Model()
        for _ in range(number):
            for point in self.points[: self.half]:
                if model.value(point) < 1:
                    x, y, label = point
                    step = rate * label
                    model = Model(model.x + step * x, model.y + step * y, model.bias + step)
            if abs(model.bias) > 100:
                raise DivergedError(f"at rate {rate}")
            yield model

    @task(
        task_run_name="at {settings.rate}",
        tags=["training"],
        retries=2,
        retry_condition_fn=is_accident,
        on_running=[hear],
        on_completion=[hear],
        on_failure=[hear],
    )
    def train(self, settings: Settings) -> Model:
        """Return the last model, or the first that is good enough."""
        with Seats.one():
            time.sleep(0.2)  # long enough that all would train at the same time
            if settings.rate == 0.1 and task_run.run_count == 1:
                raise MemoryError("another program had it all")
            for model in self.epochs(settings.rate, settings.epochs):
                if self.right(model) >= settings.enough:
                    break
        return model

    @task(task_run_name=lambda parameters: f"score {parameters['model'].bias:.2f}")
    def score(self, model: Model) -> float:
        """Return what part of the points the model is right about."""
        return self.right(model)

    @task(on_failure=[hear], on_completion=[hear], task_run_name="judge")
    def judge(self, model: Model, wanted: float) -> State:
        """Succeed where a model is good enough to be used."""
        found = self.score(model)
        if found < wanted:
            return Failed(message=f"{found:.2f} is less than {wanted}")
        return Completed(message=f"{found:.2f}", name="Accepted")

    @flow(flow_run_name="search", on_running=[hear], on_completion=[hear], on_failure=[hear])
    def search(self, rates: list[float], wanted: float = 0.8) -> tuple[State, State]:
        """Train at each rate, and judge the best model and the worst."""
        context: Any = get_run_context()
        print(context.flow_run.name, sorted(flow_run.tags), flow_run.parameters["wanted"])
        training = self.train.map([Settings(rate=rate) for rate in rates])
        scores: dict[float, Model] = {}
        for future in as_completed(training):
            model = future.result(raise_on_failure=False)
            if isinstance(model, Model):
                scores[self.score.submit(model).result()] = model
        print(" ".join(f"{found:.3f}" for found in sorted(scores)))
        return (
            self.judge(scores[max(scores)], wanted, return_state=True),
            self.judge(Model(), wanted, return_state=True),
        )

    @flow(flow_run_name="dear", on_cancellation=[hear])
    def search_more(self, budget: float) -> State:
        """Ask to be cancelled where there is no money left for another search."""
        return Completed() if budget > 0 else Cancelling(message="no money left")

    @flow(flow_run_name="full", on_crashed=[hear])
    def fill_disk(self) -> None:
        """End as a program does that cannot go on."""
        raise SystemExit("no space is left")


@Trainer.train.on_failure
def complain(_task: object, _run: object, state: State) -> None:
    """Say why there is no model."""
    print(f"No model: {state.message}")


def main() -> None:
    """Search for a good model, and print what came of it."""
    trainer = Trainer.of_random_points(400, seed=7)  # type: ignore[call-overload]
    with tags("nightly", "small"):
        state = trainer.search([0.001, 0.1, 1.0, 500.0], return_state=True)
    print(f"{state.name}: {state.message}")
    for judged in state.result(raise_on_failure=False):
        print(f"  {judged.name}: {judged.message}")
    print(f"Within the limit: {Seats.most <= 2}")
    more: Any = trainer.search_more(budget=0, return_state=True)
    print(f"{more.name}: {more.message}, final: {more.is_final()}")
    try:
        trainer.fill_disk()
    except SystemExit as error:
        print(f"Crashed: {error}")
    for heard in sorted(HEARD):
        print(heard)


if __name__ == "__main__":
    main()
